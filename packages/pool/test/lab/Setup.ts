/**
 * What a generated run is set up with: the pool's settings in plain numbers (milliseconds), so that a failing run
 * prints and shrinks well, and the translation into the options of `Pool.make`.
 */
import * as Duration from "effect/Duration"
import type { PoolConfig } from "@mooring/pool"

export interface KeySetup {
  readonly min: number
  readonly max: number
  readonly maxIdle: number
  readonly concurrency: number
  readonly maxWaiters: number
  readonly maxConnecting: number
  readonly connectWeight: number
  readonly acquireMs: number
  readonly connectMs: number
  readonly closeMs: number
  readonly idleMs: number
  /** 0: none. */
  readonly lifetimeMs: number
  readonly jitter: number
  readonly bypassMs: number
  readonly backoffBaseMs: number
  readonly backoffMaxMs: number
  readonly breakerThreshold: number
  readonly breakerOpenMs: number
}

export interface Setup {
  readonly seed: number
  readonly keys: number
  readonly key: KeySetup
  readonly maxTotal: number
  /** Over all keys, in units of weight. */
  readonly maxConnecting: number
  /** Items per group at most; keys with even and odd numbers form two groups. 0: no groups. */
  readonly quota: number
  /** How long a connect takes unless a command says otherwise. */
  readonly connectTakesMs: number
  readonly closeTakesMs: number
  readonly shutdownMs: number
  /** Whether items are probed before a borrow when they have not answered within `bypassMs`. */
  readonly validates: boolean
  readonly probeTimeoutMs: number
}

export const keySetup: KeySetup = {
  min: 0,
  max: 2,
  maxIdle: 2,
  concurrency: 1,
  maxWaiters: 8,
  maxConnecting: 2,
  connectWeight: 1,
  acquireMs: 1_000,
  connectMs: 400,
  closeMs: 300,
  idleMs: 5_000,
  lifetimeMs: 0,
  jitter: 0,
  bypassMs: 500,
  backoffBaseMs: 50,
  backoffMaxMs: 800,
  breakerThreshold: 3,
  breakerOpenMs: 700
}

/** With room for `min` items, idle ones included. */
export const consistent = (key: KeySetup): KeySetup => {
  const max = Math.max(key.max, key.min)
  return { ...key, max, maxIdle: Math.max(key.min, Math.min(key.maxIdle, max)) }
}

export const setup: Setup = {
  seed: 1,
  keys: 2,
  key: keySetup,
  maxTotal: 100,
  maxConnecting: 16,
  quota: 0,
  connectTakesMs: 0,
  closeTakesMs: 0,
  shutdownMs: 2_000,
  validates: false,
  probeTimeoutMs: 150
}

export const keyName = (key: number): string => `k${key}`

export const groupOf = (key: string): string => (Number(key.slice(1)) % 2 === 0 ? "even" : "odd")

export const poolConfig = (key: KeySetup): PoolConfig.PoolConfig => ({
  min: key.min,
  max: key.max,
  maxIdle: key.maxIdle,
  concurrency: key.concurrency,
  maxWaiters: key.maxWaiters,
  maxConnecting: key.maxConnecting,
  connectWeight: key.connectWeight,
  acquireTimeout: key.acquireMs,
  connectTimeout: key.connectMs,
  closeTimeout: key.closeMs,
  idleTimeToLive: key.idleMs,
  maxLifetime: key.lifetimeMs === 0 ? Duration.infinity : key.lifetimeMs,
  lifetimeJitter: key.jitter,
  validationBypass: key.bypassMs,
  backoff: { base: key.backoffBaseMs, max: key.backoffMaxMs },
  breakerThreshold: key.breakerThreshold,
  breakerOpenFor: key.breakerOpenMs
})
