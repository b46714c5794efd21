/**
 * A snapshot of what a pool holds and has done. Plain numbers, taken at one instant.
 *
 * @since 0.1.0
 */
import type { CloseReason } from "./PoolEvent.js"

/**
 * The numbers of one key. At any instant `started = immediate + waited + failed + cancelled + waiting`.
 *
 * @since 0.1.0
 * @category models
 */
export interface KeyStats {
  readonly key: string
  /** Open items, those that are draining included. */
  readonly open: number
  /** Open items that nobody holds. */
  readonly idle: number
  readonly connecting: number
  readonly closing: number
  /** Leases held now. */
  readonly leases: number
  /** Acquires waiting now. */
  readonly waiting: number
  /** Acquires begun. */
  readonly started: number
  /** Acquires that found a free slot at once. */
  readonly immediate: number
  /** Acquires that waited and got one. */
  readonly waited: number
  /** Acquires that ended in an error. */
  readonly failed: number
  /** Acquires that were interrupted while waiting. */
  readonly cancelled: number
  /** Leases given back. */
  readonly released: number
  /** Attempts to open that began. */
  readonly connects: number
  readonly connectFailures: number
  /** Items closed, by reason. */
  readonly closed: Readonly<Partial<Record<CloseReason, number>>>
  /** Items that outlasted their deadline while opening or closing, and are no longer waited for. */
  readonly abandoned: number
  /** Attempts to open that failed one after the other since one succeeded. */
  readonly failures: number
  /** Milliseconds until the next attempt to open may begin; 0 when it may now, or is on trial. */
  readonly retryAfterMs: number
  readonly circuit: "closed" | "open" | "halfOpen"
  readonly suspended: boolean
}

/**
 * The numbers of a pool, its keys by their description included.
 *
 * @since 0.1.0
 * @category models
 */
export interface PoolStats extends Omit<KeyStats, "key" | "failures" | "retryAfterMs" | "circuit" | "suspended"> {
  readonly keys: ReadonlyArray<KeyStats>
}
