/**
 * The `data` of a server's error, made fit to stand in one of ours: a server may well repeat its environment or the
 * headers of the request there. Pure.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import * as Redaction from "./Redaction.js"

/**
 * How much is kept; what is deeper or comes later is left out, with an ellipsis in its place. `values` counts every
 * value at every depth, `characters` those of all texts and names of fields together.
 *
 * @since 0.1.0
 * @category constants
 */
export const limits = { depth: 16, values: 1000, characters: 64 * 1024 } as const

/**
 * The same data with every text in it, names of fields included, given to `text`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const clean = (data: unknown, text: (text: string) => string): unknown => {
  let left: number = limits.values
  let room: number = limits.characters
  const fit = (value: string): string => {
    if (room <= 0) return "…"
    const whole = text(value)
    const kept = Redaction.cut(whole, room)
    room -= kept.length
    return kept
  }
  const shown = (value: unknown, depth: number): unknown => {
    if (left-- <= 0) return "…"
    if (typeof value === "string") return fit(value)
    // Digits can be a secret, too.
    if (typeof value === "number") return text(String(value)) === String(value) ? value : fit(String(value))
    if (typeof value !== "object" || value === null) return value
    if (depth === limits.depth) return "…"
    // Some more than are left, so that the ellipsis shows; not all of millions.
    if (Array.isArray(value)) return value.slice(0, left + 1).map((each) => shown(each, depth + 1))
    if (!Predicate.isRecord(value)) return value
    const fields = Object.entries(value).slice(0, left + 1)
    return Object.fromEntries(fields.map(([name, each]) => [fit(name), shown(each, depth + 1)]))
  }
  return shown(data, 0)
}
