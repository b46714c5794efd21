/**
 * How borrowing can fail, one tag each. `key` is what `describeKey` says of the key. An error of the resource itself
 * (`E`) is handed on as it is; where an error of the pool hides one, it stands in `cause`.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"

/**
 * The deadline of this acquire passed while it waited. `cause` is the last failed connect, if one failed meanwhile.
 * What to do: raise `max` or `concurrency`, or call less at once; if `cause` is there, mend what it names.
 *
 * @since 0.1.0
 * @category errors
 */
export class AcquireTimeout extends Data.TaggedError("AcquireTimeout")<{
  readonly key: string
  /** The limit that passed. Milliseconds. */
  readonly timeoutMs: number
  /** How many were waiting for the same key, this one included. */
  readonly waiting: number
  readonly cause?: unknown
}> {
  override get message(): string {
    return `No connection for "${this.key}" came free within ${this.timeoutMs} ms (${this.waiting} waiting)${because(this.cause)}`
  }
}

/**
 * As many as `maxWaiters` wait for this key already. Nothing was queued.
 *
 * @since 0.1.0
 * @category errors
 */
export class PoolSaturated extends Data.TaggedError("PoolSaturated")<{
  readonly key: string
  readonly maxWaiters: number
}> {
  override get message(): string {
    return `The queue for "${this.key}" is full (${this.maxWaiters} waiting)`
  }
}

/**
 * The pool is closing or closed.
 *
 * @since 0.1.0
 * @category errors
 */
export class PoolClosed extends Data.TaggedError("PoolClosed")<{ readonly key: string }> {
  override get message(): string {
    return `The pool is closed; nothing can be borrowed for "${this.key}"`
  }
}

/**
 * The key was suspended until the acquire's deadline.
 *
 * @since 0.1.0
 * @category errors
 */
export class PoolSuspended extends Data.TaggedError("PoolSuspended")<{ readonly key: string }> {
  override get message(): string {
    return `"${this.key}" is suspended`
  }
}

/**
 * Connecting has failed so often that nobody waits for another attempt before `retryAfterMs` has passed.
 *
 * @since 0.1.0
 * @category errors
 */
export class CircuitOpen extends Data.TaggedError("CircuitOpen")<{
  readonly key: string
  /** Milliseconds until the next attempt may start. */
  readonly retryAfterMs: number
  /** Failed attempts in a row. */
  readonly failures: number
  readonly cause?: unknown
}> {
  override get message(): string {
    return (
      `Connecting to "${this.key}" failed ${this.failures} times in a row; ` +
      `next attempt in ${Math.ceil(this.retryAfterMs)} ms${because(this.cause)}`
    )
  }
}

/**
 * The pool has no such key: its `config` gives nothing for it, or it was removed (`refresh`) while somebody waited.
 * Nothing was borrowed.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnknownKey extends Data.TaggedError("UnknownKey")<{ readonly key: string }> {
  override get message(): string {
    return `The pool has no "${this.key}"`
  }
}

/**
 * A setting is nonsense. `key` is absent where it is a setting of the whole pool.
 *
 * @since 0.1.0
 * @category errors
 */
export class PoolConfigError extends Data.TaggedError("PoolConfigError")<{
  readonly key?: string | undefined
  readonly field: string
  readonly reason: string
}> {
  override get message(): string {
    const where = this.key === undefined ? "The pool's settings" : `The settings of "${this.key}"`
    return `${where}: ${this.field} ${this.reason}`
  }
}

/**
 * Connecting outlasted `connectTimeout`. Seen as the `cause` of the others and in events, never by itself: a timed
 * out attempt is tried again.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectTimeout extends Data.TaggedError("ConnectTimeout")<{
  readonly key: string
  /** Milliseconds. */
  readonly timeoutMs: number
}> {
  override get message(): string {
    return `Connecting to "${this.key}" took longer than ${this.timeoutMs} ms`
  }
}

/**
 * An item was opened, but was closed again (`isOpen`, its handle) before anybody could have it. Seen as the `cause` of
 * the others and in events, never by itself: it is tried again.
 *
 * @since 0.1.0
 * @category errors
 */
export class ItemEnded extends Data.TaggedError("ItemEnded")<{
  readonly key: string
  readonly reason: string
}> {
  override get message(): string {
    return `What was opened for "${this.key}" ended at once: ${this.reason}`
  }
}

/**
 * A lease was taken away by force: the pool closed, or the key was drained or removed, and the deadline for giving back
 * passed.
 *
 * @since 0.1.0
 * @category errors
 */
export class LeaseRevoked extends Data.TaggedError("LeaseRevoked")<{
  readonly key: string
  readonly reason: string
}> {
  override get message(): string {
    return `The lease on "${this.key}" was revoked: ${this.reason}`
  }
}

/**
 * Every error that borrowing can add to those of the resource.
 *
 * @since 0.1.0
 * @category errors
 */
export type PoolError =
  | AcquireTimeout
  | PoolSaturated
  | PoolClosed
  | PoolSuspended
  | CircuitOpen
  | UnknownKey
  | PoolConfigError

const because = (cause: unknown): string =>
  cause === undefined ? "" : `. Last failure: ${cause instanceof Error ? cause.message : String(cause)}`
