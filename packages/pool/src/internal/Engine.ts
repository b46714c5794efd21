/**
 * Who gets which item, and when the pool grows. All decisions are synchronous steps on plain state, so that taking a
 * slot and registering its return cannot come apart. `pump` is the one place where items are handed out to those who
 * wait; it is called after every event that frees capacity.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as PlatformRuntime from "effect/Runtime"
import type { Deadlines } from "../Deadlines.js"
import {
  AcquireTimeout,
  CircuitOpen,
  type ConnectTimeout,
  type ItemEnded,
  PoolClosed,
  type PoolConfigError,
  type PoolError,
  PoolSaturated,
  PoolSuspended,
  type UnknownKey
} from "../PoolError.js"
import { type CloseReason, PoolEvent } from "../PoolEvent.js"
import { Capacity } from "./Capacity.js"
import { Choice } from "./Choice.js"
import * as Circuit from "./Circuit.js"
import type { EventHub } from "./EventHub.js"
import { type Item, wholeMillis } from "./Item.js"
import { Keys, type KeysOptions } from "./Keys.js"
import type { KeyState } from "./KeyState.js"
import { type Behaviour, Lifecycle } from "./Lifecycle.js"
import { isOwnFailure } from "./OwnFailure.js"
import { Waiter } from "./Waiter.js"

/** The settings of a pool, checked and with every default filled in. Times in nanoseconds. */
export interface EngineOptions<K, A, E, R> extends Behaviour<K, A, E, R>, KeysOptions<K> {
  readonly maxConnecting: number
  readonly quota: number
  readonly isRetryable: (error: E) => boolean
  readonly random: () => number
}

/**
 * How a lease ended. `answered`: the item served, and need not be asked again for a while. `unused`: it was passed to
 * somebody who had left by then, and has idled all the time.
 */
export type LeaseEnding = "answered" | "failed" | "unused"

export class Engine<in out K, in out A, in out E, in out R> {
  readonly keys: Keys<K, A, E>
  readonly lifecycle: Lifecycle<K, A, E, R>
  private readonly capacity: Capacity<K, A, E>
  private readonly choice: Choice<K, A, E>
  private acquires = 0
  private suspended = false
  closing = false
  /** Told when an item has left the pool. */
  onItemGone: (() => void) | undefined = undefined

  constructor(
    private readonly options: EngineOptions<K, A, E, R>,
    runtime: PlatformRuntime.Runtime<R>,
    readonly deadlines: Deadlines,
    private readonly events: EventHub
  ) {
    this.capacity = new Capacity(options, {
      tryGrow: (key) => {
        if (!this.growOnce(key)) return false
        this.grow(key)
        return true
      },
      reclaim: (item) => this.lifecycle.retire(item, "reclaimed", "another key needed its place")
    })
    this.lifecycle = new Lifecycle(options, runtime, deadlines, events, this.capacity, options.random, {
      pump: (key) => this.pump(key),
      wentIdle: (key) => this.wentIdle(key),
      relieve: () => this.relieve(),
      connectFailed: (item, cause) => this.connectFailed(item, cause),
      closed: (item) => this.itemGone(item),
      connectIfRoom: (key) => this.connectIfRoom(key),
      acquires: () => this.acquires
    })
    this.choice = new Choice(this.lifecycle)
    this.keys = new Keys(options, deadlines, this.capacity, {
      pump: (key) => this.pump(key),
      relieve: () => this.relieve(),
      retire: (item, reason, detail) => this.lifecycle.retire(item, reason, detail),
      isClosing: () => this.closing,
      isSuspended: (key) => this.isSuspended(key)
    })
  }

  // Borrowing

  /** Takes a share of a free item, if there is one that needs no thought: the fast path. */
  take(key: K): Item<K, A, E> | undefined {
    const state = this.keys.get(key)
    if (state === undefined || state.blocked) return undefined
    const item = state.best
    if (item === undefined || this.lifecycle.isStale(item) || !this.lifecycle.isOpen(item)) return undefined
    state.immediate++
    this.lend(item)
    return item
  }

