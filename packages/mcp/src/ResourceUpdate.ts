/**
 * What a reader of a resource's updates is told, and which updates are of which subscription. Values only.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"

/**
 * What is told of a resource that somebody subscribed to. None says what it holds now: read it, after any of them.
 *
 * - `Subscribed`: always the first. From here on its updates are told; what was read before may be old already
 * - `Updated`: it has changed, or what is below it: `uri` is as the server wrote it
 * - `MayHaveChanged`: updates may have been missed, of it or of anything below it. `reconnected`: the connection was lost
 *   or replaced, and another is subscribed by now. `notHeard`: the stream that they come on broke off for a while, or more
 *   came than `Limits` allow. `slowReader`: more different ones waited to be read than are kept
 *
 * @since 0.1.0
 * @category models
 */
export type ResourceUpdate = Data.TaggedEnum<{
  Subscribed: { readonly uri: string }
  Updated: { readonly uri: string }
  MayHaveChanged: { readonly uri: string; readonly reason: "reconnected" | "notHeard" | "slowReader" }
}>

/**
 * @since 0.1.0
 * @category constructors
 */
export const { $is, $match, MayHaveChanged, Subscribed, Updated } = Data.taggedEnum<ResourceUpdate>()

/**
 * How many different updates may wait for one reader. Those of one URI are one.
 *
 * @since 0.1.0
 * @category constants
 */
export const waiting = 256

/**
 * How long the URI of an update may be. Characters. A longer one is told as `MayHaveChanged`: a server must not fill the
 * memory with them.
 *
 * @since 0.1.0
 * @category constants
 */
export const longestUri = 8192

/**
 * Whether an update of `uri` is one of a subscription to `subscribed`: of it, or of something below it, which the
 * specification allows (https://modelcontextprotocol.io/specification/2025-11-25/schema#resourceupdatednotification).
 *
 * @since 0.1.0
 * @category predicates
 */
export const concerns = (uri: string, subscribed: string): boolean => {
  if (!uri.startsWith(subscribed)) return false
  if (uri.length === subscribed.length || subscribed.endsWith("/")) return true
  const next = uri.charAt(subscribed.length)
  return next === "/" || next === "?" || next === "#"
}
