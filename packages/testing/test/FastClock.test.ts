import { describe, expect, it } from "@effect/vitest"
import { VirtualTime } from "@mooring/testing"
import { Chunk, Clock, Deferred, Effect, Fiber, Schedule, TestClock } from "effect"

describe("VirtualTime.fast", () => {
  it.effect("is a TestClock: time stands still until it is moved, and then passes in order", () =>
    Effect.gen(function* () {
      const woken: Array<string> = []
      const sleeper = (name: string, millis: number) =>
        Effect.sleep(millis).pipe(
          Effect.zipRight(Clock.currentTimeMillis),
          Effect.map((now) => woken.push(`${name} at ${now}`)),
          Effect.fork
        )
      yield* Effect.all([sleeper("b", 200), sleeper("a", 100), sleeper("c", 200), sleeper("never", 1000)])
      yield* TestClock.adjust(99)
      expect(woken).toEqual([])
      yield* TestClock.adjust(901 - 99)
      yield* TestClock.adjust(0)
      expect(woken).toEqual(["a at 100", "b at 200", "c at 200"])
      expect(yield* Clock.currentTimeMillis).toBe(901)
      expect(yield* Clock.currentTimeNanos).toBe(901_000_000n)
      expect(Chunk.toReadonlyArray(yield* TestClock.sleeps())).toEqual([1000])
    }).pipe(VirtualTime.fast)
  )

  it.effect("has what is woken done before it moves on", () =>
    Effect.gen(function* () {
      const ticks: Array<number> = []
      const tick = Effect.map(Clock.currentTimeMillis, (now) => void ticks.push(now))
      // Yields in between, and waits for promises, as what a program does in an instant may do.
      const work = Effect.zipRight(
        Effect.repeatN(Effect.yieldNow(), 5000),
        Effect.promise(() => Promise.resolve())
      )
      yield* Effect.fork(Effect.repeat(Effect.zipRight(work, tick), Schedule.spaced(10)))
      yield* TestClock.adjust(35)
      expect(ticks).toEqual([0, 10, 20, 30])
    }).pipe(VirtualTime.fast)
  )

  it.effect("forgets a sleep that is interrupted", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(Effect.sleep("1 hour"))
      yield* TestClock.adjust(0)
      expect(Chunk.size(yield* TestClock.sleeps())).toBe(1)
      yield* Fiber.interrupt(fiber)
      expect(Chunk.size(yield* TestClock.sleeps())).toBe(0)
    }).pipe(VirtualTime.fast)
  )

  it.effect("goes back to where it was saved", () =>
    Effect.gen(function* () {
      const restore = yield* TestClock.save()
      yield* TestClock.adjust("1 hour")
      yield* restore
      expect(yield* Clock.currentTimeMillis).toBe(0)
      expect(yield* TestClock.adjustWith(Effect.succeed("done"), "1 minute")).toBe("done")
      expect(yield* Clock.currentTimeMillis).toBe(60_000)
    }).pipe(VirtualTime.fast)
  )

  it.effect("runs a program to its end, and tells one that is stuck or takes too long", () =>
    Effect.gen(function* () {
      yield* VirtualTime.run(Effect.sleep("1 day"))
      expect(yield* Clock.currentTimeMillis).toBe(86_400_000)
      const ended = yield* Deferred.make<void>()
      const error = yield* Effect.flip(VirtualTime.run(Deferred.await(ended)))
      expect(error).toMatchObject({ _tag: "OutOfTime", stuck: true })
      const late = yield* Effect.flip(VirtualTime.run(Effect.sleep("1 hour"), { limit: "1 minute" }))
      expect(late).toMatchObject({ _tag: "OutOfTime", stuck: false })
    }).pipe(VirtualTime.fast)
  )

  it.effect("leaves the clock of the test around it alone", () =>
    Effect.gen(function* () {
      yield* VirtualTime.fast(TestClock.adjust("1 hour"))
      expect(yield* Clock.currentTimeMillis).toBe(0)
    })
  )
})
