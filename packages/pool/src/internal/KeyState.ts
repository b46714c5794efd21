/**
 * All that the pool knows of one key: its settings, its items, who waits, and the counters. Made by the first borrow,
 * dropped when the key is idle, unpinned and past its time to live. It is its own list of free items, instead of having
 * one: a borrow from one of many keys costs mostly the memory that it touches, so the fewer objects the better.
 */
import * as Cause from "effect/Cause"
import type { Deadline } from "../Deadlines.js"
import type { ResolvedConfig } from "../PoolConfig.js"
import type { PoolError } from "../PoolError.js"
import type { CloseReason } from "../PoolEvent.js"
import type { KeyStats } from "../PoolStats.js"
import * as Circuit from "./Circuit.js"
import { FreeItems } from "./FreeItems.js"
import type { Group } from "./Capacity.js"
import type { Item } from "./Item.js"
import { ItemSet } from "./ItemSet.js"
import type { RateLimit } from "./RateLimit.js"
import { WaiterQueue } from "./Waiter.js"

/** Counts that only grow. */
export class Counters {
  /** Acquires begun that found nothing free at once. */
  queued = 0
  waited = 0
  failed = 0
  cancelled = 0
  connects = 0
  connectFailures = 0
  abandoned = 0
  readonly closed: Partial<Record<CloseReason, number>> = {}

  countClosed(reason: CloseReason): void {
    this.closed[reason] = (this.closed[reason] ?? 0) + 1
  }

  add(other: Counters): void {
    this.queued += other.queued
    this.waited += other.waited
    this.failed += other.failed
    this.cancelled += other.cancelled
    this.connects += other.connects
    this.connectFailures += other.connectFailures
    this.abandoned += other.abandoned
    for (const reason of Object.keys(other.closed)) {
      // Object.keys forgets the type of the keys.
      const known = reason as CloseReason
      this.closed[known] = (this.closed[known] ?? 0) + (other.closed[known] ?? 0)
    }
  }

  /** The numbers as they are shown; `immediate` acquires and `leases` held are counted apart. */
  show(immediate: number, leases: number) {
    const { abandoned, cancelled, connectFailures, connects, failed, queued, waited } = this
    const started = queued + immediate
    const released = immediate + waited - leases
    const closed = { ...this.closed }
    return { started, immediate, waited, failed, cancelled, released, connects, connectFailures, closed, abandoned }
  }
}

/** Somebody who waits for items to be ready, without borrowing one. */
export interface Warming<in E> {
  /** Something about the key has changed. */
  readonly look: () => void
  readonly fail: (cause: Cause.Cause<E | PoolError>) => void
}

/** A deadline of a key; what is done then is the same for all keys. */
class KeyTimer<in out K, in out A, in out E> implements Deadline {
  deadlineAt = Infinity
  heapIndex = -1

  constructor(
    private readonly key: KeyState<K, A, E>,
    private readonly due: (key: KeyState<K, A, E>) => void
  ) {}

  onDeadline(): void {
    this.due(this.key)
  }
}

