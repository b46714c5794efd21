/**
 * How much the demo does. The default is what `mooring demo` runs; tests run less.
 *
 * @since 0.1.0
 */

/**
 * @since 0.1.0
 * @category models
 */
export interface Plan {
  /** Calls per server on a connection of their own. */
  readonly fresh: number
  /** Calls per server through the pool, alternating with those; rounded up to fill the rounds. */
  readonly pooled: number
  /** Calls through the pool under load, over all servers. */
  readonly calls: number
  /** Fibers that make them. */
  readonly fibers: number
}

/**
 * 15 fresh and 200 pooled calls per server, then 2,000 calls from 64 fibers.
 *
 * @since 0.1.0
 * @category constants
 */
export const standard: Plan = { fresh: 15, pooled: 200, calls: 2000, fibers: 64 }

/**
 * Pooled calls that follow each fresh one.
 *
 * @since 0.1.0
 * @category combinators
 */
export const pooledPerRound = (plan: Plan): number => Math.ceil(plan.pooled / plan.fresh)
