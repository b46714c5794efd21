/**
 * The service that people use: calls on MCP servers as typed effects, each borrowing a pooled connection for as long
 * as it runs. Its methods need nothing from the environment. The pool belongs to the layer; closing the layer closes
 * every connection.
 *
 * @since 0.1.0
 */
import type { PoolEvent, PoolStats } from "@mooring/pool"
import type {
  CallToolResult,
  GetPromptResult,
  Prompt,
  ReadResourceResult,
  Resource,
  ResourceTemplate,
  Task,
  Tool
} from "@modelcontextprotocol/sdk/types.js"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as BoundClient from "./BoundClient.js"
import * as CallGate from "./CallGate.js"
import * as CallPath from "./CallPath.js"
import type * as CallUpdate from "./CallUpdate.js"
import * as Catalogue from "./Catalogue.js"
import * as CurrentPartition from "./CurrentPartition.js"
import type * as McpCompletion from "./McpCompletion.js"
import type { CallLimits } from "./McpConnection.js"
import type {
  HandlersRefused,
  InvalidResult,
  PartitionMissing,
  SessionLost,
  ToolFailed,
  UnknownServer
} from "./McpError.js"
import * as McpPool from "./McpPool.js"
import * as McpSession from "./McpSession.js"
import type * as McpTask from "./McpTask.js"
import type * as McpTool from "./McpTool.js"
import type * as Notices from "./Notices.js"
import type * as ResourceUpdate from "./ResourceUpdate.js"
import type * as ServerInfo from "./ServerInfo.js"
import { type Affinity, type Partition, type ServerKey, withoutAffinity } from "./ServerKey.js"
import type * as ServerLog from "./ServerLog.js"
import type * as ServerStatus from "./ServerStatus.js"

/**
 * How borrowing a connection can fail.
 *
 * @since 0.1.0
 * @category errors
 */
export type BorrowError = McpPool.BorrowError

/**
 * How a call can fail. In all, each with its own tag:
 *
 * - nothing could be borrowed: `McpConnectError`, `AcquireTimeout`, `PoolSaturated`, `CircuitOpen`, `PoolClosed`,
 *   `PoolSuspended`, `PoolConfigError`, `UnknownServer`, `PartitionMissing` (in a session, `SessionLost` alone)
 * - it was turned away before it was sent: `ToolDenied`, `RateLimited`, `InvalidArguments`, `ConnectionSaturated`,
 *   `UnsupportedCapability`, `OutputSchemaRefused`, `TaskMismatch`, `HandlersRefused`
 * - it may have run, as `delivery` says where there is one: `CallTimeout`, `ConnectionLost`, `OutcomeUnknown`,
 *   `ProtocolError`
 * - a person is to visit an address first: `UrlElicitationRequired`
 * - it has run: `InvalidResult` (of `callTool`, with `checkOutput` alone), and of typed calls also `ToolFailed`
 *
 * @since 0.1.0
 * @category errors
 */
export type CallError = CallPath.CallError

/**
 * What can be said of one call.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallOptions extends CallPath.CallOptions {}

/**
 * What can be said of a list.
 *
 * @since 0.1.0
 * @category models
 */
export interface ListOptions {
  /** Asks the server, also when its tools are known. Default false. */
  readonly fresh?: boolean | undefined
}

/**
 * Whose status is asked for.
 *
 * @since 0.1.0
 * @category models
 */
export interface StatusOptions {
  /** The connection that sessions of this affinity have to themselves. Default: those that calls share. */
  readonly affinity?: Affinity | undefined
}

