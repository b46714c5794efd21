/**
 * The life of an item: opening, checking, ageing, draining, closing. Everything here runs on fibers of the pool's own
 * runtime, bounded by a deadline; nothing of a caller (fiber refs, spans, context) reaches an item that others will
 * use. Who gets an item is not decided here: the host is told whenever something has changed.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import * as Scope from "effect/Scope"
import type { Deadlines } from "../Deadlines.js"
import type { HealthCheck } from "../HealthCheck.js"
import type { ItemHandle } from "../Pool.js"
import { ConnectTimeout, ItemEnded } from "../PoolError.js"
import { type CloseReason, PoolEvent } from "../PoolEvent.js"
import type { Reset } from "../Reset.js"
import * as Bounded from "./Bounded.js"
import { ByValue } from "./ByValue.js"
import type { Capacity } from "./Capacity.js"
import * as Circuit from "./Circuit.js"
import type { EventHub } from "./EventHub.js"
import { Handle, type HandleHost } from "./Handle.js"
import { Item, wholeMillis } from "./Item.js"
import type { KeyState } from "./KeyState.js"
import { isOwnFailure } from "./OwnFailure.js"
import { Probes } from "./Probes.js"
import { RateLimit } from "./RateLimit.js"

/** What the pool was made with, as far as items are concerned. */
export interface Behaviour<K, A, E, R> {
  readonly acquire: (key: K, handle: ItemHandle) => Effect.Effect<A, E, R | Scope.Scope>
  readonly isOpen: ((item: A) => boolean) | undefined
  readonly health: HealthCheck<A, R> | undefined
  readonly reset: Reset<A, R> | undefined
  readonly logAnnotations: ((key: K, item: number) => Readonly<Record<string, unknown>>) | undefined
  readonly retryAfter: ((error: E) => number | undefined) | undefined
  /** How many items of a key may end by their lifetime in so many nanoseconds. */
  readonly retirements: { readonly limit: number; readonly window: number }
}

/** Who decides what happens next. */
export interface Host<K, A, E> {
  /** Something about the key has changed: hand out and grow. */
  readonly pump: (key: KeyState<K, A, E>) => void
  /** An item of the key idles that did not, or was kept until now. */
  readonly wentIdle: (key: KeyState<K, A, E>) => void
  /** Capacity that all keys share was freed. */
  readonly relieve: () => void
  /** An attempt to open an item has failed. */
  readonly connectFailed: (item: Item<K, A, E>, cause: Cause.Cause<E | ConnectTimeout | ItemEnded>) => void
  /** An item has left the pool. */
  readonly closed: (item: Item<K, A, E>) => void
  /** Whether the key may open one more item right now; it is opened if so. */
  readonly connectIfRoom: (key: KeyState<K, A, E>) => boolean
  /** How many acquires there have been. */
  readonly acquires: () => number
}

const defaultProbeTimeout = Duration.seconds(5)
const defaultResetTimeout = Duration.seconds(5)
/** A replacement is started this share of the lifetime ahead, at most `longestLead` nanoseconds. */
const leadShare = 0.1
const longestLead = 30e9

export class Lifecycle<in out K, in out A, in out E, in out R> {
  private readonly byValue = new ByValue<K, A, E>()
  private readonly probeTimeout: number
  private readonly probes: Probes<K, A, E, R> | undefined
  /** Whether it matters when an item last answered. */
  readonly watchesHealth: boolean
  /** Whether items are checked before a borrow. */
  readonly validates: boolean
  private items = 0
  private readonly handles: HandleHost<K, A, E>

