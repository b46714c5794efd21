/**
 * The pool as its users see it: effects over the engine's synchronous steps. Nothing here decides who gets what.
 */
import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as KeyedPool from "effect/KeyedPool"
import { pipeArguments } from "effect/Pipeable"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Deadlines } from "../Deadlines.js"
import { type Lease, Reuse, type ReuseDecision } from "../Lease.js"
import type { Pool, Restore } from "../Pool.js"
import type { PoolConfig } from "../PoolConfig.js"
import {
  AcquireTimeout,
  LeaseRevoked,
  type PoolConfigError,
  type PoolError,
  PoolSuspended,
  type UnknownKey
} from "../PoolError.js"
import type { PoolEvent } from "../PoolEvent.js"
import type { KeyStats, PoolStats } from "../PoolStats.js"
import type { Refresh } from "../Refresh.js"
import { Draining } from "./Draining.js"
import type { Engine, LeaseEnding } from "./Engine.js"
import type { EventHub } from "./EventHub.js"
import type { Item } from "./Item.js"
import type { KeyState, Warming } from "./KeyState.js"
import { LeakWatch, placeOfCall, unknownPlace } from "./LeakWatch.js"
import { Refreshing } from "./Refreshing.js"
import { Timer } from "./Timer.js"

export class PoolImpl<in out K, in out A, in out E, in out R> implements Pool<K, A, E> {
  readonly [KeyedPool.KeyedPoolTypeId]: KeyedPool.KeyedPool.Variance<K, A, E | PoolError>[KeyedPool.KeyedPoolTypeId] = {
    _K: identity,
    _A: identity,
    _E: identity
  }

  constructor(
    private readonly engine: Engine<K, A, E, R>,
    private readonly deadlines: Deadlines,
    private readonly hub: EventHub,
    private readonly shutdownTimeout: number
  ) {}

  pipe() {
    // `pipeArguments` takes what `pipe` was called with.
    return pipeArguments(this, arguments)
  }

  readonly use = <B, E2, R2>(
    key: K,
    f: (item: A) => Effect.Effect<B, E2, R2>
  ): Effect.Effect<B, E | PoolError | E2, R2> => {
    const taken = this.engine.keys.watchesLeaks ? placeOfCall() : undefined
    return Effect.uninterruptibleMask((restore) => this.masked(restore, key, (item) => restore(f(item)), taken))
  }

  readonly useMasked = <B, E2, R2>(
    restore: Restore,
    key: K,
    f: (item: A) => Effect.Effect<B, E2, R2>
  ): Effect.Effect<B, E | PoolError | E2, R2> => {
    const taken = this.engine.keys.watchesLeaks ? placeOfCall() : undefined
    return Effect.suspend(() => this.masked(restore, key, f, taken))
  }

  private masked<B, E2, R2>(
    restore: Restore,
    key: K,
    f: (item: A) => Effect.Effect<B, E2, R2>,
    taken: string | undefined
  ): Effect.Effect<B, E | PoolError | E2, R2> {
    const item = this.engine.take(key)
    if (item !== undefined) return this.run(item, f, taken)
    return this.acquire(key, false, restore, (waited) => this.run(waited, f, taken))
  }

  private run<B, E2, R2>(
    item: Item<K, A, E>,
    f: (item: A) => Effect.Effect<B, E2, R2>,
    taken: string | undefined
  ): Effect.Effect<B, E2, R2> {
    let body: Effect.Effect<B, E2, R2>
    try {
      // A lent item has its value.
      body = f(item.value as A)
    } catch (defect) {
      body = Effect.die(defect)
    }
    const leak = this.watch(item, taken)
    return Effect.matchCauseEffect(body, {
      onFailure: (cause) => {
        leak?.end()
        this.engine.release(item, undefined, "failed")
        return Effect.failCause(cause)
      },
      onSuccess: (result) => {
        leak?.end()
        this.engine.release(item, undefined, "answered")
        return Effect.succeed(result)
      }
    })
  }

  private watch(item: Item<K, A, E>, taken: string | undefined): LeakWatch<K, A, E> | undefined {
    if (item.key.config.leakThreshold === Infinity) return undefined
    return new LeakWatch(item, taken ?? unknownPlace, this.deadlines, this.hub, (message) =>
      this.engine.lifecycle.log(message, item, undefined)
    )
  }