/**
 * The client's methods. `McpClient` is the tag.
 *
 * What happens to a call whose connection is lost: if it was certainly not sent, it is sent again on an open
 * connection, as the `RetryPolicy` has it (at most three times); if it may have run, it fails with `OutcomeUnknown`,
 * unless `mayRunTwice` permits to run it again, or its tool's `reconcile` finds out what became of it. A call that is not
 * answered in time fails with `CallTimeout`, and is never run again without asking `reconcile`: its time is over. The time
 * in all counts over all tries, waiting for a connection not included. Arguments that cannot be sent
 * (not JSON, or longer than `Limits` allow) fail with `InvalidArguments` before anything is sent; an answer that was
 * refused (too deep, or not what MCP says that it is) with `ProtocolError` after the call may have run. Neither is
 * tried again. A tool that the server's configuration hides fails with `ToolDenied`, and one that its `rateLimit` has no
 * room for with `RateLimited`, before anything is borrowed.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service<Name extends string = string> {
  /**
   * The names of the servers that are configured now, in the order of the configuration; disabled ones left out. Typed
   * names are those that the program said; a server may have been removed since (`UnknownServer`).
   */
  readonly servers: ReadonlyArray<Name>
  /**
   * Every tool of the server that the configuration does not hide: all pages, within `Limits` (100 pages and 1,000
   * tools). The server is asked once for all callers; see `Catalogue` for when it is asked again.
   */
  readonly listTools: (server: Name, options?: ListOptions) => Effect.Effect<ReadonlyArray<Tool>, CallError>
  /**
   * What is known of the server's tools, how old it is, and whether it could be refreshed: `undefined` when nobody has
   * asked for them yet. Asks the server nothing.
   */
  readonly catalogue: (server: Name) => Effect.Effect<Catalogue.Snapshot | undefined, UnknownServer | PartitionMissing>
  /** Calls a tool as MCP has it: `isError` is a value of the result. */
  readonly callTool: (
    server: Name,
    tool: string,
    args?: Readonly<Record<string, unknown>>,
    options?: CallOptions
  ) => Effect.Effect<CallToolResult, CallError>
  /**
   * Calls a typed tool: checks the arguments before anything is borrowed (`InvalidArguments`), and decodes the result
   * (`InvalidResult`). A result with `isError` is `ToolFailed`.
   */
  readonly call: <Args, A>(
    server: Name,
    tool: McpTool.McpTool<Args, A>,
    args: NoInfer<Args>,
    options?: CallOptions
  ) => Effect.Effect<A, CallError | InvalidResult | ToolFailed>
  /** Asks the server whether it is there; any well-formed answer counts. Gives the round trip, without the connect. */
  readonly ping: (server: Name) => Effect.Effect<Duration.Duration, CallError>
  /**
   * What the server said of itself when it was connected: what it offers, how it is to be used. Borrows a connection, and
   * asks nothing.
   */
  readonly info: (server: Name) => Effect.Effect<ServerInfo.ServerInfo, BorrowError>
  /**
   * Every resource of the server: all pages, within `Limits` (100 pages and 10,000 entries). As all that only asks, it is
   * asked again when its connection was lost. A server that did not declare resources (prompts, completions) when it was
   * connected is not asked: `UnsupportedCapability`.
   */
  readonly listResources: (server: Name, limits?: CallLimits) => Effect.Effect<ReadonlyArray<Resource>, CallError>
  /** Every URI template of the server's resources. As `listResources`. */
  readonly listResourceTemplates: (
    server: Name,
    limits?: CallLimits
  ) => Effect.Effect<ReadonlyArray<ResourceTemplate>, CallError>
  /** What a resource holds. What the server does not have, it refuses: `ProtocolError`, with code −32002 as a rule. */
  readonly readResource: (
    server: Name,
    uri: string,
    limits?: CallLimits
  ) => Effect.Effect<ReadResourceResult, CallError>
  /** Every prompt of the server. As `listResources`. */
  readonly listPrompts: (server: Name, limits?: CallLimits) => Effect.Effect<ReadonlyArray<Prompt>, CallError>
  /** The messages of a prompt. What it does not have, or needs and was not given, the server refuses: `ProtocolError`. */
  readonly getPrompt: (
    server: Name,
    prompt: string,
    args?: Readonly<Record<string, string>>,
    limits?: CallLimits
  ) => Effect.Effect<GetPromptResult, CallError>
  /**
   * What an argument of a prompt (`McpCompletion.prompt`), or a variable of a resource template
   * (`McpCompletion.resource`), may become: at most 100 values. `context` are the arguments that were chosen before it.
   */
  readonly complete: (
    server: Name,
    reference: McpCompletion.Reference,
    argument: McpCompletion.Argument,
    context?: Readonly<Record<string, string>>,
    limits?: CallLimits
  ) => Effect.Effect<McpCompletion.Completion, CallError>
  /**
   * Calls a tool as a task: the server answers at once, and `task.result()` waits for what it gives. See `McpTask`. A tool
   * that is known to be callable only so, or never, fails with `TaskMismatch` when it is called otherwise.
   */
  readonly callToolTask: (
    server: Name,
    tool: string,
    args?: Readonly<Record<string, unknown>>,
    options?: McpTask.Options
  ) => Effect.Effect<McpTask.McpTask<BorrowError>, CallError>
  /**
   * Every task that the server tells of, as `listResources`. This and the two below ask any connection of the server: where
   * a process has several, it may be one that does not know the task.
   */
  readonly listTasks: (server: Name, limits?: CallLimits) => Effect.Effect<ReadonlyArray<Task>, CallError>
  /** How a task is doing, by its id. */
  readonly getTask: (server: Name, id: string, limits?: CallLimits) => Effect.Effect<Task, CallError>
  /** Cancels a task by its id. One that has ended is refused by the server: `ProtocolError` with code −32602. */
  readonly cancelTask: (server: Name, id: string, limits?: CallLimits) => Effect.Effect<Task, CallError>
  /**
   * A connection of one's own for as long as the scope is open, for a server that keeps a state (a browser, a REPL), and
   * for the partition that is current when it is opened. Waits as a call does until a connection is free. See
   * `McpSession`.
   */
  readonly session: (
    server: Name,
    options?: McpSession.Options
  ) => Effect.Effect<McpSession.McpSession, BorrowError | SessionLost | HandlersRefused, Scope.Scope>
  /** The same client for one partition, whatever partition is current where it is used. An empty one counts as none. */
  readonly forPartition: (partition: Partition) => Service<Name>
  /**
   * How a server is doing now: its state, connections, the breaker, what failed last, how calls ended and how fast. Of
   * the caller's partition, where connections are not shared; of the connections that calls share, or of the one that an
   * affinity has to itself, if it is named. `affinities` says how many of those there are. Connects nothing.
   */
  readonly status: (
    server: Name,
    options?: StatusOptions
  ) => Effect.Effect<ServerStatus.ServerStatus, UnknownServer | PartitionMissing>
  /**
   * How all servers are doing, in the order of the configuration: one status for each, or one for each partition that
   * has been called lately; and one for each affinity of sessions whose connection the pool has. A client that is bound
   * to a partition, or a caller in one, sees only that one.
   */
  readonly statuses: Effect.Effect<ReadonlyArray<ServerStatus.ServerStatus>>
  /**
   * The status of a server now, and whenever it has changed since: its state, its connections, the breaker, the last
   * error. What changes with every call (counts, latency) is up to date in each, and no reason for one. A slow reader
   * slows nothing, and misses what came and went. Ends with the pool, and when the server is removed.
   */
  readonly changes: (
    server: Name,
    options?: StatusOptions
  ) => Stream.Stream<ServerStatus.ServerStatus, UnknownServer | PartitionMissing>
  /** What the pool under the client holds and has done. */
  readonly stats: Effect.Effect<PoolStats.PoolStats>
  /** What happens in the pool, from now on. */
  readonly events: Stream.Stream<PoolEvent.PoolEvent>
  /**
   * The updates of a resource: `Subscribed` first, then `Updated` whenever the server says that it has changed. The server
   * is asked once for all who read it (of one partition, where connections are not shared), by the first, and told by the
   * last that it is no longer wanted. Waits for a connection as a call does, and fails as one until it is subscribed. It
   * takes no slot after that, and keeps the connection from idling out. When that is lost or replaced, another is
   * subscribed, however long it takes to get one, and `MayHaveChanged` tells that updates may have been missed; only what
   * the server refuses fails the stream then. A slow reader is told once of what changed several times, and slows
   * nothing. Fails with `UnsupportedCapability` (nothing is sent) where the server does not offer `resources.subscribe`,
   * and with `UnknownServer` when the server is removed; where who shares its connections has changed, begins anew with
   * `Subscribed`. Ends with the pool.
   */
  readonly resourceUpdates: (
    server: Name,
    uri: string
  ) => Stream.Stream<ResourceUpdate.ResourceUpdate, Notices.NoticeError | UnknownServer | PartitionMissing>
  /**
   * Which of the server's lists have changed, as any of its connections hears it, from now on; of those that it says it
   * tells of, also when nothing was heard for a while: when a connection opens and none was open before, and when
   * notifications were missed. Connects nothing. Of one that was told several times before it was read, a reader hears
   * once. Fails with `UnknownServer` when the server is removed. Ends with the pool.
   */
  readonly listChanges: (server: Name) => Stream.Stream<Notices.ListChange, UnknownServer | PartitionMissing>
  /**
   * What the server logs over MCP (`notifications/message`), on any of its connections, from now on: those of sessions
   * with an affinity left out. The server is told the least severe level that any reader asks for, on each connection, and
   * another when that reader has left; each reader is told only what it asked for. Connects once if nothing is connected,
   * and keeps no connection. A slow reader loses the oldest. Fails with `UnsupportedCapability` as soon as a connection
   * shows that the server does not offer `logging`, and with `UnknownServer` when the server is removed. Ends with the
   * pool.
   */
  readonly logs: (
    server: Name,
    options?: ServerLog.Options
  ) => Stream.Stream<ServerLog.ServerLog, Notices.NoticeError | UnknownServer | PartitionMissing>
  /**
   * `callTool` as a stream: the call's progress as its server tells it, and in the end its result. Each run of the stream
   * is a call; one that is interrupted, or not read to its end, cancels it. A reader who is slow misses progress, never
   * the result, and slows nothing. A call that is run again tells of its progress anew: see `CallProgress.attempt`.
   */
  readonly callToolStream: (
    server: Name,
    tool: string,
    args?: Readonly<Record<string, unknown>>,
    options?: CallOptions
  ) => Stream.Stream<CallUpdate.CallUpdate<CallToolResult>, CallError>
  /** `call` as a stream, as `callToolStream` has it. */
  readonly callStream: <Args, A>(
    server: Name,
    tool: McpTool.McpTool<Args, A>,
    args: NoInfer<Args>,
    options?: CallOptions
  ) => Stream.Stream<CallUpdate.CallUpdate<A>, CallError | InvalidResult | ToolFailed>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class McpClient extends Context.Tag("@mooring/mcp/McpClient")<McpClient, Service>() {}

