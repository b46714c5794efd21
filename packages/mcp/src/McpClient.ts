/**
 * The service that people use: calls on MCP servers as typed effects, each borrowing a pooled connection for as long
 * as it runs. Its methods need nothing from the environment. The pool belongs to the layer; closing the layer closes
 * every connection.
 *
 * @since 0.1.0
 */
import type { Pool, PoolEvent, PoolStats } from "@mooring/pool"
import type { CallToolResult, Tool } from "@modelcontextprotocol/sdk/types.js"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import * as CurrentPartition from "./CurrentPartition.js"
import type { CallLimits, McpConnection } from "./McpConnection.js"
import {
  type ConnectionLost,
  InvalidArguments,
  InvalidResult,
  OutcomeUnknown,
  PartitionMissing,
  type RequestError,
  ToolFailed,
  UnknownServer,
  type UnsupportedCapability
} from "./McpError.js"
import * as McpPool from "./McpPool.js"
import * as McpTool from "./McpTool.js"
import * as Retry from "./Retry.js"
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
export type CallError = BorrowError | RequestError | OutcomeUnknown | UnsupportedCapability

/**
 * What can be said of one call.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallOptions extends CallLimits {
  /**
   * This call may run twice: when its connection is lost and it is unknown whether it ran, it is run again on another
   * connection (at most twice more) instead of failing with `OutcomeUnknown`. Default false.
   */
  readonly mayRunTwice?: boolean | undefined
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
 * The client of the pool in the environment.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Service, never, McpPool.McpPool> = Effect.gen(function* () {
  const pool = yield* McpPool.McpPool
  const clock = yield* Effect.clock
  return bind(pool, () => Number(clock.unsafeCurrentTimeNanos()) / 1e6, undefined)
})

/**
 * The client over an `McpPool`. `McpPool.layer` makes one; `NodeMcp.layer` of `@mooring/node` gives both.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<McpClient, never, McpPool.McpPool> = Layer.effect(McpClient, make)

/** How a request on a borrowed connection can fail. */
type UseError = RequestError | UnsupportedCapability

/** One call: what it does on a connection, within `limits`, and what may be done when the connection is lost. */
interface Call<A> {
  readonly limits: CallLimits | undefined
  readonly mayRunTwice: boolean
  /** Run uninterruptibly, with what restores interruption. */
  readonly perform: (
    restore: Pool.Restore,
    connection: McpConnection,
    limits: CallLimits | undefined
  ) => Effect.Effect<A, UseError>
  /** The error of a call that may have run. Absent where it does not matter whether it has: a list, a ping. */
  readonly unknown?: ((key: ServerKey, lost: ConnectionLost) => OutcomeUnknown) | undefined
}

/** A class, since objects in braces are dear on a busy path: see `Session`. */
class ToolCall implements Call<CallToolResult> {
  readonly mayRunTwice: boolean
  constructor(
    readonly tool: string,
    readonly args: Readonly<Record<string, unknown>> | undefined,
    readonly limits: CallOptions | undefined
  ) {
    this.mayRunTwice = limits?.mayRunTwice === true
  }

  perform(restore: Pool.Restore, connection: McpConnection, limits: CallLimits | undefined) {
    return connection.callToolMasked(restore, this.tool, this.args, limits)
  }

  unknown(key: ServerKey, cause: ConnectionLost): OutcomeUnknown {
    return new OutcomeUnknown({ server: key.toString(), tool: this.tool, cause })
  }
}

/** What a typed call was answered, and by which connection: only that knows what must not be shown of it. */
class Answered {
  constructor(
    readonly result: CallToolResult,
    readonly connection: McpConnection
  ) {}
}

class TypedCall implements Call<Answered> {
  readonly mayRunTwice: boolean
  private readonly call: ToolCall
  constructor(tool: string, args: Readonly<Record<string, unknown>>, limits: CallOptions | undefined) {
    this.call = new ToolCall(tool, args, limits)
    this.mayRunTwice = this.call.mayRunTwice
  }

  get limits(): CallOptions | undefined {
    return this.call.limits
  }

  perform(restore: Pool.Restore, connection: McpConnection, limits: CallLimits | undefined) {
    return Effect.map(this.call.perform(restore, connection, limits), (result) => new Answered(result, connection))
  }

  unknown(key: ServerKey, cause: ConnectionLost): OutcomeUnknown {
    return this.call.unknown(key, cause)
  }
}

