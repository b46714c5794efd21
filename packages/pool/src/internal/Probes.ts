/**
 * The health check of items that idle: one fiber for each open item, driven by the schedule, which ends with the item.
 * It only reports; what becomes of the item is for its host to decide.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Runtime from "effect/Runtime"
import * as Schedule from "effect/Schedule"
import * as ScheduleDecision from "effect/ScheduleDecision"
import * as ScheduleIntervals from "effect/ScheduleIntervals"
import type { Deadline, Deadlines } from "../Deadlines.js"
import type { HealthCheck } from "../HealthCheck.js"
import * as Bounded from "./Bounded.js"
import type { Item } from "./Item.js"

/** Who hears what came of a probe. */
export interface ProbesHost<K, A, E> {
  /** Whether the item is probed at all. Asked once, when it has opened. */
  readonly isProbed: (item: Item<K, A, E>) => boolean
  readonly answered: (item: Item<K, A, E>) => void
  /** It has failed too often in a row. */
  readonly unhealthy: (item: Item<K, A, E>, why: string) => void
  readonly fault: (item: Item<K, A, E>, what: string, cause: Cause.Cause<unknown>) => void
}

const defaultThreshold = 2
const defaultSchedule = Schedule.jittered(Schedule.spaced("30 seconds"))
/** Before a schedule that has ended is started again. Milliseconds. */
const restart = 1000

export class Probes<in out K, in out A, in out E, in out R> {
  private readonly threshold: number
  private readonly schedule: Schedule.Schedule<unknown>

  constructor(
    private readonly health: HealthCheck<A, R>,
    /** Nanoseconds. */
    private readonly timeout: number,
    private readonly runtime: Runtime.Runtime<R>,
    private readonly deadlines: Deadlines,
    private readonly host: ProbesHost<K, A, E>
  ) {
    this.threshold = health.threshold ?? defaultThreshold
    // A clock may not bear fractions of a millisecond (TestClock does not).
    this.schedule = Schedule.modifyDelay(health.schedule ?? defaultSchedule, (_, delay) =>
      Duration.millis(Math.ceil(Duration.toMillis(delay)))
    )
  }

  /** Begins to probe an item that has just opened; its `health` is what is to be stopped. */
  watch(item: Item<K, A, E>): void {
    if (this.host.isProbed(item)) this.start(item)
  }

  /** Probes an item, asked for or not. */
  start(item: Item<K, A, E>): void {
    const rounds = new Rounds(this.schedule, this.deadlines, {
      // A busy item proves itself by answering.
      probe: () => (item.isIdle && item.validation === undefined ? this.probe(item) : Effect.void),
      ended: (cause) => this.host.fault(item, "the health schedule has ended; it is started again", cause)
    })
    item.health = rounds
    rounds.fiber = Runtime.runFork(this.runtime)(Effect.interruptible(rounds.begin()), { immediate: false })
  }

  private probe(item: Item<K, A, E>): Effect.Effect<void> {
    return Effect.async((resume) => {
      const over = (failure: string | undefined) => {
        if (failure === undefined) this.host.answered(item)
        else if (++item.failedProbes >= this.threshold) this.host.unhealthy(item, failure)
        resume(Effect.void)
      }
      // A ready item has its value.
      const probe = Effect.suspend(() => this.health.probe(item.value as A))
      const task = Bounded.run(this.runtime, this.deadlines, probe, this.timeout, {
        done: (exit) => over(Exit.isSuccess(exit) ? undefined : Cause.pretty(exit.cause)),
        timedOut: () => over("it did not answer in time")
      })
      return Effect.sync(() => task.abort())
    })
  }
}

/** What is done in rounds, and who hears that the schedule is at its end, or has failed. */
interface Round {
  readonly probe: () => Effect.Effect<void>
  readonly ended: (cause: Cause.Cause<never>) => void
}

/**
 * The fiber of one item: waits as the schedule says, probes, and so on. It waits for one of the pool's deadlines: asleep
 * in `Effect.sleep`, in `Effect.schedule`, it would hold 10 KB instead of 3, for each connection that idles.
 */
class Rounds implements Deadline {
  deadlineAt = Infinity
  heapIndex = -1
  fiber: Fiber.RuntimeFiber<never> | undefined
  private state: unknown
  private wake: ((effect: Effect.Effect<void>) => void) | undefined

  constructor(
    private readonly schedule: Schedule.Schedule<unknown>,
    private readonly deadlines: Deadlines,
    private readonly round: Round
  ) {}

  begin(): Effect.Effect<never> {
    return Effect.suspend(() => {
      this.state = this.schedule.initial
      return this.next()
    })
  }

  private next(): Effect.Effect<never> {
    return Effect.matchCauseEffect(
      Effect.flatMap(Effect.clock, (clock) => this.step(clock.unsafeCurrentTimeMillis())),
      {
        onFailure: (cause) => this.again(cause),
        onSuccess: (millis) =>
          millis === undefined ? this.again(Cause.empty) : Effect.flatMap(this.wait(millis), () => this.probed())
      }
    )
  }

  private probed(): Effect.Effect<never> {
    return Effect.flatMap(this.round.probe(), () => this.next())
  }

  /** For how long to wait; `undefined` when the schedule has ended. Milliseconds. */
  private step(now: number): Effect.Effect<number | undefined> {
    return Effect.map(this.schedule.step(now, undefined, this.state), ([state, , decision]) => {
      this.state = state
      return ScheduleDecision.isDone(decision) ? undefined : ScheduleIntervals.start(decision.intervals) - now
    })
  }

  private again(cause: Cause.Cause<never>): Effect.Effect<never> {
    this.round.ended(cause)
    return Effect.flatMap(this.wait(restart), () => this.begin())
  }

  private wait(millis: number): Effect.Effect<void> {
    if (millis <= 0) return Effect.void
    return Effect.async((resume) => {
      this.wake = resume
      this.deadlines.add(this, this.deadlines.now() + millis * 1e6)
    })
  }

  onDeadline(): void {
    this.wake?.(Effect.void)
  }

  stop(): void {
    this.deadlines.remove(this)
    this.fiber?.unsafeInterruptAsFork(this.fiber.id())
  }
}
