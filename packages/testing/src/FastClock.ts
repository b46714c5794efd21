/**
 * A `TestClock` at a fraction of the cost. For each instant at which somebody wakes, Effect's own looks through all
 * fibers of the test, several times, with turns of the host's timers in between, which takes some five milliseconds. This
 * one comes with a scheduler that knows when its fibers are at rest. All of Effect's functions for the `TestClock` work
 * on it. It holds the sleeps of whoever uses it, and nothing else.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { RuntimeFiber } from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import type * as TestClock from "effect/TestClock"

interface Sleep {
  /** Milliseconds. */
  readonly until: number
  readonly wake: () => void
}

/**
 * Starts at 0, as Effect's does. Sleeps that end at the same instant end in the order in which they began; a sleep that
 * is interrupted is gone, and not among `sleeps`.
 *
 * @since 0.1.0
 * @category models
 */
export class FastClock implements TestClock.TestClock {
  readonly [Clock.ClockTypeId]: Clock.ClockTypeId = Clock.ClockTypeId
  /** To be used by all that uses the clock. */
  readonly scheduler = new RestingScheduler()
  #now = 0
  /** By their ends. */
  #sleeps: Array<Sleep> = []

  readonly currentTimeMillis: Effect.Effect<number> = Effect.sync(() => this.#now)
  readonly currentTimeNanos: Effect.Effect<bigint> = Effect.sync(() => this.unsafeCurrentTimeNanos())
  readonly sleeps: Effect.Effect<Chunk.Chunk<number>> = Effect.sync(() =>
    Chunk.fromIterable(this.#sleeps.map(({ until }) => until))
  )
  readonly save: Effect.Effect<Effect.Effect<void>> = Effect.sync(() => {
    const [now, sleeps] = [this.#now, [...this.#sleeps]]
    return Effect.sync(() => {
      this.#now = now
      this.#sleeps = sleeps
    })
  })

  unsafeCurrentTimeMillis(): number {
    return this.#now
  }

  unsafeCurrentTimeNanos(): bigint {
    return BigInt(Math.floor(this.#now * 1e6))
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      const until = this.#now + Duration.toMillis(duration)
      if (!(until > this.#now)) return resume(Effect.void)
      const sleep: Sleep = { until, wake: () => resume(Effect.void) }
      const later = this.#sleeps.findIndex((other) => other.until > until)
      this.#sleeps.splice(later < 0 ? this.#sleeps.length : later, 0, sleep)
      return Effect.sync(() => {
        this.#sleeps = this.#sleeps.filter((other) => other !== sleep)
      })
    })
  }

  adjust(duration: Duration.DurationInput): Effect.Effect<void> {
    return Effect.suspend(() => this.setTime(this.#now + Duration.toMillis(duration)))
  }

  adjustWith(duration: Duration.DurationInput) {
    return <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Effect.zipLeft(effect, this.adjust(duration), { concurrent: true })
  }

  setTime(instant: number): Effect.Effect<void> {
    return Effect.zipRight(
      this.scheduler.atRest,
      Effect.suspend(() => {
        const next = this.#sleeps[0]
        if (next === undefined || next.until > instant) {
          this.#now = instant
          return Effect.void
        }
        this.#sleeps.shift()
        this.#now = next.until
        next.wake()
        return this.setTime(instant)
      })
    )
  }
}

/**
 * Effect's default scheduler, and how many of its tasks have not run yet.
 *
 * @since 0.1.0
 * @category models
 */
export class RestingScheduler implements Scheduler.Scheduler {
  readonly #scheduler = new Scheduler.MixedScheduler(2048)
  #waiting = 0

  /** Ends when no fiber has anything to do, and no promise of the host's that is due. */
  readonly atRest: Effect.Effect<void> = Effect.async((resume) => {
    // Fibers and promises run in microtasks, all of which are done at the next turn of the host; what is left then
    // gives way to the host on purpose.
    const turn = () => void setImmediate(() => (this.#waiting === 0 ? resume(Effect.void) : turn()))
    turn()
  })

  shouldYield(fiber: RuntimeFiber<unknown, unknown>): number | false {
    return this.#scheduler.shouldYield(fiber)
  }

  scheduleTask(task: Scheduler.Task, priority: number): void {
    this.#waiting++
    this.#scheduler.scheduleTask(() => {
      this.#waiting--
      task()
    }, priority)
  }
}
