/**
 * Reports a lease that is held for longer than its key's `leakThreshold`, once, with where it was taken. Made only for
 * keys that ask for it.
 */
import type { Deadline, Deadlines } from "../Deadlines.js"
import { PoolEvent } from "../PoolEvent.js"
import type { EventHub } from "./EventHub.js"
import type { Item } from "./Item.js"

export class LeakWatch<in out K, in out A, in out E> implements Deadline {
  deadlineAt = Infinity
  heapIndex = -1
  private readonly since: number

  constructor(
    private readonly item: Item<K, A, E>,
    private readonly taken: string,
    private readonly deadlines: Deadlines,
    private readonly events: EventHub,
    private readonly log: (message: string) => void
  ) {
    this.since = deadlines.now()
    deadlines.add(this, this.since + item.key.config.leakThreshold)
  }

  onDeadline(): void {
    const { id, key } = this.item
    const heldMs = (this.deadlines.now() - this.since) / 1e6
    this.events.publish(PoolEvent.Leak({ key: key.name, item: id, heldMs, taken: this.taken }))
    this.log(`a lease has been held for ${Math.round(heldMs)} ms. Taken at ${this.taken}`)
  }

  end(): void {
    this.deadlines.remove(this)
  }
}

export const unknownPlace = "an unknown place"

/** Where the method that asks was called from: the innermost lines of the stack below it. */
export const placeOfCall = (): string => {
  const { stack } = new Error()
  // `Error.prepareStackTrace` can make anything of it.
  if (typeof stack !== "string") return unknownPlace
  // The first line is the message, the next two are this function and the method.
  const lines = stack.split("\n").slice(3, 6)
  return lines.length === 0 ? unknownPlace : lines.map((line) => line.trim().replace(/^at /, "")).join(" < ")
}
