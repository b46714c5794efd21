/**
 * The factory's own record of one attempt to open an item, and of the item that came of it. It is what the pool is
 * judged by, so nothing in it is taken from the pool.
 */
import type { Pool } from "@mooring/pool"

/** What the pool hands out. */
export interface Thing {
  readonly unit: number
  readonly key: string
}

/** Somebody who holds, or held, a share of a unit. */
export interface Holder {
  readonly id: number
  readonly exclusive: boolean
  /** The pool has taken it away. */
  revoked: boolean
}

export type Phase = "connecting" | "open" | "closing" | "closed"

export class Unit {
  phase: Phase = "connecting"
  readonly thing: Thing
  readonly holders = new Set<Holder>()
  /** When the present phase began. Milliseconds. */
  since: number
  connectedAt = Number.NaN
  /** When it was last given back, or connected. */
  idleSince = Number.NaN
  /** The pass in which it last began to idle for whatever reason. */
  idleIn = -1
  /** When it last answered something for sure, and when it last may have: being given back proves a little. */
  answeredAt = Number.NaN
  heardAt = Number.NaN
  /** It never opened. */
  failed = false
  /** Connecting or closing outlasted its deadline and could not be interrupted; what comes of it is late. */
  late = false
  /** When the pool gave up the attempt before its deadline, because its key was drained or the pool closed. */
  givenUpAt = Number.POSITIVE_INFINITY
  /** The attempt did not end by its deadline. */
  overdue = false
  /** How often `isOpen` was asked, and how often it must have been by now: once a borrow, once a return. */
  asked = 0
  mustHaveAsked = 0
  /** What `isOpen` says. */
  alive = true
  /** Why no new lease may be given on it, if so. */
  condemned: string | undefined
  /** The passes in which it was condemned, and died; passes are counted from rest to rest. */
  condemnedIn = -1
  diedIn = -1
  /** Somebody holds it, and it may have to be closed when it comes back: which of several is the pool's to choose. */
  maybeCondemned = false
  /**
   * Its key was refreshed while somebody held it, or perhaps did: until it comes back it counts for the pool only. What
   * has come back since all was last at rest may still have been held when an attempt was decided on.
   */
  superseded = false
  /** What lets it go, once for each time it was kept. */
  readonly keeps: Array<() => void> = []
  /** When a deadline lets the pool take its leases away. */
  forceAt = Number.POSITIVE_INFINITY
  /** Leases it may bear; while what was said of it is ambiguous, at most and at least. */
  concurrency: number
  leastConcurrency: number
  finalized = 0
  /** When the time of the probe that runs is up. */
  probeDue = Number.POSITIVE_INFINITY

  constructor(
    readonly id: number,
    readonly key: string,
    readonly handle: Pool.ItemHandle,
    now: number,
    concurrency: number,
    /** How many acquires had begun when this attempt did. */
    readonly after: number
  ) {
    this.thing = { unit: id, key }
    this.since = now
    this.concurrency = concurrency
    this.leastConcurrency = concurrency
  }

  /** Idle, open and fit to be borrowed. */
  get usable(): boolean {
    return this.phase === "open" && this.alive && this.condemned === undefined && !this.maybeCondemned
  }

  /** How many probes of it run: one at most. One that has outlasted its time is no longer waited for. */
  get probing(): number {
    return this.probeDue === Number.POSITIVE_INFINITY ? 0 : 1
  }

  get idle(): boolean {
    return this.phase === "open" && this.holders.size === 0
  }

  get kept(): boolean {
    return this.keeps.length > 0
  }

  get exclusivelyHeld(): boolean {
    for (const holder of this.holders) if (holder.exclusive) return true
    return false
  }
}
