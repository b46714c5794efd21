/**
 * The service that people use: calls on MCP servers as typed effects, each borrowing a pooled connection for as long
 * as it runs. Its methods need nothing from the environment. The pool belongs to the layer; closing the layer closes
 * every connection.
 *
 * @since 0.1.0
 */
import type { PoolEvent, PoolStats } from "@mooring/pool"
import type { CallToolResult, Tool } from "@modelcontextprotocol/sdk/types.js"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as CallGate from "./CallGate.js"
import * as CallPath from "./CallPath.js"
import * as Catalogue from "./Catalogue.js"
import * as CurrentPartition from "./CurrentPartition.js"
import {
  type InvalidResult,
  type PartitionMissing,
  type SessionLost,
  type ToolFailed,
  UnknownServer
} from "./McpError.js"
import * as McpPool from "./McpPool.js"
import * as McpSession from "./McpSession.js"
import type * as McpTool from "./McpTool.js"
import * as ServerCalls from "./ServerCalls.js"
import { type Affinity, type Partition, type ServerKey, withAffinity, withoutAffinity } from "./ServerKey.js"
import type { Server } from "./Servers.js"
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
 *   `UnsupportedCapability`, `OutputSchemaRefused`
 * - it may have run, as `delivery` says where there is one: `CallTimeout`, `ConnectionLost`, `OutcomeUnknown`,
 *   `ProtocolError`
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
  /** The names of the configured servers, in the order of the configuration; disabled ones left out. */
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
   * A connection of one's own for as long as the scope is open, for a server that keeps a state (a browser, a REPL), and
   * for the partition that is current when it is opened. Waits as a call does until a connection is free. See
   * `McpSession`.
   */
  readonly session: (
    server: Name,
    options?: McpSession.Options
  ) => Effect.Effect<McpSession.McpSession, BorrowError | SessionLost, Scope.Scope>
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
   * slows nothing, and misses what came and went. Ends with the pool.
   */
  readonly changes: (
    server: Name,
    options?: StatusOptions
  ) => Stream.Stream<ServerStatus.ServerStatus, UnknownServer | PartitionMissing>
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
  const catalogue: Catalogue.Catalogue = yield* Catalogue.make(pool, (server, key) =>
    ungated.run(server, key, CallPath.listTools)
  )
  const gate = yield* CallGate.make
  const calls = gate.guard(ungated, catalogue.tools)
  const sessions = McpSession.make(pool.pool, (source) => {
    // Not from the catalogue if it would have to borrow: this session may hold all that there is.
    const toolsOf: CallPath.ToolsOf<SessionLost> = (server, key) => {
      const known = catalogue.snapshot(withoutAffinity(key))
      return known === undefined ? path.run(server, key, CallPath.listTools) : Effect.succeed(known.tools)
    }
    const path = CallPath.make(settings, source, toolsOf)
    return gate.guard(path, toolsOf)
  })
  return bind({ pool, calls, catalogue, sessions }, undefined)
})

/**
 * The client over an `McpPool`. `McpPool.layer` makes one; `NodeMcp.layer` of `@mooring/node` gives both.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<McpClient, never, McpPool.McpPool> = Layer.scoped(McpClient, make)

/** What all partitions have in common. */
interface Parts {
  readonly pool: McpPool.Service
  readonly calls: CallPath.CallPath<BorrowError>
  readonly catalogue: Catalogue.Catalogue
  readonly sessions: McpSession.Sessions
}

const bind = (parts: Parts, bound: Partition | undefined): Service => {
  const { calls, catalogue, pool, sessions } = parts
  const { servers } = pool

  const run = <A>(server: Server, call: CallPath.Call<A>): Effect.Effect<A, CallError> => {
    if (server.settings.isolation !== "perPartition") return calls.run(server, server.key, call)
    if (bound !== undefined && bound !== "") return calls.run(server, server.keyOf(bound), call)
    return Effect.flatMap(keyOf(server.name), (key) => calls.run(server, key, call))
  }

  const keyOf = (name: string): Effect.Effect<ServerKey, UnknownServer | PartitionMissing> =>
    bound === undefined ? pool.keyOf(name) : CurrentPartition.withPartition(pool.keyOf(name), bound)

  const statusKey = (name: string, { affinity }: StatusOptions = {}) =>
    Effect.map(keyOf(name), (key) => (affinity === undefined ? key : withAffinity(key, affinity)))

  /** For what is no call. */
  const on = <A, E, R>(
    name: string,
    use: (server: Server, key: ServerKey) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | UnknownServer | PartitionMissing, R> => {
    const server = servers.get(name)
    return server === undefined ? unknown(name) : Effect.flatMap(keyOf(name), (key) => use(server, key))
  }

  const unknown = (name: string): Effect.Effect<never, UnknownServer> =>
    Effect.fail(new UnknownServer({ server: name, known: servers.names }))

  return {
    servers: servers.names,
    callTool: (name, tool, args, options) => {
      const server = servers.get(name)
      return server === undefined
        ? unknown(name)
        : run(server, ServerCalls.toolCall(server, tool, args, undefined, options))
    },
    call: (name, tool, args, options) => {
      const server = servers.get(name)
      return server === undefined
        ? unknown(name)
        : ServerCalls.typed(server, tool, args, options, (call) => run(server, call))
    },
    listTools: (name, options) => on(name, options?.fresh === true ? catalogue.fresh : catalogue.tools),
    catalogue: (name) => on(name, (_, key) => Effect.sync(() => catalogue.snapshot(key))),
    ping: (name) => {
      const server = servers.get(name)
      return server === undefined ? unknown(name) : run(server, CallPath.ping)
    },
    session: (name, options) => on(name, (server, key) => sessions.open(server, key, options)),
    forPartition: (partition) => bind(parts, partition),
    status: (name, options) => Effect.flatMap(statusKey(name, options), pool.status),
    statuses: Effect.flatMap(CurrentPartition.CurrentPartition, (current) => pool.statuses(bound ?? current)),
    changes: (name, options) => Stream.unwrap(Effect.map(statusKey(name, options), pool.changes)),
    stats: pool.pool.stats,
    events: pool.pool.events
  }
}
