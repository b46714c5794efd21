/**
 * What two configurations of one server have in common: nothing differs, only what open connections can live with, or
 * something that they were opened with. Values are compared by what they say; functions (computed headers) and schedules
 * by identity, since nothing else can be said of them.
 *
 * @since 0.1.0
 */
import * as Equal from "effect/Equal"
import * as Predicate from "effect/Predicate"
import type { ServerConfig } from "./ServerConfig.js"

/**
 * - `Kept`: the same
 * - `Resized`: settings differ that say how many connections there are and how they are used
 * - `Replaced`: how the server is reached differs, or who shares its connections
 *
 * @since 0.1.0
 * @category models
 */
export type ConfigChange = "Kept" | "Resized" | "Replaced"

// What is not named here is taken to be something that a connection is opened with.
const settings: ReadonlySet<string> = new Set([
  "concurrency",
  "min",
  "max",
  "maxIdle",
  "maxWaiters",
  "connectTimeout",
  "acquireTimeout",
  "callTimeout",
  "totalTimeout",
  "tools",
  "trustHints",
  "idleTimeToLive",
  "allowTools",
  "denyTools",
  "checkOutput",
  "rateLimit",
  "catalogueRefresh",
  "required",
  "disabled",
  "allowInsecure"
])

/**
 * What has changed from one configuration of a server to the next.
 *
 * @since 0.1.0
 * @category combinators
 */
export const between = (before: ServerConfig, after: ServerConfig): ConfigChange => {
  const differing = keysOf(before, after).filter(
    // A server is told by `command` or `url`; saying its type as well says nothing new.
    (key) => key !== "type" && !isSame(valueAt(before, key), valueAt(after, key))
  )
  if (differing.length === 0) return "Kept"
  return differing.every((key) => settings.has(key)) ? "Resized" : "Replaced"
}

/**
 * Whether two values of configurations say the same. A field that is left out is one that is `undefined`; the order of
 * fields does not matter.
 *
 * @since 0.1.0
 * @category combinators
 */
export const isSame = (one: unknown, other: unknown): boolean => {
  if (Equal.equals(one, other)) return true
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((value, index) => isSame(value, other[index]))
  }
  if (!isPlain(one) || !isPlain(other)) return false
  return keysOf(one, other).every((key) => isSame(valueAt(one, key), valueAt(other, key)))
}

/**
 * A copy that nobody else can change: a program may well change the object that it gave and give it again.
 *
 * @since 0.1.0
 * @category combinators
 */
export const snapshot = <A>(value: A): A => {
  // A copy has the type of what it is a copy of.
  if (Array.isArray(value)) return value.map((part: unknown) => snapshot(part)) as A
  // `fromEntries` makes a field called `__proto__` one like any other.
  return isPlain(value) ? (Object.fromEntries(Object.entries(value).map(([k, v]) => [k, snapshot(v)])) as A) : value
}

const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> => {
  if (!Predicate.isRecord(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

const keysOf = (one: object, other: object): ReadonlyArray<string> => [
  ...new Set([...Object.keys(one), ...Object.keys(other)])
]

// Never what every object has by its prototype.
const valueAt = (value: object, key: string): unknown => Object.getOwnPropertyDescriptor(value, key)?.value