  constructor(
    private readonly behaviour: Behaviour<K, A, E, R>,
    private readonly runtime: Runtime.Runtime<R>,
    private readonly deadlines: Deadlines,
    private readonly events: EventHub,
    private readonly capacity: Capacity<K, A, E>,
    private readonly random: () => number,
    private readonly host: Host<K, A, E>
  ) {
    const { health } = behaviour
    this.probeTimeout = nanos(health?.timeout ?? defaultProbeTimeout)
    this.probes =
      health === undefined
        ? undefined
        : new Probes(health, this.probeTimeout, runtime, deadlines, {
            answered: (item) => this.proven(item),
            unhealthy: (item, why) => {
              this.retire(item, "unhealthy", why)
              host.pump(item.key)
            },
            isProbed: (item) => this.isProbed(item, health),
            fault: (item, what, cause) => this.fault(item, what, cause)
          })
    const { probes } = this
    this.handles = {
      retire: (item, reason, detail) => this.retire(item, reason, detail),
      proven: (item) => this.proven(item),
      trackIdle: (item) => this.trackIdle(item),
      pump: host.pump,
      wentIdle: host.wentIdle,
      probe: probes && ((item) => probes.start(item))
    }
    this.watchesHealth = health !== undefined
    this.validates = health !== undefined && health.onBorrow !== false
  }

  /** Begins to open an item. Whether there is room has been decided. */
  connect(key: KeyState<K, A, E>): void {
    const now = this.deadlines.now()
    const scope = Effect.runSync(Scope.make(ExecutionStrategy.sequential))
    const item = new Item<K, A, E>(++this.items, key, scope, now)
    key.circuit = Circuit.transition(key.circuit, "attempt", now, key.config, this.random)
    key.items.add(item)
    key.connecting++
    key.counters.connects++
    const weight = key.config.connectWeight
    this.capacity.connectStarted(key)
    this.publish(PoolEvent.Connecting({ key: key.name, item: item.id }))
    const ended = Deferred.unsafeMake<void>(FiberId.none)
    const handle = new Handle(item, this.deadlines, this.handles)
    const acquire = Effect.suspend(() => {
      item.acquiresBefore = this.host.acquires()
      return Scope.extend(this.behaviour.acquire(key.key, handle), scope)
    })
    item.task = Bounded.run(this.runtime, this.deadlines, this.about(item, acquire), key.config.connectTimeout, {
      done: (exit) => {
        this.capacity.connectEnded(weight)
        if (Exit.isSuccess(exit)) this.opened(item, exit.value, handle)
        else this.connectFailed(item, exit.cause, Effect.void)
      },
      timedOut: () => {
        this.capacity.connectEnded(weight)
        const timeoutMs = key.config.connectTimeout / 1e6
        const cause = Cause.fail(new ConnectTimeout({ key: key.name, timeoutMs }))
        this.connectFailed(item, cause, Deferred.await(ended))
      },
      late: () => Deferred.unsafeDone(ended, Effect.void)
    })
    item.abortConnect = (reason) => {
      this.capacity.connectEnded(weight)
      item.task?.abort()
      key.circuit = Circuit.transition(key.circuit, "aborted", this.deadlines.now(), key.config, this.random)
      this.giveUpConnecting(item, reason, Deferred.await(ended))
    }
  }

  private opened(item: Item<K, A, E>, value: A, handle: Handle<K, A, E>): void {
    const { key } = item
    item.value = value
    item.wasOpen = true
    if (item.retiredEarly !== undefined || !this.answersOpen(item, value)) {
      const why = item.retiredEarly ?? "isOpen did not say that it is open"
      this.connectFailed(item, Cause.fail(new ItemEnded({ key: key.name, reason: why })), Effect.void)
      return
    }
    const now = this.deadlines.now()
    item.transition("ready")
    item.task = undefined
    item.abortConnect = undefined
    key.connecting--
    key.open++
    key.ready++
    key.lastFailure = undefined
    key.lastUsed = now
    this.setCircuit(key, Circuit.transition(key.circuit, "success", now, key.config, this.random))
    item.provenAt = wholeMillis(now)
    item.idleSince = item.provenAt
    this.byValue.add(value, item)
    this.age(item, now)
    this.probes?.watch(item)
    if (item.keeps > 0) handle.keptNow()
    this.publish(PoolEvent.Connected({ key: key.name, item: item.id, tookMs: (now - item.startedAt) / 1e6 }))
    key.place(item)
    this.trackIdle(item)
    this.host.pump(key)
    this.host.relieve()
  }