  /**
   * Begins an acquire: it has an item at once, or a place in the queue, or an error. A queued waiter is settled later,
   * by its deadline at the latest.
   */
  begin(key: K, exclusive: boolean): Either.Either<Waiter<K, A, E>, PoolError> {
    const found = this.keys.getOrMake(key)
    if (Either.isLeft(found)) return Either.left(found.left)
    const state = found.right
    const now = this.deadlines.now()
    state.counters.queued++
    state.lastUsed = now
    if (this.closing) return this.refuse(state, new PoolClosed({ key: state.name }))
    const waiter = new Waiter(state, exclusive, ++this.acquires, this.timeoutOf(state), this.onTimeout)
    state.queue.push(waiter)
    this.pump(state)
    if (waiter.item !== undefined) {
      // `hand` counted it among those that waited.
      state.counters.queued--
      state.counters.waited--
      state.immediate++
      return Either.right(waiter)
    }
    if (waiter.queued && this.isOverfull(state)) {
      this.unqueue(waiter)
      // It must not stand in the way of other keys on account of somebody who was turned away.
      this.grow(state)
      return this.refuse(state, new PoolSaturated({ key: state.name, maxWaiters: state.config.maxWaiters }))
    }
    if (waiter.queued) this.deadlines.add(waiter, now + waiter.timeout)
    return Either.right(waiter)
  }

  /** While nothing is open, a caller waits as long as connecting may take. */
  private timeoutOf(state: KeyState<K, A, E>): number {
    const { acquireTimeout, connectTimeout } = state.config
    return state.ready > 0 ? acquireTimeout : Math.max(acquireTimeout, connectTimeout)
  }

  /** Whether an acquire that found nothing free may not even wait. With room to grow it has made an attempt begin. */
  private isOverfull(state: KeyState<K, A, E>): boolean {
    // Those whom an attempt or a check under way will serve do not fill the queue.
    const served = state.connecting * state.config.concurrency + state.validating
    return state.queue.size > state.config.maxWaiters + served
  }

  /** While the circuit is open nobody waits for a key that has nothing left. */
  private breakOff(state: KeyState<K, A, E>): void {
    const { circuit } = state
    if (circuit._tag !== "Open" || state.live > 0 || this.isSuspended(state)) return
    const now = this.deadlines.now()
    if (now >= circuit.until) return
    const open = new CircuitOpen({
      key: state.name,
      retryAfterMs: (circuit.until - now) / 1e6,
      failures: circuit.failures,
      cause: state.failureSince(0)
    })
    this.failWaiting(state, Cause.fail(open), () => true)
  }

  private refuse(state: KeyState<K, A, E>, error: PoolError): Either.Either<never, PoolError> {
    state.counters.failed++
    this.keys.tidy(state)
    return Either.left(error)
  }

  /** The acquire was interrupted: it leaves the queue, or gives back what it was just given. */
  cancel(waiter: Waiter<K, A, E>): void {
    const { item, key } = waiter
    if (item !== undefined) {
      key.counters.waited--
      key.counters.cancelled++
      this.release(item, undefined, "unused")
    } else if (waiter.queued) {
      key.counters.cancelled++
      this.unqueue(waiter)
      this.pump(key)
      this.keys.tidy(key)
    }
  }

  private readonly onTimeout = (waiter: Waiter<K, A, E>): void => {
    const { key } = waiter
    const error = this.isSuspended(key)
      ? new PoolSuspended({ key: key.name })
      : new AcquireTimeout({
          key: key.name,
          timeoutMs: waiter.timeout / 1e6,
          waiting: key.queue.size,
          cause: key.failureSince(waiter.deadlineAt - waiter.timeout)
        })
    this.fail(waiter, Cause.fail(error))
    this.pump(key)
    this.keys.tidy(key)
  }

  private fail(waiter: Waiter<K, A, E>, cause: Cause.Cause<E | PoolError>): void {
    this.unqueue(waiter)
    waiter.key.counters.failed++
    waiter.settle(Effect.failCause(cause))
  }

  private unqueue(waiter: Waiter<K, A, E>): void {
    waiter.key.queue.remove(waiter)
    this.deadlines.remove(waiter)
    this.choice.unreserve(waiter)
  }

  private lend(item: Item<K, A, E>): void {
    item.leases++
    item.key.leases++
    item.key.place(item)
    if (item.leases === 1) this.lifecycle.trackIdle(item)
  }

  /** A lease has ended. */
  release(item: Item<K, A, E>, discard: string | undefined, ending: LeaseEnding): void {
    const { key } = item
    item.leases--
    item.exclusive = false
    key.leases--
    if (item.state === "ready") {
      if (discard !== undefined) this.lifecycle.retire(item, "discarded", discard)
      else if (this.lifecycle.isOpen(item)) this.returned(item, ending)
      if (item.state !== "ready") this.pump(key)
    } else if (item.state === "draining" && item.leases === 0) {
      this.lifecycle.closeDrained(item)
    } else this.keys.tidy(key)
    if (key.blocked) this.pump(key)
    if (item.isIdle) this.wentIdle(key)
  }

