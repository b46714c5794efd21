/**
 * Hands events to whoever listens. Each listener has a bounded queue that drops its oldest events, so that a slow one
 * slows nothing; without listeners an event costs one comparison.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import * as Runtime from "effect/Runtime"
import * as Stream from "effect/Stream"
import type { PoolEvent } from "../PoolEvent.js"

/** Events that a listener may be behind. */
const capacity = 1024

export class EventHub {
  private listeners = 0

  /** Events from now on. */
  readonly stream: Stream.Stream<PoolEvent>

  private constructor(
    private readonly hub: PubSub.PubSub<PoolEvent>,
    private readonly hear: ((event: PoolEvent) => void) | undefined,
    private readonly report: (defect: unknown) => void
  ) {
    const listen = Effect.acquireRelease(
      Effect.sync(() => {
        this.listeners++
      }),
      () =>
        Effect.sync(() => {
          this.listeners--
        })
    )
    this.stream = Stream.unwrapScoped(
      Effect.zipRight(
        listen,
        Effect.map(PubSub.subscribe(hub), (queue) => Stream.fromQueue(queue))
      )
    )
  }

  /** `hear` is called with each event, synchronously. Should it throw all the same, that is logged. */
  static make(hear: ((event: PoolEvent) => void) | undefined): Effect.Effect<EventHub> {
    return Effect.gen(function* () {
      const runtime = yield* Effect.runtime<never>()
      const report = (defect: unknown) => {
        Runtime.runFork(runtime)(Effect.logError("What hears the pool's events failed", Cause.die(defect)))
      }
      return new EventHub(yield* PubSub.sliding<PoolEvent>(capacity), hear, report)
    })
  }

  publish(event: PoolEvent): void {
    try {
      this.hear?.(event)
    } catch (defect) {
      this.report(defect)
    }
    if (this.listeners === 0) return
    // Publishing to a sliding hub never waits.
    Effect.runSync(PubSub.publish(this.hub, event))
  }

  /** Ends every stream. */
  get shutdown(): Effect.Effect<void> {
    return PubSub.shutdown(this.hub)
  }
}
