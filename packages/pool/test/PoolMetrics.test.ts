import { Pool, PoolMetrics, type PoolStats } from "@mooring/pool"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Metric, Ref, Scope, TestClock } from "effect"

/** Every series of the pool of this name that there is: `metric{labels} description` and its value. */
const seriesOf = (pool: string): Effect.Effect<Readonly<Record<string, number>>> =>
  Effect.map(Metric.snapshot, (pairs) =>
    Object.fromEntries(
      pairs.flatMap(({ metricKey, metricState }) => {
        const labels = metricKey.tags.map(({ key, value }) => [key, value] as const)
        if (!labels.some(([key, value]) => key === "pool" && value === pool)) return []
        const others = labels.flatMap(([key, value]) => (key === "pool" ? [] : [`${key}=${value}`])).join()
        const name = others === "" ? metricKey.name : `${metricKey.name}{${others}}`
        // Gauges have a value, counters a count.
        const state = metricState as { readonly value?: number; readonly count?: number }
        return [[name, state.value ?? state.count ?? Number.NaN] as const]
      })
    )
  )

const some: PoolStats.PoolStats = {
  open: 7,
  idle: 3,
  connecting: 2,
  closing: 1,
  leases: 5,
  waiting: 6,
  started: 40,
  immediate: 10,
  waited: 11,
  failed: 12,
  cancelled: 13,
  released: 16,
  connects: 20,
  connectFailures: 4,
  closed: { idle: 8, shutdown: 9 },
  abandoned: 14,
  keys: []
}

const shown = {
  "mooring_pool_items{state=idle}": 3,
  "mooring_pool_items{state=busy}": 4,
  "mooring_pool_items{state=connecting}": 2,
  "mooring_pool_items{state=closing}": 1,
  mooring_pool_leases: 5,
  mooring_pool_waiting: 6,
  "mooring_pool_acquires_total{outcome=immediate}": 10,
  "mooring_pool_acquires_total{outcome=waited}": 11,
  "mooring_pool_acquires_total{outcome=failed}": 12,
  "mooring_pool_acquires_total{outcome=cancelled}": 13,
  "mooring_pool_connects_total{outcome=started}": 20,
  "mooring_pool_connects_total{outcome=failed}": 4,
  "mooring_pool_closed_total{reason=idle}": 8,
  "mooring_pool_closed_total{reason=shutdown}": 9,
  mooring_pool_abandoned_total: 14
}

describe("PoolMetrics", () => {
  it.scoped("shows every number of the stats under its name and label, from the beginning", () =>
    Effect.gen(function* () {
      yield* PoolMetrics.report({ stats: Effect.succeed(some) }, { name: "every number" })
      expect(yield* seriesOf("every number")).toEqual(shown)
    })
  )

  it.scoped("adds what has grown since, at each interval, and never counts twice", () =>
    Effect.gen(function* () {
      const stats = yield* Ref.make(some)
      yield* PoolMetrics.report({ stats: Ref.get(stats) }, { name: "growing", every: "7 seconds" })
      yield* TestClock.adjust("21 seconds")
      expect(yield* seriesOf("growing")).toEqual(shown)
      yield* Ref.set(stats, { ...some, connects: 21, leases: 1, closed: { idle: 8, shutdown: 9, drained: 1 } })
      yield* TestClock.adjust("6 seconds")
      expect(yield* seriesOf("growing")).toEqual(shown)
      yield* TestClock.adjust("1 seconds")
      expect(yield* seriesOf("growing")).toEqual({
        ...shown,
        mooring_pool_leases: 1,
        "mooring_pool_connects_total{outcome=started}": 21,
        "mooring_pool_closed_total{reason=drained}": 1
      })
    })
  )

  it.effect("is called `default`, looks every 10 seconds, and once more when its scope closes", () =>
    Effect.gen(function* () {
      const stats = yield* Ref.make({ ...some, connects: 0 })
      const scope = yield* Scope.make()
      yield* Scope.extend(PoolMetrics.report({ stats: Ref.get(stats) }), scope)
      const connects = Effect.map(seriesOf("default"), (all) => all["mooring_pool_connects_total{outcome=started}"])
      expect(yield* connects).toBeUndefined()
      yield* Ref.set(stats, { ...some, connects: 1 })
      yield* TestClock.adjust("9999 millis")
      expect(yield* connects).toBeUndefined()
      yield* TestClock.adjust("1 millis")
      expect(yield* connects).toBe(1)
      yield* Ref.set(stats, { ...some, connects: 3 })
      yield* Scope.close(scope, Exit.void)
      expect(yield* connects).toBe(3)
      yield* Ref.set(stats, { ...some, connects: 9 })
      yield* TestClock.adjust("1 minute")
      expect(yield* connects).toBe(3)
    })
  )

  it.effect("describes each metric", () =>
    Effect.gen(function* () {
      const pairs = yield* Metric.snapshot
      const described = new Map(
        pairs.map(({ metricKey }) => [
          metricKey.name,
          metricKey.description._tag === "Some" ? metricKey.description.value : ""
        ])
      )
      expect(Object.fromEntries([...described].filter(([name]) => name.startsWith("mooring_pool_")))).toEqual({
        mooring_pool_items: "Items by state",
        mooring_pool_leases: "Leases held",
        mooring_pool_waiting: "Acquires that wait",
        mooring_pool_acquires_total: "Acquires by outcome",
        mooring_pool_connects_total: "Attempts to open",
        mooring_pool_closed_total: "Items closed, by reason",
        mooring_pool_abandoned_total: "Items that outlasted their deadline"
      })
    })
  )

  it.scoped("adds up what a pool has done, each close under its one reason", () =>
    Effect.gen(function* () {
      const pool = yield* Pool.make({ acquire: (key: string) => Effect.succeed({ key }) })
      yield* PoolMetrics.report(pool, { name: "a pool" })
      yield* pool.use("a", () => Effect.void)
      yield* pool.use("a", (item) => pool.invalidate(item))
      yield* TestClock.adjust("30 seconds")
      expect(yield* seriesOf("a pool")).toMatchObject({
        "mooring_pool_acquires_total{outcome=immediate}": 1,
        "mooring_pool_acquires_total{outcome=waited}": 1,
        "mooring_pool_connects_total{outcome=started}": 1,
        "mooring_pool_closed_total{reason=invalidated}": 1
      })
    })
  )
})
