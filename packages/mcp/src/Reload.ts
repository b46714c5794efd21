/**
 * What became of a change of the servers of a running pool. Values only.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import type { ConfigError } from "./McpError.js"

/**
 * What a change did, by the names of servers, each in one list. One that is `disabled` counts as not there.
 *
 * @since 0.1.0
 * @category models
 */
export interface Changes {
  /** They were not there before. */
  readonly added: ReadonlyArray<string>
  /** They are not there any more: calls in flight finish, by the pool's `shutdownTimeout`. */
  readonly removed: ReadonlyArray<string>
  /** Settings of their pools differ, which hold for calls from now on; their connections stay. */
  readonly resized: ReadonlyArray<string>
  /** They are reached otherwise, or shared otherwise: calls in flight finish on the connections that they have. */
  readonly replaced: ReadonlyArray<string>
  /** Nothing happened to them. */
  readonly kept: ReadonlyArray<string>
}

/**
 * - `Applied`: the servers were changed, or found to be the same
 * - `Refused`: something in a configuration is wrong; nothing was changed
 * - `SourceFailed`: the stream of configurations has failed; the last good one stays, and no other will come
 *
 * @since 0.1.0
 * @category models
 */
export type Reload = Data.TaggedEnum<{
  Applied: { readonly changes: Changes }
  Refused: { readonly error: ConfigError }
  SourceFailed: { readonly cause: Cause.Cause<unknown> }
}>

/**
 * Constructors and matchers.
 *
 * @since 0.1.0
 * @category constructors
 */
export const Reload = Data.taggedEnum<Reload>()

/**
 * Whether anything was changed.
 *
 * @since 0.1.0
 * @category combinators
 */
export const isChange = ({ added, removed, replaced, resized }: Changes): boolean =>
  added.length + removed.length + replaced.length + resized.length > 0

/**
 * One line for a log.
 *
 * @since 0.1.0
 * @category combinators
 */
export const show = (changes: Changes): string => {
  const parts = (["added", "removed", "resized", "replaced"] as const).flatMap((what) =>
    changes[what].length === 0 ? [] : [`${what} ${changes[what].map((name) => `"${name}"`).join(", ")}`]
  )
  return parts.length === 0 ? "nothing has changed" : parts.join("; ")
}