  private returned(item: Item<K, A, E>, ending: LeaseEnding): void {
    const now = wholeMillis(this.deadlines.now())
    if (ending !== "unused") item.idleSince = now
    if (ending === "answered" && this.lifecycle.watchesHealth) {
      item.provenAt = now
      item.failedProbes = 0
    }
    if (item.leases === 0 && this.lifecycle.resets) {
      this.lifecycle.reset(item)
      return
    }
    item.key.place(item)
    this.lifecycle.trackIdle(item)
  }

  private wentIdle(key: KeyState<K, A, E>): void {
    this.keys.wentIdle(key)
    this.relieve()
  }

  // Handing out

  /** Hands out what is free to those who wait, then grows if they need more. Safe to call at any time. */
  pump(key: KeyState<K, A, E>): void {
    if (key.pumping) {
      key.pumpAgain = true
      return
    }
    key.pumping = true
    try {
      do {
        key.pumpAgain = false
        this.dispatch(key)
        this.grow(key)
        this.breakOff(key)
      } while (key.pumpAgain)
    } finally {
      key.pumping = false
    }
    if (key.isWarming) for (const warming of key.warming()) warming.look()
    if (key.idle > 0) this.wentIdle(key)
  }

  private dispatch(key: KeyState<K, A, E>): void {
    let waiter = key.queue.head
    if (this.isSuspended(key) || this.closing) {
      key.blocked = true
      return
    }
    while (waiter !== undefined) {
      const next: Waiter<K, A, E> | undefined = waiter.next
      const item = waiter.exclusive ? this.choice.whole(key, waiter) : this.choice.share(key)
      if (item !== undefined) this.hand(waiter, item)
      // Nobody overtakes, except behind an exclusive acquire for which an item is kept.
      else if (waiter.reserved === undefined) break
      waiter = next
    }
    key.blocked = key.queue.size > 0
  }

  private hand(waiter: Waiter<K, A, E>, item: Item<K, A, E>): void {
    const { key } = item
    key.queue.remove(waiter)
    this.deadlines.remove(waiter)
    this.choice.unreserve(waiter)
    item.exclusive = waiter.exclusive
    this.lend(item)
    key.counters.waited++
    waiter.item = item
    waiter.settle(Effect.void)
  }

  // Growing

  /** How many items should be opening beside those that are. */
  private wanted(key: KeyState<K, A, E>): number {
    if (this.closing || key.removed || this.isSuspended(key)) return 0
    const shares = key.queue.size - key.queue.exclusives
    // A check was made for one of them, and counts for one: it may fail.
    const uncovered = Math.max(0, shares - key.validating)
    const wholes = shares > 0 ? key.queue.exclusives : Math.max(0, key.queue.exclusives - key.validating)
    const forWaiters = Math.ceil(uncovered / key.config.concurrency) + wholes - key.connecting
    const forMin = key.pinned ? key.config.min - key.live : 0
    const forWarming = key.isWarming ? Math.max(1, key.config.min) - key.live : 0
    return Math.max(forWaiters, forMin, forWarming)
  }

  private grow(key: KeyState<K, A, E>): void {
    while (this.growOnce(key)) {
      // as long as it wants more and may have it
    }
  }

  /** Opens one item if the key wants one and everything allows it. */
  private growOnce(key: KeyState<K, A, E>): boolean {
    if (this.wanted(key) > 0 && this.mayConnect(key)) return this.connectIfAdmitted(key)
    // It waits for room in the pool only as long as nothing of its own keeps it from growing.
    this.capacity.forget(key)
    return false
  }

  private connectIfRoom(key: KeyState<K, A, E>): boolean {
    return this.mayConnect(key) && this.connectIfAdmitted(key)
  }

  /** Whether nothing of its own keeps the key from opening an item. Where only the time does, it looks again then. */
  private mayConnect(key: KeyState<K, A, E>): boolean {
    if (key.total >= key.config.max || key.connecting >= key.config.maxConnecting) return false
    const opensAt = Circuit.opensAt(key.circuit)
    if (this.deadlines.now() < opensAt) {
      this.deadlines.add(key.retry, opensAt)
      return false
    }
    return !isTrialAhead(key)
  }

