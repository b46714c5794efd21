/**
 * Acquires that wait, first come first served. A waiter is one small object: its place in the queue, its deadline and
 * the way to wake it. Whoever ends the wait settles it; settling twice does nothing.
 */
import type * as Effect from "effect/Effect"
import type { Deadline } from "../Deadlines.js"
import type { PoolError } from "../PoolError.js"
import type { Item } from "./Item.js"
import type { KeyState } from "./KeyState.js"

export type Resume<E> = (effect: Effect.Effect<void, E | PoolError>) => void

export class Waiter<in out K, in out A, in out E> implements Deadline {
  /** The item it was given, once it was. */
  item: Item<K, A, E> | undefined = undefined
  /** The busy item that is kept from others until this exclusive acquire can have it. */
  reserved: Item<K, A, E> | undefined = undefined
  queued = false
  prev: Waiter<K, A, E> | undefined = undefined
  next: Waiter<K, A, E> | undefined = undefined
  deadlineAt = Infinity
  heapIndex = -1
  /** How to wake its fiber, once that sleeps; how the wait ended, if it did before. */
  private resume: Resume<E> | undefined = undefined
  private outcome: Effect.Effect<void, E | PoolError> | undefined = undefined

  constructor(
    readonly key: KeyState<K, A, E>,
    readonly exclusive: boolean,
    /** Counts acquires over the whole pool. */
    readonly number: number,
    /** How long it may wait. Nanoseconds. */
    readonly timeout: number,
    private readonly onTimeout: (waiter: Waiter<K, A, E>) => void
  ) {}

  onDeadline(): void {
    this.onTimeout(this)
  }

  /** The wait has ended: with an item, or in an error. */
  settle(outcome: Effect.Effect<void, E | PoolError>): void {
    this.outcome = outcome
    this.resume?.(outcome)
  }

  /** Wakes the fiber when the wait ends, or now if it has. */
  sleep(resume: Resume<E>): void {
    if (this.outcome === undefined) this.resume = resume
    else resume(this.outcome)
  }
}

export class WaiterQueue<in out K, in out A, in out E> {
  head: Waiter<K, A, E> | undefined = undefined
  private tail: Waiter<K, A, E> | undefined = undefined
  size = 0
  exclusives = 0

  push(waiter: Waiter<K, A, E>): void {
    waiter.queued = true
    waiter.prev = this.tail
    if (this.tail === undefined) this.head = waiter
    else this.tail.next = waiter
    this.tail = waiter
    this.size++
    if (waiter.exclusive) this.exclusives++
  }

  remove(waiter: Waiter<K, A, E>): void {
    if (!waiter.queued) return
    if (waiter.prev === undefined) this.head = waiter.next
    else waiter.prev.next = waiter.next
    if (waiter.next === undefined) this.tail = waiter.prev
    else waiter.next.prev = waiter.prev
    waiter.queued = false
    waiter.prev = undefined
    waiter.next = undefined
    this.size--
    if (waiter.exclusive) this.exclusives--
  }
}
