/**
 * What a server sends that it should not, or does not send when it should, as a session reports it. Each is harmless by
 * itself; together they tell a broken server from a good one. Values only.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"

/**
 * - `Late`: an answer to a request that had ended, late or a second time
 * - `Unknown`: an answer to a request that was never made; without an id, an error that answers none
 * - `TextId`: an answer with a text as id, which no request has, whatever number it looks like
 * - `StrayProgress`: progress of no request that is pending and asked for it, or that says nothing
 * - `Junk`: something that is no message, or is nested too deep
 * - `Flooded`: progress, or other notifications, came more often than `Limits` allow; once each time that it begins.
 *   What was dropped may have said that something changed
 * - `Unanswered`: a request of ours was not answered in time
 * - `RequestRefused`: the server had too many requests open, or one of the same id
 *
 * @since 0.1.0
 * @category models
 */
export type SessionEvent = Data.TaggedEnum<{
  Late: { readonly id: number }
  Unknown: { readonly id: number | undefined }
  TextId: { readonly id: string }
  StrayProgress: { readonly id: number }
  Junk: { readonly reason: string }
  Flooded: { readonly what: "progress" | "notifications" }
  Unanswered: { readonly method: string; readonly timeoutMs: number }
  RequestRefused: { readonly method: string; readonly reason: "tooMany" | "sameId" }
}>

/**
 * @since 0.1.0
 * @category constructors
 */
export const { $is, $match, Flooded, Junk, Late, RequestRefused, StrayProgress, TextId, Unanswered, Unknown } =
  Data.taggedEnum<SessionEvent>()
