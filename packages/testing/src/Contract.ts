/**
 * What the suites of this package share: a suite is a list of cases, to be run by any test framework. A case opens
 * what it needs in a scope of its own, and fails with a `ContractBroken` that says what was expected.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

/**
 * One case: a title that is a sentence of behaviour, and what runs it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Case<out E, out R> {
  readonly title: string
  readonly effect: Effect.Effect<void, E, R>
}

/**
 * What was put to the test does not keep the contract.
 *
 * @since 0.1.0
 * @category errors
 */
export class ContractBroken extends Data.TaggedError("ContractBroken")<{
  readonly what: string
  readonly expected: unknown
  readonly found: unknown
}> {
  override get message(): string {
    return `${this.what}: expected ${show(this.expected)}, found ${show(this.found)}`
  }
}

/**
 * Fails unless the two are the same JSON, keys in the same order.
 *
 * @since 0.1.0
 * @category combinators
 */
export const equal =
  <A>(what: string, expected: A) =>
  (found: unknown): Effect.Effect<void, ContractBroken> =>
    plain(expected) === plain(found) ? Effect.void : new ContractBroken({ what, expected, found })

const plain = (value: unknown): string => JSON.stringify(value) ?? "undefined"

const shorten = (text: string): string => (text.length < 200 ? text : `${text.slice(0, 200)}… (${text.length})`)

const show = (value: unknown): string => shorten(plain(value))
