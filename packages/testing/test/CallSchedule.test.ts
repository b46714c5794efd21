import { describe, expect, it } from "@effect/vitest"
import { CallSchedule, VirtualTime } from "@mooring/testing"
import { Clock, Effect, Exit, FastCheck } from "effect"

const planned = (call: Partial<CallSchedule.PlannedCall>): CallSchedule.PlannedCall => ({
  id: 0,
  at: 0,
  who: "ada",
  what: undefined,
  timeout: undefined,
  patience: undefined,
  ...call
})

describe("a schedule of calls", () => {
  it.effect("makes each call at its time, side by side, and says what became of it", () =>
    Effect.gen(function* () {
      const schedule = [planned({ id: 0, at: 300 }), planned({ id: 1, at: 100 }), planned({ id: 2, at: 100 })]
      const ended = yield* VirtualTime.run(
        CallSchedule.run(schedule, ({ id }) => Effect.delay(id === 2 ? Effect.fail("no") : Effect.succeed(id), 1000))
      )
      expect(ended.map(({ endedAt, exit, startedAt }) => [startedAt, endedAt, exit])).toEqual([
        [300, 1300, Exit.succeed(0)],
        [100, 1100, Exit.succeed(1)],
        [100, 1100, Exit.fail("no")]
      ])
    }).pipe(VirtualTime.fast)
  )

  it.effect("a caller who gives up interrupts his call, and only his", () =>
    Effect.gen(function* () {
      const schedule = [planned({ id: 0, patience: 500 }), planned({ id: 1, patience: 2000 }), planned({ id: 2 })]
      const ended = yield* VirtualTime.run(
        CallSchedule.run(schedule, ({ id }) => Effect.delay(Effect.succeed(id), 1000))
      )
      expect(ended.map(({ exit }) => Exit.isInterrupted(exit))).toEqual([true, false, false])
      expect(ended.map(({ endedAt }) => endedAt)).toEqual([500, 1000, 1000])
      expect(yield* Clock.currentTimeMillis).toBe(1000)
    }).pipe(VirtualTime.fast)
  )

  it("what is generated keeps to its constraints, and reaches them", () => {
    const what = FastCheck.constantFrom("read", "write")
    const options = {
      who: ["ada", "bob"],
      what,
      minCalls: 1,
      maxCalls: 5,
      within: 100,
      maxTimeout: 30,
      maxPatience: 20
    }
    const calls = FastCheck.sample(CallSchedule.arbitrary(options), { numRuns: 2000 }).flatMap((schedule) => {
      expect(schedule.length).toBeGreaterThanOrEqual(1)
      expect(schedule.length).toBeLessThanOrEqual(5)
      expect(schedule.map(({ id }) => id)).toEqual(schedule.map((_, n) => n))
      return schedule
    })
    const range = (values: ReadonlyArray<number | undefined>) => {
      const given = values.filter((value) => value !== undefined)
      return [Math.min(...given), Math.max(...given)]
    }
    expect(range(calls.map(({ at }) => at))).toEqual([0, 100])
    expect(range(calls.map(({ timeout }) => timeout))).toEqual([1, 30])
    expect(range(calls.map(({ patience }) => patience))).toEqual([0, 20])
    expect(new Set(calls.map(({ what, who }) => `${who} ${what}`)).size).toBe(4)
    const share = (is: (call: (typeof calls)[number]) => boolean) => calls.filter(is).length / calls.length
    expect(share(({ timeout }) => timeout !== undefined)).toBeCloseTo(1 / 2, 1)
    expect(share(({ patience }) => patience !== undefined)).toBeCloseTo(1 / 4, 1)
  })

  it("zero deadlines and zero patience are none", () => {
    const options = { maxTimeout: 0, maxPatience: 0 }
    for (const schedule of FastCheck.sample(CallSchedule.arbitrary(options), { numRuns: 50 })) {
      for (const { patience, timeout } of schedule) expect([patience, timeout]).toEqual([undefined, undefined])
    }
  })
})
