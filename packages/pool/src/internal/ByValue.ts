/**
 * Open items by what they hold, to find what is invalidated. Several may hold the same value; nearly always it is one,
 * which needs no set of its own.
 */
import type { Item } from "./Item.js"

export class ByValue<K, A, E> {
  private readonly entries = new Map<A, Item<K, A, E> | Set<Item<K, A, E>>>()

  add(value: A, item: Item<K, A, E>): void {
    const known = this.entries.get(value)
    if (known === undefined) this.entries.set(value, item)
    else if (known instanceof Set) known.add(item)
    else this.entries.set(value, new Set([known, item]))
  }

  delete(value: A, item: Item<K, A, E>): void {
    const known = this.entries.get(value)
    if (known instanceof Set) known.delete(item)
    if (known === item || (known instanceof Set && known.size === 0)) this.entries.delete(value)
  }

  /** Those that hold it now. */
  get(value: A): ReadonlyArray<Item<K, A, E>> {
    const known = this.entries.get(value)
    if (known === undefined) return []
    return known instanceof Set ? [...known] : [known]
  }
}
