/**
 * What can be set for one key, with defaults that suit a resource that is costly to open and can serve one borrower
 * at a time. Checked before use: nonsense is a `PoolConfigError` that names the field, never a surprise later.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Either from "effect/Either"
import { checked } from "./internal/Checks.js"
import type { PoolConfigError } from "./PoolError.js"

/**
 * The settings of one key. Every field may be left out. Times are Effect durations: `"30 seconds"`, or a number of
 * milliseconds. 0 is zero; where there is to be no limit, say `Infinity`.
 *
 * @since 0.1.0
 * @category models
 */
export interface PoolConfig {
  /** Items kept open once the key is pinned by `warm`. Default 0: a key that nobody uses costs nothing. */
  readonly min?: number | undefined
  /** Items at most, those that are opening or closing included. Default 1 (`min`, where that is more). */
  readonly max?: number | undefined
  /** Idle items at most; a return that leaves more closes the surplus. Default: `max`, so only time closes them. */
  readonly maxIdle?: number | undefined
  /** Leases at once on one item. Default 1: not everything can be shared. */
  readonly concurrency?: number | undefined
  /** Acquires that may wait; more fail at once with `PoolSaturated`. Default 256, so that a jam shows itself early. */
  readonly maxWaiters?: number | undefined
  /** How long an acquire may wait. Default 30 seconds; while no item is open, at least `connectTimeout`. */
  readonly acquireTimeout?: Duration.DurationInput | undefined
  /** How long one attempt to open an item may take. Default 60 seconds, for what starts slowly when it is cold. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /** How long closing an item may take before it is abandoned and no longer counted. Default 30 seconds. */
  readonly closeTimeout?: Duration.DurationInput | undefined
  /** Attempts to open an item of this key at once. Default: `max`. */
  readonly maxConnecting?: number | undefined
  /**
   * What one attempt takes of the pool's `maxConnecting`. Default 1; more for a resource that is dear to start, such
   * as a process.
   */
  readonly connectWeight?: number | undefined
  /** An item idle for this long is closed. Default 5 minutes. 0 closes it when it comes back. */
  readonly idleTimeToLive?: Duration.DurationInput | undefined
  /** An item older than this is replaced. Default: none. */
  readonly maxLifetime?: Duration.DurationInput | undefined
  /** How much of `maxLifetime` is taken off at random, from 0 up to this share. Default 0.1. */
  readonly lifetimeJitter?: number | undefined
  /**
   * An item that answered within this time is borrowed without asking it again: it was opened, passed a probe, had its
   * lease end well, or said `alive`. Matters only where there is a health check. Default 5 seconds: a busy item is never
   * asked.
   */
  readonly validationBypass?: Duration.DurationInput | undefined
  /** The first and the longest pause between failed attempts to open. Default 250 ms and 30 seconds, full jitter. */
  readonly backoff?:
    | { readonly base?: Duration.DurationInput | undefined; readonly max?: Duration.DurationInput | undefined }
    | undefined
  /** After so many failed attempts in a row the circuit opens. Default 5. */
  readonly breakerThreshold?: number | undefined
  /**
   * How long the circuit stays open before one attempt is made; borrows of a key without items fail at once meanwhile.
   * Default: the longest pause of `backoff`.
   */
  readonly breakerOpenFor?: Duration.DurationInput | undefined
  /**
   * A lease held longer than this is reported, in the log and as the event `Leak`, with where it was taken. That costs
   * some µs a borrow. Where `config` is a function, the place of the very first lease is not known. Default: never.
   */
  readonly leakThreshold?: Duration.DurationInput | undefined
}

/**
 * The settings of one key with every default filled in. Times in nanoseconds, `Infinity` for none.
 *
 * @since 0.1.0
 * @category models
 */
export interface ResolvedConfig {
  readonly min: number
  readonly max: number
  readonly maxIdle: number
  readonly concurrency: number
  readonly maxWaiters: number
  readonly acquireTimeout: number
  readonly connectTimeout: number
  readonly closeTimeout: number
  readonly maxConnecting: number
  readonly connectWeight: number
  readonly idleTimeToLive: number
  readonly maxLifetime: number
  readonly lifetimeJitter: number
  readonly validationBypass: number
  readonly backoffBase: number
  readonly backoffMax: number
  readonly breakerThreshold: number
  readonly breakerOpenFor: number
  readonly leakThreshold: number
}

/**
 * Fills in the defaults and checks every field.
 *
 * @since 0.1.0
 * @category constructors
 */
export const resolve = (config: PoolConfig, key?: string | undefined): Either.Either<ResolvedConfig, PoolConfigError> =>
  checked(key, ({ limit, nanos, refuse, share, whole }) => {
    const second = 1e9
    const min = whole("min", config.min ?? 0, 0)
    const max = limit("max", config.max ?? Math.max(1, min), 1)
    if (min > max) throw refuse("min", `must not be above max (${max}), not ${min}`)
    const maxIdle = limit("maxIdle", config.maxIdle ?? max, 0)
    if (maxIdle < min) throw refuse("maxIdle", `must not be below min (${min}), not ${maxIdle}`)
    const backoffMax = nanos("backoff.max", config.backoff?.max, 30 * second)
    const backoffBase = nanos("backoff.base", config.backoff?.base, Math.min(second / 4, backoffMax))
    if (backoffBase > backoffMax) throw refuse("backoff.base", "must not be above backoff.max")
    return {
      min,
      max,
      maxIdle,
      // No limit is a number here, too: items are counted by dividing by it.
      concurrency: Math.min(limit("concurrency", config.concurrency ?? 1, 1), Number.MAX_SAFE_INTEGER),
      maxWaiters: limit("maxWaiters", config.maxWaiters ?? 256, 0),
      acquireTimeout: nanos("acquireTimeout", config.acquireTimeout, 30 * second),
      connectTimeout: nanos("connectTimeout", config.connectTimeout, 60 * second),
      closeTimeout: nanos("closeTimeout", config.closeTimeout, 30 * second),
      maxConnecting: limit("maxConnecting", config.maxConnecting ?? max, 1),
      connectWeight: whole("connectWeight", config.connectWeight ?? 1, 1),
      idleTimeToLive: nanos("idleTimeToLive", config.idleTimeToLive, 300 * second),
      maxLifetime: nanos("maxLifetime", config.maxLifetime, Infinity),
      lifetimeJitter: share("lifetimeJitter", config.lifetimeJitter ?? 0.1),
      validationBypass: nanos("validationBypass", config.validationBypass, 5 * second),
      backoffBase,
      backoffMax,
      breakerThreshold: limit("breakerThreshold", config.breakerThreshold ?? 5, 1),
      breakerOpenFor: nanos("breakerOpenFor", config.breakerOpenFor, backoffMax),
      leakThreshold: nanos("leakThreshold", config.leakThreshold, Infinity)
    }
  })
