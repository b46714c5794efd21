/**
 * The errors of calls that have to do with what servers ask. Part of `McpError`, which has them all.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The server wants a person to visit these addresses before it takes the request (−32042): it has not done it. Call again
 * when they have been visited; some servers tell when that is (`completed` of `McpHandlers.Elicitation`). Addresses are
 * `http` or `https`, and may be anybody's: show all of one, and open it only with consent. An error of this code that
 * names no such addresses is a `ProtocolError`.
 *
 * @since 0.1.0
 * @category errors
 */
export class UrlElicitationRequired extends Schema.TaggedError<UrlElicitationRequired>(
  "@mooring/mcp/UrlElicitationRequired"
)("UrlElicitationRequired", {
  server: Schema.String,
  method: Schema.String,
  /** The tool, where a tool was called. */
  tool: Schema.optional(Schema.String),
  reason: Schema.String,
  elicitations: Schema.NonEmptyArray(
    Schema.Struct({ elicitationId: Schema.String, url: Schema.String, message: Schema.String })
  )
}) {
  override get message(): string {
    const what = this.tool === undefined ? `"${this.method}"` : `tool "${this.tool}"`
    const where = this.elicitations.map(({ message, url }) => `\n${url} (${message})`).join("")
    return `MCP server "${this.server}" takes ${what} only after a person has visited:${where}`
  }
}

/**
 * The handlers that a call or a session brought would not do what they are for: the server was not told that it may ask
 * (`mayAsk` of its configuration), or nothing says which call it asks for. Nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class HandlersRefused extends Schema.TaggedError<HandlersRefused>("@mooring/mcp/HandlersRefused")(
  "HandlersRefused",
  { server: Schema.String, reason: Schema.String }
) {
  override get message(): string {
    return `Handlers for requests of MCP server "${this.server}" cannot be used: ${this.reason}`
  }
}
