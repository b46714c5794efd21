/**
 * The requests of one session that wait for an answer, by id. A native `Map` that is added to and deleted from all the
 * time is made anew again and again, and each of its old tables keeps the next one alive, with all that was in it,
 * until the next full collection: under load that made a third of what a call cost. Here an id has its place in an
 * array that stays.
 */

/** What has an id and a place. */
export interface Numbered {
  readonly id: number
}

export class PendingTable<A extends Numbered> {
  size = 0
  private slots: Array<A | undefined>

  /** `capacity` is a power of two. It doubles when half of it is taken. */
  constructor(capacity = 64) {
    this.slots = emptySlots(capacity)
  }

  /** The next id from here whose place is free: at most as many are passed over as requests are pending. */
  freeFrom(id: number): number {
    let free = id
    while (this.slots[this.placeOf(free)] !== undefined) free++
    return free
  }

  get(id: number): A | undefined {
    const entry = this.slots[this.placeOf(id)]
    return entry?.id === id ? entry : undefined
  }

  /** Its id is one that `freeFrom` gave, and nothing was added since. */
  add(entry: A): void {
    this.slots[this.placeOf(entry.id)] = entry
    this.size++
    if (this.size * 2 > this.slots.length) this.grow()
  }

  /** Whether it was there. */
  delete(entry: A): boolean {
    const place = this.placeOf(entry.id)
    if (this.slots[place] !== entry) return false
    this.slots[place] = undefined
    this.size--
    return true
  }

  /** In the order of their ids. */
  values(): ReadonlyArray<A> {
    return this.slots.filter((entry) => entry !== undefined).sort((a, b) => a.id - b.id)
  }

  private placeOf(id: number): number {
    return id & (this.slots.length - 1)
  }

  /** Ids whose places differ in a table differ in one of twice the size, too. */
  private grow(): void {
    const entries = this.slots
    this.slots = emptySlots(2 * entries.length)
    for (const entry of entries) if (entry !== undefined) this.slots[this.placeOf(entry.id)] = entry
  }
}

// Filled, so that the array has no holes: those make it slower for good.
const emptySlots = <A>(capacity: number): Array<A | undefined> => Array.from<A | undefined>({ length: capacity })
