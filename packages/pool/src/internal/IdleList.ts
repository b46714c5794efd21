/**
 * The idle items of one group, the one given back first in front: what is closed first when another key needs room
 * under `maxTotal` or the group's quota. Linked through the items themselves.
 */
import type { Item } from "./Item.js"

export class IdleList<in out K, in out A, in out E> {
  private head: Item<K, A, E> | undefined = undefined
  private tail: Item<K, A, E> | undefined = undefined

  /** Puts the item where it belongs when it is idle, which is the end if it was just given back; else takes it out. */
  place(item: Item<K, A, E>): void {
    this.remove(item)
    if (!item.isIdle) return
    let prev = this.tail
    let next: Item<K, A, E> | undefined = undefined
    for (; prev !== undefined && prev.idleSince > item.idleSince; prev = prev.idlePrev) next = prev
    item.idleListed = true
    item.idlePrev = prev
    item.idleNext = next
    if (prev === undefined) this.head = item
    else prev.idleNext = item
    if (next === undefined) this.tail = item
    else next.idlePrev = item
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
