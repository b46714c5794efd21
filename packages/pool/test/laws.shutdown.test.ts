import { FastCheck as fc } from "effect"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "@effect/vitest"
import { Counter, onBench } from "./lab/Bench.js"
import { law } from "./lab/Law.js"

describe("the pool comes to an end", () => {
  law(27, "a closing pool refuses at once, waits for leases until its deadline, and closes what comes late", {
    pool: { connectTakesMs: fc.constantFrom(0, 90, 250), shutdownMs: fc.constantFrom(0, 100, 2_000) },
    weights: { Close: 6, NextConnect: 8, NextClose: 6, Warm: 3 }
  })

  law(28, "a closed pool leaves no fiber, timer or item behind", {
    pool: { validates: fc.boolean(), shutdownMs: fc.constantFrom(0, 2_000) },
    weights: { Close: 2, NextConnect: 10, NextClose: 10, Drain: 6, Warm: 3, Suspend: 3 }
  })

  law(29, "a key that nobody uses leaves no entry behind, and no more is pinned than there is room for", {
    key: { min: fc.constantFrom(0, 0, 1, 2), idleMs: fc.constantFrom(200, 5_000) },
    pool: { maxTotal: fc.constantFrom(2, 4, 100) },
    weights: { Warm: 4, NextConnect: 10, Suspend: 3, Resume: 4, Close: 0, Resize: 0 },
    quieten: true
  })

  law(29, "a removed key leaves no entry behind, and refresh pins no more than there is room for", {
    key: { min: fc.integer({ min: 0, max: 2 }), max: fc.integer({ min: 1, max: 3 }) },
    pool: { keys: fc.constant(3), maxTotal: fc.integer({ min: 2, max: 5 }) },
    weights: { Refresh: 14, Warm: 10, Resize: 3, Close: 0 },
    quieten: true
  })

  it("L29: ten thousand keys that came and went leave nothing behind", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: () => items.acquire, config: { idleTimeToLive: 1_000 } }),
      ({ close, pool, stage }) => {
        for (let batch = 0; batch < 100; batch++) {
          stage.run(
            Effect.forEach(
              Array.from({ length: 100 }, (_, i) => `k${batch * 100 + i}`),
              (key) => pool.use(key, () => Effect.void)
            )
          )
          stage.advance(1_100)
          expect(items.open.size).toBe(0)
          expect(stage.run(pool.stats).keys).toEqual([])
        }
        expect(stage.run(pool.stats).started).toBe(10_000)
        expect(stage.run(pool.stats).closed).toEqual({ idle: 10_000 })
        close()
        stage.settle()
        expect(stage.clock.liveTimers).toBe(0)
      }
    )
  })

  law(30, "what the pool says of itself is what is seen from outside", {
    key: { max: fc.integer({ min: 1, max: 4 }), maxWaiters: fc.constantFrom(0, 2, 8) },
    pool: { maxTotal: fc.constantFrom(3, 100) },
    weights: { NextConnect: 10, Invalidate: 6, Kill: 8, Cancel: 10, Drain: 4 }
  })
})
