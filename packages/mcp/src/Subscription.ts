/**
 * One resource of one server key that somebody reads the updates of: all its readers, and the connection that it is
 * subscribed on, if there is one. It borrows a connection only to subscribe. When that connection ends, it subscribes on
 * another, and tells its readers that updates may have been missed; it is over when the last reader has left, or when
 * the server refuses it.
 *
 * @since 0.1.0
 */
import type { PoolError } from "@mooring/pool"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type { ConnectionNotices } from "./ConnectionNotices.js"
import { ConnectionLost, type McpConnectError, type RequestError, type UnsupportedCapability } from "./McpError.js"
import { UpdateReader } from "./UpdateReader.js"

type SubscribeError = PoolError.PoolError | McpConnectError | RequestError | UnsupportedCapability

/**
 * What it needs of `Notices`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Host {
  /** Runs something on a connection of the key. */
  readonly borrow: (
    use: (connection: ConnectionNotices) => Effect.Effect<void, RequestError | UnsupportedCapability>
  ) => Effect.Effect<void, SubscribeError>
  /** Runs what subscribes, on a fiber that no reader can end; gives what ends it. */
  readonly run: (effect: Effect.Effect<void>) => () => void
  /** Milliseconds on a monotonic clock. */
  readonly now: () => number
  /** Nobody reads it any more. */
  readonly over: (subscription: Subscription) => void
}

/**
 * A subscription that is lost before it has lasted this long, for a second time in a row, is made again after a pause,
 * which grows from the first to the longest. Milliseconds.
 * One whose connection is lost before it was ever subscribed is tried again so many times (`attempts`), as a call is.
 *
 * @since 0.1.0
 * @category constants
 */
export const pauses = { lasting: 30_000, first: 500, longest: 30_000, attempts: 3 } as const

/**
 * @since 0.1.0
 * @category models
 */
export class Subscription {
  private readonly readers = new Set<UpdateReader<SubscribeError>>()
  private isSubscribed = false
  private wasSubscribed = false
  /** How often its connection was lost before it was subscribed for the first time. */
  private lostAtFirst = 0
  /** That it cannot be subscribed to again has been logged. */
  private isReported = false
  private since = -Infinity
  /** How often in a row it was lost before it had lasted. */
  private losses = 0
  private letGo: (() => void) | undefined
  private stop: (() => void) | undefined
  /** How often it was looked for a connection. */
  private runs = 0
  private ended = false

  constructor(
    readonly uri: string,
    private readonly host: Host
  ) {}

  /** Reads what is told from now on, until it is left. */
  read() {
    const reader = new UpdateReader<SubscribeError>(this.uri)
    this.readers.add(reader)
    if (this.isSubscribed) reader.subscribed()
    else if (this.stop === undefined) this.subscribe()
    return {
      mailbox: reader.mailbox,
      leave: () => {
        if (this.readers.delete(reader) && this.readers.size === 0) this.end()
      }
    }
  }

  /** The connection that it is on is to be used no more, though it may stay open: it is subscribed on another. */
  move(): void {
    if (this.letGo === undefined) return
    this.letGo()
    this.letGo = undefined
    this.isSubscribed = false
    // One that was on its way is begun anew.
    this.stop?.()
    this.stop = undefined
    this.subscribe()
  }

  /** Ends what its readers read. */
  close(): void {
    for (const { mailbox } of this.readers) mailbox.complete()
    this.readers.clear()
    this.end()
  }

  private end(): void {
    if (this.ended) return
    this.ended = true
    this.stop?.()
    this.letGo?.()
    this.host.over(this)
  }

  /** Looks for a connection to be subscribed on. */
  private subscribe(): void {
    const tried = Effect.suspend(() => this.host.borrow((connection) => this.join(connection)))
    const attempts = Effect.zipRight(this.pause, Effect.retry(tried, { schedule: growing, while: this.mayMend }))
    const run = ++this.runs
    let over = false
    const stop = this.host.run(
      Effect.flatMap(Effect.exit(attempts), (exit) =>
        Effect.sync(() => {
          over = true
          // Another took its place, when it was too late to stop it.
          if (run !== this.runs) return
          this.stop = undefined
          if (Exit.isFailure(exit)) this.fail(exit.cause)
          // Lost again, before this fiber came to hear of it.
          else if (!this.isSubscribed && !this.ended) this.subscribe()
        })
      )
    )
    // It may be over already.
    if (!over) this.stop = stop
  }

