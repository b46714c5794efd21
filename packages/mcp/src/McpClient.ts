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
import type * as Stream from "effect/Stream"
import * as CallPath from "./CallPath.js"
import * as CurrentPartition from "./CurrentPartition.js"
import { InvalidArguments, InvalidResult, PartitionMissing, ToolFailed, UnknownServer } from "./McpError.js"
import * as McpPool from "./McpPool.js"
import * as McpTool from "./McpTool.js"
import * as ResultText from "./ResultText.js"
import * as SchemaReason from "./SchemaReason.js"
import type { Partition } from "./ServerKey.js"
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
 * The client's methods. `McpClient` is the tag.
 *
 * What happens to a call whose connection is lost: if it was certainly not sent, it is sent again on an open
 * connection (at most three times); if it may have run, it fails with `OutcomeUnknown`, unless `mayRunTwice` permits
 * to run it again. A call that is not answered in time fails with `CallTimeout`, and is never run again: its time is
 * over. The time in all counts over all tries, waiting for a connection not included. Arguments that cannot be sent
 * (not JSON, or longer than `Limits` allow) fail with `InvalidArguments` before anything is sent; an answer that was
 * refused (too deep, or not what MCP says that it is) with `ProtocolError` after the call may have run. Neither is
 * tried again.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** The names of the configured servers, in the order of the configuration; disabled ones left out. */
  readonly servers: ReadonlyArray<string>
  /** Every tool of the server: all pages, within `Limits` (100 pages and 1,000 tools). */
  readonly listTools: (server: string) => Effect.Effect<ReadonlyArray<Tool>, CallError>
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
    // The tool alone says what its arguments are: else a choice of texts, written in place, would be any text.
    args: NoInfer<Args>,
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
 * The client of the pool in the environment.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Service, never, McpPool.McpPool> = Effect.gen(function* () {
  const pool = yield* McpPool.McpPool
  return bind(pool, yield* CallPath.make(pool), undefined)
})

/**
 * The client over an `McpPool`. `McpPool.layer` makes one; `NodeMcp.layer` of `@mooring/node` gives both.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<McpClient, never, McpPool.McpPool> = Layer.effect(McpClient, make)

const bind = (pool: McpPool.Service, path: CallPath.CallPath, bound: Partition | undefined): Service => {
  const { servers } = pool

  const run = <A>(name: string, call: CallPath.Call<A>): Effect.Effect<A, CallError> => {
    const server = servers.get(name)
    if (server === undefined) return unknownServer(name)
    if (server.settings.isolation !== "perPartition") return path.run(server, server.key, call)
    if (bound === "") return Effect.fail(new PartitionMissing({ server: name }))
    if (bound !== undefined) return path.run(server, server.keyOf(bound), call)
    return Effect.flatMap(pool.keyOf(name), (key) => path.run(server, key, call))
  }

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
    listTools: (name) => run(name, CallPath.listTools),
    ping: (name) => run(name, CallPath.ping),
    forPartition: (partition) => bind(pool, path, partition),
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
  const clean = (text: string) => ResultText.cleanOf(result, server.clean)(text)
  if (result.isError === true) {
    const said = clean(McpTool.textOf(result))
    const content = said === "" ? "it said nothing" : said
    return Effect.fail(new ToolFailed({ server: server.name, tool: tool.name, content }))
  }
  return Effect.mapError(tool.success.decode(result), (error) => {
    // Places are told by their names, and those are the server's.
    const reason = clean(SchemaReason.format(error))
    return new InvalidResult({ server: server.name, tool: tool.name, reason })
  })
}
