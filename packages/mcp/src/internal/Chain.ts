/**
 * Things in the order in which they came, any of which may leave at any time, linked through themselves. A native `Set`
 * would do, but for what it costs under load: see `PendingTable`. What has left holds on to nothing.
 */

/** What can be in one chain at a time. Written by the chain; starts without neighbours. */
export interface Linked<A> {
  before: A | undefined
  after: A | undefined
  chained: boolean
}

export class Chain<A extends Linked<A>> {
  first: A | undefined
  private last: A | undefined

  /** It is in no chain. */
  add(entry: A): void {
    entry.chained = true
    entry.before = this.last
    if (this.last === undefined) this.first = entry
    else this.last.after = entry
    this.last = entry
  }

  /** Whether it was there. */
  delete(entry: A): boolean {
    if (!entry.chained) return false
    const { after, before } = entry
    if (before === undefined) this.first = after
    else before.after = after
    if (after === undefined) this.last = before
    else after.before = before
    entry.chained = false
    entry.before = undefined
    entry.after = undefined
    return true
  }

  find(wanted: (entry: A) => boolean): A | undefined {
    for (let entry = this.first; entry !== undefined; entry = entry.after) if (wanted(entry)) return entry
    return undefined
  }
}
