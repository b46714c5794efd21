/**
 * Who calls what, when, with which deadline, and who gives up: generated, so that a property can be asked of a program
 * under every kind of load. A schedule is a list of plain values; `run` makes its calls, each an effect of yours, on the
 * clock of the test. It holds nothing once it has ended.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Fiber from "effect/Fiber"

/**
 * One call that is to be made. Times in milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface PlannedCall<out What = undefined> {
  /** Tells it from all others of its schedule: a number, counted from 0 in the order of the schedule. */
  readonly id: number
  /** When it is made, from the start of the schedule. */
  readonly at: number
  /** Who makes it: a user, a tenant, a partition. */
  readonly who: string
  /** What is called, with which arguments: whatever was asked to be generated. */
  readonly what: What
  /** The deadline to give it. `undefined`: none of its own. */
  readonly timeout: number | undefined
  /** How long after it was made its caller gives up and interrupts it. `undefined`: never. */
  readonly patience: number | undefined
}

/**
 * What a generated schedule may hold.
 *
 * @since 0.1.0
 * @category models
 */
export interface Constraints<out What> {
  /** What is called. Default: nothing in particular, `undefined`. */
  readonly what?: FastCheck.Arbitrary<What> | undefined
  /** Who calls. Default: `ada`, `bob` and `cyd`. */
  readonly who?: ReadonlyArray<string> | undefined
  /** Calls at least. Default 0. */
  readonly minCalls?: number | undefined
  /** Calls at most. Default 20. */
  readonly maxCalls?: number | undefined
  /** The last instant at which a call is made. Default 5 seconds. */
  readonly within?: Duration.DurationInput | undefined
  /** The longest deadline of a call. Default 10 seconds. Zero: no call has one. */
  readonly maxTimeout?: Duration.DurationInput | undefined
  /** The longest patience of a caller. Default 5 seconds. Zero: nobody gives up. */
  readonly maxPatience?: Duration.DurationInput | undefined
}

/**
 * Generates schedules, and shrinks them: towards fewer calls, all made at once, without deadlines, by callers who never
 * give up. A third of the calls are made at the same instant as others; half have a deadline; a quarter are given up.
 *
 * @example
 * ```ts
 * import { CallSchedule } from "@mooring/testing"
 * import { FastCheck } from "effect"
 *
 * const schedules = CallSchedule.arbitrary({
 *   who: ["ada", "bob"],
 *   what: FastCheck.record({ query: FastCheck.string() }),
 *   maxCalls: 50
 * })
 * ```
 *
 * @since 0.1.0
 * @category arbitraries
 */
export const arbitrary = <What = undefined>(
  constraints: Constraints<What> = {}
): FastCheck.Arbitrary<ReadonlyArray<PlannedCall<What>>> => {
  const within = millis(constraints.within ?? "5 seconds")
  // Without `what` the type of `What` is `undefined`, unless a caller insists on another, and gets what he said.
  const what = constraints.what ?? (FastCheck.constant(undefined) as FastCheck.Arbitrary<What>)
  const call = FastCheck.record({
    at: FastCheck.oneof(
      { weight: 1, arbitrary: FastCheck.constantFrom(0, Math.floor(within / 2)) },
      { weight: 2, arbitrary: FastCheck.nat(within) }
    ),
    who: FastCheck.constantFrom(...(constraints.who ?? ["ada", "bob", "cyd"])),
    what,
    timeout: perhaps(2, 1, millis(constraints.maxTimeout ?? "10 seconds")),
    patience: perhaps(4, 0, millis(constraints.maxPatience ?? "5 seconds"))
  })
  return FastCheck.array(call, {
    minLength: constraints.minCalls ?? 0,
    maxLength: constraints.maxCalls ?? 20,
    // Else only a few are generated, however many there may be.
    size: "max"
  }).map((calls) => calls.map((call, id): PlannedCall<What> => ({ id, ...call })))
}

/**
 * What became of a planned call.
 *
 * @since 0.1.0
 * @category models
 */
export interface Ended<out What, out A, out E> {
  readonly call: PlannedCall<What>
  /** A caller who gave up has an exit that is interrupted, unless the call ended in that very moment. */
  readonly exit: Exit.Exit<A, E>
  /** When it was made and when it ended, by the clock of the test. Milliseconds. */
  readonly startedAt: number
  readonly endedAt: number
}

/**
 * Makes every call of the schedule at its time, on a fiber of its own, and interrupts those whose callers give up. Ends
 * when all have ended, with what became of each, in the order of the schedule. The deadline is for `make` to give.
 *
 * @example
 * ```ts
 * import { McpClient } from "@mooring/mcp"
 * import { CallSchedule, VirtualTime } from "@mooring/testing"
 * import { Effect } from "effect"
 *
 * const play = (schedule: ReadonlyArray<CallSchedule.PlannedCall>) =>
 *   Effect.gen(function* () {
 *     const mcp = yield* McpClient.McpClient
 *     return yield* VirtualTime.run(
 *       CallSchedule.run(schedule, ({ id, timeout, who }) =>
 *         mcp.forPartition(who).callTool("notes", "add", { id }, { timeout })
 *       )
 *     )
 *   })
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const run = <What, A, E, R>(
  schedule: ReadonlyArray<PlannedCall<What>>,
  make: (call: PlannedCall<What>) => Effect.Effect<A, E, R>
): Effect.Effect<ReadonlyArray<Ended<What, A, E>>, never, R> =>
  Effect.forEach(
    schedule,
    (call) =>
      Effect.gen(function* () {
        yield* Effect.sleep(call.at)
        const startedAt = yield* Clock.currentTimeMillis
        const fiber = yield* Effect.fork(make(call))
        if (call.patience !== undefined) {
          yield* Effect.fork(Effect.delay(Fiber.interruptFork(fiber), call.patience))
        }
        const exit = yield* Fiber.await(fiber)
        return { call, exit, startedAt, endedAt: yield* Clock.currentTimeMillis }
      }),
    { concurrency: "unbounded" }
  )

const millis = (duration: Duration.DurationInput): number => Math.floor(Duration.toMillis(duration))

/** One of `often` has a value, from `min` to `max`; it shrinks towards none. */
const perhaps = (often: number, min: number, max: number): FastCheck.Arbitrary<number | undefined> =>
  max < 1
    ? FastCheck.constant(undefined)
    : FastCheck.oneof(
        { withCrossShrink: true },
        { weight: often - 1, arbitrary: FastCheck.constant(undefined) },
        { weight: 1, arbitrary: FastCheck.integer({ min, max }) }
      )
