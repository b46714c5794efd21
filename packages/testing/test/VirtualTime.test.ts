import { describe, expect, it } from "@effect/vitest"
import { VirtualTime } from "@mooring/testing"
import { Clock, Deferred, Effect, Exit, Ref, Schedule } from "effect"

describe("VirtualTime", () => {
  it.effect("runs a program to its end, and exactly as much time passes as it needs", () =>
    Effect.gen(function* () {
      const times = yield* Ref.make(0)
      const flaky = Effect.filterOrFail(
        Ref.updateAndGet(times, (n) => n + 1),
        (n) => n === 4,
        () => "again"
      )
      const result = yield* VirtualTime.run(Effect.retry(flaky, Schedule.exponential("1 second")))
      expect(result).toBe(4)
      expect(yield* Clock.currentTimeMillis).toBe(7000)
    })
  )

  it.effect("hands on a failure", () =>
    Effect.gen(function* () {
      expect(yield* Effect.flip(VirtualTime.run(Effect.delay(Effect.fail("no"), "1 hour")))).toBe("no")
    })
  )

  it.effect("gives up at its limit, and interrupts the program", () =>
    Effect.gen(function* () {
      const interrupted = yield* Deferred.make<void>()
      const endless = Effect.repeat(Effect.void, Schedule.spaced("1 minute")).pipe(
        Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
      )
      const error = yield* Effect.flip(VirtualTime.run(endless, { limit: "10 minutes" }))
      expect(error).toMatchObject({ _tag: "OutOfTime", stuck: false, afterMs: 600_000 })
      expect(yield* Deferred.isDone(interrupted)).toBe(true)
    })
  )

  it.effect("tells a program that no time will help", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(VirtualTime.run(Effect.zipRight(Effect.sleep("1 second"), Effect.never)))
      expect(error).toMatchObject({ _tag: "OutOfTime", stuck: true, afterMs: 1000 })
    })
  )

  it.effect("counts its limit from where the clock stands", () =>
    Effect.gen(function* () {
      yield* VirtualTime.run(Effect.sleep("1 hour"))
      const exit = yield* Effect.exit(VirtualTime.run(Effect.sleep("1 minute"), { limit: "1 minute" }))
      expect(exit).toEqual(Exit.void)
    })
  )
})
