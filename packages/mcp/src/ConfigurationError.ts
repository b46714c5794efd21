/**
 * The errors that come of how servers are configured: a configuration is wrong, has no such server, or keeps a call away.
 * Part of `McpError`, which has them all.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { didYouMean } from "./Nearest.js"

/**
 * A configuration is wrong. `file` is where it was read (if it came from one), `path` the place in it.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConfigError extends Schema.TaggedError<ConfigError>("@mooring/mcp/ConfigError")("ConfigError", {
  file: Schema.optional(Schema.String),
  path: Schema.optional(Schema.String),
  reason: Schema.String
}) {
  override get message(): string {
    const where = [this.file, this.path].filter((part) => part !== undefined).join(": ")
    return where === "" ? `Configuration: ${this.reason}` : `${where}: ${this.reason}`
  }
}

/**
 * Servers that are `required` could not be connected at the start. `cause` is why: an `McpConnectError`, or an error of
 * the pool.
 *
 * @since 0.1.0
 * @category errors
 */
export class ServersUnavailable extends Schema.TaggedError<ServersUnavailable>("@mooring/mcp/ServersUnavailable")(
  "ServersUnavailable",
  { failures: Schema.NonEmptyArray(Schema.Struct({ server: Schema.String, cause: Schema.Defect })) }
) {
  override get message(): string {
    const names = this.failures.map(({ server }) => `"${server}"`).join(", ")
    const reasons = this.failures.map(({ cause }) => `\n${cause instanceof Error ? cause.message : String(cause)}`)
    return `Without MCP server ${names} nothing starts, since its configuration says "required":${reasons.join("")}`
  }
}

/**
 * No server of that name is configured. `known` are those that are; the message names the one that was probably meant.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnknownServer extends Schema.TaggedError<UnknownServer>("@mooring/mcp/UnknownServer")("UnknownServer", {
  server: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  override get message(): string {
    if (this.known.length === 0) return `No MCP server "${this.server}" is configured: there is none at all`
    const known = this.known.map((name) => `"${name}"`).join(", ")
    const meant = didYouMean(this.server, this.known)
    const which = meant === "" ? `; configured: ${known}` : `${meant} Configured: ${known}`
    return `No MCP server "${this.server}" is configured${which}`
  }
}

/**
 * The server's isolation is `perPartition`, and the caller said no partition. Never a silent fall-back to shared.
 *
 * @since 0.1.0
 * @category errors
 */
export class PartitionMissing extends Schema.TaggedError<PartitionMissing>("@mooring/mcp/PartitionMissing")(
  "PartitionMissing",
  { server: Schema.String }
) {
  override get message(): string {
    return (
      `MCP server "${this.server}" has a connection for each partition, and none was said: ` +
      "wrap the call in McpClient.withPartition, or use client.forPartition"
    )
  }
}

/**
 * The configuration hides this tool (`allowTools`, `denyTools`). Nothing was borrowed or sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class ToolDenied extends Schema.TaggedError<ToolDenied>("@mooring/mcp/ToolDenied")("ToolDenied", {
  server: Schema.String,
  tool: Schema.String
}) {
  override get message(): string {
    return (
      `Tool "${this.tool}" on MCP server "${this.server}" may not be called: allowTools or denyTools of the server ` +
      "keeps it away; listTools gives those that may be called"
    )
  }
}

/**
 * The server's `rateLimit` leaves no room for this call: now, or, where calls wait for their turn, within the server's
 * `acquireTimeout` or before the client was closed. Nothing was sent, so it is safe to call again.
 *
 * @since 0.1.0
 * @category errors
 */
export class RateLimited extends Schema.TaggedError<RateLimited>("@mooring/mcp/RateLimited")("RateLimited", {
  server: Schema.String,
  tool: Schema.String,
  delivery: Schema.Literal("NotSent"),
  /** After this, a call would find room, unless others come first. Milliseconds. */
  retryAfterMs: Schema.Number
}) {
  override get message(): string {
    return (
      `Tool "${this.tool}" on MCP server "${this.server}" was not called: the server's rateLimit is used up. ` +
      `Call again in ${this.retryAfterMs} ms, or call less.`
    )
  }
}
