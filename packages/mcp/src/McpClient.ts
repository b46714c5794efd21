/**
 * The service that people use: calls on MCP servers as typed effects, each borrowing a pooled connection for as long
 * as it runs. Its methods need nothing from the environment. The pool belongs to the layer; closing the layer closes
 * every connection.
 *
 * @since 0.1.0
 */
import type { PoolError, PoolEvent, PoolStats } from "@mooring/pool"
import type { CallToolResult, Tool } from "@modelcontextprotocol/sdk/types.js"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type {
  InvalidArguments,
  InvalidResult,
  McpConnectError,
  OutcomeUnknown,
  PartitionMissing,
  RequestError,
  ToolFailed,
  UnknownServer,
  UnsupportedCapability
} from "./McpError.js"
import type { McpTool } from "./McpTool.js"

/**
 * How borrowing a connection can fail.
 *
 * @since 0.1.0
 * @category errors
 */
export type BorrowError = PoolError.PoolError | McpConnectError | UnknownServer | PartitionMissing

/**
 * How a call can fail.
 *
 * @since 0.1.0
 * @category errors
 */
export type CallError = BorrowError | RequestError | OutcomeUnknown | UnsupportedCapability

/**
 * What can be said of one call.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallOptions {
  /** How long to wait for the answer, or for progress. Default: the server's `callTimeout` (60 s). */
  readonly timeout?: Duration.DurationInput | undefined
  /** How long in all, progress or not. Default: the server's `totalTimeout` (10 minutes). */
  readonly totalTimeout?: Duration.DurationInput | undefined
  /**
   * This call may run twice: when it is unknown whether it ran, it is run again on another connection (at most
   * twice more) instead of failing with `OutcomeUnknown`. Default false.
   */
  readonly mayRunTwice?: boolean | undefined
}

/**
 * The client's methods. `McpClient` is the tag.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** The names of the configured servers, in the order of the configuration; disabled ones left out. */
  readonly servers: ReadonlyArray<string>
  /** Every tool of the server: all pages, within the limits of 100 pages and 1,000 tools. */
  readonly listTools: (server: string) => Effect.Effect<ReadonlyArray<Tool>, CallError>
  /** Calls a tool as MCP has it: `isError` is a value of the result. */
  readonly callTool: (
    server: string,
    tool: string,
    args?: Readonly<Record<string, unknown>>,
    options?: CallOptions
  ) => Effect.Effect<CallToolResult, CallError>
  /** Calls a typed tool: checks the arguments before anything is borrowed, and decodes the result. */
  readonly call: <Args, A>(
    server: string,
    tool: McpTool<Args, A>,
    args: Args,
    options?: CallOptions
  ) => Effect.Effect<A, CallError | InvalidArguments | InvalidResult | ToolFailed>
  /** Asks the server whether it is there; any well-formed answer counts. Gives the round trip, without the connect. */
  readonly ping: (server: string) => Effect.Effect<Duration.Duration, CallError>
  /** What the pool under the client holds and has done. */
  readonly stats: Effect.Effect<PoolStats.PoolStats>
  /** What happens in the pool, from now on. */
  readonly events: Stream.Stream<PoolEvent.PoolEvent>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class McpClient extends Context.Tag("@mooring/mcp/McpClient")<McpClient, Service>() {}
