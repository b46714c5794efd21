/**
 * The pool of MCP connections, keyed by server and partition, as a service. It opens connections through the
 * `McpConnector`, keeps them warm, healthy and bounded by each server's configuration, and closes them all when its
 * layer is closed. `McpClient` is what most people use; this is for those who borrow connections themselves.
 *
 * @since 0.1.0
 */
import { Pool, type PoolError } from "@mooring/pool"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as KeyedPool from "effect/KeyedPool"
import * as Layer from "effect/Layer"
import { pipeArguments } from "effect/Pipeable"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { CurrentPartition } from "./CurrentPartition.js"
import { clampWait } from "./HttpExchange.js"
import * as McpConnection from "./McpConnection.js"
import type { McpConnector } from "./McpConnector.js"
import { ConfigError, type McpConnectError, PartitionMissing, ServersUnavailable, UnknownServer } from "./McpError.js"
import * as PoolGauges from "./PoolGauges.js"
import * as ServerConfig from "./ServerConfig.js"
import { logAnnotations, type Partition, type ServerId, type ServerKey } from "./ServerKey.js"
import * as Servers from "./Servers.js"
import type * as ServerStatus from "./ServerStatus.js"
import { Watches } from "./Watches.js"

/**
 * How borrowing a connection can fail.
 *
 * @since 0.1.0
 * @category errors
 */
export type BorrowError = PoolError.PoolError | McpConnectError | UnknownServer | PartitionMissing

/**
 * How to make the pool.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The servers by name. Those that are `disabled` are checked, and left out. */
  readonly servers: Readonly<Record<string, ServerConfig.ServerConfig>>
  /**
   * Connections over all servers and partitions at most. Default 64 if one of the servers is a process (70–150 MB
   * each), else 256.
   */
  readonly maxTotal?: number | undefined
  /**
   * Connections that one partition may have over all servers whose isolation is `perPartition`; what all share counts
   * for nobody. A partition that has as many gets another in place of an idle one of its own, and else waits. Default:
   * none but `maxTotal`.
   */
  readonly partitionQuota?: number | undefined
  /** How many connections may be opening at once; a process counts for 4. Default 16. */
  readonly maxConnecting?: number | undefined
  /** How long closing waits for calls in flight before it takes their connections away. Default 30 seconds. */
  readonly shutdownTimeout?: Duration.DurationInput | undefined
  /**
   * Whether calls that wait for a connection wait for another attempt after one that failed and may yet succeed. If
   * not, they get the first failure: right where a person waits for the answer. Default true.
   */
  readonly retryConnects?: boolean | undefined
  /** What its metrics call the pool (`mooring_pool_*`, label `pool`). Default `mcp`. */
  readonly name?: string | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Service {
  readonly pool: Pool.Pool<ServerKey, McpConnection.McpConnection, McpConnectError>
  /** The servers that can be borrowed from. */
  readonly servers: Servers.Servers
  /**
   * The key of a server for this caller: for isolation `perPartition` that of `CurrentPartition`. Fails with
   * `UnknownServer`, or with `PartitionMissing` where a partition is needed and none was said.
   */
  readonly keyOf: (server: string) => Effect.Effect<ServerKey, UnknownServer | PartitionMissing>
  /** The pool as Effect's own `KeyedPool`, by the names of servers; the partition is that of the caller. */
  readonly keyed: KeyedPool.KeyedPool<ServerId, McpConnection.McpConnection, BorrowError>
  /** How the connections of a key are doing now. */
  readonly status: (key: ServerKey) => Effect.Effect<ServerStatus.ServerStatus>
  /**
   * How all servers are doing: one status for each in the order of the configuration, or one for each of its partitions
   * that the pool knows of, and one for each affinity that it has a connection of. `partition`: only of this one, where connections are not shared.
   */
  readonly statuses: (partition?: Partition) => Effect.Effect<ReadonlyArray<ServerStatus.ServerStatus>>
  /** The status of a key now, and whenever it has changed since. See `McpClient`. */
  readonly changes: (key: ServerKey) => Stream.Stream<ServerStatus.ServerStatus>
  /**
   * Notes that something of a key has failed that no connection can tell, as its last error: `what` stands before what
   * the cause says. For what is built on the pool, so that it is seen where all else is.
   */
  readonly failed: (key: ServerKey, what: string, cause: Cause.Cause<unknown>) => Effect.Effect<void>
  /**
   * Calls `hook` with each connection that opens, before anybody can borrow it, and at once with those that are open
   * already. It must not throw. What is given back ends it.
   */
  readonly onConnection: (hook: (connection: McpConnection.McpConnection) => void) => () => void
}