const bind = (pool: McpPool.Service, nowMs: () => number, bound: Partition | undefined): Service => {
  const { servers } = pool

  const run = <A>(name: string, call: Call<A>): Effect.Effect<A, CallError> => {
    const server = servers.get(name)
    if (server === undefined) return unknownServer(name)
    if (server.settings.isolation !== "perPartition") return on(server, server.key, call)
    if (bound === "") return Effect.fail(new PartitionMissing({ server: name }))
    if (bound !== undefined) return on(server, server.keyOf(bound), call)
    return Effect.flatMap(pool.keyOf(name), (key) => on(server, key, call))
  }

  const unknownServer = (server: string): Effect.Effect<never, UnknownServer> =>
    Effect.fail(new UnknownServer({ server, known: servers.names }))

  // One mask over the borrow and the request: the pool, the session and this each need one, and each has its price.
  const on = <A>(server: Server, key: ServerKey, call: Call<A>): Effect.Effect<A, CallError> =>
    Effect.uninterruptibleMask((restore) => attempt(restore, server, key, call, Retry.none))

  const attempt = <A>(
    restore: Pool.Restore,
    server: Server,
    key: ServerKey,
    call: Call<A>,
    tries: Retry.Tries
  ): Effect.Effect<A, CallError> => {
    let startedAt = 0
    const used = pool.pool.useMasked(restore, key, (connection) => {
      startedAt = nowMs()
      const { leftMs } = tries
      const limits = leftMs === undefined ? call.limits : { ...call.limits, totalTimeout: leftMs }
      return call.perform(restore, connection, limits)
    })
    return Effect.catchAllCause(used, (cause) => {
      const lost = Cause.failureOption(cause)
      if (lost._tag === "None" || lost.value._tag !== "ConnectionLost") return Effect.failCause(cause)
      const error = lost.value
      const totalMs = tries.leftMs ?? Duration.toMillis(call.limits?.totalTimeout ?? server.settings.totalTimeout)
      const decision = Retry.decide(error, tries, totalMs - (nowMs() - startedAt), call.mayRunTwice)
      if (decision._tag === "GiveUp") return Effect.fail(givenUp(call, key, error))
      // Between two tries it can be interrupted.
      const again = Effect.zipRight(restore(Effect.void), attempt(restore, server, key, call, decision.tries))
      return error.delivery === "NotSent" ? again : remembering(call, key, error, again)
    })
  }

  return {
    servers: servers.names,
    callTool: (name, tool, args, options) => run(name, new ToolCall(tool, args, options)),
    call: (name, tool, args, options) =>
      servers.get(name) === undefined
        ? unknownServer(name)
        : Effect.flatMap(encode(name, tool, args), (encoded) =>
            Effect.flatMap(run(name, new TypedCall(tool.name, encoded, options)), (answered) =>
              read(name, tool, answered)
            )
          ),
    listTools: (name) => run(name, listTools),
    ping: (name) => run(name, ping),
    forPartition: (partition) => bind(pool, nowMs, partition),
    stats: pool.pool.stats,
    events: pool.pool.events
  }
}

/** Reading a list twice changes nothing. */
const listTools: Call<ReadonlyArray<Tool>> = {
  limits: undefined,
  mayRunTwice: true,
  perform: (restore, connection) => restore(connection.listTools)
}

/** A ping that is lost is an answer to the question; only one that was not sent is sent again. */
const ping: Call<Duration.Duration> = {
  limits: undefined,
  mayRunTwice: false,
  perform: (restore, connection) => restore(connection.ping)
}

const givenUp = <A>(call: Call<A>, key: ServerKey, lost: ConnectionLost): ConnectionLost | OutcomeUnknown =>
  lost.delivery === "NotSent" ? lost : (call.unknown?.(key, lost) ?? lost)

/**
 * A call that may have run and then could not even be sent again has still an unknown outcome: what stopped the second
 * try (no connection, a full queue) must not read as if nothing had run.
 */
const remembering = <A>(
  call: Call<A>,
  key: ServerKey,
  lost: ConnectionLost,
  again: Effect.Effect<A, CallError>
): Effect.Effect<A, CallError> => {
  const unknown = call.unknown?.(key, lost)
  if (unknown === undefined) return again
  return Effect.catchAll(again, (error): Effect.Effect<never, CallError> => {
    switch (error._tag) {
      case "OutcomeUnknown":
      case "ProtocolError":
        return Effect.fail(error)
      case "CallTimeout":
        return Effect.fail(error.delivery === "Unknown" ? error : unknown)
      default:
        return Effect.fail(unknown)
    }
  })
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
  server: string,
  tool: McpTool.McpTool<Args, A>,
  { connection, result }: Answered
): Effect.Effect<A, ToolFailed | InvalidResult> => {
  if (result.isError === true) {
    const said = connection.clean(McpTool.textOf(result))
    const content = said === "" ? "it said nothing" : said
    return Effect.fail(new ToolFailed({ server, tool: tool.name, content }))
  }
  return Effect.mapError(tool.success.decode(result), (error) => {
    // Places are told by their names, and those are the server's.
    const reason = connection.clean(SchemaReason.format(error))
    return new InvalidResult({ server, tool: tool.name, reason })
  })
}
