/**
 * How the text of a tool's result is made fit to stand in an error. What must be hidden in it may be known only to the
 * connection that it came over: credentials that are computed for each request. A result is a plain value of MCP, and
 * carries nothing of ours; so what belongs to it stands here, for as long as the result is there.
 *
 * @since 0.1.0
 */
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js"

/**
 * @since 0.1.0
 * @category models
 */
export type Clean = (text: string) => string

const known = new WeakMap<CallToolResult, Clean>()

/**
 * Remembers with what the connection of this result cleans text. Gives the result back.
 *
 * @since 0.1.0
 * @category combinators
 */
export const cleanedBy = (result: CallToolResult, clean: Clean): CallToolResult => {
  known.set(result, clean)
  return result
}

/**
 * What cleans the text of this result: what its connection knows of, or else `otherwise`.
 *
 * @since 0.1.0
 * @category accessors
 */
export const cleanOf = (result: CallToolResult, otherwise: Clean): Clean => known.get(result) ?? otherwise
