/**
 * What a server in memory has really seen and run: the truth that a test compares with what its client reports. One
 * ledger for each server, over all its connections. Plain mutable numbers, written only by the server.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

/**
 * One run of a tool, from the moment at which its handler began.
 *
 * @since 0.1.0
 * @category models
 */
export interface Call {
  readonly tool: string
  /** The arguments as they came over the wire. */
  readonly args: Readonly<Record<string, unknown>>
  /** Which connection it came on, counted from 1. */
  readonly connection: number
  /** Whose connection it was. */
  readonly partition: string
  /** When the handler began and ended, by the clock of the layer. Milliseconds. */
  readonly startedAt: number
  readonly endedAt: number | undefined
  /** How the handler ended; `interrupted` by a cancellation or by the end of the connection. */
  readonly outcome: "running" | "succeeded" | "failed" | "interrupted"
}

/**
 * The numbers of one server at one instant.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServerStats {
  /** Connections that were tried. */
  readonly connects: number
  /** Connections that were accepted. */
  readonly opened: number
  /** Connections that are there now. */
  readonly open: number
  readonly maxOpen: number
  /** Calls of tools that the server has taken. */
  readonly received: number
  /** Calls that began to run. */
  readonly ran: number
  /** Calls taken and neither answered, cancelled nor cut off by the end of their connection. */
  readonly inFlight: number
  readonly maxInFlight: number
  /** Cancellations of calls in flight. */
  readonly cancelled: number
  /** Pings answered. */
  readonly pings: number
  /** Faults of its script, of calls and of connections, that the server has met. */
  readonly faults: number
}

type Mutable<A> = { -readonly [K in keyof A]: A[K] }

/**
 * @since 0.1.0
 * @category models
 */
export class Ledger {
  private readonly runs: Array<Mutable<Call>> = []
  private readonly numbers: Mutable<Omit<ServerStats, "ran">> = {
    connects: 0,
    opened: 0,
    open: 0,
    maxOpen: 0,
    received: 0,
    inFlight: 0,
    maxInFlight: 0,
    cancelled: 0,
    pings: 0,
    faults: 0
  }
  private readonly waiting = new Set<() => void>()

  stats(): ServerStats {
    return { ...this.numbers, ran: this.runs.length }
  }

  calls(): ReadonlyArray<Call> {
    return this.runs.map((run) => ({ ...run }))
  }

  count(what: "connects" | "opened" | "received" | "cancelled" | "pings" | "faults"): void {
    this.numbers[what]++
    this.changed()
  }

  connected(): () => void {
    this.numbers.maxOpen = Math.max(this.numbers.maxOpen, ++this.numbers.open)
    this.count("opened")
    return this.once(() => this.numbers.open--)
  }

  /** A call was taken. The returned function says that it is in flight no more; only its first call counts. */
  took(): () => void {
    this.numbers.maxInFlight = Math.max(this.numbers.maxInFlight, ++this.numbers.inFlight)
    this.count("received")
    return this.once(() => this.numbers.inFlight--)
  }

  /** A handler began. The returned function says how it ended. */
  began(
    call: Omit<Call, "endedAt" | "outcome">
  ): (outcome: Exclude<Call["outcome"], "running">, endedAt: number) => void {
    const run: Mutable<Call> = { ...call, endedAt: undefined, outcome: "running" }
    this.runs.push(run)
    this.changed()
    return (outcome, endedAt) => {
      run.outcome = outcome
      run.endedAt = endedAt
      this.changed()
    }
  }

  /** Ends as soon as the predicate holds. */
  until(predicate: (stats: ServerStats) => boolean): Effect.Effect<ServerStats> {
    return Effect.async((resume) => {
      const check = () => {
        const stats = this.stats()
        if (!predicate(stats)) return
        this.waiting.delete(check)
        resume(Effect.succeed(stats))
      }
      this.waiting.add(check)
      check()
      return Effect.sync(() => this.waiting.delete(check))
    })
  }

  private once(change: () => void): () => void {
    let done = false
    return () => {
      if (done) return
      done = true
      change()
      this.changed()
    }
  }

  private changed(): void {
    for (const check of [...this.waiting]) check()
  }
}
