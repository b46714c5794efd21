/**
 * Reads what is piped into the command. An edge file: it talks to the process's own stdin.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { UsageError } from "./CliError.js"

/**
 * All of stdin as text, to its end. Fails with `UsageError` where nothing is piped in, or only white space.
 *
 * @since 0.1.0
 * @category combinators
 */
export const read: Effect.Effect<string, UsageError> = Effect.suspend(() => {
  const hint = 'Pipe the arguments in: echo \'{"key": "value"}\' | mooring call SERVER TOOL --json -'
  if (process.stdin.isTTY) return Effect.fail(new UsageError({ reason: "Nothing is piped into --json -.", hint }))
  const whole = Effect.tryPromise({
    try: async () => {
      const chunks: Array<Buffer> = []
      for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk))
      return Buffer.concat(chunks).toString("utf8")
    },
    catch: (cause) => new UsageError({ reason: `stdin cannot be read: ${String(cause)}`, hint })
  })
  return Effect.filterOrFail(
    whole,
    (text) => text.trim() !== "",
    () => new UsageError({ reason: "--json - has nothing to read: standard input was empty.", hint })
  )
})
