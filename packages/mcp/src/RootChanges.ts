/**
 * Follows what says that roots are others now, for as long as its scope.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/**
 * Calls `hook` for each element, on a fiber of the scope. A stream that dies is a defect of the application's: it is
 * logged, and nothing is heard of its roots any more.
 *
 * @since 0.1.0
 * @category combinators
 */
export const follow = <R>(
  changes: Stream.Stream<unknown, never, R>,
  hook: () => void
): Effect.Effect<void, never, R | Scope.Scope> =>
  Stream.runForEach(changes, () => Effect.sync(hook)).pipe(
    Effect.catchAllCause((cause) =>
      Cause.isInterruptedOnly(cause)
        ? Effect.failCause(cause)
        : Effect.logError("What says that roots change has failed; servers hear of no more changes", cause)
    ),
    Effect.forkScoped,
    Effect.asVoid
  )
