/**
 * Which item somebody who waits gets: a share of the least loaded one, or a whole one; and which busy item is kept for
 * him until he can have it whole.
 */
import type { Item } from "./Item.js"
import type { KeyState } from "./KeyState.js"
import type { Waiter } from "./Waiter.js"

/** What has to be asked of an item before it is lent. */
export interface Items<K, A, E> {
  readonly isOpen: (item: Item<K, A, E>) => boolean
  readonly isStale: (item: Item<K, A, E>) => boolean
  readonly validate: (item: Item<K, A, E>) => void
}

export class Choice<in out K, in out A, in out E> {
  constructor(private readonly items: Items<K, A, E>) {}

  /** A free item that can be lent at once. Of those that need a check one is asked for each who waits, not all. */
  share(key: KeyState<K, A, E>): Item<K, A, E> | undefined {
    for (let item = this.next(key); item !== undefined; item = this.next(key)) if (this.isFit(item)) return item
    return undefined
  }

  /** The item to look at next: while enough are asked already, one that needs no check, wherever it stands. */
  private next(key: KeyState<K, A, E>): Item<K, A, E> | undefined {
    const { best } = key
    if (best === undefined || key.validating < key.queue.size || !this.items.isStale(best)) return best
    let least: Item<K, A, E> | undefined
    for (const item of key.items) {
      if (item.isFree && !this.items.isStale(item) && (least === undefined || item.leases < least.leases)) least = item
    }
    return least
  }

  /** An item that nobody holds; if there is none, the least loaded one is kept for this waiter. */
  whole(key: KeyState<K, A, E>, waiter: Waiter<K, A, E>): Item<K, A, E> | undefined {
    const kept = waiter.reserved
    if (kept !== undefined && kept.leases === 0 && this.isFit(kept)) return kept
    for (let item = key.best; item !== undefined && item.leases === 0; item = key.best) {
      if (this.isFit(item)) return item
    }
    const passed = this.passedBy(key, waiter)
    if (waiter.reserved !== undefined) return passed
    let least: Item<K, A, E> | undefined
    for (const item of key.items) {
      const mayBeKept = item.state === "ready" && !item.exclusive && item.reservedFor === undefined
      if (mayBeKept && (least === undefined || item.leases < least.leases)) least = item
    }
    if (least !== undefined) {
      least.reservedFor = waiter
      waiter.reserved = least
      key.place(least)
    }
    return undefined
  }

  /**
   * An idle item that is kept for somebody who came later: it goes to who came first, who leaves his own in return. One that
   * is found closed meanwhile leaves its key in a later step.
   */
  private passedBy(key: KeyState<K, A, E>, waiter: Waiter<K, A, E>): Item<K, A, E> | undefined {
    for (const item of key.items) {
      const later = item.reservedFor
      if (later === undefined || item.leases > 0 || !this.isFit(item)) continue
      const kept = waiter.reserved
      later.reserved = kept
      if (kept !== undefined) kept.reservedFor = later
      waiter.reserved = item
      item.reservedFor = waiter
      return item
    }
    return undefined
  }

  /**
   * Whether an item that nobody holds too much of is open and needs no check. One that is not open goes; one that needs
   * a check is asked, and comes back when it has answered: neither is free any more.
   */
  private isFit(item: Item<K, A, E>): boolean {
    if (item.validation !== undefined || !this.items.isOpen(item)) return false
    if (!this.items.isStale(item)) return true
    this.items.validate(item)
    return false
  }

  unreserve(waiter: Waiter<K, A, E>): void {
    const { reserved } = waiter
    if (reserved === undefined) return
    waiter.reserved = undefined
    reserved.reservedFor = undefined
    reserved.key.place(reserved)
  }
}