export class KeyState<in out K, in out A, in out E> extends FreeItems<K, A, E> {
  // What a borrow touches stands together and in front.
  config: ResolvedConfig
  /** Somebody waits, or nothing is handed out: a newcomer must not take a free item, and what comes back is for others. */
  blocked = false
  /** Acquires that found a free slot at once. */
  immediate = 0
  leases = 0
  /** Items that serve; with those that drain, `open`. */
  ready = 0
  connecting = 0
  /** When `sweep` is due. Whole milliseconds; −1 while it is not set. */
  sweepAt = -1
  /** Items that are kept from idling out. */
  kept = 0
  /** Whether `min` is kept. */
  pinned = false
  readonly key: K
  readonly name: string
  readonly group: Group<K, A, E>
  readonly items = new ItemSet<K, A, E>()
  readonly queue = new WaiterQueue<K, A, E>()
  readonly counters = new Counters()
  /** Bounds how many items end by their lifetime; made for the first of them. */
  retirements: RateLimit | undefined = undefined
  circuit: Circuit.Circuit = Circuit.initial
  /** The last failure to open an item since one opened. */
  lastFailure: Cause.Cause<unknown> | undefined = undefined
  lastFailedAt = 0
  suspended = false
  /** Its settings were given by `resize`: it is not dropped, so that they are not forgotten. */
  resized = false
  /** `refresh` has removed it: it is dropped with its last item, unless somebody makes it anew before. */
  removed = false
  dropped = false
  open = 0
  /** Those of `open` that `refresh` has replaced, and that somebody still holds. */
  superseded = 0
  closing = 0
  validating = 0
  lastUsed = 0
  /** `pump` is at work on it, and has been asked to look once more. */
  pumping = false
  pumpAgain = false
  readonly sweep: Deadline
  readonly retry: Deadline
  /** Who waits for its items to be warm; a set only while somebody does. */
  private warmings: Set<Warming<E>> | undefined = undefined

  constructor(
    key: K,
    name: string,
    config: ResolvedConfig,
    group: Group<K, A, E>,
    due: { readonly sweep: (key: KeyState<K, A, E>) => void; readonly retry: (key: KeyState<K, A, E>) => void }
  ) {
    super()
    this.config = config
    this.key = key
    this.name = name
    this.group = group
    this.sweep = new KeyTimer(this, due.sweep)
    this.retry = new KeyTimer(this, due.retry)
  }

  /** Items that count against `max`. */
  get total(): number {
    return this.open - this.superseded + this.connecting + this.closing
  }

  /** An item is open no longer. */
  leave(item: Item<K, A, E>): void {
    this.open--
    if (item.superseded) this.superseded--
    item.superseded = false
  }

  /** Items that serve, or will. */
  get live(): number {
    return this.ready + this.connecting
  }

  /** The idle item that was given back first, of those that nobody keeps. */
  oldestUnkept(): Item<K, A, E> | undefined {
    if (this.kept === 0) return this.oldestIdle()
    let oldest: Item<K, A, E> | undefined
    for (const item of this.items) {
      if (item.keeps > 0 || !item.isFree || item.leases > 0) continue
      if (oldest === undefined || item.idleSince < oldest.idleSince) oldest = item
    }
    return oldest
  }

  /** What failed last, if nothing has opened since, for somebody who has waited since then. */
  failureSince(began: number): unknown {
    return this.lastFailure === undefined || this.lastFailedAt < began ? undefined : Cause.squash(this.lastFailure)
  }

  /** Whether nothing is left that needs it. */
  get isBare(): boolean {
    return this.items.size === 0 && this.queue.size === 0 && this.leases === 0 && !this.isWarming
  }

  get isWarming(): boolean {
    return this.warmings !== undefined
  }

  /** Who waits now for its items to be warm. */
  warming(): ReadonlyArray<Warming<E>> {
    return this.warmings === undefined ? [] : [...this.warmings]
  }

  startWarming(warming: Warming<E>): void {
    this.warmings ??= new Set()
    this.warmings.add(warming)
  }

  /** Says whether it was waiting. */
  stopWarming(warming: Warming<E>): boolean {
    const stopped = this.warmings?.delete(warming) ?? false
    if (this.warmings?.size === 0) this.warmings = undefined
    return stopped
  }

  stats(now: number, suspended: boolean): KeyStats {
    return {
      key: this.name,
      open: this.open,
      idle: this.idle,
      connecting: this.connecting,
      closing: this.closing,
      leases: this.leases,
      waiting: this.queue.size,
      ...this.counters.show(this.immediate, this.leases),
      failures: this.circuit.failures,
      retryAfterMs: Circuit.pauseOf(this.circuit, now) / 1e6,
      circuit: Circuit.stateOf(this.circuit, now),
      suspended
    }
  }
}
