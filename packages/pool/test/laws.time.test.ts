import { FastCheck as fc } from "effect"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "@effect/vitest"
import type { Pool } from "@mooring/pool"
import { Counter, onBench } from "./lab/Bench.js"
import { law, plays, property } from "./lab/Law.js"
import { runVirtually } from "./lab/VirtualRun.js"

const small = fc.integer({ min: 1, max: 2 })

/** When each of `count` items of one key is opened and closed, all borrowed once at the start. Milliseconds. */
const lives = (
  config: Pool.PoolOptions<string, number, never, never>["config"],
  options: {
    readonly count: number
    readonly seed: number
    readonly until: number
    readonly retirements?: { readonly limit: number; readonly window: number }
  }
) => {
  const opened: Array<number> = []
  const closed: Array<number> = []
  let seen = { opened, closed }
  onBench<number, never>(
    (stage) => ({
      acquire: () =>
        Effect.acquireRelease(
          Effect.sync(() => opened.push(stage.now())),
          () => Effect.sync(() => closed.push(stage.now()))
        ),
      config,
      seed: options.seed,
      ...(options.retirements === undefined ? {} : { retirements: options.retirements })
    }),
    ({ pool, stage }) => {
      const borrow = Effect.scoped(Effect.zipRight(pool.lease("k"), Effect.yieldNow()))
      stage.run(
        Effect.all(
          Array.from({ length: options.count }, () => borrow),
          { concurrency: "unbounded" }
        )
      )
      stage.advance(options.until)
      seen = { opened: [...opened], closed: [...closed] }
    }
  )
  return seen
}

describe("the pool keeps time", () => {
  property(
    "L17: a wall clock that jumps by an hour changes nothing that a caller sees",
    plays({ weights: { JumpWall: 12, NextConnect: 10, Advance: 20 }, key: { lifetimeMs: fc.constantFrom(0, 900) } }),
    { runs: 120, offset: 17 },
    (play) => {
      const steady = runVirtually(play.setup, play.commands, { quieten: play.quieten, jumps: false })
      const jumping = runVirtually(play.setup, play.commands, { quieten: play.quieten })
      expect(jumping.trace).toEqual(steady.trace)
    }
  )

  law(18, "what idles past its time goes, pinned keys keep their minimum, and never more than `maxIdle` idle", {
    key: {
      min: fc.integer({ min: 0, max: 2 }),
      max: fc.integer({ min: 1, max: 4 }),
      maxIdle: fc.integer({ min: 0, max: 4 }),
      idleMs: fc.constantFrom(200, 1_000)
    },
    weights: { Warm: 6, Advance: 24, Release: 24 }
  })

  law(18, "what is kept does not idle out until it was let go", {
    key: { max: fc.integer({ min: 1, max: 4 }), idleMs: fc.constant(200) },
    weights: { Keep: 14, LetGo: 8, Advance: 24, Release: 28, Close: 0 }
  })

  law(18, "of more than may idle, what nobody keeps goes first", {
    key: { max: fc.integer({ min: 2, max: 3 }), maxIdle: fc.constant(1), concurrency: fc.constant(1) },
    pool: { keys: fc.constant(1) },
    how: fc.constantFrom("use", "lease"),
    weights: { Keep: 5, LetGo: 3, Acquire: 40, Release: 40, Resize: 0, Refresh: 0, Advance: 3, Kill: 1, Close: 0 }
  })

  law(18, "of more than a lower max lets be, what nobody keeps goes first", {
    key: { max: fc.integer({ min: 2, max: 4 }), maxIdle: fc.integer({ min: 1, max: 3 }), concurrency: fc.constant(1) },
    pool: { keys: fc.constant(1) },
    how: fc.constantFrom("use", "lease"),
    weights: { Keep: 6, LetGo: 3, Acquire: 40, Release: 40, Resize: 20, Advance: 3, Kill: 1, NextConnect: 1, Close: 0 }
  })

  property(
    "L19: an item lives for its lifetime, less the jitter, whatever the seed",
    fc.record({
      seed: fc.nat(1_000_000),
      lifetime: fc.integer({ min: 100, max: 5_000 }),
      jitter: fc.constantFrom(0, 0.1, 0.5, 1)
    }),
    { runs: 200, offset: 19 },
    ({ seed, lifetime, jitter }) => {
      const config = { maxLifetime: lifetime, lifetimeJitter: jitter, idleTimeToLive: 3_600_000 }
      const { closed } = lives(config, { count: 1, seed, until: lifetime + 1 })
      expect(closed.length).toBeGreaterThan(0)
      expect(closed[0]).toBeGreaterThanOrEqual(Math.floor(lifetime * (1 - jitter)))
      expect(closed[0]).toBeLessThanOrEqual(lifetime)
      expect(lives(config, { count: 1, seed, until: lifetime + 1 }).closed).toEqual(closed)
    }
  )

  it("L19: another seed gives another lifetime", () => {
    const config = { maxLifetime: 10_000, lifetimeJitter: 0.5, idleTimeToLive: 3_600_000 }
    const ages = new Set(
      Array.from({ length: 40 }, (_, seed) => lives(config, { count: 1, seed, until: 10_001 }).closed[0])
    )
    expect(ages.size).toBeGreaterThan(20)
    const all = [...ages].map(Number)
    expect(Math.min(...all)).toBeLessThan(6_500)
    expect(Math.max(...all)).toBeGreaterThan(8_500)
  })

  property(
    "L19: no more than the limit is retired for age in one window",
    fc.record({
      count: fc.integer({ min: 2, max: 12 }),
      limit: fc.integer({ min: 1, max: 3 }),
      window: fc.constantFrom(50, 300, 1_000),
      jitter: fc.constantFrom(0, 0.1)
    }),
    { runs: 100, offset: 119 },
    ({ count, limit, window, jitter }) => {
      const { closed } = lives(
        { max: count, maxLifetime: 1_000, lifetimeJitter: jitter, idleTimeToLive: 3_600_000 },
        { count, seed: 1, until: 1_000 + window * (count + 1), retirements: { limit, window } }
      )
      // All of them go in the end, or the bound says nothing.
      expect(closed.length).toBeGreaterThanOrEqual(count)
      for (const at of closed) {
        expect(closed.filter((other) => other >= at && other < at + window).length).toBeLessThanOrEqual(limit)
      }
    }
  )

  it("L19: a busy item's replacement is there before the item has to go", () => {
    const items = new Counter()
    onBench(
      () => ({
        acquire: () => Effect.delay(items.acquire, 50),
        config: { min: 1, max: 2, maxLifetime: 10_000, lifetimeJitter: 0, idleTimeToLive: 3_600_000 }
      }),
      ({ pool, stage }) => {
        stage.fork(pool.warm(["k"]))
        stage.advance(9_999)
        expect([...items.open]).toEqual([1, 2])
        stage.advance(60)
        expect([...items.open]).toEqual([2])
      }
    )
  })

  law(
    14,
    "deadlines hold to the millisecond beside jumps of the wall clock",
    {
      key: { max: small, acquireMs: fc.constantFrom(100, 400, 650) },
      weights: { JumpWall: 8, NextConnect: 14, Advance: 24 }
    },
    100
  )
})