  private connectIfAdmitted(key: KeyState<K, A, E>): boolean {
    if (!this.capacity.admit(key)) return false
    this.lifecycle.connect(key)
    return true
  }

  relieve(): void {
    if (this.capacity.isStarved) this.capacity.relieve()
  }

  private connectFailed(item: Item<K, A, E>, cause: Cause.Cause<E | ConnectTimeout | ItemEnded>): void {
    const { key } = item
    key.lastFailure = cause
    key.lastFailedAt = this.deadlines.now()
    if (!this.isWorthWaiting(item, cause)) {
      // Whoever came after the attempt began has not been refused by it.
      // A failure that is not one of ours is the resource's own, or a defect.
      this.failWaiting(key, cause as Cause.Cause<E>, (waiter) => waiter.number <= item.acquiresBefore)
    }
  }

  private isWorthWaiting(item: Item<K, A, E>, cause: Cause.Cause<E | ConnectTimeout | ItemEnded>): boolean {
    const failure = Cause.failureOption(cause)
    if (failure._tag === "None") return Cause.isInterruptedOnly(cause)
    const error = failure.value
    if (isOwnFailure(error)) return true
    return this.lifecycle.ask(item, "isRetryable threw; it will be tried again", true, this.options.isRetryable, error)
  }

  /** Ends the wait of those whom `which` names, and of whoever warms the key. */
  failWaiting(
    key: KeyState<K, A, E>,
    cause: Cause.Cause<E | PoolError>,
    which: (waiter: Waiter<K, A, E>) => boolean
  ): void {
    let waiter = key.queue.head
    while (waiter !== undefined) {
      const next: Waiter<K, A, E> | undefined = waiter.next
      if (which(waiter)) this.fail(waiter, cause)
      waiter = next
    }
    for (const warming of key.warming()) warming.fail(cause)
  }

  private itemGone(item: Item<K, A, E>): void {
    const { key } = item
    this.pump(key)
    this.relieve()
    this.keys.tidy(key)
    this.onItemGone?.()
  }

  /** From now on `min` items of the key are kept. */
  pin(key: K): Either.Either<KeyState<K, A, E>, PoolError> {
    const found = this.keys.getOrMake(key)
    if (Either.isLeft(found)) return found
    if (this.closing) return Either.left(new PoolClosed({ key: found.right.name }))
    const error = this.keys.pin(found.right)
    return error === undefined ? found : Either.left(error)
  }

  // Suspending and going away

  isSuspended(key: KeyState<K, A, E>): boolean {
    return this.suspended || key.suspended
  }

  setSuspended(key: K | undefined, suspended: boolean): Either.Either<void, PoolConfigError | UnknownKey> {
    if (key === undefined) {
      this.suspended = suspended
      this.events.publish(PoolEvent.Suspension({ key: undefined, suspended }))
      for (const state of this.keys.all()) this.pump(state)
      return Either.right(undefined)
    }
    return Either.map(this.keys.getOrMake(key), (state) => {
      state.suspended = suspended
      this.events.publish(PoolEvent.Suspension({ key: state.name, suspended }))
      this.pump(state)
      this.keys.tidy(state)
    })
  }

  /** Closes every item of a key: idle ones now, busy ones when they come back, opening ones are called off. */
  retireAll(key: KeyState<K, A, E>, reason: CloseReason, detail: string): void {
    for (const item of [...key.items]) {
      if (item.state === "connecting") item.abortConnect?.(reason)
      else this.lifecycle.retire(item, reason, detail)
    }
  }

  /** Nothing is handed out from now on; those who wait are told. */
  shutdown(): void {
    this.closing = true
    for (const key of this.keys.all()) {
      this.failWaiting(key, Cause.fail(new PoolClosed({ key: key.name })), () => true)
      key.pinned = false
      this.retireAll(key, "shutdown", "the pool is closing")
      this.pump(key)
      this.relieve()
      this.keys.tidy(key)
    }
  }

  revokeAll(items: Iterable<Item<K, A, E>>, why: string): void {
    for (const item of [...items]) this.lifecycle.revoke(item, why)
  }
}

/** The circuit may be tried, but an attempt from before is still in flight: it is the trial. */
const isTrialAhead = <K, A, E>(key: KeyState<K, A, E>): boolean => key.circuit._tag === "Open" && key.connecting > 0
