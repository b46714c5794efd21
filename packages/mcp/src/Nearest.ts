/**
 * Which of the known words somebody may have meant who wrote one that is none of them.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import { closest, distance } from "fastest-levenshtein"

/** The known word that was probably meant. */
const nearest = (word: string, known: ReadonlyArray<string>): Option.Option<string> => {
  if (known.length === 0) return Option.none()
  const candidate = closest(word, known)
  const limit = Math.max(1, Math.min(3, Math.floor(word.length / 3)))
  return distance(word.toLowerCase(), candidate.toLowerCase()) <= limit ? Option.some(candidate) : Option.none()
}

/**
 * `; did you mean "…"?`, or nothing when no known word is near, and none holds this one (`timeout`).
 *
 * @since 0.1.0
 * @category combinators
 */
export const didYouMean = (word: string, known: ReadonlyArray<string>): string => {
  const meant = Option.match(nearest(word, known), { onNone: () => holding(word, known), onSome: (found) => [found] })
  return meant.length === 0 ? "" : `; did you mean ${oneOf(meant)}?`
}

const holding = (word: string, known: ReadonlyArray<string>): ReadonlyArray<string> =>
  word.length < 4 ? [] : known.filter((one) => one.toLowerCase().includes(word.toLowerCase()))

/**
 * `"a", "b" or "c"`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const oneOf = (words: ReadonlyArray<string>): string => either(words.map((word) => JSON.stringify(word)))

/**
 * The same without quotation marks.
 *
 * @since 0.1.0
 * @category combinators
 */
export const either = (names: ReadonlyArray<string>): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} or ${names.slice(-1).join("")}`
