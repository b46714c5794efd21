/**
 * Which names somebody may have meant who typed one that does not exist.
 *
 * @since 0.1.0
 */
import { distance } from "fastest-levenshtein"

/**
 * At most three of the names, nearest first: those that are a few letters away, or that contain the word.
 *
 * @since 0.1.0
 * @category combinators
 */
export const nearest = (word: string, names: Iterable<string>): ReadonlyArray<string> => {
  const typed = word.toLowerCase()
  const allowed = Math.max(2, Math.floor(typed.length / 3))
  const ranked: Array<{ readonly name: string; readonly rank: number }> = []
  for (const name of names) {
    const candidate = name.toLowerCase()
    const letters = distance(typed, candidate)
    if (letters <= allowed) ranked.push({ name, rank: letters })
    // A part of a name is as good as a name that is nearly out of reach.
    else if (typed.length >= 3 && candidate.includes(typed)) ranked.push({ name, rank: allowed + 1 })
  }
  return ranked
    .sort((a, b) => a.rank - b.rank)
    .slice(0, 3)
    .map(({ name }) => name)
}

/**
 * `Did you mean "a" or "b"?`, or else which names there are; at most twenty of them.
 *
 * @since 0.1.0
 * @category combinators
 */
export const suggestion = (word: string, names: ReadonlyArray<string>, what: string): string => {
  const near = nearest(word, names)
  if (near.length > 0) return `Did you mean ${near.map((name) => `"${name}"`).join(" or ")}?`
  if (names.length === 0) return `There are no ${what}.`
  const shown = names.slice(0, 20).join(", ")
  return `The ${what}: ${shown}${names.length > 20 ? `, and ${names.length - 20} more` : ""}.`
}