  /** How long a failure asks to be left alone. Nanoseconds. */
  private askedPause(item: Item<K, A, E>, cause: Cause.Cause<E | ConnectTimeout | ItemEnded>): number {
    const { retryAfter } = this.behaviour
    const failure = Cause.failureOption(cause)
    if (retryAfter === undefined || failure._tag === "None" || isOwnFailure(failure.value)) return 0
    const millis = this.ask(item, "retryAfter threw; the pause is the pool's own", undefined, retryAfter, failure.value)
    return Number.isNaN(millis) ? 0 : Math.min((millis ?? 0) * 1e6, Number.MAX_SAFE_INTEGER)
  }

  private connectFailed(
    item: Item<K, A, E>,
    cause: Cause.Cause<E | ConnectTimeout | ItemEnded>,
    before: Effect.Effect<void>
  ): void {
    const { key } = item
    const now = this.deadlines.now()
    key.counters.connectFailures++
    const asked = this.askedPause(item, cause)
    this.setCircuit(key, Circuit.transition(key.circuit, "failure", now, key.config, this.random, asked))
    key.lastUsed = now
    const retryAfterMs = Math.max(0, (Circuit.opensAt(key.circuit) - now) / 1e6)
    this.publish(PoolEvent.ConnectFailed({ key: key.name, item: item.id, cause, retryAfterMs }))
    // A failure is for who waits, and may pass; a defect is for who wrote it.
    if (Cause.isDie(cause)) this.log("opening an item died", item, cause)
    this.giveUpConnecting(item, "connectFailed", before)
    this.host.connectFailed(item, cause)
    this.host.pump(key)
    this.host.relieve()
  }

  /** The item never opened: what it may have begun is closed, once the attempt has ended. */
  private giveUpConnecting(item: Item<K, A, E>, reason: CloseReason, before: Effect.Effect<void>): void {
    item.key.connecting--
    item.reason = reason
    this.beginClose(item, before)
  }

  /** Asks whether the item is open, on every borrow and every return. What is not is closed and replaced. */
  isOpen(item: Item<K, A, E>): boolean {
    if (this.behaviour.isOpen === undefined) return true
    // A ready item has its value.
    const open = this.answersOpen(item, item.value as A)
    if (!open) this.retire(item, "notOpen", "it was found closed")
    return open && item.state === "ready"
  }

  private answersOpen(item: Item<K, A, E>, value: A): boolean {
    const { isOpen } = this.behaviour
    return isOpen === undefined || this.ask(item, "isOpen threw; the item counts as closed", false, isOpen, value)
  }

  /** Asks a function that the pool was given. If it throws, that is reported, and the answer is `otherwise`. */
  ask<B, C>(item: Item<K, A, E>, fault: string, otherwise: C, question: (about: B) => C, about: B): C {
    try {
      return question(about)
    } catch (error) {
      this.fault(item, fault, Cause.die(error))
      return otherwise
    }
  }

  /** Whether the item has to be asked before it is lent. */
  isStale(item: Item<K, A, E>): boolean {
    return this.validates && this.deadlines.now() - item.provenAt * 1e6 > item.key.config.validationBypass
  }

  /** Asks an item before it is lent. */
  validate(item: Item<K, A, E>): void {
    const { health } = this.behaviour
    if (health !== undefined) this.check(item, "invalid", health.probe, this.probeTimeout)
  }

  /** Whether items are brought back to a clean state when their last lease has ended. */
  get resets(): boolean {
    return this.behaviour.reset !== undefined
  }

  /** Brings an item that nobody holds any more back to a clean state. */
  reset(item: Item<K, A, E>): void {
    const { reset } = this.behaviour
    if (reset !== undefined) this.check(item, "unclean", reset.run, nanos(reset.timeout ?? defaultResetTimeout))
  }

