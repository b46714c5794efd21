/**
 * The items of one key that can be lent, in order of choice: least loaded first, among equals the most recently used,
 * so that surplus items go idle and expire; the last one idles for longest. Entering, leaving and choosing cost the same whatever their number: the
 * item to lend next stands apart, the others in a list for each load, linked through the items themselves. Most keys
 * have one item only, which then is in no list.
 */
import type { Item } from "./Item.js"

export class FreeItems<in out K, in out A, in out E> {
  /** The item to lend next. */
  best: Item<K, A, E> | undefined = undefined
  /** How many are free and not held by anybody. */
  idle = 0
  private others: ByLoad<K, A, E> | undefined = undefined

  /** Puts the item where its load and its time say; takes it out when it is not free. */
  place(item: Item<K, A, E>): void {
    this.withdraw(item)
    if (!item.isFree) return
    item.listedAt = item.leases
    if (item.leases === 0) this.idle++
    const { best } = this
    if (best === undefined) {
      this.best = item
      return
    }
    this.others ??= new ByLoad()
    if (item.leases > best.listedAt || (best.listedAt === 0 && idlesLonger(item, best))) {
      this.others.add(item)
    } else {
      this.others.add(best)
      this.best = item
    }
  }

  withdraw(item: Item<K, A, E>): void {
    if (item.listedAt < 0) return
    if (item.listedAt === 0) this.idle--
    if (item === this.best) this.best = this.others?.takeFirst()
    else this.others?.remove(item)
    item.listedAt = -1
  }

  /** The idle item that was given back first. */
  oldestIdle(): Item<K, A, E> | undefined {
    if (this.idle === 0) return undefined
    return this.others?.lastIdle() ?? this.best
  }
}

class List<K, A, E> {
  head: Item<K, A, E> | undefined = undefined
  tail: Item<K, A, E> | undefined = undefined
}

/** Whether it went idle earlier: it was checked, kept or set anew meanwhile, not given back just now. */
const idlesLonger = <K, A, E>(item: Item<K, A, E>, other: Item<K, A, E>): boolean => item.idleSince < other.idleSince

/** A list for each load; what is put in comes before its equals, but for idle ones that went idle later. */
class ByLoad<K, A, E> {
  private readonly idle = new List<K, A, E>()
  /** For load 0, 1 and so on. */
  private readonly lists: Array<List<K, A, E>> = [this.idle]
  /** No list below this load has an item in it. */
  private lowest = 0

  add(item: Item<K, A, E>): void {
    const load = item.listedAt
    const list = this.at(load)
    let prev: Item<K, A, E> | undefined = undefined
    let next = list.head
    if (load === 0) for (; next !== undefined && idlesLonger(item, next); next = next.freeNext) prev = next
    item.freePrev = prev
    item.freeNext = next
    if (prev === undefined) list.head = item
    else prev.freeNext = item
    if (next === undefined) list.tail = item
    else next.freePrev = item
    if (load < this.lowest) this.lowest = load
  }

  remove(item: Item<K, A, E>): void {
    const list = this.at(item.listedAt)
    if (item.freePrev === undefined) list.head = item.freeNext
    else item.freePrev.freeNext = item.freeNext
    if (item.freeNext === undefined) list.tail = item.freePrev
    else item.freeNext.freePrev = item.freePrev
    item.freePrev = undefined
    item.freeNext = undefined
  }

  /** Takes out the item to lend first. */
  takeFirst(): Item<K, A, E> | undefined {
    for (; this.lowest < this.lists.length; this.lowest++) {
      const first = this.at(this.lowest).head
      if (first === undefined) continue
      this.remove(first)
      return first
    }
    return undefined
  }

  lastIdle(): Item<K, A, E> | undefined {
    return this.idle.tail
  }

  private at(load: number): List<K, A, E> {
    let list = this.lists[load]
    while (list === undefined) {
      this.lists.push(new List())
      list = this.lists[load]
    }
    return list
  }
}
