/**
 * What an error of the calls is made with besides its fields: these are typed, and to have them validated costs ten times
 * what the error does (49 µs for 5). A server that dies under many calls makes two for each of them, and its successor is
 * not started before the last one.
 */
export const unchecked = { disableValidation: true } as const
