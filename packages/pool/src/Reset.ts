/**
 * Brings an item back to the state in which it was opened: rolls back a transaction, leaves a folder, forgets a user.
 * It runs on a fiber of the pool when the last lease on the item has ended, so that neither the borrower who returns
 * it nor one who is given it ever waits inside the other's time; nobody gets the item meanwhile.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"

/**
 * @since 0.1.0
 * @category models
 */
export interface Reset<in A, out R = never> {
  /** Fails, or outlasts `timeout`, when the item must not serve again; it is closed then, as `unclean`. */
  readonly run: (item: A) => Effect.Effect<unknown, unknown, R>
  /** How long it may take. Default 5 seconds. */
  readonly timeout?: Duration.DurationInput | undefined
}
