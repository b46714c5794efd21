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
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as CallGate from "./CallGate.js"
import * as CallPath from "./CallPath.js"
import * as Catalogue from "./Catalogue.js"
import * as CurrentPartition from "./CurrentPartition.js"
import { InvalidArguments, InvalidResult, PartitionMissing, ToolFailed, UnknownServer } from "./McpError.js"
import * as McpPool from "./McpPool.js"
import * as McpTool from "./McpTool.js"
import * as SchemaReason from "./SchemaReason.js"
import type { Partition, ServerKey } from "./ServerKey.js"
import type { Server } from "./Servers.js"

/**
 * How borrowing a connection can fail.
 *
 * @since 0.1.0
 * @category errors
 */
export type BorrowError = McpPool.BorrowError

/**
 * How a call can fail.
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
 * The client's methods. `McpClient` is the tag.
 *
 * What happens to a call whose connection is lost: if it was certainly not sent, it is sent again on an open
 * connection (at most three times); if it may have run, it fails with `OutcomeUnknown`, unless `mayRunTwice` permits
 * to run it again. A call that is not answered in time fails with `CallTimeout`, and is never run again: its time is
 * over. The time in all counts over all tries, waiting for a connection not included. Arguments that cannot be sent
 * (not JSON, or longer than `Limits` allow) fail with `InvalidArguments` before anything is sent; an answer that was
 * refused (too deep, or not what MCP says that it is) with `ProtocolError` after the call may have run. Neither is
 * tried again. A tool that the server's configuration hides fails with `ToolDenied`, and one that its `rateLimit` has no
 * room for with `RateLimited`, before anything is borrowed.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** The names of the configured servers, in the order of the configuration; disabled ones left out. */
  readonly servers: ReadonlyArray<string>
  /**
   * Every tool of the server that the configuration does not hide: all pages, within `Limits` (100 pages and 1,000
   * tools). The server is asked once for all callers; see `Catalogue` for when it is asked again.
   */
  readonly listTools: (server: string, options?: ListOptions) => Effect.Effect<ReadonlyArray<Tool>, CallError>
  /**
   * What is known of the server's tools, how old it is, and whether it could be refreshed: `undefined` when nobody has
   * asked for them yet. Asks the server nothing.
   */
  readonly catalogue: (
    server: string
  ) => Effect.Effect<Catalogue.Snapshot | undefined, UnknownServer | PartitionMissing>
  /** Calls a tool as MCP has it: `isError` is a value of the result. */
  readonly callTool: (
    server: string,
    tool: string,
    args?: Readonly<Record<string, unknown>>,
    options?: CallOptions
  ) => Effect.Effect<CallToolResult, CallError>
  /**
   * Calls a typed tool: checks the arguments before anything is borrowed (`InvalidArguments`), and decodes the result
   * (`InvalidResult`). A result with `isError` is `ToolFailed`.
   */
  readonly call: <Args, A>(
    server: string,
    tool: McpTool.McpTool<Args, A>,
    args: Args,
    options?: CallOptions
  ) => Effect.Effect<A, CallError | InvalidResult | ToolFailed>
  /** Asks the server whether it is there; any well-formed answer counts. Gives the round trip, without the connect. */
  readonly ping: (server: string) => Effect.Effect<Duration.Duration, CallError>
  /** The same client for one partition, whatever partition is current where it is used. An empty one counts as none. */
  readonly forPartition: (partition: Partition) => Service
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
  const calls = yield* CallPath.make(pool)
  const catalogue = yield* Catalogue.make(pool, (server, key) => calls.run(server, key, CallPath.listTools))
  const path = yield* CallGate.guard(calls, catalogue)
  return bind({ pool, path, catalogue }, undefined)
})

/**
 * The client over an `McpPool`. `McpPool.layer` makes one; `NodeMcp.layer` of `@mooring/node` gives both.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<McpClient, never, McpPool.McpPool> = Layer.scoped(McpClient, make)

/** What the clients of one pool share, whatever partition they are for. */
interface Parts {
  readonly pool: McpPool.Service
  readonly path: CallPath.CallPath
  readonly catalogue: Catalogue.Catalogue
}

const bind = (parts: Parts, bound: Partition | undefined): Service => {
  const { catalogue, path, pool } = parts
  const { servers } = pool

  const keyed = <A, E, I>(
    name: string,
    use: (server: Server, key: ServerKey, input: I) => Effect.Effect<A, E>,
    input: I
  ): Effect.Effect<A, E | UnknownServer | PartitionMissing> => {
    const server = servers.get(name)
    if (server === undefined) return unknownServer(name)
    if (server.settings.isolation !== "perPartition") return use(server, server.key, input)
    if (bound === "") return Effect.fail(new PartitionMissing({ server: name }))
    if (bound !== undefined) return use(server, server.keyOf(bound), input)
    return Effect.flatMap(pool.keyOf(name), (key) => use(server, key, input))
  }

  const run = <A>(name: string, call: CallPath.Call<A>): Effect.Effect<A, CallError> => keyed(name, path.run<A>, call)

  const unknownServer = (server: string): Effect.Effect<never, UnknownServer> =>
    Effect.fail(new UnknownServer({ server, known: servers.names }))

  const callTool: Service["callTool"] = (name, tool, args, options) =>
    run(name, new CallPath.ToolCall(tool, args, options))

  return {
    servers: servers.names,
    callTool,
    call: (name, tool, args, options) => {
      const server = servers.get(name)
      if (server === undefined) return unknownServer(name)
      return Effect.flatMap(encode(name, tool, args), (encoded) =>
        Effect.flatMap(callTool(name, tool.name, encoded, options), (result) => read(server, tool, result))
      )
    },
    listTools: (name, options) => keyed(name, options?.fresh === true ? catalogue.fresh : catalogue.tools, undefined),
    catalogue: (name) => keyed(name, (_, key) => Effect.sync(() => catalogue.snapshot(key)), undefined),
    ping: (name) => run(name, CallPath.ping),
    forPartition: (partition) => bind(parts, partition),
    stats: pool.pool.stats,
    events: pool.pool.events
  }
}

const encode = <Args, A>(
  server: string,
  tool: McpTool.McpTool<Args, A>,
  args: Args
): Effect.Effect<Readonly<Record<string, unknown>>, InvalidArguments> =>
  Effect.mapError(
    Schema.encode(tool.parameters)(args),
    (error) =>
      new InvalidArguments({ server, method: "tools/call", tool: tool.name, reason: SchemaReason.format(error) })
  )

const read = <Args, A>(
  server: Server,
  tool: McpTool.McpTool<Args, A>,
  result: CallToolResult
): Effect.Effect<A, ToolFailed | InvalidResult> => {
  if (result.isError === true) {
    const said = server.clean(McpTool.textOf(result))
    const content = said === "" ? "it said nothing" : said
    return Effect.fail(new ToolFailed({ server: server.name, tool: tool.name, content }))
  }
  return Effect.mapError(tool.success.decode(result), (error) => {
    // Places are told by their names, and those are the server's.
    const reason = server.clean(SchemaReason.format(error))
    return new InvalidResult({ server: server.name, tool: tool.name, reason })
  })
}
