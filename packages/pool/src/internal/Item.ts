/**
 * One pooled resource, from the moment its opening begins until its scope has closed. The pool's own record: borrowers
 * see only the value. Which step may follow which is decided in one place, `transition`.
 */
import type * as Scope from "effect/Scope"
import type { Deadline } from "../Deadlines.js"
import type { CloseReason } from "../PoolEvent.js"
import type { Bounded } from "./Bounded.js"
import type { KeyState } from "./KeyState.js"
import type { Waiter } from "./Waiter.js"

/** After draining there is no way back. */
export type ItemState = "connecting" | "ready" | "draining" | "closing" | "closed"

const next: Readonly<Record<ItemState, ReadonlyArray<ItemState>>> = {
  connecting: ["ready", "closing"],
  ready: ["draining"],
  draining: ["closing"],
  closing: ["closed"],
  closed: []
}

/** Nanoseconds in whole milliseconds, rounded up. */
export const wholeMillis = (nanos: number): number => Math.ceil(nanos / 1e6)

export class Item<in out K, in out A, in out E> implements Deadline {
  // What a borrow touches stands in front: with many keys, the memory touched is what a borrow costs.
  readonly key: KeyState<K, A, E>
  state: ItemState = "connecting"
  leases = 0
  concurrency: number
  /** Held by one borrower alone. */
  exclusive = false
  /** The waiting exclusive acquire that nobody may be let in before. */
  reservedFor: Waiter<K, A, E> | undefined = undefined
  /** The check before a borrow, or the reset after one, while it runs: nobody gets the item meanwhile. */
  validation: Bounded | undefined = undefined
  // Its place among the free items of its key (`FreeItems`): the load that it was placed for, −1 when it has none.
  listedAt = -1
  /** Set when it becomes ready, and never taken away: a borrower may still hold it while it drains. */
  value: A | undefined = undefined
  /**
   * When it was last given back, and when it last answered something. Whole milliseconds of `Deadlines.now`, rounded
   * up: written on every return, and a small integer stands in the item itself where any other number is an object
   * of its own.
   */
  idleSince = 0
  provenAt = 0
  failedProbes = 0
  freePrev: Item<K, A, E> | undefined = undefined
  freeNext: Item<K, A, E> | undefined = undefined
  // Its place among the items of its key (`ItemSet`).
  older: Item<K, A, E> | undefined = undefined
  newer: Item<K, A, E> | undefined = undefined
  readonly id: number
  readonly scope: Scope.CloseableScope
  readonly startedAt: number

  // Its place among the idle items of its group (`IdleList`).
  idleListed = false
  idlePrev: Item<K, A, E> | undefined = undefined
  idleNext: Item<K, A, E> | undefined = undefined

  /** How many acquires there had been when it began to open: those waiters are concerned if it fails. */
  acquiresBefore = 0
  wasOpen = false
  /** Opening or closing, while it runs. */
  task: Bounded | undefined = undefined
  /** Its health check, while that runs. */
  health: { readonly stop: () => void } | undefined = undefined
  /** When it has reached its lifetime. */
  expiresAt = Infinity
  reason: CloseReason = "connectFailed"
  /** Calls the attempt to open it off, while that runs. */
  abortConnect: ((reason: CloseReason) => void) | undefined = undefined
  /** How often it is kept from idling out. */
  keeps = 0
  /** It is probed only as long as it is kept. */
  probedWhileKept = false
  /** Its handle has set its concurrency; a new configuration does not. */
  ownConcurrency = false
  /** It drains since its key was refreshed, and counts no more against `max` while somebody holds it. */
  superseded = false
  /** Said by its handle before it was ready. */
  retiredEarly: string | undefined = undefined
  /** Why it was taken away by force, if it was; who is told of that, and who when it has closed. */
  revokedWhy: string | undefined = undefined
  revoked: Set<(reason: string) => void> | undefined = undefined
  closed: Set<() => void> | undefined = undefined

  // Its one deadline at a time: of its lifetime.
  deadlineAt = Infinity
  heapIndex = -1
  onExpire: ((item: Item<K, A, E>) => void) | undefined = undefined

  constructor(id: number, key: KeyState<K, A, E>, scope: Scope.CloseableScope, startedAt: number) {
    this.key = key
    this.id = id
    this.scope = scope
    this.startedAt = startedAt
    this.concurrency = key.config.concurrency
  }

  /** Whether a share of it can be lent right now. */
  get isFree(): boolean {
    return (
      this.state === "ready" &&
      this.leases < this.concurrency &&
      !this.exclusive &&
      this.reservedFor === undefined &&
      this.validation === undefined
    )
  }

  get isIdle(): boolean {
    return this.state === "ready" && this.leases === 0
  }

  transition(to: ItemState): void {
    if (!next[this.state].includes(to)) throw new Error(`an item cannot go from ${this.state} to ${to}`)
    this.state = to
  }

  onDeadline(): void {
    this.onExpire?.(this)
  }
}
