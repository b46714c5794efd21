import { FastCheck as fc } from "effect"
import * as Effect from "effect/Effect"
import { constant } from "effect/Function"
import { describe, expect, it } from "@effect/vitest"
import { PoolError } from "@mooring/pool"
import { Attempts, onBench } from "./lab/Bench.js"
import { property } from "./lab/Law.js"
import { Stage } from "./lab/Stage.js"

/** When each attempt of a key begins, of which all fail but those that `succeeds` names. Milliseconds. */
const attempts = (options: {
  readonly seed: number
  readonly base: number
  readonly max: number
  readonly until: number
  readonly succeeds?: (attempt: number) => boolean
}): ReadonlyArray<number> => {
  const began: Array<number> = []
  onBench<number, string>(
    (stage) => ({
      acquire: constant(
        new Attempts((attempt) => {
          began.push(stage.now())
          return options.succeeds?.(attempt) === true
        }).acquire
      ),
      config: {
        max: 1,
        acquireTimeout: 10_000_000,
        breakerThreshold: 1_000_000,
        backoff: { base: options.base, max: options.max }
      },
      seed: options.seed
    }),
    ({ stage, pool }) => {
      // Whatever opens is thrown away at once, so that the next attempt follows.
      const again = Effect.scoped(Effect.flatMap(pool.lease("k"), (lease) => pool.invalidate(lease.item)))
      stage.call(Effect.forever(again))
      stage.advance(options.until)
    },
    new Stage({ seed: options.seed })
  )
  return began
}

const pauses = (began: ReadonlyArray<number>): ReadonlyArray<number> =>
  began.slice(1).map((at, index) => at - (began[index] ?? 0))

describe("the pool waits before it tries again", () => {
  property(
    "L22: no pause is longer than the exponential bound of its place, nor than the cap",
    fc.record({
      seed: fc.nat(1_000_000),
      base: fc.integer({ min: 1, max: 200 }),
      max: fc.integer({ min: 200, max: 2_000 })
    }),
    { runs: 100, offset: 222 },
    ({ seed, base, max }) => {
      const seen = pauses(attempts({ seed, base, max, until: 6 * max }))
      expect(seen.length).toBeGreaterThan(4)
      for (const [index, pause] of seen.entries()) expect(pause).toBeLessThanOrEqual(Math.min(max, base * 2 ** index))
    }
  )

  it("L22: the pauses grow, and differ from run to run", () => {
    const longest: Array<number> = []
    const firsts = new Set<number>()
    for (let seed = 0; seed < 150; seed++) {
      const seen = pauses(attempts({ seed, base: 100, max: 1_600, until: 8_000 }))
      firsts.add(seen[0] ?? -1)
      for (const [index, pause] of seen.slice(0, 6).entries()) longest[index] = Math.max(longest[index] ?? 0, pause)
    }
    expect(firsts.size).toBeGreaterThan(40)
    // Over so many runs the longest pause comes near its bound: 100, 200, 400, 800, 1,600 and again 1,600.
    for (const [index, bound] of [100, 200, 400, 800, 1_600, 1_600].entries()) {
      expect(longest[index]).toBeGreaterThan(bound * 0.85)
      expect(longest[index]).toBeLessThanOrEqual(bound)
    }
  })

  it("L22: only a connect that succeeds makes the pause short again", () => {
    for (let seed = 0; seed < 40; seed++) {
      const began = attempts({ seed, base: 50, max: 6_400, until: 40_000, succeeds: (attempt) => attempt === 7 })
      const seen = pauses(began)
      // The pause after the first failure that follows the success.
      expect(seen[7]).toBeLessThanOrEqual(50)
      expect(Math.max(...seen.slice(0, 6))).toBeGreaterThan(50)
    }
  })

  it("L23: who gives up while attempts fail is told the last failure, and who comes later is not", () => {
    onBench<number, string>(
      () => ({
        acquire: () => Effect.fail("refused"),
        config: {
          max: 1,
          acquireTimeout: 1_000,
          connectTimeout: 1_000,
          backoff: { base: 600, max: 600 },
          breakerThreshold: 50
        }
      }),
      ({ stage, pool }) => {
        const first = stage.call(Effect.flip(pool.use("k", () => Effect.void)))
        stage.advance(1_000)
        expect(first.unsafePoll()).toMatchObject({ value: { _tag: "AcquireTimeout", cause: expect.anything() } })
      }
    )
  })

  it("L26: a circuit opens after the failures that it was told, tries once, and closes with a success", () => {
    let works = false
    const attempts = new Attempts(() => works)
    onBench<number, string>(
      () => ({
        acquire: () => attempts.acquire,
        config: {
          max: 3,
          maxConnecting: 1,
          acquireTimeout: 60_000,
          breakerThreshold: 3,
          breakerOpenFor: 5_000,
          backoff: { base: 10, max: 10 }
        }
      }),
      ({ stage, pool }) => {
        const waiter = stage.call(Effect.flip(pool.use("k", () => Effect.void)))
        stage.advance(100)
        expect(attempts.count).toBe(3)
        expect(waiter.unsafePoll()).toMatchObject({ value: { _tag: "CircuitOpen", failures: 3 } })
        const refused = stage.call(Effect.flip(pool.use("k", () => Effect.void)))
        stage.settle()
        const exit = refused.unsafePoll()
        expect(exit).toMatchObject({ value: { _tag: "CircuitOpen" } })
        const error = exit?._tag === "Success" ? exit.value : undefined
        expect(error).toBeInstanceOf(PoolError.CircuitOpen)
        works = true
        stage.advance(5_000)
        expect(stage.run(pool.use("k", (item) => Effect.succeed(item)))).toBe(4)
        expect(stage.run(pool.keyStats("k"))).toMatchObject({ circuit: "closed" })
      }
    )
  })
})
