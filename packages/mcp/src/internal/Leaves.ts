/**
 * Tells a message that quotes a value. Messages of schemas that are not ours may hold what they were given, and that may
 * be a secret: such a message is not shown.
 */

/** A message about a value of more leaves than this is not shown: looking at all of them would cost too much. */
const most = 1000

/** Texts and numbers in a value, at any depth, as a message would have them. `undefined`: too many. */
export const leavesOf = (input: unknown): ReadonlyArray<string> | undefined => {
  const found = [input]
  const leaves: Array<string> = []
  for (let at = 0; at < found.length; at++) {
    if (found.length > most) return undefined
    const value = found[at]
    if (typeof value === "string") leaves.push(value, JSON.stringify(value).slice(1, -1))
    else if (typeof value === "number" || typeof value === "bigint") leaves.push(String(value))
    else if (value instanceof Date) leaves.push(String(value), JSON.stringify(value))
    else if (typeof value === "object" && value !== null) for (const each of Object.values(value)) found.push(each)
  }
  return leaves
}

/** Whether a message holds one of them, or the beginning of one: some cut what they quote. */
export const quotesAny = (message: string, leaves: ReadonlyArray<string> | undefined): boolean =>
  leaves === undefined || leaves.some((leaf) => leaf !== "" && quotes(message, leaf))

/** How much of a text gives it away. */
const telling = 8

const quotes = (message: string, leaf: string): boolean => {
  if (leaf.length >= 4) return message.includes(leaf.slice(0, telling))
  // Something short is in every message by chance, but not as a word.
  for (let at = message.indexOf(leaf); at >= 0; at = message.indexOf(leaf, at + 1)) {
    if (!isPartOfWord(message[at - 1]) && !isPartOfWord(message[at + leaf.length])) return true
  }
  return false
}

const isPartOfWord = (character: string | undefined): boolean =>
  character !== undefined && /[\p{L}\p{N}_]/u.test(character)
