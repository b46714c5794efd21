/**
 * What is said of a call that failed, as far as it is not known whether it has run.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Call, CallError, SourceError } from "./CallPath.js"
import type { ConnectionLost, OutcomeUnknown } from "./McpError.js"
import type { ServerKey } from "./ServerKey.js"

/**
 * What a call fails with that was lost, and is not run again.
 *
 * @since 0.1.0
 * @category combinators
 */
export const givenUp = <A>(call: Call<A>, key: ServerKey, lost: ConnectionLost): ConnectionLost | OutcomeUnknown =>
  lost.delivery === "NotSent" ? lost : (call.unknown?.(key, lost) ?? lost)

/**
 * What a failed call is asked about: the outcome that it left open.
 *
 * @since 0.1.0
 * @category combinators
 */
export const unknownOf = <A, E extends SourceError>(
  call: Call<A>,
  key: ServerKey,
  error: CallError<E>
): OutcomeUnknown | undefined => {
  if (error._tag === "OutcomeUnknown") return error
  return error._tag === "CallTimeout" && error.delivery === "Unknown" ? call.unknown?.(key, error) : undefined
}

/**
 * A call that may have run and then could not even be sent again has still an unknown outcome: what stopped the second
 * try (no connection, a full queue) must not read as if nothing had run.
 *
 * @since 0.1.0
 * @category combinators
 */
export const remembering = <A, E extends SourceError>(
  call: Call<A>,
  key: ServerKey,
  lost: ConnectionLost,
  again: Effect.Effect<A, CallError<E>>
): Effect.Effect<A, CallError<E>> => {
  const unknown = call.unknown?.(key, lost)
  if (unknown === undefined) return again
  return Effect.catchAll(again, (error): Effect.Effect<never, CallError<E>> => {
    switch (error._tag) {
      case "OutcomeUnknown":
      case "ProtocolError":
      case "UrlElicitationRequired":
      // It has run, and was answered.
      case "InvalidResult":
        return Effect.fail(error)
      case "CallTimeout":
        return Effect.fail(error.delivery === "Unknown" ? error : unknown)
      default:
        return Effect.fail(unknown)
    }
  })
}
