/**
 * What a client asks of a server, as values: the method and what goes along, what the server must have declared for it,
 * and how its answer is read. `McpConnection.ask` and `McpConnection.list` send them. Nothing here is acquired.
 *
 * @since 0.1.0
 */
import type { JSONRPCRequest, ServerCapabilities } from "@modelcontextprotocol/sdk/types.js"
import * as Predicate from "effect/Predicate"
import type { Answer, Page } from "./Answer.js"
import type * as Limits from "./Limits.js"

/**
 * What spans and metrics say of a request besides its method.
 *
 * @since 0.1.0
 * @category models
 */
export interface Subject {
  /** The tool, where a tool is called. */
  readonly tool?: string | undefined
  /** The prompt, where one is asked for. */
  readonly prompt?: string | undefined
  /** The URI of the resource, where one is read. */
  readonly resource?: string | undefined
}

/**
 * One request.
 *
 * @since 0.1.0
 * @category models
 */
export interface McpRequest<out A> extends Subject {
  readonly method: string
  readonly params: JSONRPCRequest["params"]
  /** What the server must have declared: a path in its capabilities, as `resources` or `tasks.cancel`. */
  readonly needs: string
  readonly answer: Answer<A>
}

/**
 * A list, of which a server gives one page for a request.
 *
 * @since 0.1.0
 * @category models
 */
export interface McpList<out A> {
  readonly method: string
  /** See `McpRequest`. */
  readonly needs: string
  readonly page: Answer<Page<A>>
  /** What its entries are called in errors: `tools`, `resources`. */
  readonly what: string
  /** How many entries it may have. */
  readonly most: (limits: Limits.Values) => number
}

/**
 * Whether the server has declared what is needed, as a path in its capabilities.
 *
 * @since 0.1.0
 * @category combinators
 */
export const isOffered = (capabilities: ServerCapabilities, needs: string): boolean => {
  let found: unknown = capabilities
  for (const name of needs.split(".")) {
    if (!Predicate.isRecord(found) || !Object.hasOwn(found, name)) return false
    found = found[name]
  }
  return found !== undefined
}
