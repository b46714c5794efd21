/**
 * What the demo found, as one document: what `mooring demo --json` prints, and what the table is made of. Its names
 * are stable.
 *
 * @since 0.1.0
 */
import type { Plan } from "./Plan.js"
import { p50 } from "./Percentile.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface ServerReport {
  readonly name: string
  readonly transport: "stdio" | "http"
  /** Connecting, initializing and one call. Milliseconds, median. */
  readonly freshP50Ms: number
  /** The same call through the pool. Milliseconds, median. */
  readonly pooledP50Ms: number
  /** The first over the second. */
  readonly ratio: number
  /** Calls made through the pool. */
  readonly calls: number
  /** Connections that the pool opened for them. */
  readonly connectionsOpened: number
  /** Calls through the pool that failed, by the tag of their error. */
  readonly failures: Readonly<Record<string, number>>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface KillReport {
  /** Whose process was killed. */
  readonly server: string
  /** Calls on it that were in flight or waiting at that moment. */
  readonly callsAffected: number
  /** Those that may have run; they failed as `OutcomeUnknown` and were not run again. */
  readonly outcomeUnknown: number
  /** From the kill to the next success on that server. Milliseconds. */
  readonly recoveredMs: number
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Report {
  /** Whether every answer and everything that the servers hold in the end is right. */
  readonly ok: boolean
  readonly servers: ReadonlyArray<ServerReport>
  readonly kill: KillReport
  /** What was wrong, in words; empty if `ok`. */
  readonly problems: ReadonlyArray<string>
  readonly plan: Plan
}

/**
 * What was counted and measured on one server.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tally {
  readonly name: string
  readonly transport: "stdio" | "http"
  /** Milliseconds each. */
  readonly fresh: ReadonlyArray<number>
  /** Milliseconds each. */
  readonly pooled: ReadonlyArray<number>
  readonly calls: number
  readonly connectionsOpened: number
  readonly failures: ReadonlyMap<string, number>
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits))

/**
 * Puts the document together.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (input: {
  readonly plan: Plan
  readonly tallies: ReadonlyArray<Tally>
  readonly kill: KillReport
  readonly problems: ReadonlyArray<string>
}): Report => ({
  ok: input.problems.length === 0,
  servers: input.tallies.map((tally) => ({
    name: tally.name,
    transport: tally.transport,
    freshP50Ms: round(p50(tally.fresh), 3),
    pooledP50Ms: round(p50(tally.pooled), 3),
    ratio: round(p50(tally.fresh) / p50(tally.pooled), 1),
    calls: tally.calls,
    connectionsOpened: tally.connectionsOpened,
    failures: Object.fromEntries(tally.failures)
  })),
  kill: { ...input.kill, recoveredMs: round(input.kill.recoveredMs, 1) },
  problems: input.problems,
  plan: input.plan
})
