/**
 * The idle items of one group, the one given back first in front: what is closed first when another key needs room
 * under `maxTotal` or the group's quota. Linked through the items themselves.
 */
import type { Item } from "./Item.js"

export class IdleList<in out K, in out A, in out E> {
  private head: Item<K, A, E> | undefined = undefined
  private tail: Item<K, A, E> | undefined = undefined

  /** Puts the item at the end when it is idle; takes it out when it is not. */
  place(item: Item<K, A, E>): void {
    if (item.idleListed) this.remove(item)
    if (!item.isIdle) return
    item.idleListed = true
    item.idlePrev = this.tail
    if (this.tail === undefined) this.head = item
    else this.tail.idleNext = item
    this.tail = item
  }

  remove(item: Item<K, A, E>): void {
    if (!item.idleListed) return
    if (item.idlePrev === undefined) this.head = item.idleNext
    else item.idlePrev.idleNext = item.idleNext
    if (item.idleNext === undefined) this.tail = item.idlePrev
    else item.idleNext.idlePrev = item.idlePrev
    item.idleListed = false
    item.idlePrev = undefined
    item.idleNext = undefined
  }

  /** The oldest that may be given up. */
  first(mayGo: (item: Item<K, A, E>) => boolean): Item<K, A, E> | undefined {
    for (let item = this.head; item !== undefined; item = item.idleNext) {
      if (mayGo(item)) return item
    }
    return undefined
  }
}
