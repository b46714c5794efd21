/**
 * The health check of items that idle: one fiber for each open item, driven by the schedule, which ends with the item.
 * It only reports; what becomes of the item is for its host to decide.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Runtime from "effect/Runtime"
import * as Schedule from "effect/Schedule"
import type { Deadlines } from "../Deadlines.js"
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
/** Before a schedule that has ended is started again. */
const restart = Duration.seconds(1)

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

  /** Begins to probe an item that has just opened; its `health` is the fiber to interrupt. */
  watch(item: Item<K, A, E>): void {
    if (this.host.isProbed(item)) this.start(item)
  }

  /** Probes an item, asked for or not. */
  start(item: Item<K, A, E>): void {
    const probe = Effect.suspend(() => {
      // A busy item proves itself by answering.
      if (!item.isIdle || item.validation !== undefined) return Effect.void
      return this.probe(item)
    })
    const rounds = Effect.exit(Effect.schedule(probe, this.schedule)).pipe(
      Effect.tap((exit) =>
        Effect.sync(() => {
          const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
          this.host.fault(item, "the health schedule has ended; it is started again", cause)
        })
      ),
      Effect.zipRight(Effect.sleep(restart))
    )
    item.health = Runtime.runFork(this.runtime)(Effect.interruptible(Effect.forever(rounds)), { immediate: false })
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
