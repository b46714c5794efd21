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

  /**
   * A free item that is open and needs no check. Those that need one are asked, one for each who waits, and come back
   * when they answer.
   */
  share(key: KeyState<K, A, E>): Item<K, A, E> | undefined {
    for (;;) {
      const item = key.best
      if (item === undefined) return undefined
      if (!this.items.isOpen(item)) continue
      if (!this.items.isStale(item)) return item
      if (key.validating >= key.queue.size) return this.fresh(key)
      this.items.validate(item)
    }
  }

  /** The least loaded of those that need no check, wherever it stands. */
  private fresh(key: KeyState<K, A, E>): Item<K, A, E> | undefined {
    let best: Item<K, A, E> | undefined
    for (const item of key.items) {
      const better = item.isFree && !this.items.isStale(item) && (best === undefined || item.leases < best.leases)
      if (better && this.items.isOpen(item)) best = item
    }
    return best
  }

  /** An item that nobody holds; if there is none, the least loaded one is kept for this waiter. */
  whole(key: KeyState<K, A, E>, waiter: Waiter<K, A, E>): Item<K, A, E> | undefined {
    const kept = waiter.reserved
    if (kept !== undefined && isWhole(kept) && this.items.isOpen(kept)) return kept
    for (let item = key.best; item !== undefined && item.leases === 0; item = key.best) {
      if (!this.items.isOpen(item)) continue
      if (!this.items.isStale(item)) return item
      this.items.validate(item)
    }
    const passed = this.passedBy(key, waiter)
    if (passed !== undefined || waiter.reserved !== undefined) return passed
    let least: Item<K, A, E> | undefined
    for (const item of key.items) {
      const mayBeKept =
        item.state === "ready" && !item.exclusive && item.reservedFor === undefined && item.validation === undefined
      if (mayBeKept && (least === undefined || item.leases < least.leases)) least = item
    }
    if (least !== undefined) {
      least.reservedFor = waiter
      waiter.reserved = least
      key.place(least)
    }
    return undefined
  }

  /** An idle item that is kept for somebody who came later: it goes to who came first, who leaves his own in return. */
  private passedBy(key: KeyState<K, A, E>, waiter: Waiter<K, A, E>): Item<K, A, E> | undefined {
    if (key.queue.exclusives < 2) return undefined
    for (const item of key.items) {
      const later = item.reservedFor
      if (later === undefined || later === waiter || !isWhole(item) || !this.items.isOpen(item)) continue
      const kept = waiter.reserved
      later.reserved = kept
      if (kept !== undefined) kept.reservedFor = later
      waiter.reserved = item
      item.reservedFor = waiter
      return item
    }
    return undefined
  }

  unreserve(waiter: Waiter<K, A, E>): void {
    const { reserved } = waiter
    if (reserved === undefined) return
    waiter.reserved = undefined
    reserved.reservedFor = undefined
    reserved.key.place(reserved)
  }
}

/** Whether nobody holds it, and nothing is done with it either. */
const isWhole = <K, A, E>(item: Item<K, A, E>): boolean => item.leases === 0 && item.validation === undefined
