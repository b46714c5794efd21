/**
 * What becomes of a call whose connection was lost: it is run again after a pause, or given up. A decision is a value;
 * whoever asks for it acts on it. The rule: what was certainly not sent may always be sent again; what may have run is
 * run again only with permission. Both as often as the `RetryPolicy` has it, and within the time that the call may take
 * in all.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import * as ScheduleDecision from "effect/ScheduleDecision"
import * as ScheduleIntervals from "effect/ScheduleIntervals"
import type { CallLimits } from "./McpConnection.js"
import type { ConnectionLost } from "./McpError.js"
import type * as RetryPolicy from "./RetryPolicy.js"

/**
 * @since 0.1.0
 * @category models
 */
export type Decision = Data.TaggedEnum<{
  /** To be run again after this pause. Milliseconds. */
  Again: { readonly pauseMs: number }
  GiveUp: {}
}>

const { Again, GiveUp } = Data.taggedEnum<Decision>()

/**
 * One run of a call over all its tries: how far it is in the schedules, and what is left of its time. Made when the
 * first try has failed, since most do not.
 *
 * @since 0.1.0
 * @category models
 */
export class Tries {
  private readonly unsent: Steps<ConnectionLost>
  private readonly reruns: Steps<ConnectionLost | undefined>
  /** Which run of the call is next, counted from 1. */
  private attempt = 1

  constructor(
    policy: RetryPolicy.Values,
    /** Milliseconds that are left of the time in all. */
    public leftMs: number
  ) {
    this.unsent = new Steps(policy.notSent)
    this.reruns = new Steps(policy.rerun)
  }

  /** The limits of the next run: what is left of the time, and whose progress it tells. */
  limit(limits: CallLimits | undefined): CallLimits {
    const { attempt, leftMs } = this
    const onProgress = limits?.onProgress
    if (attempt === 1 || onProgress === undefined) return { ...limits, totalTimeout: leftMs }
    return { ...limits, totalTimeout: leftMs, onProgress: (progress) => onProgress({ ...progress, attempt }) }
  }

  /**
   * Decides about a call that was lost. Nothing is run again before the server wants it (`retryAfterMs`), and not at all
   * what it refused for its credential (401): a transport that could find another has tried that.
   */
  lost(failure: ConnectionLost, mayRunTwice: boolean): Effect.Effect<Decision> {
    if (failure.status === 401) return Effect.succeed(GiveUp())
    if (failure.delivery === "NotSent") return this.next(this.unsent, failure, failure.retryAfterMs)
    return mayRunTwice ? this.next(this.reruns, failure, failure.retryAfterMs) : Effect.succeed(GiveUp())
  }

  /** Decides about a call that certainly did not run, though it was sent. */
  didNotRun(): Effect.Effect<Decision> {
    return this.next(this.reruns, undefined, undefined)
  }

  private next<In>(steps: Steps<In>, input: In, retryAfterMs: number | undefined): Effect.Effect<Decision> {
    if (this.leftMs <= 0) return Effect.succeed(GiveUp())
    return Effect.map(steps.pauseMs(input), (scheduled) => {
      if (scheduled === undefined) return GiveUp()
      const pauseMs = Math.max(scheduled, retryAfterMs ?? 0)
      if (pauseMs >= this.leftMs) return GiveUp()
      this.leftMs -= pauseMs
      this.attempt++
      return Again({ pauseMs })
    })
  }
}

/** Steps a schedule by hand: its own driver would sleep before it is known whether the pause fits. */
class Steps<In> {
  private state: unknown

  constructor(private readonly schedule: Schedule.Schedule<unknown, In>) {
    this.state = schedule.initial
  }

  /** `undefined` when the schedule has ended. */
  pauseMs(input: In): Effect.Effect<number | undefined> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.map(this.schedule.step(now, input, this.state), ([state, , decision]) => {
        this.state = state
        return ScheduleDecision.isDone(decision)
          ? undefined
          : Math.max(0, ScheduleIntervals.start(decision.intervals) - now)
      })
    )
  }
}
