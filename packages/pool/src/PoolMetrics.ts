/**
 * A pool's numbers as Effect metrics, under `mooring_pool_*`. They are read off the pool's own counters at intervals,
 * so that borrowing pays nothing for them. Labelled with the pool's name alone: never with a key, which may name a
 * tenant.
 *
 * | metric | kind | labels besides `pool` |
 * | --- | --- | --- |
 * | `mooring_pool_items` | gauge | `state`: idle, busy, connecting, closing |
 * | `mooring_pool_leases` | gauge | |
 * | `mooring_pool_waiting` | gauge | |
 * | `mooring_pool_acquires_total` | counter | `outcome`: immediate, waited, failed, cancelled |
 * | `mooring_pool_connects_total` | counter | `outcome`: started, failed |
 * | `mooring_pool_closed_total` | counter | `reason`: one of `CloseReason` |
 * | `mooring_pool_abandoned_total` | counter | |
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { PoolStats } from "./PoolStats.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface PoolMetricsOptions {
  /** The value of the label `pool`. Default `default`. */
  readonly name?: string | undefined
  /** How often the numbers are read. Default: every 10 seconds. */
  readonly every?: Duration.DurationInput | undefined
}

/**
 * Reports until the scope closes, and once more then.
 *
 * @example
 * ```ts
 * import { Pool, PoolMetrics } from "@mooring/pool"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* Pool.make({ acquire: (key: string) => Effect.succeed(key) })
 *   yield* PoolMetrics.report(pool, { name: "databases" })
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const report = (
  pool: { readonly stats: Effect.Effect<PoolStats> },
  options?: PoolMetricsOptions
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.suspend(() => {
    const read = reader(pool, options?.name)
    return Effect.addFinalizer(() => read).pipe(
      Effect.zipRight(read),
      Effect.zipRight(Effect.forkScoped(Effect.schedule(read, Schedule.spaced(options?.every ?? defaultInterval)))),
      Effect.asVoid
    )
  })

/**
 * How often numbers are read unless said otherwise.
 *
 * @since 0.1.0
 * @category constants
 */
export const defaultInterval: Duration.DurationInput = "10 seconds"

/**
 * An effect that brings the metrics up to date each time it is run, for whoever decides when that is. One for each
 * pool: a second one would count everything again. `name` as in `PoolMetricsOptions`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const reader = (
  pool: { readonly stats: Effect.Effect<PoolStats> },
  name: string = "default"
): Effect.Effect<void> => {
  const show = reporter(name)
  return Effect.suspend(() => Effect.flatMap(pool.stats, show))
}

const items = Metric.gauge("mooring_pool_items", { description: "Items by state" })
const leases = Metric.gauge("mooring_pool_leases", { description: "Leases held" })
const waiting = Metric.gauge("mooring_pool_waiting", { description: "Acquires that wait" })
const counter = (name: string, description: string) => Metric.counter(name, { description, incremental: true })
const counters = {
  acquires: counter("mooring_pool_acquires_total", "Acquires by outcome"),
  connects: counter("mooring_pool_connects_total", "Attempts to open"),
  closed: counter("mooring_pool_closed_total", "Items closed, by reason"),
  abandoned: counter("mooring_pool_abandoned_total", "Items that outlasted their deadline")
}
type CounterName = keyof typeof counters

const reporter = (pool: string) => {
  const counted = new Map<string, number>()
  /** Adds what a counter of the pool has grown by since the last time. */
  const count = (name: CounterName, total: number, label?: readonly [string, string]) => {
    const tagged = counters[name].pipe(Metric.tagged("pool", pool))
    const series = label === undefined ? tagged : tagged.pipe(Metric.tagged(label[0], label[1]))
    const id = String([name, label])
    const more = total - (counted.get(id) ?? 0)
    if (more <= 0) return Effect.void
    counted.set(id, total)
    return Metric.incrementBy(series, more)
  }
  const set = (metric: Metric.Metric.Gauge<number>, value: number, state?: string) => {
    const tagged = metric.pipe(Metric.tagged("pool", pool))
    return Metric.set(state === undefined ? tagged : tagged.pipe(Metric.tagged("state", state)), value)
  }
  return (stats: PoolStats) =>
    Effect.asVoid(
      Effect.all([
        set(items, stats.idle, "idle"),
        set(items, stats.open - stats.idle, "busy"),
        set(items, stats.connecting, "connecting"),
        set(items, stats.closing, "closing"),
        set(leases, stats.leases),
        set(waiting, stats.waiting),
        ...(["immediate", "waited", "failed", "cancelled"] as const).map((outcome) =>
          count("acquires", stats[outcome], ["outcome", outcome])
        ),
        count("connects", stats.connects, ["outcome", "started"]),
        count("connects", stats.connectFailures, ["outcome", "failed"]),
        count("abandoned", stats.abandoned),
        ...Object.entries(stats.closed).map(([reason, total]) => count("closed", total, ["reason", reason]))
      ])
    )
}
