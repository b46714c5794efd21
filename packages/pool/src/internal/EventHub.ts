/**
 * Hands events to whoever listens. Each listener has a bounded queue that drops its oldest events, so that a slow one
 * slows nothing; without listeners an event costs one comparison.
 */
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import type { PoolEvent } from "../PoolEvent.js"

/** Events that a listener may be behind. */
const capacity = 1024

export class EventHub {
  private listeners = 0

  /** Events from now on. */
  readonly stream: Stream.Stream<PoolEvent>

  private constructor(private readonly hub: PubSub.PubSub<PoolEvent>) {
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

  static readonly make: Effect.Effect<EventHub> = Effect.map(
    PubSub.sliding<PoolEvent>(capacity),
    (hub) => new EventHub(hub)
  )

  publish(event: PoolEvent): void {
    if (this.listeners === 0) return
    // Publishing to a sliding hub never waits.
    Effect.runSync(PubSub.publish(this.hub, event))
  }

  /** Ends every stream. */
  get shutdown(): Effect.Effect<void> {
    return PubSub.shutdown(this.hub)
  }
}
