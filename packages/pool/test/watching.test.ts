/** What a program that watches a pool is told: events as they happen, log lines, and how its keys fail. */
import { Pool, type PoolEvent, PoolMetrics, type PoolStats } from "@mooring/pool"
import { describe, expect, it } from "@effect/vitest"
import { Effect, HashMap, Logger, Metric, Ref, TestClock } from "effect"

const silent = Logger.replace(Logger.defaultLogger, Logger.none)

describe("onEvent", () => {
  it.scoped("hears each event at once, nobody having to read the stream", () =>
    Effect.gen(function* () {
      const heard: Array<PoolEvent.PoolEvent> = []
      const numbers: Array<number> = []
      const pool = yield* Pool.make({
        acquire: (_: string, handle) => Effect.sync(() => numbers.push(handle.id)),
        onEvent: (event) => heard.push(event)
      })
      yield* pool.use("k", () => Effect.void)
      expect(heard.map(({ _tag }) => _tag)).toEqual(["Connecting", "Connected"])
      expect(numbers).toEqual([1])
      expect(heard).toMatchObject([{ item: 1 }, { item: 1 }])
    })
  )

  it.scoped("is told when a key or the pool is suspended and resumed", () =>
    Effect.gen(function* () {
      const heard: Array<PoolEvent.PoolEvent> = []
      const pool = yield* Pool.make({
        acquire: (key: string) => Effect.succeed(key),
        describeKey: (key) => `the ${key}`,
        onEvent: (event) => heard.push(event)
      })
      yield* pool.suspend("k")
      yield* pool.resume("k")
      yield* pool.suspend()
      yield* pool.resume()
      expect(heard).toEqual([
        { _tag: "Suspension", key: "the k", suspended: true },
        { _tag: "Suspension", key: "the k", suspended: false },
        { _tag: "Suspension", key: undefined, suspended: true },
        { _tag: "Suspension", key: undefined, suspended: false }
      ])
    })
  )

  it.scoped("disturbs nothing when it throws, and that is logged", () => {
    const logged: Array<string> = []
    const logger = Logger.make(({ cause, message }) => logged.push(`${String(message)}: ${String(cause)}`))
    return Effect.gen(function* () {
      const pool = yield* Pool.make({
        acquire: (key: string) => Effect.succeed(key),
        onEvent: () => {
          throw new Error("boom")
        }
      })
      expect(yield* pool.use("k", Effect.succeed)).toBe("k")
      expect(logged).toHaveLength(2)
      expect(logged[0]).toMatch(/What hears the pool's events failed.*boom/s)
    }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
  })
})

describe("logAnnotations", () => {
  it.effect("stand on what the pool logs about an item, and on what the item logs itself, all its life", () => {
    const logged: Array<readonly [unknown, ReadonlyArray<readonly [string, unknown]>]> = []
    const logger = Logger.make(({ annotations, message }) =>
      logged.push([String(message), HashMap.toEntries(annotations)])
    )
    const program = Effect.gen(function* () {
      const pool = yield* Pool.make({
        acquire: (key: string) =>
          Effect.zipRight(
            Effect.log("opens"),
            Effect.acquireRelease(Effect.succeed(key), () => Effect.zipRight(Effect.log("closes"), Effect.die("a bug")))
          ),
        config: { validationBypass: 0 },
        health: { probe: () => Effect.log("is asked"), probesIdle: () => false },
        logAnnotations: (key: string, item) => ({ about: `the ${key} ${item}` })
      })
      yield* pool.use("k", () => Effect.log("is used"))
      yield* TestClock.adjust("1 second")
      yield* pool.use("k", () => Effect.void)
    }).pipe(Effect.scoped, Effect.annotateLogs("caller", "somebody"))
    return Effect.gen(function* () {
      yield* program
      yield* TestClock.adjust(0)
      const mine = ["caller", "somebody"]
      const about = expect.arrayContaining([["about", "the k 1"]])
      expect(logged).toEqual([
        ["opens", about],
        ["is used", [mine]],
        ["is asked", about],
        ["closes", about],
        [expect.stringContaining("closing failed"), about]
      ])
    }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
  })
})

describe("the numbers of a key", () => {
  it.scoped("say how often it has failed in a row, and when the next attempt may begin", () =>
    Effect.gen(function* () {
      const works = yield* Ref.make(false)
      const pool = yield* Pool.make({
        acquire: (key: string) =>
          Effect.flatMap(Ref.get(works), (open) => (open ? Effect.succeed(key) : Effect.fail("down"))),
        config: { breakerThreshold: 1, breakerOpenFor: "10 seconds" },
        isRetryable: () => false
      })
      const numbers = Effect.map(pool.keyStats("k"), (stats) => [stats?.circuit, stats?.failures, stats?.retryAfterMs])
      yield* Effect.flip(pool.use("k", () => Effect.void))
      expect(yield* numbers).toEqual(["open", 1, 10_000])
      yield* TestClock.adjust("4 seconds")
      expect(yield* numbers).toEqual(["open", 1, 6000])
      yield* TestClock.adjust("6 seconds")
      expect(yield* numbers).toEqual(["halfOpen", 1, 0])
      yield* Ref.set(works, true)
      yield* pool.use("k", () => Effect.void)
      expect(yield* numbers).toEqual(["closed", 0, 0])
    }).pipe(Effect.provide(silent))
  )
})

describe("PoolMetrics.reader", () => {
  it.scoped("counts what has grown since it was last run, whenever that was", () =>
    Effect.gen(function* () {
      const pool = yield* Pool.make({ acquire: (key: string) => Effect.succeed(key) })
      const read = PoolMetrics.reader(pool, "read on demand")
      const connects = Effect.map(Metric.snapshot, (pairs) =>
        pairs.flatMap(({ metricKey, metricState }) =>
          metricKey.name === "mooring_pool_connects_total" &&
          metricKey.tags.some(({ key, value }) => key === "pool" && value === "read on demand")
            ? [metricState]
            : []
        )
      )
      yield* read
      expect(yield* connects).toEqual([])
      const stats: PoolStats.PoolStats = yield* Effect.zipRight(
        pool.use("a", () => Effect.void),
        pool.stats
      )
      expect(stats.connects).toBe(1)
      yield* read
      yield* read
      expect(yield* connects).toMatchObject([{ count: 1 }])
      yield* pool.use("b", () => Effect.void)
      yield* read
      expect(yield* connects).toMatchObject([{ count: 2 }])
    })
  )
})
