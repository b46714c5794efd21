/**
 * Every way in which a connection or a call can fail, one tag each. All are `Schema.TaggedError`s, so that they may
 * cross a wire; each names the server key it belongs to, says in `message` what happened and what to do, and holds
 * no secret. Errors of the pool itself (`AcquireTimeout`, `PoolSaturated`, …) come from `@mooring/pool`.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { HandlersRefused, UrlElicitationRequired } from "./HandlerError.js"

export {
  ConfigError,
  PartitionMissing,
  RateLimited,
  ServersUnavailable,
  ToolDenied,
  UnknownServer
} from "./ConfigurationError.js"
export { HandlersRefused, UrlElicitationRequired }

/**
 * What is known of a request when it failed. `NotSent`: it certainly did not run, since none of its bytes left this
 * process, or the server turned it away unread (HTTP: 401, or 404 for a session that it does not know), so it is always
 * safe to run again. `Unknown`: it may have run.
 *
 * @since 0.1.0
 * @category models
 */
export const Delivery = Schema.Literal("NotSent", "Unknown")

/**
 * @since 0.1.0
 * @category models
 */
export type Delivery = typeof Delivery.Type

/**
 * A connection could not be made. `phase` says how far it came: `spawn` (the process did not start), `dial` (the
 * address did not answer as an MCP server), `handshake` (`initialize` failed). `retryable` says whether waiting
 * callers should wait for another attempt (`true`), or be told at once (`false`: no such command, 401, …).
 *
 * @since 0.1.0
 * @category errors
 */
export class McpConnectError extends Schema.TaggedError<McpConnectError>("@mooring/mcp/McpConnectError")(
  "McpConnectError",
  {
    server: Schema.String,
    phase: Schema.Literal("spawn", "dial", "handshake"),
    reason: Schema.String,
    retryable: Schema.Boolean,
    /** The last lines that a stdio server wrote to its stderr; absent where there is no such thing. */
    stderr: Schema.optional(Schema.String),
    /** The HTTP status that the server answered with. */
    status: Schema.optional(Schema.Number),
    /** How long the server asks to wait (`Retry-After`). Milliseconds. */
    retryAfterMs: Schema.optional(Schema.Number),
    cause: Schema.optional(Schema.Defect)
  }
) {
  override get message(): string {
    return `Could not connect to MCP server "${this.server}" (${this.phase}): ${this.reason}${this.said}`
  }

  private get said(): string {
    if (this.stderr === undefined) return ""
    if (this.stderr === "") return ". It wrote nothing to stderr; run its command by hand to see what it does"
    return `\nIts last words on stderr:\n${this.stderr}`
  }
}

/**
 * The call's own deadline passed. The server was told to cancel; it may have run the call all the same.
 *
 * @since 0.1.0
 * @category errors
 */
export class CallTimeout extends Schema.TaggedError<CallTimeout>("@mooring/mcp/CallTimeout")("CallTimeout", {
  server: Schema.String,
  method: Schema.String,
  /** The tool, where a tool was called. */
  tool: Schema.optional(Schema.String),
  /** The limit that passed, as it was said for the call: over all tries where it is that of the time in all. Milliseconds. */
  timeoutMs: Schema.Number,
  delivery: Delivery
}) {
  override get message(): string {
    const what = this.tool === undefined ? `"${this.method}"` : `Tool "${this.tool}"`
    const [missed, ran] =
      this.delivery === "NotSent"
        ? ["still waited to be sent after", "It was not sent, so it is safe to call again."]
        : [
            "was not answered within",
            "The server was told to cancel, but it may have run: look at the server's state before you call again."
          ]
    return (
      `${what} on MCP server "${this.server}" ${missed} ${this.timeoutMs} ms. ` +
      `${ran} If it needs longer, raise the call's timeout or totalTimeout, or the server's callTimeout or totalTimeout.`
    )
  }
}

/**
 * The connection ended before the answer came, or an HTTP server answered with a status that is no success (`status`).
 * `delivery` says whether the request can have run.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectionLost extends Schema.TaggedError<ConnectionLost>("@mooring/mcp/ConnectionLost")(
  "ConnectionLost",
  {
    server: Schema.String,
    reason: Schema.String,
    delivery: Delivery,
    /** The HTTP status that the server answered with. */
    status: Schema.optional(Schema.Number),
    /** How long the server asks to wait (`Retry-After`). Milliseconds. */
    retryAfterMs: Schema.optional(Schema.Number),
    cause: Schema.optional(Schema.Defect)
  }
) {
  override get message(): string {
    const not = this.status === undefined ? "the request was not sent" : "the request was turned away and did not run"
    const ran = this.delivery === "NotSent" ? not : "the request may have run"
    return this.status === undefined
      ? `The connection to MCP server "${this.server}" was lost (${ran}): ${this.reason}`
      : `MCP server "${this.server}" did not answer as it should (${ran}): ${this.reason}`
  }
}