  /**
   * Begins an acquire, and goes on with what it gives, which has to be released. To be called within an effect that is
   * run uninterruptibly: it waits interruptibly.
   */
  private acquire<B, E2, R2>(
    key: K,
    exclusive: boolean,
    restore: Restore,
    then: (item: Item<K, A, E>) => Effect.Effect<B, E2, R2>
  ): Effect.Effect<B, E | PoolError | E2, R2> {
    const begun = this.engine.begin(key, exclusive)
    if (Either.isLeft(begun)) return Effect.fail(begun.left)
    const waiter = begun.right
    if (waiter.item !== undefined) return then(waiter.item)
    return Effect.matchCauseEffect(restore(Effect.async<void, E | PoolError>((resume) => waiter.sleep(resume))), {
      onFailure: (cause) => {
        this.engine.cancel(waiter)
        return Effect.failCause(cause)
      },
      // Nobody is woken without an item.
      onSuccess: () => then(waiter.item as Item<K, A, E>)
    })
  }

  readonly lease = (key: K): Effect.Effect<Lease<A>, E | PoolError, Scope.Scope> =>
    this.leased(key, false, this.engine.keys.watchesLeaks ? placeOfCall() : undefined)

  readonly exclusive = (key: K): Effect.Effect<Lease<A>, E | PoolError, Scope.Scope> =>
    this.leased(key, true, this.engine.keys.watchesLeaks ? placeOfCall() : undefined)

  readonly get = (key: K): Effect.Effect<A, E | PoolError, Scope.Scope> =>
    Effect.map(this.lease(key), ({ item }) => item)

  private leased(
    key: K,
    exclusive: boolean,
    taken: string | undefined
  ): Effect.Effect<Lease<A>, E | PoolError, Scope.Scope> {
    return Effect.uninterruptibleMask((restore) =>
      this.acquire(key, exclusive, restore, (item) => {
        const share = new Share(this.engine, item, this.watch(item, taken))
        return Effect.as(
          Effect.addFinalizer((exit) => Effect.sync(() => share.end(Exit.isSuccess(exit) ? "answered" : "failed"))),
          share.lease
        )
      })
    )
  }

  readonly invalidate = (item: A): Effect.Effect<void> => Effect.sync(() => this.engine.lifecycle.invalidate(item))

  readonly warm = (keys: Iterable<K>): Effect.Effect<void, E | PoolError> =>
    Effect.async<void, E | PoolError>((resume) => {
      const warmups = new Set<Warmup<K, A, E, R>>()
      const stop = () => {
        for (const warmup of warmups) warmup.stop()
        warmups.clear()
      }
      const end = (outcome: Effect.Effect<void, E | PoolError>) => {
        stop()
        resume(outcome)
      }
      for (const key of keys) {
        const found = this.engine.pin(key)
        if (Either.isLeft(found)) return end(Effect.fail(found.left))
        const warmup: Warmup<K, A, E, R> = new Warmup(this.engine, this.deadlines, found.right, (outcome) => {
          warmups.delete(warmup)
          if (outcome !== undefined) end(outcome)
          else if (warmups.size === 0) end(Effect.void)
        })
        warmups.add(warmup)
      }
      // All of them are known by now: none ends the whole before the others.
      for (const warmup of [...warmups]) warmup.begin()
      if (warmups.size === 0) return resume(Effect.void)
      return Effect.sync(stop)
    })

  readonly drain = (key: K, deadline?: Duration.DurationInput): Effect.Effect<void> =>
    Effect.suspend(() => {
      const state = this.engine.keys.get(key)
      if (state === undefined) return Effect.void
      return this.drained(state, deadline === undefined ? this.shutdownTimeout : nanos(deadline))
    })