  /** Has the item do something before it is lent again; nobody gets it meanwhile, and the host is told in the end. */
  private check(
    item: Item<K, A, E>,
    otherwise: CloseReason,
    run: (item: A) => Effect.Effect<unknown, unknown, R>,
    timeout: number
  ): void {
    const { key } = item
    // A busy item may be asked for somebody who waits when its last lease ends; then its reset answers for it.
    this.callOffCheck(item)
    key.validating++
    const over = (failure: string | undefined) => {
      item.validation = undefined
      key.validating--
      if (failure === undefined) this.proven(item)
      else this.retire(item, otherwise, failure)
      if (item.state === "ready") {
        key.place(item)
        this.trackIdle(item)
      }
      this.host.pump(key)
      this.host.relieve()
    }
    // A ready item has its value.
    const checked = Effect.suspend(() => run(item.value as A))
    item.validation = Bounded.run(this.runtime, this.deadlines, this.about(item, checked), timeout, {
      done: (exit) => over(Exit.isSuccess(exit) ? undefined : Cause.pretty(exit.cause)),
      timedOut: () => over("it did not answer in time")
    })
    key.withdraw(item)
    key.group.idle.remove(item)
  }

  private callOffCheck(item: Item<K, A, E>): void {
    if (item.validation === undefined) return
    item.validation.abort()
    item.validation = undefined
    item.key.validating--
  }

  proven(item: Item<K, A, E>): void {
    item.provenAt = wholeMillis(this.deadlines.now())
    item.failedProbes = 0
  }

  /** Enters or leaves the list of idle items of its group, where one is kept. */
  trackIdle(item: Item<K, A, E>): void {
    if (this.capacity.tracksIdle) item.key.group.idle.place(item)
  }

  /** The item gets no new leases; it is closed when the last one has come back. */
  retire(item: Item<K, A, E>, reason: CloseReason, detail: string): void {
    const { key } = item
    if (item.state === "connecting") {
      item.retiredEarly ??= detail
      return
    }
    if (item.state !== "ready") return
    item.transition("draining")
    item.reason = reason
    key.ready--
    if (item.keeps > 0) key.kept--
    key.lastUsed = Math.max(key.lastUsed, item.idleSince * 1e6)
    this.callOffCheck(item)
    if (item.reservedFor !== undefined) {
      item.reservedFor.reserved = undefined
      item.reservedFor = undefined
    }
    key.place(item)
    this.trackIdle(item)
    this.deadlines.remove(item)
    this.publish(PoolEvent.Draining({ key: key.name, item: item.id, reason, detail }))
    if (item.leases === 0) this.closeDrained(item)
  }

  /** Takes a draining item away from those who still hold it. */
  revoke(item: Item<K, A, E>, why: string): void {
    if (item.state !== "draining") return
    this.publish(PoolEvent.Revoked({ key: item.key.name, item: item.id, reason: why }))
    item.revokedWhy = why
    const told = item.revoked
    item.revoked = undefined
    this.closeDrained(item)
    if (told !== undefined) for (const tell of told) tell(why)
  }

  /** Closes an item that nobody holds any more. */
  closeDrained(item: Item<K, A, E>): void {
    item.key.leave(item)
    // A draining item has its value.
    this.byValue.delete(item.value as A, item)
    this.beginClose(item, Effect.void)
  }

  private beginClose(item: Item<K, A, E>, before: Effect.Effect<void>): void {
    const { key } = item
    item.transition("closing")
    item.abortConnect = undefined
    key.closing++
    this.capacity.closeStarted(key)
    item.health?.stop()
    item.health = undefined
    // Not to be interrupted: an item that hangs is abandoned, and closed all the same if it ever comes back.
    const close = Effect.uninterruptible(Effect.zipRight(before, Scope.close(item.scope, Exit.void)))
    const faulty = (exit: Exit.Exit<void, unknown>) => {
      if (Exit.isFailure(exit)) this.fault(item, "closing failed", exit.cause)
    }
    item.task = Bounded.run(this.runtime, this.deadlines, this.about(item, close), key.config.closeTimeout, {
      done: (exit) => {
        faulty(exit)
        key.counters.countClosed(item.reason)
        this.publish(PoolEvent.Closed({ key: key.name, item: item.id, reason: item.reason }))
        this.gone(item)
      },
      timedOut: () => {
        key.counters.abandoned++
        const phase = item.wasOpen ? "closing" : "connecting"
        this.publish(PoolEvent.Abandoned({ key: key.name, item: item.id, phase }))
        this.log(`${phase} an item outlasted its deadline and was abandoned`, item, undefined)
        this.gone(item)
      },
      late: faulty
    })
  }

