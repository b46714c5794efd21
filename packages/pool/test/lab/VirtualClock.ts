/**
 * A clock for generated tests. Monotonic time moves only by `advance`; wall time is that plus an offset, which
 * `jumpWall` moves alone. Timers that are due at the same instant fire in the order in which they were set, one at a
 * time (as in Node), and an interrupted sleep leaves the queue, so that what is left in it is what somebody waits for.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

interface Timer {
  readonly at: number
  readonly fire: () => void
}

const nanosPerMilli = 1e6

export class VirtualClock implements Clock.Clock {
  readonly [Clock.ClockTypeId]: Clock.ClockTypeId = Clock.ClockTypeId
  /** Sorted by due time; equal times in the order of setting. */
  readonly #timers: Array<Timer> = []
  /** Nanoseconds. Starts far from the wall time, so that mixing up the two is seen. */
  #monotonic = 5_000_000_000
  #wallOffset = 1_700_000_000_000

  /** Monotonic time. Milliseconds since the clock was made. */
  get now(): number {
    return this.#monotonic / nanosPerMilli - 5_000
  }

  /** Sleeps that neither ended nor were interrupted. */
  get liveTimers(): number {
    return this.#timers.length
  }

  /** Moves wall time alone, forwards or backwards. Milliseconds. */
  jumpWall(millis: number): void {
    this.#wallOffset += millis
  }

  /**
   * Moves both times, firing what comes due at its own instant. `settle` runs after each timer that fired, `atRest`
   * once nothing more is due at that instant.
   */
  advance(millis: number, settle: () => void, atRest: () => void = () => {}): void {
    const target = this.#monotonic + Math.round(millis * nanosPerMilli)
    for (let timer = this.#timers[0]; timer !== undefined && timer.at <= target; timer = this.#timers[0]) {
      this.#timers.shift()
      this.#monotonic = Math.max(this.#monotonic, timer.at)
      timer.fire()
      settle()
      const next = this.#timers[0]
      if (next === undefined || next.at > this.#monotonic) atRest()
    }
    this.#monotonic = target
  }

  unsafeCurrentTimeMillis(): number {
    return Math.floor(this.#monotonic / nanosPerMilli) + this.#wallOffset
  }

  unsafeCurrentTimeNanos(): bigint {
    return BigInt(this.#monotonic)
  }

  readonly currentTimeMillis: Effect.Effect<number> = Effect.sync(() => this.unsafeCurrentTimeMillis())

  readonly currentTimeNanos: Effect.Effect<bigint> = Effect.sync(() => this.unsafeCurrentTimeNanos())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const nanos = Math.round(Duration.toMillis(duration) * nanosPerMilli)
    if (nanos <= 0) return Effect.void
    return Effect.async<void>((resume) => {
      const timer: Timer = { at: this.#monotonic + nanos, fire: () => resume(Effect.void) }
      this.#insert(timer)
      return Effect.sync(() => this.#remove(timer))
    })
  }

  #insert(timer: Timer): void {
    let low = 0
    let high = this.#timers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = this.#timers[middle]
      if (other !== undefined && other.at <= timer.at) low = middle + 1
      else high = middle
    }
    this.#timers.splice(low, 0, timer)
  }

  #remove(timer: Timer): void {
    const index = this.#timers.indexOf(timer)
    if (index >= 0) this.#timers.splice(index, 1)
  }
}
