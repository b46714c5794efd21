/**
 * Many deadlines, one timer: a binary heap of entries and at most one sleeping fiber, which wakes for the earliest of
 * them. Entering and leaving are synchronous and cheap (no fiber, no closure, no timer while an earlier one is
 * running), and what has left is gone from the heap at once. The fiber belongs to the scope of `make`; when that has
 * closed, no entry is called any more and no timer is left.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"

/**
 * Something that has a deadline. Implement it by a class of your own, so that a deadline costs no allocation.
 *
 * @since 0.1.0
 * @category models
 */
export interface Deadline {
  /** When it is due, in nanoseconds of `Deadlines.now`. Written by `Deadlines`; `Infinity` before the first `add`. */
  deadlineAt: number
  /** Its place in the heap, −1 while it has none. Written by `Deadlines`; start with −1. */
  heapIndex: number
  /** Called once when the deadline has passed; the entry has left the heap by then, and may be added again. */
  onDeadline(): void
}

/**
 * A set of deadlines on the clock that was current when it was made. Every function is synchronous.
 *
 * @since 0.1.0
 * @category models
 */
export interface Deadlines {
  /** Nanoseconds since this was made, monotonic: changing the wall clock does not change it. */
  readonly now: () => number
  /**
   * Enters a deadline, in nanoseconds of `now`. One that has passed already is called a moment later, never within
   * `add`. `Infinity` means never. An entry that is in already is moved. Does nothing after the scope has closed.
   */
  readonly add: (entry: Deadline, atNanos: number) => void
  /** Takes an entry out: it is not called any more. Does nothing when it is not in. */
  readonly remove: (entry: Deadline) => void
  /** Moves an entry that is in. Does nothing when it is not: an entry that was called or removed stays out. */
  readonly update: (entry: Deadline, atNanos: number) => void
  /** How many deadlines are in. */
  readonly size: () => number
}

/**
 * Entries due at the same instant are called in the order in which they were added or last moved. Sleeps are whole
 * milliseconds, rounded up, so an entry is called at its deadline on a virtual clock, less than a millisecond after it
 * on one that counts whole milliseconds, and never before it. After the last entry has left, the sleep that is under
 * way runs out and no other is begun.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Deadlines, never, Scope.Scope> = Effect.acquireRelease(
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    const runtime = yield* Effect.runtime<never>()
    const origin = clock.unsafeCurrentTimeNanos()
    const now = () => Number(clock.unsafeCurrentTimeNanos() - origin)
    const heap = new Heap()
    let sequence = 0
    let closed = false
    let fiber: Fiber.RuntimeFiber<void> | undefined
    /** What the fiber is asleep for: `Infinity` when there is no fiber, −`Infinity` while it is awake. */
    let wakesAt = Infinity
    /** The instant whose deadlines are being called, −`Infinity` when none are. */
    let firing = -Infinity

    /** Calls everything that was in and due at this instant; what is added meanwhile waits for the next round. */
    const fire = (): ReadonlyArray<unknown> => {
      firing = now()
      const last = sequence
      const defects: Array<unknown> = []
      for (;;) {
        const entry = heap.first()
        if (entry === undefined || entry.deadlineAt > firing || heap.firstSequence() > last) break
        heap.remove(entry)
        try {
          entry.onDeadline()
        } catch (defect) {
          defects.push(defect)
        }
      }
      firing = -Infinity
      return defects
    }

    const sleepThenFire: Effect.Effect<void> = Effect.suspend(() => {
      const first = heap.first()
      if (first === undefined) {
        fiber = undefined
        wakesAt = Infinity
        return Effect.void
      }
      wakesAt = first.deadlineAt
      const millis = Math.ceil((first.deadlineAt - now()) / 1e6)
      const sleep = millis > 0 ? clock.sleep(Duration.millis(Math.min(millis, longestSleep))) : Effect.yieldNow()
      return Effect.flatMap(sleep, () => {
        wakesAt = -Infinity
        return Effect.zipRight(report(fire()), sleepThenFire)
      })
    })

    // The fiber that it replaces is asleep, and an interruption comes before anything else that a sleeping fiber does.
    const arm = () => {
      fiber?.unsafeInterruptAsFork(fiber.id())
      // Interruptible, whatever the region that `make` ran in: the fiber must end when the scope closes.
      fiber = Runtime.runFork(runtime)(Effect.interruptible(sleepThenFire))
    }

    const put = (entry: Deadline, atNanos: number) => {
      if (Number.isNaN(atNanos)) throw new RangeError("a deadline must be a number")
      if (atNanos === Infinity || closed) {
        heap.remove(entry)
        entry.deadlineAt = Infinity
        return
      }
      // What is added while others are called goes behind them, however long ago it was due.
      heap.put(entry, Math.max(atNanos, firing), ++sequence)
      if (atNanos < wakesAt) arm()
    }

    const deadlines: Deadlines = {
      now,
      add: put,
      update: (entry, atNanos) => {
        if (entry.heapIndex >= 0) put(entry, atNanos)
      },
      remove: (entry) => heap.remove(entry),
      size: () => heap.size()
    }
    const close = Effect.suspend(() => {
      closed = true
      heap.clear()
      return fiber === undefined ? Effect.void : Fiber.interrupt(fiber)
    })
    return { deadlines, close }
  }),
  ({ close }) => close
).pipe(Effect.map(({ deadlines }) => deadlines))

