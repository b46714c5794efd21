/**
 * A prompt of a server in memory: what the server lists, and the messages that it gives. A value; what it runs belongs to
 * the server's connection.
 *
 * @since 0.1.0
 */
import type { GetPromptResult, Prompt, PromptMessage } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import type { AskContext } from "./TestResource.js"

/**
 * What an argument may become: those of these values that begin with what was typed, or what a function says of it, given
 * the arguments that were chosen before.
 *
 * @since 0.1.0
 * @category models
 */
export type Completer =
  | ReadonlyArray<string>
  | ((value: string, chosen: Readonly<Record<string, string>>) => ReadonlyArray<string>)

/**
 * An argument of a prompt.
 *
 * @since 0.1.0
 * @category models
 */
export interface PromptArgument {
  readonly description?: string | undefined
  /** Whether a prompt without it is refused. Default false. */
  readonly required?: boolean | undefined
  /** Default: it cannot be completed. */
  readonly complete?: Completer | undefined
}

/**
 * What a prompt's handler is given: a text for each argument that is required, and for the others if they were given.
 *
 * @since 0.1.0
 * @category models
 */
export type Given<Arguments extends Readonly<Record<string, PromptArgument>>> = {
  readonly [Name in keyof Arguments]: Arguments[Name] extends { readonly required: true } ? string : string | undefined
}

/**
 * A prompt of a server in memory.
 *
 * @since 0.1.0
 * @category models
 */
export interface TestPrompt<out R = never> {
  readonly definition: Prompt
  readonly get: (
    args: Readonly<Record<string, string>>,
    context: AskContext
  ) => Effect.Effect<GetPromptResult, unknown, R>
  /** What its arguments may become. */
  readonly complete: Readonly<Record<string, Completer>>
}

/**
 * What the prompt's handler needs from the environment of the layer.
 *
 * @since 0.1.0
 * @category models
 */
export type Context<T> = T extends TestPrompt<infer R> ? R : never

/**
 * A prompt whose messages `handler` makes: a text is one message of the user's. Without an argument that is required it is
 * refused with a JSON-RPC error (−32602), and the handler does not run; its failure is answered with the same code and the
 * failure's text, its defect with −32603.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <const Arguments extends Readonly<Record<string, PromptArgument>>, E = never, R = never>(
  name: string,
  args: Arguments,
  handler: (args: Given<Arguments>, context: AskContext) => Effect.Effect<string | ReadonlyArray<PromptMessage>, E, R>,
  options: { readonly description?: string | undefined } = {}
): TestPrompt<R> => {
  const declared = Object.entries<PromptArgument>(args)
  return {
    definition: {
      name,
      ...(options.description === undefined ? {} : { description: options.description }),
      arguments: declared.map(([name, { description, required }]) => ({
        name,
        ...(description === undefined ? {} : { description }),
        ...(required === undefined ? {} : { required })
      }))
    },
    get: (given, context) => {
      const missing = declared.find(([name, { required }]) => required === true && !Object.hasOwn(given, name))
      if (missing !== undefined) return Effect.fail(`Missing argument: ${missing[0]}`)
      // Those that are required were looked for just now; what else is there is text, or is not there.
      return Effect.map(handler(given as Given<Arguments>, context), (made) => ({
        messages: typeof made === "string" ? [{ role: "user", content: { type: "text", text: made } }] : [...made]
      }))
    },
    complete: Object.fromEntries(
      declared.flatMap(([name, { complete }]) => (complete === undefined ? [] : [[name, complete] as const]))
    )
  }
}
