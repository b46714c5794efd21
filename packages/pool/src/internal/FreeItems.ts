/**
 * The items of one key that can be lent, in order of choice: least loaded first, among equals the most recently used,
 * so that surplus items go idle and expire; the last one idles for longest, whatever order they came in. Entering, leaving and choosing cost the same whatever their number: a list
 * for each load, linked through the items themselves.
 */
import type { Item } from "./Item.js"

class List<K, A, E> {
  head: Item<K, A, E> | undefined = undefined
  tail: Item<K, A, E> | undefined = undefined
}

export class FreeItems<in out K, in out A, in out E> {
  // Idle items stand in the object itself, the rest in lists by load: with many keys, what a borrow costs is the
  // memory that it touches.
  head: Item<K, A, E> | undefined = undefined
  tail: Item<K, A, E> | undefined = undefined
  /** How many are free and not held by anybody. */
  idle = 0
  /** Those under load; the first list is for load 1. */
  private readonly loaded: Array<List<K, A, E>> = []
  /** No list below this load has an item in it. */
  private lowest = 1

  /** Puts the item where its load says; takes it out when it is not free. */
  place(item: Item<K, A, E>): void {
    if (item.bucket >= 0) this.remove(item)
    if (!item.isFree) return
    const load = item.leases
    const list = this.at(load)
    let prev: Item<K, A, E> | undefined = undefined
    let next = list.head
    // What was given back just now goes in front. What has been checked, kept or set anew idles as long as before.
    if (load === 0) {
      for (; next !== undefined && next.idleSince > item.idleSince; next = next.freeNext) prev = next
    }
    item.bucket = load
    item.freePrev = prev
    item.freeNext = next
    if (prev === undefined) list.head = item
    else prev.freeNext = item
    if (next === undefined) list.tail = item
    else next.freePrev = item
    if (load === 0) this.idle++
    else if (load < this.lowest) this.lowest = load
  }

  remove(item: Item<K, A, E>): void {
    if (item.bucket < 0) return
    const list = this.at(item.bucket)
    if (item.freePrev === undefined) list.head = item.freeNext
    else item.freePrev.freeNext = item.freeNext
    if (item.freeNext === undefined) list.tail = item.freePrev
    else item.freeNext.freePrev = item.freePrev
    if (item.bucket === 0) this.idle--
    item.bucket = -1
    item.freePrev = undefined
    item.freeNext = undefined
  }

  /** The item to lend next. */
  best(): Item<K, A, E> | undefined {
    if (this.head !== undefined) return this.head
    for (; this.lowest <= this.loaded.length; this.lowest++) {
      const head = this.at(this.lowest).head
      if (head !== undefined) return head
    }
    return undefined
  }

  /** The idle item that was given back first. */
  oldestIdle(): Item<K, A, E> | undefined {
    return this.tail
  }

  private at(load: number): { head: Item<K, A, E> | undefined; tail: Item<K, A, E> | undefined } {
    if (load === 0) return this
    while (this.loaded.length < load) this.loaded.push(new List())
    return this.loaded[load - 1] ?? this
  }
}
