import { Pool, PoolMetrics } from "@mooring/pool"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Metric, MetricState, TestClock } from "effect"

const counterOf = (name: string, label: readonly [string, string]) =>
  Effect.map(
    Metric.value(
      Metric.counter(name, { incremental: true, description: descriptions[name] ?? "" }).pipe(
        Metric.tagged("pool", "metrics-test"),
        Metric.tagged(label[0], label[1])
      )
    ),
    (state) => (MetricState.isCounterState(state) ? Number(state.count) : Number.NaN)
  )

const descriptions: Record<string, string> = {
  mooring_pool_acquires_total: "Acquires by outcome",
  mooring_pool_connects_total: "Attempts to open",
  mooring_pool_closed_total: "Items closed, by reason"
}

describe("PoolMetrics", () => {
  it.scoped("adds up what has grown, each close under its one reason, and never counts twice", () =>
    Effect.gen(function* () {
      const pool = yield* Pool.make({ acquire: (key: string) => Effect.succeed({ key }) })
      yield* PoolMetrics.report(pool, { name: "metrics-test", every: "10 seconds" })
      yield* pool.use("a", () => Effect.void)
      yield* pool.use("a", (item) => pool.invalidate(item))
      yield* TestClock.adjust("30 seconds")
      expect(yield* counterOf("mooring_pool_acquires_total", ["outcome", "immediate"])).toBe(1)
      expect(yield* counterOf("mooring_pool_acquires_total", ["outcome", "waited"])).toBe(1)
      expect(yield* counterOf("mooring_pool_connects_total", ["outcome", "started"])).toBe(1)
      expect(yield* counterOf("mooring_pool_connects_total", ["outcome", "failed"])).toBe(0)
      expect(yield* counterOf("mooring_pool_closed_total", ["reason", "invalidated"])).toBe(1)
    })
  )
})
