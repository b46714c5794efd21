/**
 * Runs a program on a `TestClock` without saying how long it takes: the clock jumps to the next thing that anybody
 * sleeps for, as often as it must. For programs with retries, backoffs and deadlines, whose time a test wants to
 * measure and not to prescribe. `fast` gives them a clock that costs a fraction.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/TestClock"
import { FastClock } from "./FastClock.js"

/**
 * The program did not end within its limit of virtual time (`stuck: false`), or waits while nobody sleeps, so that no
 * time can help it (`stuck: true`): a deadlock, or real work that the clock knows nothing of.
 *
 * @since 0.1.0
 * @category errors
 */
export class OutOfTime extends Data.TaggedError("OutOfTime")<{
  readonly stuck: boolean
  /** How much virtual time had passed. Milliseconds. */
  readonly afterMs: number
}> {
  override get message(): string {
    return this.stuck
      ? `The program waits, ${this.afterMs} ms after its start, for something that no time will bring`
      : `The program had not ended after ${this.afterMs} ms of virtual time`
  }
}

/**
 * Runs the program, moving the `TestClock` on as it needs. Fails with `OutOfTime` (and interrupts the program) when it
 * takes longer than `limit` of virtual time, by default one day.
 *
 * @example
 * ```ts
 * import { VirtualTime } from "@mooring/testing"
 * import { Effect } from "effect"
 *
 * // Ends at once; an hour has passed on the TestClock.
 * const test = VirtualTime.run(Effect.sleep("1 hour"), { limit: "2 hours" })
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const run = <A, E, R>(
  program: Effect.Effect<A, E, R>,
  options: { readonly limit?: Duration.DurationInput | undefined } = {}
): Effect.Effect<A, E | OutOfTime, R> =>
  Effect.gen(function* () {
    const started = yield* Clock.currentTimeMillis
    const limit = started + Duration.toMillis(options.limit ?? "1 day")
    const fiber = yield* Effect.fork(program)
    const give = (stuck: boolean, now: number) =>
      Effect.zipRight(Fiber.interrupt(fiber), new OutOfTime({ stuck, afterMs: now - started }))
    let turns = 0
    // Lets everything run that needs no time; `setTime` does so at its end, too.
    yield* TestClock.adjust(0)
    while (Option.isNone(yield* Fiber.poll(fiber))) {
      const now = yield* Clock.currentTimeMillis
      const sleeps = [...(yield* TestClock.sleeps())]
      if (sleeps.length === 0) {
        // Work that is not on the clock (a promise of the host's) is given some turns of the host to end.
        if (++turns > idleTurns) return yield* give(true, now)
        yield* TestClock.adjust(0)
        continue
      }
      turns = 0
      const next = Math.min(...sleeps)
      if (next > limit) return yield* give(false, now)
      yield* TestClock.setTime(next)
    }
    return yield* Fiber.join(fiber)
  })

/**
 * Gives the program a `FastClock` of its own, which all of `TestClock` works on, and `VirtualTime.run`, too: for property
 * tests, in which Effect's own clock takes most of the time. What the program uses must be made in it, layers included.
 *
 * @example
 * ```ts
 * import { McpClient } from "@mooring/mcp"
 * import { McpTest, VirtualTime } from "@mooring/testing"
 * import { Effect } from "effect"
 *
 * const test = Effect.gen(function* () {
 *   const mcp = yield* McpClient.McpClient
 *   return yield* VirtualTime.run(mcp.listTools("web"))
 * }).pipe(Effect.provide(McpTest.layer({ servers: [McpTest.server("web")] })), VirtualTime.fast)
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const fast = <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const clock = new FastClock()
    // The fiber goes on under the new scheduler from its next step on.
    return Effect.zipRight(Effect.yieldNow(), program).pipe(
      Effect.withClock(clock),
      Effect.withScheduler(clock.scheduler)
    )
  })

const idleTurns = 20