  private gone(item: Item<K, A, E>): void {
    const { key } = item
    item.transition("closed")
    item.task = undefined
    key.closing--
    key.items.delete(item)
    this.capacity.closeEnded(item)
    const told = item.closed
    item.closed = undefined
    if (told !== undefined) for (const tell of told) tell()
    this.host.closed(item)
  }

  invalidate(value: A): void {
    for (const item of this.byValue.get(value)) {
      this.retire(item, "invalidated", "it was invalidated")
      this.host.pump(item.key)
    }
  }

  /** Sets the deadlines of an item's age: its replacement is started ahead of the end of its lifetime. */
  private age(item: Item<K, A, E>, now: number): void {
    const { lifetimeJitter, maxLifetime } = item.key.config
    if (maxLifetime === Infinity) return
    const lifetime = Math.ceil((maxLifetime * (1 - lifetimeJitter * this.random())) / 1e6) * 1e6
    item.expiresAt = now + lifetime
    item.onExpire = (aged) => this.aged(aged)
    this.deadlines.add(item, item.expiresAt - Math.ceil(Math.min(lifetime * leadShare, longestLead) / 1e6) * 1e6)
  }

  private aged(item: Item<K, A, E>): void {
    const { key } = item
    const now = this.deadlines.now()
    if (now < item.expiresAt) {
      // Once: it is looked at again when it has reached its lifetime.
      const needed =
        item.leases > 0 || item.keeps > 0 || key.queue.size > 0 || (key.pinned && key.live <= key.config.min)
      if (needed) this.host.connectIfRoom(key)
      this.deadlines.add(item, item.expiresAt)
      return
    }
    const { limit, window } = this.behaviour.retirements
    key.retirements ??= new RateLimit(limit, window)
    const allowed = key.retirements.next(now)
    if (allowed > now) {
      item.expiresAt = allowed
      this.deadlines.add(item, allowed)
      return
    }
    key.retirements.record(now)
    this.retire(item, "expired", "it has reached its lifetime")
    this.host.pump(key)
  }

  private isProbed(item: Item<K, A, E>, { probesIdle }: HealthCheck<A, R>): boolean {
    // A ready item has its value.
    const value = item.value as A
    return probesIdle === undefined || this.ask(item, "probesIdle threw; the item is probed", true, probesIdle, value)
  }

  setCircuit(key: KeyState<K, A, E>, circuit: Circuit.Circuit): void {
    const now = this.deadlines.now()
    const before = Circuit.stateOf(key.circuit, now)
    const after = Circuit.stateOf(circuit, now)
    key.circuit = circuit
    if (before !== after) this.publish(PoolEvent.Circuit({ key: key.name, state: after }))
  }

  private publish(event: PoolEvent): void {
    this.events.publish(event)
  }

  /** Something that the pool was given has failed where the pool goes on: an event, and a log with the cause. */
  private fault(item: Item<K, A, E>, what: string, cause: Cause.Cause<unknown>): void {
    this.publish(PoolEvent.Fault({ key: item.key.name, item: item.id, what, cause }))
    this.log(what, item, cause)
  }

  log(what: string, item: Item<K, A, E>, cause: Cause.Cause<unknown> | undefined): void {
    const message = `Pool, key "${item.key.name}": ${what}`
    const log = cause === undefined ? Effect.logWarning(message) : Effect.logWarning(message, cause)
    Runtime.runFork(this.runtime)(this.about(item, log), { immediate: false })
  }

  /** What this logs is about the item, and says so. */
  private about<B, E2, R2>(item: Item<K, A, E>, effect: Effect.Effect<B, E2, R2>): Effect.Effect<B, E2, R2> {
    const { logAnnotations } = this.behaviour
    if (logAnnotations === undefined) return effect
    return Effect.suspend(() => Effect.annotateLogs(effect, logAnnotations(item.key.key, item.id)))
  }
}

const nanos = (input: Duration.DurationInput): number => Math.round(Duration.toMillis(input) * 1e6)