/**
 * A call that may have run was not answered, and nothing permits to run it twice, or it was run as often as it may.
 * Look at the server's state before you call again. `cause` is the failure that left the outcome open. Also what an HTTP
 * server's status that is no success becomes: `status` and `retryAfterMs` are those of the `cause`, where there are such.
 *
 * @since 0.1.0
 * @category errors
 */
export class OutcomeUnknown extends Schema.TaggedError<OutcomeUnknown>("@mooring/mcp/OutcomeUnknown")(
  "OutcomeUnknown",
  {
    server: Schema.String,
    tool: Schema.String,
    cause: Schema.Union(ConnectionLost, CallTimeout),
    /**
     * What came of asking the tool's `reconcile`; absent where it was not asked. `DidNotRun`: it did not run, but could
     * not be run again within its time and tries; `Failed`: with `reconcileCause`; `TimedOut`: the time was over first.
     */
    reconciled: Schema.optional(Schema.Literal("DidNotRun", "Unresolved", "Failed", "TimedOut")),
    reconcileCause: Schema.optional(Schema.Defect)
  }
) {
  /** The HTTP status that the server answered with. */
  get status(): number | undefined {
    return this.cause._tag === "ConnectionLost" ? this.cause.status : undefined
  }

  /** How long the server asks to wait (`Retry-After`). Milliseconds. */
  get retryAfterMs(): number | undefined {
    return this.cause._tag === "ConnectionLost" ? this.cause.retryAfterMs : undefined
  }

  override get message(): string {
    const { cause, reconciled } = this
    const what = `Tool "${this.tool}" on MCP server "${this.server}"`
    const ran = reconciled === "DidNotRun" ? "did not run" : "may or may not have run"
    // What the server wrote comes last: it may have several lines.
    const why = cause._tag === "ConnectionLost" ? ` What happened: ${cause.reason}` : ""
    return `${what} ${ran}: ${happened(cause)}, and ${this.since}. ${this.advice}${why}`
  }

  private get since(): string {
    switch (this.reconciled) {
      case undefined:
        return "nothing permits to run it again, or it was run as often as RetryPolicy has it"
      case "DidNotRun":
        return "though its reconcile says so, it could not be run again within its time and tries"
      case "Unresolved":
        return "its reconcile could not tell what became of it"
      case "Failed":
        return `its reconcile failed (${described(this.reconcileCause)})`
      case "TimedOut":
        return "its time was over before its reconcile could tell"
    }
  }

  private get advice(): string {
    if (this.reconciled === "DidNotRun") return "It is safe to call again."
    const look = "Look at the server's state before you call again."
    return this.reconciled === undefined
      ? `${look} If it does no harm to run it twice, say mayRunTwice; if the server can tell what became of a call, ` +
          "give the tool a reconcile."
      : look
  }
}

const happened = (cause: ConnectionLost | CallTimeout): string => {
  if (cause._tag === "CallTimeout") return `it was not answered within ${cause.timeoutMs} ms`
  return cause.status === undefined
    ? "the connection was lost before it was answered"
    : "the server did not answer as it should"
}

/** Any failure, in a word; whoever made it may have made it of anything. */
const described = (failure: unknown): string => {
  if (failure instanceof Error) return failure.message
  if (Predicate.hasProperty(failure, "_tag") && Predicate.isString(failure._tag)) return failure._tag
  return typeof failure === "object" || typeof failure === "function" ? "with no error" : String(failure)
}

/**
 * The connection of a session is gone, and with it what the session was on the server. Nothing was sent, and nothing is
 * tried on another connection, which would know nothing of the session. Open another session to begin anew. With an
 * affinity, the first that is opened after a loss that no call has told with this error fails with it, once.
 *
 * @since 0.1.0
 * @category errors
 */
export class SessionLost extends Schema.TaggedError<SessionLost>("@mooring/mcp/SessionLost")("SessionLost", {
  server: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `The session on MCP server "${this.server}" is gone: ${this.reason}. Open another to begin anew.`
  }
}

/**
 * The `code` of a `ProtocolError` whose answer could not be read as MCP: JSON-RPC's "parse error".
 *
 * @since 0.1.0
 * @category errors
 */
export const malformedCode = -32700

/**
 * The server answered with a JSON-RPC error, or with something that is not MCP (`malformedCode`). The request was
 * received, and may have run.
 *
 * @since 0.1.0
 * @category errors
 */
export class ProtocolError extends Schema.TaggedError<ProtocolError>("@mooring/mcp/ProtocolError")("ProtocolError", {
  server: Schema.String,
  method: Schema.String,
  /** The tool, where a tool was called. */
  tool: Schema.optional(Schema.String),
  /** The JSON-RPC error code: https://www.jsonrpc.org/specification#error_object */
  code: Schema.Number,
  reason: Schema.String,
  data: Schema.optional(Schema.Unknown)
}) {
  override get message(): string {
    const what = this.tool === undefined ? `"${this.method}"` : `tool "${this.tool}"`
    if (this.code === malformedCode) {
      return `MCP server "${this.server}" received ${what}, and it may have run, but ${this.reason} (${this.code})`
    }
    // Servers that are built on the SDK say the code in front of their words, too.
    const prefix = `MCP error ${this.code}: `
    const reason = this.reason.startsWith(prefix) ? this.reason.slice(prefix.length) : this.reason
    return `MCP server "${this.server}" refused ${what}: ${reason} (${this.code})`
  }
}

