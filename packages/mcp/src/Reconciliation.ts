/**
 * How the error of a call is told whose `reconcile` was asked, and which stays unknown all the same.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { OutcomeUnknown } from "./McpError.js"
import { unchecked } from "./internal/Unchecked.js"

/**
 * What is left of the time of a call is over. Never seen by a caller.
 *
 * @since 0.1.0
 * @category errors
 */
export class OutOfTime extends Data.TaggedError("OutOfTime")<{}> {}

/**
 * It was not even asked.
 *
 * @since 0.1.0
 * @category constructors
 */
export const noTime: Effect.Effect<never, OutOfTime> = Effect.suspend(() => Effect.fail(new OutOfTime()))

/**
 * It could not tell, or it could and the call cannot be run again.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (
  { cause, server, tool }: OutcomeUnknown,
  reconciled: "DidNotRun" | "Unresolved"
): Effect.Effect<never, OutcomeUnknown> =>
  Effect.fail(new OutcomeUnknown({ server, tool, cause, reconciled }, unchecked))

/**
 * It failed, died, or took too long.
 *
 * @since 0.1.0
 * @category constructors
 */
export const failed = (
  { cause, server, tool }: OutcomeUnknown,
  why: Cause.Cause<unknown>
): Effect.Effect<never, OutcomeUnknown> => {
  const reconcileCause = Cause.squash(why)
  return Effect.fail(
    reconcileCause instanceof OutOfTime
      ? new OutcomeUnknown({ server, tool, cause, reconciled: "TimedOut" })
      : new OutcomeUnknown({ server, tool, cause, reconciled: "Failed", reconcileCause })
  )
}