const typed = <Servers extends Readonly<Record<string, unknown>>>(): Effect.Effect<
  Service<Extract<keyof Servers, string>>,
  never,
  McpClient
> =>
  // The very same service: which names its layer has, no type of a tag can say.
  Effect.map(McpClient, (mcp) => mcp as unknown as Service<Extract<keyof Servers, string>>)

export {
  /**
   * The client with the names of its servers in the type, so that a name that is none of them does not compile. The same
   * client in all else; that its layer has these servers is yours to see to.
   *
   * @example
   * ```ts
   * import { McpClient, type ServerConfig } from "@mooring/mcp"
   * import { Effect } from "effect"
   *
   * const servers = {
   *   memory: { command: "npx", args: ["-y", "@modelcontextprotocol/server-memory"] },
   *   search: { url: "https://mcp.example.org/mcp" }
   * } satisfies Record<string, ServerConfig.ServerConfig>
   *
   * const program = Effect.gen(function* () {
   *   const mcp = yield* McpClient.for<typeof servers>()
   *   return yield* mcp.listTools("memory")
   * })
   * ```
   *
   * @since 0.1.0
   * @category accessors
   */
  typed as for
}

/**
 * Runs an effect for a partition: every call in it to a server whose isolation is `perPartition` uses connections that
 * no other partition uses. An empty partition counts as none.
 *
 * @example
 * ```ts
 * import { McpClient } from "@mooring/mcp"
 * import { Effect } from "effect"
 *
 * const notes = Effect.gen(function*() {
 *   const mcp = yield* McpClient.McpClient
 *   return yield* mcp.callTool("notes", "list")
 * })
 *
 * const forAda = notes.pipe(McpClient.withPartition("user-ada"))
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const withPartition: {
  (partition: Partition): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, partition: Partition): Effect.Effect<A, E, R>
} = CurrentPartition.withPartition

/**
 * The client of the pool in the environment. What it refreshes by itself ends with the scope.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Service, never, McpPool.McpPool | Scope.Scope> = Effect.gen(function* () {
  const pool = yield* McpPool.McpPool
  const settings = yield* CallPath.settings
  const ungated = CallPath.make<BorrowError>(settings, pool.pool, (server, key) => catalogue.tools(server, key))
  const gate = yield* CallGate.make
  const catalogue: Catalogue.Catalogue = yield* Catalogue.make(pool, (server, key) =>
    Effect.tap(
      ungated.run(server, key, CallPath.listTools, BoundClient.lookupOf(pool, server.name, key.partition)),
      (tools) => Effect.sync(() => gate.listed(server, tools))
    )
  )
  const known = (key: ServerKey) => catalogue.snapshot(withoutAffinity(key))?.tools
  const calls = gate.guard(ungated, catalogue.tools, known)
  const sessions = McpSession.make(pool.pool, pool.notices.own, (source) => {
    // Not from the catalogue if it would have to borrow: this session may hold all that there is.
    const toolsOf: CallPath.ToolsOf<SessionLost> = (server, key) => {
      const found = known(key)
      return found === undefined ? path.run(server, key, CallPath.listTools) : Effect.succeed(found)
    }
    const path = CallPath.make(settings, source, toolsOf)
    return gate.guard(path, toolsOf, known)
  })
  const unhook = pool.onServerChange((change) => {
    catalogue.changed(change)
    gate.changed(change)
    sessions.changed(change)
  })
  yield* Effect.addFinalizer(() => Effect.sync(unhook))
  return BoundClient.bind({ pool, calls, catalogue, sessions }, undefined)
})

/**
 * The client over an `McpPool`. `McpPool.layer` makes one; `NodeMcp.layer` of `@mooring/node` gives both.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<McpClient, never, McpPool.McpPool> = Layer.scoped(McpClient, make)
