/**
 * What a pool reports as it happens: items opening and closing, failures, leaks. Values only.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"

/**
 * Why an item was closed. Every close has exactly one.
 *
 * - `invalidated`: `invalidate` was called with it
 * - `discarded`: its borrower said `Discard`
 * - `notOpen`: `isOpen` said no (or threw)
 * - `unhealthy`: its health check failed too often
 * - `invalid`: it failed the check before a borrow
 * - `unclean`: its reset after a borrow failed, or outlasted its deadline
 * - `retired`: it asked for it itself, through its handle
 * - `expired`: older than `maxLifetime`
 * - `idle`: idle for longer than `idleTimeToLive`
 * - `surplus`: more than `maxIdle` were idle, or `max` was lowered
 * - `reclaimed`: another key needed its place under `maxTotal` or a group's quota
 * - `drained`: its key was drained, renewed or removed
 * - `shutdown`: the pool closed
 * - `connectFailed`: it never opened
 *
 * @since 0.1.0
 * @category models
 */
export type CloseReason =
  | "invalidated"
  | "discarded"
  | "notOpen"
  | "unhealthy"
  | "invalid"
  | "unclean"
  | "retired"
  | "expired"
  | "idle"
  | "surplus"
  | "reclaimed"
  | "drained"
  | "shutdown"
  | "connectFailed"

/**
 * Something that happened in a pool. `key` is what `describeKey` says, `item` counts items from 1 within the pool.
 *
 * @since 0.1.0
 * @category models
 */
export type PoolEvent = Data.TaggedEnum<{
  /** An attempt to open an item began. */
  Connecting: { readonly key: string; readonly item: number }
  /** The item is open. `tookMs` is how long it took. */
  Connected: { readonly key: string; readonly item: number; readonly tookMs: number }
  /** The attempt failed; the next one may begin after `retryAfterMs`. */
  ConnectFailed: {
    readonly key: string
    readonly item: number
    readonly cause: Cause.Cause<unknown>
    readonly retryAfterMs: number
  }
  /** The item gets no new leases. */
  Draining: { readonly key: string; readonly item: number; readonly reason: CloseReason; readonly detail: string }
  /** The item's scope is closed. */
  Closed: { readonly key: string; readonly item: number; readonly reason: CloseReason }
  /** Opening or closing ignored its deadline; the pool no longer waits for it, nor counts it. */
  Abandoned: { readonly key: string; readonly item: number; readonly phase: "connecting" | "closing" }
  /** Something given to the pool failed where the pool goes on: a finalizer, `isOpen`, a policy, a health schedule. */
  Fault: { readonly key: string; readonly item: number; readonly what: string; readonly cause: Cause.Cause<unknown> }
  /** A lease has been held for longer than `leakThreshold`. */
  Leak: { readonly key: string; readonly item: number; readonly heldMs: number; readonly taken: string }
  /** A lease was taken away by force. */
  Revoked: { readonly key: string; readonly item: number; readonly reason: string }
  /** `suspend` or `resume` was called, for a key or (`key` is `undefined`) for the whole pool. */
  Suspension: { readonly key: string | undefined; readonly suspended: boolean }
  /** The circuit of a key opened, is on trial, or closed. */
  Circuit: { readonly key: string; readonly state: "closed" | "open" | "halfOpen" }
}>

/**
 * Constructors and matchers.
 *
 * @since 0.1.0
 * @category constructors
 */
export const PoolEvent = Data.taggedEnum<PoolEvent>()
