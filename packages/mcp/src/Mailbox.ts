/**
 * What is told to one reader of a stream: bounded, so that a reader who is slow, or never reads, holds up nobody and
 * fills nothing. Whoever tells never waits. What is told again under the same name before it was read is told once;
 * when it is full, the oldest goes. It belongs to one stream, which may be read once.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

/**
 * @since 0.1.0
 * @category models
 */
export class Mailbox<in out A, in out E = never> {
  private readonly waiting = new Map<string | symbol, A>()
  private readonly capacity: number
  private readonly lost: ((lost: A) => readonly [symbol, A] | undefined) | undefined
  private end: Cause.Cause<Option.Option<E>> | undefined
  private wake: ((taken: Effect.Effect<A, Option.Option<E>>) => void) | undefined
  private told = 0

  constructor(options: {
    /** How many may wait to be read. */
    readonly capacity: number
    /** What the reader is told when something was lost. Default: nothing. */
    readonly lost?: ((lost: A) => readonly [symbol, A] | undefined) | undefined
  }) {
    this.capacity = options.capacity
    this.lost = options.lost
  }

  /**
   * Tells it, in place of what waits under the same name. Without a name, it stands for itself. What has a symbol as its
   * name is never what goes when there is no room.
   */
  offer(value: A, name: string | symbol = `#${this.told++}`): void {
    if (this.end !== undefined) return
    this.waiting.set(name, value)
    if (this.waiting.size > this.capacity) this.drop()
    const { wake } = this
    if (wake === undefined) return
    this.wake = undefined
    wake(this.take())
  }

  /** Ends the stream when what waits has been read. Only the first end counts. */
  complete(): void {
    this.endWith(Cause.fail(Option.none()))
  }

  /** Fails the stream when what waits has been read. Only the first end counts. */
  fail(cause: Cause.Cause<E>): void {
    this.endWith(Cause.map(cause, Option.some))
  }

  /** What is told, one by one: what a reader has not taken can still be replaced by what is told later. */
  readonly stream: Stream.Stream<A, E> = Stream.repeatEffectOption(
    Effect.suspend(() => {
      if (this.waiting.size > 0 || this.end !== undefined) return this.take()
      return Effect.async<A, Option.Option<E>>((resume) => {
        this.wake = resume
        return Effect.sync(() => {
          if (this.wake === resume) this.wake = undefined
        })
      })
    })
  )

  private endWith(cause: Cause.Cause<Option.Option<E>>): void {
    if (this.end !== undefined) return
    this.end = cause
    this.wake?.(this.take())
    this.wake = undefined
  }

  /** The oldest that waits is taken when the effect runs, so that nothing is lost with a reader that is interrupted. */
  private take(): Effect.Effect<A, Option.Option<E>> {
    return Effect.suspend((): Effect.Effect<A, Option.Option<E>> => {
      for (const [name, value] of this.waiting) {
        this.waiting.delete(name)
        return Effect.succeed(value)
      }
      return this.end === undefined ? Effect.never : Effect.failCause(this.end)
    })
  }

  private drop(): void {
    for (const [name, value] of this.waiting) {
      if (typeof name === "symbol") continue
      this.waiting.delete(name)
      const told = this.lost?.(value)
      if (told !== undefined) {
        // At the end, after all that it may concern.
        this.waiting.delete(told[0])
        this.waiting.set(told[0], told[1])
      }
      if (this.waiting.size <= this.capacity) return
    }
  }
}