/**
 * A typed call whose tool answered with `isError`. `content` is the tool's text.
 *
 * @since 0.1.0
 * @category errors
 */
export class ToolFailed extends Schema.TaggedError<ToolFailed>("@mooring/mcp/ToolFailed")("ToolFailed", {
  server: Schema.String,
  tool: Schema.String,
  content: Schema.String
}) {
  override get message(): string {
    return `Tool "${this.tool}" on MCP server "${this.server}" failed: ${this.content}`
  }
}

/**
 * What was to be sent cannot be, on any connection: it does not fit the tool's parameters, is not JSON (a `BigInt`, an
 * object that holds itself), or makes a message longer than `Limits` allow. Nothing was sent, and nothing is tried
 * again. `reason` has the path in the arguments where there is one, and no value.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidArguments extends Schema.TaggedError<InvalidArguments>("@mooring/mcp/InvalidArguments")(
  "InvalidArguments",
  {
    server: Schema.String,
    method: Schema.String,
    /** The tool, where a tool was called. */
    tool: Schema.optional(Schema.String),
    reason: Schema.String
  }
) {
  override get message(): string {
    const what = this.tool === undefined ? `"${this.method}"` : `tool "${this.tool}"`
    return `The arguments for ${what} on MCP server "${this.server}" do not fit: ${this.reason}`
  }
}

/**
 * The connection holds as much of requests without an answer as it may (`inFlightBytes` of `Limits`): the server is
 * slower than its callers. Nothing was sent, so it is safe to call again, later.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectionSaturated extends Schema.TaggedError<ConnectionSaturated>("@mooring/mcp/ConnectionSaturated")(
  "ConnectionSaturated",
  {
    server: Schema.String,
    method: Schema.String,
    /** `inFlightBytes` of the connection's `Limits`. */
    limit: Schema.Number
  }
) {
  override get message(): string {
    return (
      `"${this.method}" was not sent: requests of ${this.limit} bytes wait for their answers on this connection to ` +
      `MCP server "${this.server}". Call again when some have come, or call less at once.`
    )
  }
}

/**
 * The server sent far more than it may unasked (`notificationsPerSecond` of `Limits`), so its connection was ended:
 * the `cause` of the `ConnectionLost` that follows.
 *
 * @since 0.1.0
 * @category errors
 */
export class ServerFlooding extends Schema.TaggedError<ServerFlooding>("@mooring/mcp/ServerFlooding")(
  "ServerFlooding",
  {
    server: Schema.String,
    /** What it kept sending more of, each second. */
    perSecond: Schema.Number
  }
) {
  override get message(): string {
    return `MCP server "${this.server}" floods: it keeps sending more than ${this.perSecond} messages a second unasked`
  }
}

/**
 * The tool ran and answered, but its result is not what was declared.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidResult extends Schema.TaggedError<InvalidResult>("@mooring/mcp/InvalidResult")("InvalidResult", {
  server: Schema.String,
  tool: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return (
      `The result of "${this.tool}" on MCP server "${this.server}" is not what was declared: ${this.reason}. ` +
      "The tool has run; callTool without checkOutput gives the result as the server sent it."
    )
  }
}

/**
 * A result was to be checked (`checkOutput`) against an `outputSchema` that cannot be: it is not as JSON Schema has it,
 * or goes beyond what a server's schema may cost. See `OutputSchema`. Nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class OutputSchemaRefused extends Schema.TaggedError<OutputSchemaRefused>("@mooring/mcp/OutputSchemaRefused")(
  "OutputSchemaRefused",
  { server: Schema.String, tool: Schema.String, reason: Schema.String }
) {
  override get message(): string {
    return (
      `Tool "${this.tool}" on MCP server "${this.server}" was not called, since its result cannot be checked against ` +
      `its outputSchema: ${this.reason}. Without checkOutput it can be called.`
    )
  }
}

/**
 * The server did not declare the capability that this needs; nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnsupportedCapability extends Schema.TaggedError<UnsupportedCapability>(
  "@mooring/mcp/UnsupportedCapability"
)("UnsupportedCapability", { server: Schema.String, capability: Schema.String }) {
  override get message(): string {
    return `MCP server "${this.server}" does not offer "${this.capability}"`
  }
}

/**
 * How a request on one connection can fail.
 *
 * @since 0.1.0
 * @category errors
 */
export type RequestError =
  | CallTimeout
  | ConnectionLost
  | ConnectionSaturated
  | InvalidArguments
  | ProtocolError
  | UrlElicitationRequired