  private drained(state: KeyState<K, A, E>, timeout: number): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      const why = "its key was drained"
      const draining = new Draining(this.engine, state.items, timeout, why, () => resume(Effect.void))
      this.engine.retireAll(state, "drained", why)
      this.engine.pump(state)
      this.engine.relieve()
      draining.look()
      return Effect.sync(() => draining.forget())
    })
  }

  readonly refresh = (
    which: (key: K) => Refresh,
    deadline?: Duration.DurationInput
  ): Effect.Effect<void, PoolConfigError> =>
    Effect.suspend(() =>
      new Refreshing(this.engine).run(which, deadline === undefined ? this.shutdownTimeout : nanos(deadline))
    )

  readonly suspend = (key?: K): Effect.Effect<void> => Effect.sync(() => this.engine.setSuspended(key, true))

  readonly resume = (key?: K): Effect.Effect<void> => Effect.sync(() => this.engine.setSuspended(key, false))

  readonly resize = (key: K, config: PoolConfig): Effect.Effect<void, PoolConfigError | UnknownKey> =>
    Effect.suspend(() => this.engine.keys.resize(key, config))

  get keys(): Effect.Effect<ReadonlyArray<K>> {
    return Effect.sync(() => this.engine.keys.all().map(({ key }) => key))
  }

  get stats(): Effect.Effect<PoolStats> {
    return Effect.sync(() => this.engine.keys.stats())
  }

  readonly keyStats = (key: K): Effect.Effect<KeyStats | undefined> =>
    Effect.sync(() => {
      const state = this.engine.keys.get(key)
      return state === undefined ? undefined : this.engine.keys.statsOf(state)
    })

  get events(): Stream.Stream<PoolEvent> {
    return this.hub.stream
  }

  /** Ends when every item is closed, or abandoned at its deadline. */
  get close(): Effect.Effect<void> {
    const drained = Effect.async<void>((resume) => {
      const timer = new Timer(() => this.engine.revokeAll(this.engine.keys.items(), "the pool closed"))
      this.deadlines.add(timer, this.deadlines.now() + this.shutdownTimeout)
      const look = () => {
        for (const _ of this.engine.keys.items()) return
        this.deadlines.remove(timer)
        this.engine.onItemGone = undefined
        resume(Effect.void)
      }
      this.engine.onItemGone = look
      this.engine.shutdown()
      look()
    })
    return Effect.zipRight(drained, this.hub.shutdown)
  }
}

/** Waits until one key is warm, without borrowing. Says `undefined` when it is, or why it never will be. */
class Warmup<K, A, E, R> implements Warming<E> {
  private readonly timeout: number
  private readonly startedAt: number
  private readonly timer = new Timer(() => this.tooLate())
  private ended = false

  constructor(
    private readonly engine: Engine<K, A, E, R>,
    private readonly deadlines: Deadlines,
    private readonly key: KeyState<K, A, E>,
    private readonly told: (outcome: Effect.Effect<void, E | PoolError> | undefined) => void
  ) {
    this.timeout = Math.max(key.config.acquireTimeout, key.config.connectTimeout)
    this.startedAt = deadlines.now()
    deadlines.add(this.timer, this.startedAt + this.timeout)
  }

  begin(): void {
    if (this.ended) return
    this.key.startWarming(this)
    this.engine.pump(this.key)
  }

  look(): void {
    if (!this.ended && this.key.ready >= Math.max(1, this.key.config.min)) this.end(undefined)
  }

  fail(cause: Cause.Cause<E | PoolError>): void {
    this.end(Effect.failCause(cause))
  }

  stop(): void {
    this.ended = true
    this.deadlines.remove(this.timer)
    if (!this.key.stopWarming(this)) return
    this.engine.pump(this.key)
    this.engine.keys.tidy(this.key)
  }

  private tooLate(): void {
    const { key, startedAt, timeout } = this
    const cause = key.failureSince(startedAt)
    const late = this.engine.isSuspended(key)
      ? new PoolSuspended({ key: key.name })
      : new AcquireTimeout({ key: key.name, timeoutMs: timeout / 1e6, waiting: key.queue.size, cause })
    this.end(Effect.fail(late))
  }

  private end(outcome: Effect.Effect<void, E | PoolError> | undefined): void {
    if (this.ended) return
    this.stop()
    this.told(outcome)
  }
}

/** One lease: ends once, whoever ends it. */
class Share<K, A, E, R> {
  private decision: ReuseDecision = Reuse
  private ended = false

  constructor(
    private readonly engine: Engine<K, A, E, R>,
    private readonly item: Item<K, A, E>,
    private readonly leak: LeakWatch<K, A, E> | undefined
  ) {}

  end(ending: LeaseEnding): void {
    if (this.ended) return
    this.ended = true
    this.leak?.end()
    this.engine.release(this.item, this.decision._tag === "Discard" ? this.decision.reason : undefined, ending)
  }

  get lease(): Lease<A> {
    const { item } = this
    const revoked = (reason: string) => Effect.fail(new LeaseRevoked({ key: item.key.name, reason }))
    return {
      // A lent item has its value.
      item: item.value as A,
      decide: (decision) =>
        Effect.sync(() => {
          this.decision = decision
        }),
      release: Effect.sync(() => this.end("answered")),
      lost: Effect.async<never, LeaseRevoked>((resume) => {
        if (item.revokedWhy !== undefined) return resume(revoked(item.revokedWhy))
        const tell = (reason: string) => resume(revoked(reason))
        item.revoked ??= new Set()
        item.revoked.add(tell)
        return Effect.sync(() => item.revoked?.delete(tell))
      })
    }
  }
}

const nanos = (input: Duration.DurationInput): number => Math.round(Duration.toMillis(input) * 1e6)
