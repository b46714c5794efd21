/**
 * A keyed pool of scoped resources: bounded, fair, and lawful (`LAWS.md` beside this package's README). Each item is
 * opened in a scope of its own, which is closed exactly once, when the item leaves the pool. One item may serve
 * several borrowers at once, up to its `concurrency`. Closing the scope that `make` ran in closes the pool and
 * everything in it.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { constant } from "effect/Function"
import type * as KeyedPool from "effect/KeyedPool"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { PCGRandom } from "effect/Utils"
import * as Deadlines from "./Deadlines.js"
import type { HealthCheck } from "./HealthCheck.js"
import { checked } from "./internal/Checks.js"
import { Engine, type EngineOptions } from "./internal/Engine.js"
import { EventHub } from "./internal/EventHub.js"
import { PoolImpl } from "./internal/PoolImpl.js"
import type { Lease } from "./Lease.js"
import { type PoolConfig, resolve } from "./PoolConfig.js"
import type { PoolConfigError, PoolError, UnknownKey } from "./PoolError.js"
import type { PoolEvent } from "./PoolEvent.js"
import type { KeyStats, PoolStats } from "./PoolStats.js"
import type { Refresh } from "./Refresh.js"
import type { Reset } from "./Reset.js"

/**
 * What a live item can say to the pool that holds it. Every function is synchronous and may be called from anywhere.
 *
 * @since 0.1.0
 * @category models
 */
export interface ItemHandle {
  /** The item's number within the pool, counted from 1, as events have it. */
  readonly id: number
  /** The item must not serve any longer; it is closed as soon as nobody holds it, and replaced where needed. */
  readonly retire: (reason: string) => void
  /** How many leases it can bear at once. Lowering it takes nothing away: no new leases until it is below. */
  readonly setConcurrency: (concurrency: number) => void
  /** The item has just answered something: it needs no check before it is next borrowed. */
  readonly alive: () => void
  /** The item has not answered when it should have: it is checked before it is next borrowed, however soon that is. */
  readonly suspect: () => void
  /**
   * The item is of use though nobody holds it (something is heard on it): until what this gives is called, as often as
   * `keep` was, `idleTimeToLive` does not close it. While it idles it is probed, whatever `probesIdle` says. It takes no
   * lease, and it does not make the item last: age, health, `maxIdle`, `invalidate`, `drain` and closing do what they
   * always do. Where one of several has to go, because `maxIdle` or a lower `max` says so or another key needs its place,
   * what idles and nobody keeps goes first.
   */
  readonly keep: () => () => void
}

/**
 * How to make a pool.
 *
 * @since 0.1.0
 * @category models
 */
export interface PoolOptions<in K, in out A, in out E, out R> {
  /**
   * Opens an item. Its scope closes when the item leaves the pool. Runs on a fiber of the pool, never a caller's. After
   * a failure it is tried again (see `isRetryable`); one that dies or throws is a bug: it is logged, and those who wait
   * for it die with the same cause.
   */
  readonly acquire: (key: K, handle: ItemHandle) => Effect.Effect<A, E, R | Scope.Scope>
  /**
   * The settings of a key, asked for when the key is first used, and by `refresh`. A value, or a function of the key,
   * which gives `undefined` for one that is not to be: acquires of it fail with `UnknownKey`.
   */
  readonly config?: PoolConfig | ((key: K) => PoolConfig | undefined) | undefined
  /** Items over all keys at most. Default: no limit, since only the program knows what its keys cost. */
  readonly maxTotal?: number | undefined
  /**
   * Attempts to open at once over all keys, in units of `connectWeight`. Default 16, so that many keys that are used at
   * once do not starve each other. One attempt of more weight than that runs alone.
   */
  readonly maxConnecting?: number | undefined
  /**
   * Whether an item is open: cheap and synchronous, asked on every borrow and every return. Where it throws, the item
   * counts as not open, and a `Fault` is reported. Default: always.
   */
  readonly isOpen?: ((item: A) => boolean) | undefined
  /** Probes idle items, and items that have not answered for long before they are borrowed. Default: none. */
  readonly health?: HealthCheck<A, R> | undefined
  /** Brings an item back to a clean state when its last lease has ended, before it is lent again. Default: nothing. */
  readonly reset?: Reset<A, R> | undefined
  /**
   * The group a key counts for, and how many items a group may hold. A key that has none is a group by itself, and no
   * quota binds it. Room under `maxTotal` is made first in the group that holds most. Default: no groups.
   */
  readonly group?: { readonly of: (key: K) => string | undefined; readonly quota?: number | undefined } | undefined
  /**
   * Whether callers who wait should wait for another attempt after this failure. If not, they get it at once.
   * Default: always.
   */
  readonly isRetryable?: ((error: E) => boolean) | undefined
  /**
   * How long the resource itself asks to be left alone after this failure, in milliseconds: the next attempt of the key is
   * made no sooner, whatever `backoff` says. Bound it where a resource cannot be trusted. Default: it asks for nothing.
   */
  readonly retryAfter?: ((error: E) => number | undefined) | undefined
  /** The key as errors, events and stats show it. Default `String(key)`. */
  readonly describeKey?: ((key: K) => string) | undefined
  /**
   * Hears every event as it happens, before whoever reads `events`. Called synchronously in the middle of the pool's
   * work: it must be cheap, and must not call the pool. Default: nobody.
   */
  readonly onEvent?: ((event: PoolEvent) => void) | undefined
  /**
   * What log lines about an item are annotated with: the pool's own, and those of opening, checking and closing it.
   * `item` is its number, as events have it. Default: nothing.
   */
  readonly logAnnotations?: ((key: K, item: number) => Readonly<Record<string, unknown>>) | undefined
  /** How long closing the pool, or draining a key, waits for leases before it revokes them. Default 30 seconds. */
  readonly shutdownTimeout?: Duration.DurationInput | undefined
  /**
   * Items closed for their age per key and window at most; a window of 0 for no limit. Default: 1 a second, so that
   * what was opened together is not replaced together.
   */
  readonly retirements?: { readonly limit: number; readonly window: Duration.DurationInput } | undefined
  /** Seeds the jitter of lifetimes and pauses, to repeat a run. Default: from `Random`. */
  readonly seed?: number | undefined
}