/**
 * @since 0.1.0
 * @category tags
 */
export class McpPool extends Context.Tag("@mooring/mcp/McpPool")<McpPool, Service>() {}

/**
 * Makes the pool. Servers with a `min` above 0 begin to connect at once, side by side, in the background: one that is
 * down holds nobody up, fails nobody else, and is logged. Those that are `required` are waited for, also side by side.
 *
 * Fails with `ConfigError` when a configuration is wrong, and with `ServersUnavailable`, which names them all, when
 * servers that are required could not be connected: their first failure that another attempt would not mend, or no
 * connection within `acquireTimeout` (at least the connect timeout).
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options
): Effect.Effect<Service, ConfigError | ServersUnavailable, McpConnector | Scope.Scope> =>
  Effect.gen(function* () {
    const servers = yield* Servers.make(options.servers)
    const all = [...servers.values()]
    const open = new Open()
    const hasProcesses = all.some((server) => ServerConfig.isStdio(server.config))
    const clock = yield* Effect.clock
    const watches = new Watches(servers, {
      now: () => Number(clock.unsafeCurrentTimeNanos()),
      wallMillis: () => clock.unsafeCurrentTimeMillis()
    })
    yield* Effect.addFinalizer(() => watches.close)
    const gauges = yield* PoolGauges.make(options.name ?? "mcp")
    const pool: Service["pool"] = yield* Pool.make<
      ServerKey,
      McpConnection.McpConnection,
      McpConnectError,
      McpConnector | Scope.Scope
    >({
      acquire: (key, handle) =>
        Effect.suspend(() => {
          const server = servers.get(key.server)
          // The pool is only ever given keys of known servers, but it is public.
          if (server === undefined) return Effect.die(new UnknownServer({ server: key.server, known: servers.names }))
          return Effect.flatMap(watches.of(key, server, pool), (watch) =>
            watch.connect(handle.id, (observer) =>
              McpConnection.make(key, server.config, { number: handle.id, observer })
            )
          )
        }).pipe(
          Effect.tap((connection) => {
            connection.onAlive(handle.alive)
            // Slow, or gone without a word: a ping before the next call tells, so that one caller pays for it, not all.
            connection.onEvent((event) => {
              if (event._tag === "Unanswered") handle.suspect()
            })
            connection.onClosed(handle.retire)
            open.add(connection)
            return Effect.void
          })
        ),
      config: (key) => {
        const server = servers.get(key.server)
        return (key.affinity === undefined ? server?.pool : server?.affinePool) ?? {}
      },
      maxTotal: options.maxTotal ?? (hasProcesses ? 64 : 256),
      maxConnecting: options.maxConnecting ?? 16,
      shutdownTimeout: options.shutdownTimeout,
      isOpen: (connection) => connection.isOpen(),
      isRetryable: (error) => options.retryConnects !== false && error.retryable,
      retryAfter: ({ retryAfterMs }) => (retryAfterMs === undefined ? undefined : clampWait(retryAfterMs)),
      describeKey: (key) => key.toString(),
      logAnnotations,
      onEvent: (event) => {
        watches.hear(event)
        if (event._tag === "Connecting") gauges.wake()
      },
      group: {
        of: ({ partition, server }) =>
          servers.get(server)?.settings.isolation === "perPartition" ? partition : undefined,
        quota: options.partitionQuota
      },
      health: {
        probe: (connection) => connection.ping,
        // A remote server that nobody keeps warm is asked before it is used (after 30 s), not over and over.
        probesIdle: ({ key }) => {
          const server = servers.get(key.server)
          return server !== undefined && (ServerConfig.isStdio(server.config) || server.settings.min > 0)
        }
      }
    }).pipe(
      Effect.mapError(
        ({ field, reason }) => new ConfigError({ path: field === "group.quota" ? "partitionQuota" : field, reason })
      )
    )
    yield* gauges.show(pool)
    const service: Service = {
      pool,
      servers,
      keyOf: keyOf(servers),
      keyed: viewOf(pool, servers),
      status: (key) => watches.status(key, pool),
      statuses: (partition) => watches.statuses(pool, (key) => partition === undefined || key.partition === partition),
      changes: (key) => watches.changes(key, pool),
      failed: (key, what, cause) => watches.failed(key, what, cause, pool),
      onConnection: open.watch
    }
    // Those that are waited for come first, so that no other that hangs stands in their way under `maxConnecting`.
    const [others, required] = Arr.partition(all, ({ config }) => config.required === true)
    const starting = yield* Effect.forEach(required, (server) =>
      Effect.map(Effect.forkScoped(pool.warm([server.key])), (fiber) => ({ server, fiber }))
    )
    yield* Effect.forEach(others, (server) => warm(pool, server), { discard: true })
    const failures: Array<ServersUnavailable["failures"][number]> = []
    for (const { fiber, server } of starting) {
      const exit = yield* Fiber.await(fiber)
      if (Exit.isFailure(exit)) failures.push({ server: server.name, cause: Cause.squash(exit.cause) })
    }
    if (Arr.isNonEmptyArray(failures)) return yield* new ServersUnavailable({ failures })
    return service
  })

/**
 * The pool of these servers. See `make`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<McpPool, ConfigError | ServersUnavailable, McpConnector> =>
  Layer.scoped(McpPool, make(options))

/**
 * The pool as Effect's own `KeyedPool`, by the names of servers.
 *
 * @example
 * ```ts
 * import { McpPool, ServerKey } from "@mooring/mcp"
 * import { Effect, KeyedPool } from "effect"
 *
 * const version = Effect.scoped(Effect.gen(function*() {
 *   const pool = yield* McpPool.keyed
 *   const connection = yield* KeyedPool.get(pool, ServerKey.ServerId.make("memory"))
 *   return connection.serverInfo.version
 * }))
 * ```
 *
 * @since 0.1.0
 * @category accessors
 */
