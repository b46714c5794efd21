/**
 * An effect that the pool runs for itself, on a fiber of its own runtime, with a deadline. What outlasts the deadline
 * is interrupted and no longer waited for: even an effect that ignores interruption holds nothing up. Exactly one of
 * `done` and `late` is told how it ended, and `timedOut` comes before `late`.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Runtime from "effect/Runtime"
import type { Deadline, Deadlines } from "../Deadlines.js"

export interface Outcome<A, E> {
  /** It ended in time. */
  readonly done: (exit: Exit.Exit<A, E>) => void
  /** It did not; it is being interrupted. */
  readonly timedOut: () => void
  /** It ended after its deadline, or after `abort`. */
  readonly late?: ((exit: Exit.Exit<A, E>) => void) | undefined
}

export interface Bounded {
  /** Interrupts it; only `late` is told from then on, when it has ended. Does nothing once it has. */
  readonly abort: () => void
}

export const run = <A, E, R>(
  runtime: Runtime.Runtime<R>,
  deadlines: Deadlines,
  effect: Effect.Effect<A, E, R>,
  timeout: number,
  outcome: Outcome<A, E>
): Bounded => {
  // Not started at once: it must not run inside the engine's own step. Interruptible whatever the region that the
  // runtime was made in.
  const fiber = Runtime.runFork(runtime)(Effect.interruptible(effect), { immediate: false })
  const task = new Task(fiber, outcome)
  deadlines.add(task, deadlines.now() + timeout)
  fiber.addObserver((exit) => {
    deadlines.remove(task)
    task.end(exit)
  })
  return {
    abort: () => {
      deadlines.remove(task)
      task.abandon()
    }
  }
}

class Task<A, E> implements Deadline {
  deadlineAt = Infinity
  heapIndex = -1
  private abandoned = false

  constructor(
    private readonly fiber: Fiber.RuntimeFiber<A, E>,
    private readonly outcome: Outcome<A, E>
  ) {}

  end(exit: Exit.Exit<A, E>): void {
    if (this.abandoned) this.outcome.late?.(exit)
    else this.outcome.done(exit)
  }

  abandon(): void {
    this.abandoned = true
    this.fiber.unsafeInterruptAsFork(this.fiber.id())
  }

  onDeadline(): void {
    this.abandon()
    this.outcome.timedOut()
  }
}
