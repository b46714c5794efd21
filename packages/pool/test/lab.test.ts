import { FastCheck as fc } from "effect"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import { describe, expect, it } from "@effect/vitest"
import { activeFibers, callerRef, Stage } from "./lab/Stage.js"
import { VirtualClock } from "./lab/VirtualClock.js"
import { Spinning } from "./lab/VirtualScheduler.js"
import { effectKeyedPool } from "./lab/EffectKeyedPool.js"
import { perform, plays } from "./lab/Law.js"
import { runVirtually } from "./lab/VirtualRun.js"

describe("the virtual clock", () => {
  it("ends simultaneous sleeps in the order in which they began", () => {
    const stage = new Stage({ seed: 1 })
    const ended: Array<number> = []
    for (const id of [1, 2, 3, 4]) stage.fork(Effect.sleep(id === 3 ? 5 : 10).pipe(Effect.map(() => ended.push(id))))
    stage.advance(9)
    expect(ended).toEqual([3])
    stage.advance(1)
    expect(ended).toEqual([3, 1, 2, 4])
  })

  it("forgets a sleep that was interrupted", () => {
    const stage = new Stage({ seed: 1 })
    const fiber = stage.fork(Effect.sleep(10))
    expect(stage.clock.liveTimers).toBe(1)
    stage.run(Fiber.interrupt(fiber))
    expect(stage.clock.liveTimers).toBe(0)
  })

  it("ends a sleep that begins on the way at its own instant", () => {
    const stage = new Stage({ seed: 1 })
    const at: Array<number> = []
    const tick = Effect.sleep(10).pipe(Effect.map(() => at.push(stage.now())))
    stage.fork(Effect.repeatN(tick, 4))
    stage.advance(35)
    expect(at).toEqual([10, 20, 30])
    expect(stage.now()).toBe(35)
  })

  it("keeps monotonic time apart from wall time", () => {
    const clock = new VirtualClock()
    const wall = clock.unsafeCurrentTimeMillis()
    const nanos = clock.unsafeCurrentTimeNanos()
    clock.jumpWall(-3_600_000)
    expect(clock.unsafeCurrentTimeMillis() - wall).toBe(-3_600_000)
    expect(clock.unsafeCurrentTimeNanos()).toBe(nanos)
    clock.advance(1.5, () => {})
    expect(clock.unsafeCurrentTimeNanos() - nanos).toBe(1_500_000n)
  })

  it("is the clock that an effect sees", () => {
    const stage = new Stage({ seed: 1 })
    const before = stage.run(Clock.currentTimeNanos)
    stage.advance(7)
    expect(stage.run(Clock.currentTimeNanos) - before).toBe(7_000_000n)
  })
})

describe("the virtual scheduler", () => {
  it("comes to rest without promises, and says how many tasks that took", () => {
    const stage = new Stage({ seed: 1 })
    let done = 0
    for (let n = 0; n < 3; n++) stage.fork(Effect.yieldNow().pipe(Effect.map(() => (done += 1))))
    expect(done).toBe(0)
    expect(stage.settle()).toBeGreaterThanOrEqual(3)
    expect(done).toBe(3)
    expect(stage.scheduler.pending).toBe(0)
  })

  it("stops a program that spins while time stands still", () => {
    const stage = new Stage({ seed: 1 })
    stage.fork(Effect.forever(Effect.yieldNow()))
    expect(() => stage.settle()).toThrow(Spinning)
  })
})

describe("the stage", () => {
  it("gives callers, and only them, what must not be seen in a pool", () => {
    const stage = new Stage({ seed: 1 })
    expect(stage.run(FiberRef.get(callerRef))).toBe(0)
    const fiber = stage.call(FiberRef.get(callerRef))
    stage.settle()
    expect(fiber.unsafePoll()).toMatchObject({ value: 1 })
  })

  it("counts the fibers that are alive", () => {
    const before = activeFibers()
    const stage = new Stage({ seed: 1 })
    const fiber = stage.fork(Effect.sleep(10))
    expect(activeFibers()).toBe(before + 1)
    stage.run(Fiber.interrupt(fiber))
    expect(activeFibers()).toBe(before)
  })
})

describe("the checks can fail", () => {
  const plain = plays({
    key: { min: fc.constant(0), maxWaiters: fc.constant(1_000), acquireMs: fc.constant(10_000_000) },
    pool: { connectTakesMs: fc.constantFrom(0, 30) },
    how: fc.constantFrom("use", "get"),
    weights: {
      ReleaseTwice: 0,
      Nest: 0,
      Concurrency: 0,
      Drain: 0,
      Suspend: 0,
      Resume: 0,
      Resize: 0,
      Refresh: 0,
      Keep: 0,
      Warm: 0,
      Discard: 6
    }
  })

  it("finds what is wrong with Effect's own KeyedPool", () => {
    const broken = new Set<number>()
    for (const play of fc.sample(plain, { numRuns: 150, seed: 1 })) {
      const { violations } = runVirtually(play.setup, play.commands, { make: effectKeyedPool })
      for (const violation of violations) broken.add(violation.law)
    }
    // Items that must go stay open; finalizers run late; failures reach those who came later; get after close works.
    expect([...broken]).toEqual(expect.arrayContaining([4, 5, 9, 23, 27, 28]))
  })

  it("plays the same list to the same end, whenever it is played", () => {
    for (const play of fc.sample(plain, { numRuns: 50, seed: 2 })) {
      expect(perform(play).trace).toEqual(perform(play).trace)
    }
  })
})
