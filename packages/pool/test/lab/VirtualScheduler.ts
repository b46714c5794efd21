/**
 * A scheduler that runs nothing by itself: `drain` runs every task, first in first out, until none is left, and counts
 * them. With it a test needs no promises, and knows when the fibers are at rest. Priorities are ignored.
 */
import type { RuntimeFiber } from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"

export class VirtualScheduler implements Scheduler.Scheduler {
  #tasks: Array<Scheduler.Task> = []
  #next = 0
  /** Tasks run so far. */
  ran = 0

  /** Tasks that wait to be run. */
  get pending(): number {
    return this.#tasks.length - this.#next
  }

  shouldYield(fiber: RuntimeFiber<unknown, unknown>): number | false {
    return Scheduler.defaultShouldYield(fiber)
  }

  scheduleTask(task: Scheduler.Task): void {
    this.#tasks.push(task)
  }

  /** Runs one task. False if there was none. */
  step(): boolean {
    const task = this.#tasks[this.#next]
    if (task === undefined) return false
    this.#next += 1
    this.ran += 1
    if (this.#next === this.#tasks.length) {
      this.#tasks = []
      this.#next = 0
    }
    task()
    return true
  }

  /** Runs tasks until none is left, and says how many. More than `limit` of them count as a program that spins. */
  drain(limit = 20_000): number {
    let count = 0
    while (this.step()) {
      count += 1
      if (count > limit) {
        this.#tasks = []
        this.#next = 0
        throw new Spinning(limit)
      }
    }
    return count
  }
}

/** Fibers went on running without end while the clock stood still. */
export class Spinning extends Error {
  constructor(limit: number) {
    super(`the fibers did not come to rest within ${limit} tasks`)
  }
}
