/** When the replacement of an item is opened that is about to reach its lifetime, and when none is. */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "@effect/vitest"
import type { PoolConfig } from "@mooring/pool"
import { forever } from "./lab/Behaviour.js"
import { type Bench, Counter, onBench } from "./lab/Bench.js"

const long = 1_000_000_000

const withAge = (config: PoolConfig.PoolConfig, test: (bench: Bench<number, never>, items: Counter) => void): void => {
  const items = new Counter()
  onBench<number, never>(
    () => ({ acquire: () => items.acquire, config: { lifetimeJitter: 0, idleTimeToLive: long, ...config } }),
    (bench) => test(bench, items)
  )
}

describe("an item that ages", () => {
  for (const [maxLifetime, lead] of [
    [100_000, 10_000],
    [1_000_000, 30_000]
  ] as const) {
    it(`of ${maxLifetime} ms is replaced ${lead} ms ahead while it is busy, and once`, () => {
      withAge({ max: 3, maxLifetime }, ({ pool, stage }, items) => {
        const busy = stage.call(pool.use("k", () => forever))
        stage.advance(maxLifetime - lead - 1)
        expect(items.next).toBe(1)
        stage.advance(1)
        expect(items.next).toBe(2)
        stage.advance(lead)
        expect(items.next).toBe(2)
        expect(stage.run(pool.keyStats("k"))).toMatchObject({ open: 2, idle: 1 })
        expect(busy.unsafePoll()).toBe(null)
      })
    })
  }

  it("is not replaced while it idles, and nobody needs it", () => {
    withAge({ max: 2, maxLifetime: 100_000 }, ({ pool, stage }, items) => {
      stage.run(pool.use("k", () => Effect.void))
      stage.advance(100_000)
      expect(items.next).toBe(1)
      expect(items.closed).toEqual([1])
    })
  })

  it("is replaced while it idles when it is one of those that min keeps", () => {
    withAge({ min: 1, max: 2, maxLifetime: 100_000 }, ({ pool, stage }, items) => {
      stage.run(pool.warm(["k"]))
      stage.advance(90_000)
      expect(items.next).toBe(2)
      stage.advance(10_000)
      expect(items.closed).toEqual([1])
      expect(items.next).toBe(2)
    })
  })

  it("is not replaced while it idles when min is kept without it", () => {
    withAge({ min: 1, max: 3, maxLifetime: 100_000 }, ({ pool, stage }, items) => {
      stage.run(pool.warm(["k"]))
      stage.advance(50_000)
      const both = [1, 2].map(() => stage.call(pool.use("k", () => Effect.sleep(1))))
      stage.advance(1)
      expect(both.every((fiber) => fiber.unsafePoll() !== null)).toBe(true)
      stage.advance(40_000)
      expect(items.next).toBe(2)
    })
  })

  it("is replaced when somebody waits, though it idles: he wants what it does not give", () => {
    const config = { max: 2, maxLifetime: 100_000, validationBypass: 0 }
    const items = new Counter()
    onBench<number, never>(
      () => ({
        acquire: () => items.acquire,
        config: { lifetimeJitter: 0, idleTimeToLive: long, connectTimeout: long, ...config },
        // It is asked before it is lent, and does not answer.
        health: { probe: () => Effect.never, timeout: 30_000, probesIdle: () => false }
      }),
      ({ pool, stage }) => {
        stage.run(pool.use("k", () => Effect.void))
        stage.advance(85_000)
        const waits = stage.call(pool.use("k", Effect.succeed))
        stage.advance(5_000)
        expect(items.next).toBe(2)
        expect(waits.unsafePoll()).toMatchObject({ value: 2 })
      }
    )
  })
})
