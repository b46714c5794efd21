/**
 * The items of one key, the oldest first: linked through the items themselves, since most keys have one, and a native
 * set for each of them would be as much memory again. Adding and removing cost the same whatever their number. While
 * it is iterated the item at hand may leave, but no other.
 */
import type { Item } from "./Item.js"

export class ItemSet<in out K, in out A, in out E> {
  private head: Item<K, A, E> | undefined = undefined
  private tail: Item<K, A, E> | undefined = undefined
  size = 0

  /** It must be in no other set, and not in this one. */
  add(item: Item<K, A, E>): void {
    item.older = this.tail
    if (this.tail === undefined) this.head = item
    else this.tail.newer = item
    this.tail = item
    this.size++
  }

  /** It must be in this set. */
  delete(item: Item<K, A, E>): void {
    if (item.older === undefined) this.head = item.newer
    else item.older.newer = item.newer
    if (item.newer === undefined) this.tail = item.older
    else item.newer.older = item.older
    item.older = undefined
    item.newer = undefined
    this.size--
  }

  *[Symbol.iterator](): Generator<Item<K, A, E>, void> {
    let item = this.head
    while (item !== undefined) {
      const { newer }: Item<K, A, E> = item
      yield item
      item = newer
    }
  }
}
