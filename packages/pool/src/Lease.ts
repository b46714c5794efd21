/**
 * A borrowed share of an item, and what its borrower says when it gives it back. A lease belongs to the scope that it
 * was taken in; closing the scope returns it.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type { LeaseRevoked } from "./PoolError.js"

/**
 * What becomes of the item when the lease ends: it serves on, or it is closed as soon as nobody else holds it.
 *
 * @since 0.1.0
 * @category models
 */
export type ReuseDecision = Data.TaggedEnum<{
  Reuse: {}
  Discard: { readonly reason: string }
}>

const decision = Data.taggedEnum<ReuseDecision>()

/**
 * The item is as good as before. What a lease says unless told otherwise.
 *
 * @since 0.1.0
 * @category constructors
 */
export const Reuse: ReuseDecision = decision.Reuse()

/**
 * The item must not serve anybody again, and why.
 *
 * @since 0.1.0
 * @category constructors
 */
export const Discard = (reason: string): ReuseDecision => decision.Discard({ reason })

/**
 * A borrowed share of an item.
 *
 * @since 0.1.0
 * @category models
 */
export interface Lease<out A> {
  readonly item: A
  /** Says what becomes of the item when this lease ends; the last word counts. */
  readonly decide: (decision: ReuseDecision) => Effect.Effect<void>
  /** Gives the share back before the scope closes. Any later time does nothing. */
  readonly release: Effect.Effect<void>
  /** Fails with `LeaseRevoked` when the item is taken away by force; never succeeds. */
  readonly lost: Effect.Effect<never, LeaseRevoked>
}