export const keyed: Effect.Effect<
  KeyedPool.KeyedPool<ServerId, McpConnection.McpConnection, BorrowError>,
  never,
  McpPool
> = Effect.map(McpPool, (service) => service.keyed)

const keyOf =
  (servers: Servers.Servers): Service["keyOf"] =>
  (name) => {
    const server = servers.get(name)
    if (server === undefined) return Effect.fail(new UnknownServer({ server: name, known: servers.names }))
    if (server.settings.isolation !== "perPartition") return Effect.succeed(server.key)
    return Effect.flatMap(CurrentPartition, (partition: Partition | undefined) =>
      partition === undefined || partition === ""
        ? Effect.fail(new PartitionMissing({ server: name }))
        : Effect.succeed(server.keyOf(partition))
    )
  }

/** The connections that are open, and who wants to hear of them. */
class Open {
  private readonly connections = new Set<McpConnection.McpConnection>()
  private readonly hooks = new Set<(connection: McpConnection.McpConnection) => void>()

  add(connection: McpConnection.McpConnection): void {
    this.connections.add(connection)
    // First of those who hear of the end, so that who counts what is open counts none that has closed.
    connection.onClosed(() => this.connections.delete(connection))
    for (const hook of this.hooks) hook(connection)
  }

  readonly watch: Service["onConnection"] = (hook) => {
    this.hooks.add(hook)
    for (const connection of this.connections) hook(connection)
    return () => this.hooks.delete(hook)
  }
}

const viewOf = (pool: Service["pool"], servers: Servers.Servers): Service["keyed"] => {
  const key = keyOf(servers)
  return {
    [KeyedPool.KeyedPoolTypeId]: { _K: identity, _A: identity, _E: identity },
    get: (server) => Effect.flatMap(key(server), (found) => pool.get(found)),
    invalidate: (connection) => pool.invalidate(connection),
    pipe() {
      return pipeArguments(this, arguments)
    }
  }
}

const warm = (pool: Service["pool"], server: Servers.Server): Effect.Effect<void, never, Scope.Scope> =>
  server.settings.min === 0 || server.settings.isolation === "perPartition"
    ? Effect.void
    : pool.warm([server.key]).pipe(
        Effect.catchAllCause((cause) => Effect.logWarning(`MCP server "${server.name}" could not be warmed up`, cause)),
        Effect.annotateLogs(logAnnotations(server.key)),
        Effect.forkScoped,
        Effect.asVoid
      )