  /**
   * Until it was subscribed once, it fails as a call does. From then on, a server that is there no more may come back,
   * whatever it says at first.
   */
  private readonly mayMend = (error: SubscribeError): Effect.Effect<boolean> => {
    if (!this.wasSubscribed) {
      return Effect.sync(() => error._tag === "ConnectionLost" && ++this.lostAtFirst <= pauses.attempts)
    }
    const mends = isTransient(error)
    if (!mends || this.isReported) return Effect.succeed(mends)
    this.isReported = true
    return Effect.as(
      Effect.logWarning(
        "A resource could not be subscribed to again as yet; this goes on until nobody reads it",
        error
      ),
      true
    )
  }

  /** A server that takes each subscription and then ends is not connected to over and over without a pause. */
  private get pause(): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.losses < 2) return Effect.void
      const longest = Math.min(pauses.longest, pauses.first * 2 ** (this.losses - 2))
      return Effect.flatMap(Random.next, (chance) => Effect.sleep(Math.ceil(longest * (1 - chance / 2))))
    })
  }

  /** Ends when the server has taken it. */
  private join(connection: ConnectionNotices): Effect.Effect<void, RequestError | UnsupportedCapability> {
    return Effect.async<void, RequestError | UnsupportedCapability>((resume) => {
      if (this.ended) return resume(Effect.void)
      let isOver = false
      const letGo = connection.hold(this.uri, {
        subscribed: () => {
          this.isSubscribed = true
          this.wasSubscribed = true
          this.isReported = false
          this.since = this.host.now()
          for (const reader of this.readers) reader.subscribed()
          resume(Effect.void)
        },
        updated: (uri) => {
          for (const reader of this.readers) reader.updated(uri)
        },
        missed: () => {
          for (const reader of this.readers) reader.missed()
        },
        refused: (error) => {
          isOver = true
          resume(Effect.fail(error))
        },
        lost: (reason) => {
          isOver = true
          const server = connection.connection.key.toString()
          resume(Effect.fail(new ConnectionLost({ server, reason, delivery: "NotSent" })))
          this.lost()
        }
      })
      this.letGo = isOver ? undefined : letGo
      // Interrupted: nobody waits for it any more.
      return Effect.sync(letGo)
    })
  }

  private lost(): void {
    this.letGo = undefined
    if (!this.isSubscribed) return
    this.isSubscribed = false
    this.losses = this.host.now() - this.since >= pauses.lasting ? 0 : this.losses + 1
    if (this.stop === undefined && !this.ended) this.subscribe()
  }

  /** Fails what its readers read. */
  fail(cause: Cause.Cause<SubscribeError>): void {
    const readers = [...this.readers]
    this.readers.clear()
    for (const { mailbox } of readers) {
      // Only the end of the pool interrupts it.
      if (Cause.isInterruptedOnly(cause)) mailbox.complete()
      else mailbox.fail(cause)
    }
    this.end()
  }
}

const growing = Schedule.exponential(pauses.first).pipe(
  Schedule.union(Schedule.spaced(pauses.longest)),
  Schedule.jittered,
  Schedule.modifyDelay((_, delay) => Duration.millis(Math.ceil(Duration.toMillis(delay))))
)

/** Whether another attempt may go better. What the server refused does not. */
const isTransient = (error: SubscribeError): boolean => {
  switch (error._tag) {
    case "McpConnectError":
    case "AcquireTimeout":
    case "PoolSaturated":
    case "PoolSuspended":
    case "CircuitOpen":
    case "ConnectionLost":
    case "ConnectionSaturated":
    case "CallTimeout":
      return true
    default:
      return false
  }
}