/**
 * What `Effect.uninterruptibleMask` gives: makes an effect interruptible again where the mask's surroundings are.
 *
 * @since 0.1.0
 * @category models
 */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/**
 * A keyed pool. It is an Effect `KeyedPool`, so `KeyedPool.get` and `KeyedPool.invalidate` work on it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Pool<in out K, in out A, out E> extends KeyedPool.KeyedPool<K, A, E | PoolError> {
  /**
   * Borrows, runs, gives back: the fast path (no scope, fork or timer while a slot is free). The item is returned
   * whether `f` succeeds, fails or is interrupted; success counts as an answer of the item. Nothing of the pool
   * interrupts `f`: where its item ends, or is taken away by force, `f` has to see that by itself, or use `lease`.
   */
  readonly use: <B, E2, R2>(
    key: K,
    f: (item: A) => Effect.Effect<B, E2, R2>
  ) => Effect.Effect<B, E | PoolError | E2, R2>
  /**
   * `use` for a caller that has masked interruption already, and whose body needs the mask as well: one does for both,
   * which is half of what `use` costs. Only to be run inside `Effect.uninterruptibleMask`, with the `restore` from
   * there; `f` is not interruptible either, except where it uses `restore`.
   */
  readonly useMasked: <B, E2, R2>(
    restore: Restore,
    key: K,
    f: (item: A) => Effect.Effect<B, E2, R2>
  ) => Effect.Effect<B, E | PoolError | E2, R2>
  /** Borrows a share for as long as the scope is open. `lost` says when it is taken away by force. */
  readonly lease: (key: K) => Effect.Effect<Lease<A>, E | PoolError, Scope.Scope>
  /** Borrows a whole item: nobody else holds it until the scope closes. */
  readonly exclusive: (key: K) => Effect.Effect<Lease<A>, E | PoolError, Scope.Scope>
  /**
   * Opens items of these keys up to `min` (at least one) and keeps `min` of them from then on. Ends when each key
   * is ready, or fails with the first failure that cannot be retried or outlasts the acquire deadline. A key stays so
   * pinned; `resize` to a `min` of 0 ends it.
   */
  readonly warm: (keys: Iterable<K>) => Effect.Effect<void, E | PoolError>
  /**
   * Closes every item of the key and ends when they are closed: idle ones at once, busy ones when they come back or,
   * after `deadline` (default: `shutdownTimeout`), by force. Those who wait for the key are served by new items, and a
   * key that is pinned gets its `min` again; to empty it, `suspend` it first.
   */
  readonly drain: (key: K, deadline?: Duration.DurationInput) => Effect.Effect<void>
  /**
   * Hands out nothing for this key, or without one for any, until `resume`: acquires wait, and fail with
   * `PoolSuspended` at their deadline. Leases that are held go on.
   */
  readonly suspend: (key?: K) => Effect.Effect<void>
  /** Ends `suspend` for this key, or without one for the pool: each ends only the one that it matches. */
  readonly resume: (key?: K) => Effect.Effect<void>
  /**
   * Gives the key a new configuration in place of the old one: what is left out has its default again. A lower `max`
   * closes idle items now and busy ones when they come back. The key keeps it, and its entry, for as long as the pool
   * is open.
   */
  readonly resize: (key: K, config: PoolConfig) => Effect.Effect<void, PoolConfigError | UnknownKey>
  /**
   * The settings have changed: asks `config` anew for those of the keys that are there and that `which` does not keep,
   * and what an earlier `resize` said of them is over. All in one step, so that nobody borrows in between; it does not
   * wait for what is held. `deadline` (default: `shutdownTimeout`) is for keys that are removed; what is replaced is
   * never taken away by force. A key that `config` has no settings for any more is removed, too.
   *
   * Fails with `PoolConfigError`, and has then changed nothing, when the settings of one of them are nonsense.
   */
  readonly refresh: (
    which: (key: K) => Refresh,
    deadline?: Duration.DurationInput
  ) => Effect.Effect<void, PoolConfigError>
  /** The keys that the pool has an entry for. */
  readonly keys: Effect.Effect<ReadonlyArray<K>>
  /** A snapshot of the numbers of the pool and of each of its keys. */
  readonly stats: Effect.Effect<PoolStats>
  /** The numbers of one key; `undefined` while the pool has no entry for it. */
  readonly keyStats: (key: K) => Effect.Effect<KeyStats | undefined>
  /** What happens, from now on. Bounded: a slow reader loses the oldest events and slows nothing. */
  readonly events: Stream.Stream<PoolEvent>
}

