/**
 * Items that are to be gone by a deadline: those that somebody still holds then are taken away by force. It costs
 * nothing once the last of them has closed.
 */
import type { Engine } from "./Engine.js"
import type { Item } from "./Item.js"
import { Timer } from "./Timer.js"

export class Draining<in out K, in out A, in out E, in out R> {
  private readonly items: Set<Item<K, A, E>>
  private readonly told = new Map<Item<K, A, E>, () => void>()
  private readonly timer: Timer

  /** `timeout` in nanoseconds. `done` is called once, when all have closed. */
  constructor(
    private readonly engine: Engine<K, A, E, R>,
    items: Iterable<Item<K, A, E>>,
    timeout: number,
    why: string,
    private readonly done: () => void
  ) {
    this.items = new Set(items)
    this.timer = new Timer(() => engine.revokeAll(this.items, why))
    if (timeout !== Infinity) engine.deadlines.add(this.timer, engine.deadlines.now() + timeout)
    for (const item of this.items) {
      const tell = () => {
        this.items.delete(item)
        this.look()
      }
      this.told.set(item, tell)
      item.closed ??= new Set()
      item.closed.add(tell)
    }
  }

  /** To be called when they have been told to go: there may have been none. */
  look(): void {
    if (this.items.size > 0) return
    this.forget()
    this.done()
  }

  /** Nobody waits for them any more. */
  forget(): void {
    this.engine.deadlines.remove(this.timer)
    for (const [item, tell] of this.told) item.closed?.delete(tell)
    this.told.clear()
  }
}
