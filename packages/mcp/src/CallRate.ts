/**
 * How often calls may go, as one number: the instant at which nothing of the limit will be used any more (GCRA, the
 * generic cell rate algorithm). Who comes too early waits in a queue, first come, first served; there is a timer only
 * while somebody waits. It is exact on any clock: a call goes at its instant, or on a clock that counts milliseconds at
 * the first one after it.
 *
 * @since 0.1.0
 */
import type { Deadlines } from "@mooring/pool"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { RateLimit } from "./ServerConfig.js"

/**
 * The calls of one partition of one server.
 *
 * @since 0.1.0
 * @category models
 */
export class CallRate implements Deadlines.Deadline {
  deadlineAt = Infinity
  heapIndex = -1
  /** Between two calls, in the long run. Nanoseconds, as all times here. */
  private readonly interval: number
  /** How much earlier than evenly spread a call may go. */
  private readonly tolerance: number
  private readonly waits: boolean
  /** When the next call would go, were they evenly spread; behind that, nothing is used. */
  private fullAt = -Infinity
  /** The instant of the last call that was counted. */
  private countedAt = -Infinity
  private readonly waiting = new Set<Waiter>()

  /** It is in `waitedFor` as long as somebody waits. */
  constructor(
    limit: RateLimit,
    private readonly deadlines: Deadlines.Deadlines,
    private readonly waitedFor: Set<CallRate>
  ) {
    this.interval = (Duration.toMillis(limit.per) * 1e6) / limit.calls
    this.tolerance = ((limit.burst ?? limit.calls) - 1) * this.interval
    this.waits = limit.mode !== "fail"
  }

  /**
   * Takes the turn of a call: at once, later, or, if it would wait for too long, with the milliseconds until then as
   * the error. Who is interrupted before he goes on takes none; those behind him go so much sooner. `longestWait` is in
   * milliseconds.
   */
  turn(longestWait: number): Effect.Effect<void, number> {
    return Effect.suspend(() => {
      const wait = this.waitOf(this.waiting.size)
      // Nobody overtakes those whose turn has come just now.
      if (wait <= 0 && this.waiting.size === 0) {
        this.count(this.deadlines.now())
        return Effect.void
      }
      return wait > (this.waits ? longestWait * 1e6 : 0) ? tooLong(wait) : this.queued
    })
  }

  /** Whether it says no more than a new one would. */
  get isUnused(): boolean {
    return this.waiting.size === 0 && this.fullAt <= this.deadlines.now()
  }

  onDeadline(): void {
    // A timer is at most a millisecond late. What is later than that (a process that stood still) is not made up for:
    // it would let more through at once than may go.
    const now = this.deadlines.now() - 1e6
    for (const waiter of this.waiting) {
      if (this.waitOf(0) > 0) break
      this.waiting.delete(waiter)
      this.count(now)
      waiter(Effect.void, now)
    }
    this.arm()
  }

  /** The turn of those who wait will not come. */
  close(): void {
    const waiting = [...this.waiting]
    this.waiting.clear()
    this.waitedFor.delete(this)
    waiting.forEach((waiter, before) => waiter(tooLong(this.waitOf(before))))
  }

  private readonly queued: Effect.Effect<void, number> = Effect.async((resume) => {
    let wentAt: number | undefined
    const waiter: Waiter = (outcome, countedAt) => {
      wentAt = countedAt
      resume(outcome)
    }
    this.waiting.add(waiter)
    if (this.waiting.size === 1) this.arm()
    return Effect.sync(() => {
      if (!this.waiting.delete(waiter)) this.giveBack(wentAt)
      else if (this.waiting.size === 0) this.arm()
    })
  })

  /**
   * Somebody was interrupted after his turn had come, and before he could go on. If another was counted at a later
   * instant meanwhile, how much there is to give back cannot be told any more, and the turn stays taken.
   */
  private giveBack(wentAt: number | undefined): void {
    if (wentAt !== this.countedAt) return
    this.fullAt -= this.interval
    this.arm()
  }

  /** How long a call waits that has so many before it. */
  private waitOf(before: number): number {
    return this.fullAt + before * this.interval - this.tolerance - this.deadlines.now()
  }

  private count(now: number): void {
    this.countedAt = now
    this.fullAt = Math.max(this.fullAt, now) + this.interval
  }

  private arm(): void {
    if (this.waiting.size > 0) {
      this.waitedFor.add(this)
      this.deadlines.add(this, this.fullAt - this.tolerance)
    } else {
      this.waitedFor.delete(this)
      this.deadlines.remove(this)
    }
  }
}

/** Hears that its turn has come, and when that was counted, or for how long it would wait for one that will not come. */
type Waiter = (outcome: Effect.Effect<void, number>, countedAt?: number) => void

const tooLong = (wait: number): Effect.Effect<never, number> => Effect.fail(Math.max(1, Math.ceil(wait / 1e6)))
