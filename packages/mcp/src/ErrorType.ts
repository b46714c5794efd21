/**
 * What `error.type` of spans and metrics says of a call, as OpenTelemetry's conventions for MCP have it: the code of a
 * JSON-RPC error, `tool_error` for a result that says `isError`, else the tag of the error. Never a server's text.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import * as UrlElicitation from "./UrlElicitation.js"

/**
 * Of a failure. What is not one of our errors is `_OTHER`, the convention's word for it.
 *
 * @since 0.1.0
 * @category combinators
 */
export const ofFailure = (error: unknown): string => {
  const tag = tagOf(error)
  if (tag === "UrlElicitationRequired") return String(UrlElicitation.requiredCode)
  return tag === "ProtocolError" && Predicate.hasProperty(error, "code") ? String(error.code) : tag
}

/**
 * The tag of an error.
 *
 * @since 0.1.0
 * @category combinators
 */
export const tagOf = (error: unknown): string =>
  Predicate.hasProperty(error, "_tag") && typeof error._tag === "string" ? error._tag : other

/**
 * Of a result; `undefined` when it is none of an error.
 *
 * @since 0.1.0
 * @category combinators
 */
export const ofResult = (method: string, result: unknown): string | undefined =>
  method === "tools/call" && Predicate.isRecord(result) && result["isError"] === true ? toolError : undefined

/**
 * A tool said that it failed.
 *
 * @since 0.1.0
 * @category constants
 */
export const toolError = "tool_error"

/**
 * The caller was interrupted before there was an answer.
 *
 * @since 0.1.0
 * @category constants
 */
export const cancelled = "cancelled"

/**
 * Whatever has no name of its own, or is one too many to have one.
 *
 * @since 0.1.0
 * @category constants
 */
export const other = "_OTHER"
