/**
 * Brings the metrics of the pool of connections (`mooring_pool_*`) up to date: when it is made, every ten seconds while
 * a connection is there or opening, and when its scope closes. A pool that does nothing wakes nobody.
 *
 * @since 0.1.0
 */
import { PoolMetrics, type PoolStats } from "@mooring/pool"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"

/**
 * @since 0.1.0
 * @category models
 */
export interface PoolGauges {
  /** Says which pool it is, once. */
  readonly show: (pool: { readonly stats: Effect.Effect<PoolStats.PoolStats> }) => Effect.Effect<void>
  /** A connection begins to open. */
  readonly wake: () => void
}

/**
 * To be made before the pool, so that what the pool does when it closes is counted, too. `name` is the label `pool`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (name: string): Effect.Effect<PoolGauges, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const fork = Runtime.runFork(yield* Effect.runtime<never>())
    let read: Effect.Effect<boolean> = Effect.succeed(false)
    let awake = false
    const look = Effect.map(
      Effect.suspend(() => read),
      (isUsed) => (awake = isUsed)
    )
    // By what this turn saw: when it is woken again, that is another one's turn.
    const turns = Effect.repeat(Effect.delay(look, PoolMetrics.defaultInterval), { while: (isUsed) => isUsed })
    yield* Effect.addFinalizer(() => Effect.suspend(() => read))
    return {
      show: (pool) => {
        const update = PoolMetrics.reader(pool, name)
        read = Effect.zipRight(
          update,
          Effect.map(pool.stats, ({ connecting, open }) => open + connecting > 0)
        )
        return Effect.asVoid(read)
      },
      wake: () => {
        if (awake) return
        awake = true
        fork(Effect.interruptible(turns), { scope })
      }
    }
  })