/** Timers above 2³¹ − 1 ms never fire; the fiber looks again after this long. Milliseconds. */
const longestSleep = 2 ** 31 - 1

// A logger that fails must not stop the deadlines that are left.
const report = (defects: ReadonlyArray<unknown>): Effect.Effect<unknown> =>
  Effect.exit(
    Effect.forEach(defects, (defect) =>
      Effect.logError("What was to happen at a deadline failed; other deadlines go on", Cause.die(defect))
    )
  )

/** A binary heap, ordered by deadline and then by sequence. Entries know their place, so removal is real. */
class Heap {
  private readonly entries: Array<Deadline> = []
  private readonly sequences: Array<number> = []

  size(): number {
    return this.entries.length
  }

  first(): Deadline | undefined {
    return this.entries[0]
  }

  firstSequence(): number {
    return this.sequences[0] ?? 0
  }

  put(entry: Deadline, at: number, sequence: number): void {
    const from = entry.heapIndex
    const earlier = from < 0 || at < entry.deadlineAt
    entry.deadlineAt = at
    // What is moved to the same or a later instant goes behind what is there: its sequence is the newest.
    if (earlier) this.up(entry, sequence, from < 0 ? this.entries.length : from)
    else this.down(entry, sequence, from)
  }

  remove(entry: Deadline): void {
    const index = entry.heapIndex
    if (index < 0) return
    entry.heapIndex = -1
    const end = this.entries.length - 1
    const last = this.entryAt(end)
    const sequence = this.sequenceAt(end)
    this.entries.length = end
    this.sequences.length = end
    if (index === end) return
    if (index > 0 && this.isBefore(last, sequence, (index - 1) >> 1)) this.up(last, sequence, index)
    else this.down(last, sequence, index)
  }

  clear(): void {
    for (const entry of this.entries) entry.heapIndex = -1
    this.entries.length = 0
    this.sequences.length = 0
  }

  private up(entry: Deadline, sequence: number, from: number): void {
    let index = from
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!this.isBefore(entry, sequence, parent)) break
      this.move(parent, index)
      index = parent
    }
    this.set(entry, sequence, index)
  }

  private down(entry: Deadline, sequence: number, from: number): void {
    const size = this.entries.length
    let index = from
    for (;;) {
      let child = 2 * index + 1
      if (child >= size) break
      const right = child + 1
      if (right < size && this.isBefore(this.entryAt(right), this.sequenceAt(right), child)) child = right
      if (this.isBefore(entry, sequence, child)) break
      this.move(child, index)
      index = child
    }
    this.set(entry, sequence, index)
  }

  private isBefore(entry: Deadline, sequence: number, index: number): boolean {
    const { deadlineAt } = this.entryAt(index)
    return entry.deadlineAt < deadlineAt || (entry.deadlineAt === deadlineAt && sequence < this.sequenceAt(index))
  }

  private move(from: number, to: number): void {
    this.set(this.entryAt(from), this.sequenceAt(from), to)
  }

  // Every index comes from the heap itself and is below its size, which the types of arrays cannot say.
  private entryAt(index: number): Deadline {
    return this.entries[index] as Deadline
  }

  private sequenceAt(index: number): number {
    return this.sequences[index] as number
  }

  private set(entry: Deadline, sequence: number, index: number): void {
    this.entries[index] = entry
    this.sequences[index] = sequence
    entry.heapIndex = index
  }
}
