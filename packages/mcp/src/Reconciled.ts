/**
 * What a tool's `reconcile` found out about a call whose outcome was unknown. A value; the client acts on it:
 * `Reconciled.Ran({ result })`, `Reconciled.DidNotRun`, `Reconciled.Unresolved`.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"

/**
 * - `Ran`: the call has run, and this is its result: it becomes the result of the call.
 * - `DidNotRun`: it has not run **and will not**: it is run again. The end of a stdio server's process proves that no
 *   call will run any more; after a `CallTimeout`, or over HTTP, a server that is only slow may still begin one, so say
 *   this only where the server refuses to run a call twice (it knows the call by an id) or is known to have let go of it.
 * - `Unresolved`: it cannot be told: the call fails with `OutcomeUnknown`.
 *
 * @since 0.1.0
 * @category models
 */
export type Reconciled<A> = Data.TaggedEnum<{
  Ran: { readonly result: A }
  DidNotRun: {}
  Unresolved: {}
}>

interface Definition extends Data.TaggedEnum.WithGenerics<1> {
  readonly taggedEnum: Reconciled<this["A"]>
}

const reconciled = Data.taggedEnum<Definition>()

/**
 * @since 0.1.0
 * @category constructors
 */
export const Ran: <A>(args: { readonly result: A }) => Reconciled<A> = reconciled.Ran

/**
 * @since 0.1.0
 * @category constructors
 */
export const DidNotRun: Reconciled<never> = reconciled.DidNotRun()

/**
 * @since 0.1.0
 * @category constructors
 */
export const Unresolved: Reconciled<never> = reconciled.Unresolved()