/**
 * Makes a pool. It closes with the scope: waiting acquires fail with `PoolClosed`, idle items close at once, busy ones
 * when they come back or, after `shutdownTimeout`, by force.
 *
 * Fails with `PoolConfigError` when a setting is nonsense; where `config` is a function, what it gives for a key is
 * checked when that key is first used, and refused there.
 *
 * @example
 * ```ts
 * import { Pool } from "@mooring/pool"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const pool = yield* Pool.make({
 *     acquire: (host: string) => Effect.acquireRelease(Effect.succeed({ host }), () => Effect.log(`closed ${host}`)),
 *     config: { max: 4, concurrency: 8 }
 *   })
 *   return yield* pool.use("db-1", (connection) => Effect.succeed(connection.host))
 * })
 *
 * Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <K, A, E, R>(
  options: PoolOptions<K, A, E, R>
): Effect.Effect<Pool<K, A, E>, PoolConfigError, Exclude<R, Scope.Scope> | Scope.Scope> =>
  Effect.gen(function* () {
    const settings = yield* check(options)
    const seed = options.seed ?? (yield* Random.nextIntBetween(0, 2 ** 31))
    const numbers = new PCGRandom(seed)
    const runtime = yield* Effect.runtime<Exclude<R, Scope.Scope>>()
    const deadlines = yield* Deadlines.make
    const hub = yield* EventHub.make(options.onEvent)
    const { config } = options
    const engine = new Engine<K, A, E, Exclude<R, Scope.Scope>>(
      {
        ...settings,
        // What is left of `R` when the item's own scope is taken away is what the runtime has.
        acquire: options.acquire as EngineOptions<K, A, E, Exclude<R, Scope.Scope>>["acquire"],
        health: options.health as EngineOptions<K, A, E, Exclude<R, Scope.Scope>>["health"],
        reset: options.reset as EngineOptions<K, A, E, Exclude<R, Scope.Scope>>["reset"],
        isOpen: options.isOpen,
        config: typeof config === "function" ? config : constant(config ?? {}),
        // Where each key has a configuration of its own, the first lease of the first key that watches is not known.
        watchesLeaks: typeof config === "object" && config.leakThreshold !== undefined,
        groupOf: options.group?.of ?? (() => ""),
        describeKey: options.describeKey ?? String,
        logAnnotations: options.logAnnotations,
        isRetryable: options.isRetryable ?? (() => true),
        retryAfter: options.retryAfter,
        random: () => numbers.number()
      },
      runtime,
      deadlines,
      hub
    )
    const pool = new PoolImpl<K, A, E, Exclude<R, Scope.Scope>>(engine, deadlines, hub, settings.shutdownTimeout)
    yield* Effect.addFinalizer(() => pool.close)
    return pool
  })

const check = <K, A, E, R>(options: PoolOptions<K, A, E, R>) =>
  checked(undefined, ({ limit, nanos, whole }) => {
    limit("health.threshold", options.health?.threshold ?? 1, 1)
    nanos("health.timeout", options.health?.timeout, 0)
    nanos("reset.timeout", options.reset?.timeout, 0)
    if (typeof options.config !== "function") Either.getOrThrowWith(resolve(options.config ?? {}), (error) => error)
    return {
      maxTotal: limit("maxTotal", options.maxTotal ?? Infinity, 1),
      maxConnecting: limit("maxConnecting", options.maxConnecting ?? 16, 1),
      quota: limit("group.quota", options.group?.quota ?? Infinity, 1),
      shutdownTimeout: nanos("shutdownTimeout", options.shutdownTimeout, 30e9),
      retirements: {
        limit: whole("retirements.limit", options.retirements?.limit ?? 1, 1),
        window: nanos("retirements.window", options.retirements?.window, 1e9)
      }
    }
  })
