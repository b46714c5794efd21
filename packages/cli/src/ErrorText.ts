/**
 * Words for every error, in one place: what happened and to which server (the error's own message), then what to do.
 * Text that came from a server is made fit for a terminal. No stack traces; `--debug` shows the whole cause besides.
 *
 * @since 0.1.0
 */
import { type McpClient, type McpError, Redaction } from "@mooring/mcp"
import type { PoolError } from "@mooring/pool"
import * as Predicate from "effect/Predicate"
import type { CliError } from "./CliError.js"
import { suggestion } from "./Nearest.js"

/**
 * Every error that the command expects.
 *
 * @since 0.1.0
 * @category errors
 */
export type KnownError =
  | CliError
  | McpClient.CallError
  | McpError.ConfigError
  | McpError.InvalidArguments
  | McpError.InvalidResult
  | McpError.ServersUnavailable
  | McpError.ToolFailed
  | PoolError.ConnectTimeout
  | PoolError.LeaseRevoked

const connectHint = (error: McpError.McpConnectError): string => {
  switch (error.phase) {
    case "spawn":
      return "Check its command and args, and that the program is installed and on PATH."
    case "dial":
      return "Check its url and headers, and that the server is up."
    case "handshake":
      return "Check that it is an MCP server, and that it works by hand."
  }
}

/** An error of the server's that an error of the pool carries says more than the pool's own. */
const because = (cause: unknown): string | undefined => (isKnown(cause) ? hint(cause) : undefined)

/**
 * What to do about an error; empty where its message says so already.
 *
 * @since 0.1.0
 * @category combinators
 */
export const hint = (error: KnownError): string => {
  switch (error._tag) {
    case "UsageError":
      return error.hint
    case "NoConfig":
      return (
        'Write one, for example mooring.json: {"mcpServers": {"everything": {"command": "npx", ' +
        '"args": ["-y", "@modelcontextprotocol/server-everything"]}}}\nor name one: --config FILE'
      )
    case "NotTrusted":
      return (
        "See what it would run: mooring servers\n" +
        `Accept its content: mooring trust ${quoted(error.file)}\n` +
        `Or name it yourself: --config ${quoted(error.file)}`
      )
    case "UnknownTool":
      return `${suggestion(error.tool, error.known, "tools")}\nSee: mooring tools ${quoted(error.server)}`
    case "UnknownServer":
      return "See: mooring servers"
    case "InvalidArguments":
      return `See: mooring tools ${quoted(error.server)}`
    case "DemoError":
      return error.hint ?? ""
    case "OutputFailed":
      return "What was asked for may have been done: look before you do it again."
    case "McpConnectError":
      return connectHint(error)
    case "ConnectTimeout":
      return "If it only needs longer to start, raise its connectTimeout; else check that it is an MCP server."
    case "AcquireTimeout":
      return because(error.cause) ?? "Raise its max or concurrency, or call less at once."
    case "CircuitOpen":
      return because(error.cause) ?? "Mend the server, then try again."
    case "ConnectionSaturated":
      return "Call less at once, or raise inFlightBytes of the limits."
    case "PoolSaturated":
      return "Call less at once, or raise its maxWaiters."
    case "ConnectionLost":
      return error.delivery === "NotSent"
        ? "It is safe to call again."
        : "Look at the server's state before you call again."
    case "ToolDenied":
      return `See: mooring tools ${quoted(error.server)}`
    case "UnsupportedCapability":
      return "Ask the server for something that it offers."
    case "TaskMismatch":
      return error.support === "required" ? "The command cannot run tasks; a program can." : ""
    case "PartitionMissing":
      return "Here: --partition NAME."
    case "CallTimeout":
    case "OutcomeUnknown":
    case "PoolSuspended":
    case "PoolClosed":
    case "LeaseRevoked":
    case "RateLimited":
    case "OutputSchemaRefused":
    case "PoolConfigError":
    case "ConfigError":
    case "ProtocolError":
    case "HandlersRefused":
    case "UrlElicitationRequired":
    case "InvalidResult":
    case "ServersUnavailable":
    case "ToolFailed":
    case "SomeFailed":
      return ""
  }
}

const quoted = (word: string): string => (/^[\w./:@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)

const tags: Readonly<Record<KnownError["_tag"], true>> = {
  UsageError: true,
  NoConfig: true,
  NotTrusted: true,
  UnknownTool: true,
  SomeFailed: true,
  DemoError: true,
  OutputFailed: true,
  McpConnectError: true,
  CallTimeout: true,
  ConnectionLost: true,
  ConnectionSaturated: true,
  OutcomeUnknown: true,
  ProtocolError: true,
  ToolFailed: true,
  InvalidArguments: true,
  InvalidResult: true,
  UnknownServer: true,
  UnsupportedCapability: true,
  HandlersRefused: true,
  UrlElicitationRequired: true,
  PartitionMissing: true,
  ToolDenied: true,
  RateLimited: true,
  OutputSchemaRefused: true,
  TaskMismatch: true,
  ConfigError: true,
  ServersUnavailable: true,
  AcquireTimeout: true,
  PoolSaturated: true,
  PoolClosed: true,
  PoolSuspended: true,
  CircuitOpen: true,
  PoolConfigError: true,
  ConnectTimeout: true,
  LeaseRevoked: true
}

/** Whether there are words for it. */
const isKnown = (error: unknown): error is KnownError =>
  error instanceof Error &&
  Predicate.hasProperty(error, "_tag") &&
  Predicate.isString(error._tag) &&
  Object.hasOwn(tags, error._tag)

/**
 * The message for a person: one paragraph, no trailing line end.
 *
 * @since 0.1.0
 * @category combinators
 */
export const render = (error: unknown): string => {
  if (!isKnown(error)) {
    const what = error instanceof Error ? error.message : String(error)
    return Redaction.plain(`mooring: something unexpected happened: ${what}\nRun it again with --debug to see more.`)
  }
  return Redaction.plain([`mooring: ${error.message}`, hint(error)].filter((part) => part !== "").join("\n"))
}
