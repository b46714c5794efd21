/**
 * The items of one key that can be lent, in order of choice: least loaded first, among equals the most recently used,
 * so that surplus items go idle and expire. Entering, leaving and choosing cost the same whatever their number: a list
 * for each load, linked through the items themselves.
 */
import type { Item } from "./Item.js"

interface List<K, A, E> {
  head: Item<K, A, E> | undefined
  tail: Item<K, A, E> | undefined
}

export class FreeItems<in out K, in out A, in out E> {
  private readonly lists: Array<List<K, A, E>> = []
  /** No list below this one has an item in it. */
  private lowest = 0
  /** How many are free and not held by anybody. */
  idle = 0

  /** Puts the item where its load says, in front; takes it out when it is not free. */
  place(item: Item<K, A, E>): void {
    if (item.bucket >= 0) this.remove(item)
    if (!item.isFree) return
    const load = item.leases
    while (this.lists.length <= load) this.lists.push({ head: undefined, tail: undefined })
    const list = this.at(load)
    item.bucket = load
    item.freeNext = list.head
    if (list.head === undefined) list.tail = item
    else list.head.freePrev = item
    list.head = item
    if (load < this.lowest) this.lowest = load
    if (load === 0) this.idle++
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
    for (; this.lowest < this.lists.length; this.lowest++) {
      const head = this.at(this.lowest).head
      if (head !== undefined) return head
    }
    return undefined
  }

  /** The idle item that was given back first. */
  oldestIdle(): Item<K, A, E> | undefined {
    return this.lists[0]?.tail
  }

  private at(load: number): List<K, A, E> {
    const list = this.lists[load]
    // Only loads that an item was placed under are asked for.
    if (list === undefined) throw new Error(`no list for load ${load}`)
    return list
  }
}
