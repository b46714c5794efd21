/**
 * The pool of MCP connections, keyed by server and partition, as a service. It opens connections through the
 * `McpConnector`, keeps them warm, healthy and bounded by each server's configuration, and closes them all when its
 * layer is closed. `McpClient` is what most people use; this is for those who borrow connections themselves.
 *
 * @since 0.1.0
 */
import { Deadlines, Pool, type PoolError } from "@mooring/pool"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as KeyedPool from "effect/KeyedPool"
import * as Layer from "effect/Layer"
import { pipeArguments } from "effect/Pipeable"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { CurrentPartition } from "./CurrentPartition.js"
import { clampWait } from "./HttpExchange.js"
import * as McpConnection from "./McpConnection.js"
import type { McpConnector } from "./McpConnector.js"
import { ConfigError, type McpConnectError, PartitionMissing, ServersUnavailable, UnknownServer } from "./McpError.js"
import * as Notices from "./Notices.js"
import * as PoolGauges from "./PoolGauges.js"
import * as Registry from "./Registry.js"
import type * as Reload from "./Reload.js"
import * as Reloading from "./Reloading.js"
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
export type BorrowError =
  | Exclude<PoolError.PoolError, PoolError.UnknownKey>
  | McpConnectError
  | UnknownServer
  | PartitionMissing

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
   * each), else 256; servers that come later do not change it.
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
  /** The servers that can be borrowed from now: a view that follows every change. */
  readonly servers: Servers.Servers
  /**
   * Makes these all servers there are, in one step, while calls go on. What differs decides what happens to each:
   *
   * - nothing: nothing. Values are compared by what they say; functions (computed `headers`) and `Schedule`s by
   *   identity, so give the same one again
   * - settings of its pool (`min`, `max`, times, limits, tools): they hold for calls from now on; its connections stay
   * - how it is reached (command, arguments, variables, address, headers) or its `isolation`: calls in flight finish on
   *   the connections that they have, which count no more against `max`; who waits, and what comes, gets new ones, of
   *   which `min` are opened at once. A session keeps its connection until its scope closes
   * - it is not there any more, or `disabled`: calls to it fail with `UnknownServer`, those in flight finish within
   *   `shutdownTimeout`, and nothing of it stays
   *
   * Fails with `ConfigError`, and has then changed nothing, when anything is wrong. Changes are made one at a time. A
   * server that is `required` and cannot be connected fails nothing any more: it is logged.
   */
  readonly setServers: (
    servers: Readonly<Record<string, ServerConfig.ServerConfig>>
  ) => Effect.Effect<Reload.Changes, ConfigError>
  /** As `setServers`, for one server, which is added or changed; the others stay as they are. */
  readonly setServer: (name: string, config: ServerConfig.ServerConfig) => Effect.Effect<Reload.Changes, ConfigError>
  /** As `setServers` without this one. Fails with `UnknownServer` when there is none of that name. */
  readonly removeServer: (name: string) => Effect.Effect<Reload.Changes, ConfigError | UnknownServer>
  /** What becomes of changes of the servers, from now on; of those that were refused, too. */
  readonly reloads: Stream.Stream<Reload.Reload>
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
  /** What the servers tell by themselves, for all who read it. */
  readonly notices: Notices.Notices
  /** Calls `hook` with every change of a server, in the step that makes it. It must not throw. What is given back ends it. */
  readonly onServerChange: (hook: (change: Registry.ServerChange) => void) => () => void
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
  Effect.map(makeReloading(options), ({ service }) => service)

const makeReloading = (options: Options) =>
  Effect.gen(function* () {
    const servers = new Registry.Registry(yield* Servers.make(options.servers))
    const scope = yield* Effect.scope
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
    // Made before the pool, so that it outlasts every connection.
    const deadlines = yield* Deadlines.make
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
          return Effect.flatMap(watches.of(key, pool), (watch) =>
            watch.connect(server, watches.metricsOf(server), handle.id, (observer) =>
              McpConnection.make(key, server.config, { number: handle.id, keep: handle.keep, observer, deadlines })
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
            // What was changed while it was opening, and did not need another.
            const now = servers.get(key.server)
            if (now !== undefined) connection.setTimeouts(now.settings)
            return Effect.void
          })
        ),
      config: (key) => {
        const server = servers.get(key.server)
        return key.affinity === undefined ? server?.pool : server?.affinePool
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
    const notices = yield* Notices.make({
      use: pool.use,
      now: () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
    })
    open.watch((connection) => notices.opened(connection))
    // It ends with the pool, as the servers do.
    servers.onChange(watches.changed)
    servers.onChange(notices.changed)
    const reloading = yield* Reloading.make({
      registry: servers,
      pool,
      connections: () => open.all,
      warm: (server) => Scope.extend(warm(pool, server), scope)
    })
    const service: Service = {
      pool,
      servers,
      setServers: reloading.setServers,
      setServer: reloading.setServer,
      removeServer: reloading.removeServer,
      reloads: reloading.reloads,
      onServerChange: servers.onChange,
      keyOf: keyOf(servers),
      keyed: viewOf(pool, servers),
      status: (key) => watches.status(key, pool),
      statuses: (partition) => watches.statuses(pool, (key) => partition === undefined || key.partition === partition),
      changes: (key) => watches.changes(key, pool),
      failed: (key, what, cause) => watches.failed(key, what, cause, pool),
      onConnection: open.watch,
      notices
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
    return { service, reloading }
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
 * The pool of servers that a stream says, each time all of them: the first makes the pool, and each later one changes it
 * (`Service.setServers`). One that is wrong keeps the last good one; so does a `ConfigError`, by which a source tells
 * that what it has found is wrong. Either is logged, and told by `Service.reloads`. When the stream ends, what is stays;
 * when it fails, too, which is logged and told as well.
 *
 * Fails as `make` does with the first servers, as the stream does before it has said any, and with `ConfigError` when
 * it ends before.
 *
 * @example
 * ```ts
 * import { McpPool, type ServerConfig } from "@mooring/mcp"
 * import { Effect, Schedule, Stream } from "effect"
 *
 * declare const registry: Effect.Effect<Record<string, ServerConfig.ServerConfig>, Error>
 *
 * // Asks a registry of your own every minute; what is the same as before costs a comparison. One that fails is asked
 * // again: a stream that has failed says no more.
 * const asked = Effect.retry(registry, Schedule.spaced("5 seconds"))
 * const PoolLive = McpPool.layerStream(Stream.repeatEffectWithSchedule(asked, Schedule.spaced("1 minute")))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerStream = <E, R>(
  servers: Stream.Stream<Reloading.Source, E, R>,
  options: Omit<Options, "servers"> = {}
): Layer.Layer<McpPool, E | ConfigError | ServersUnavailable, R | McpConnector> =>
  Layer.scoped(McpPool, makeStream(servers, options))

/**
 * As `layerStream`, as an effect; what follows the stream ends with the scope.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeStream = <E, R>(
  servers: Stream.Stream<Reloading.Source, E, R>,
  options: Omit<Options, "servers"> = {}
): Effect.Effect<Service, E | ConfigError | ServersUnavailable, R | McpConnector | Scope.Scope> =>
  Effect.gen(function* () {
    const pull = yield* Stream.toPull(servers)
    const said = yield* Effect.repeat(pull, { until: (chunk) => chunk.length > 0 }).pipe(
      Effect.mapError(
        Option.getOrElse(
          () => new ConfigError({ path: "servers", reason: "their stream has ended before it said any" })
        )
      )
    )
    const first = Chunk.unsafeHead(said)
    if (first instanceof ConfigError) return yield* first
    const { reloading, service } = yield* makeReloading({ ...options, servers: first })
    const later = Stream.concat(Stream.fromChunk(Chunk.drop(said, 1)), Stream.repeatEffectChunkOption(pull))
    yield* Effect.forkScoped(reloading.follow(later))
    return service
  })

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
  (name) =>
    Effect.suspend((): ReturnType<Service["keyOf"]> => {
      const server = servers.get(name)
      if (server === undefined) return Effect.fail(new UnknownServer({ server: name, known: servers.names }))
      if (server.settings.isolation !== "perPartition") return Effect.succeed(server.key)
      return Effect.flatMap(CurrentPartition, (partition: Partition | undefined) =>
        partition === undefined || partition === ""
          ? Effect.fail(new PartitionMissing({ server: name }))
          : Effect.succeed(server.keyOf(partition))
      )
    })

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

  get all(): Iterable<McpConnection.McpConnection> {
    return this.connections
  }

  readonly watch: Service["onConnection"] = (hook) => {
    this.hooks.add(hook)
    for (const connection of this.connections) hook(connection)
    return () => this.hooks.delete(hook)
  }
}

const viewOf = (pool: Service["pool"], servers: Servers.Servers): Service["keyed"] => {
  const key = keyOf(servers)
  const get: Service["keyed"]["get"] = (server) =>
    key(server).pipe(
      Effect.flatMap((found) => pool.get(found)),
      // It has changed meanwhile: what its name stands for now is another key, or nothing.
      Effect.catchTag("UnknownKey", () => get(server))
    )
  return {
    [KeyedPool.KeyedPoolTypeId]: { _K: identity, _A: identity, _E: identity },
    get,
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
        // It was removed meanwhile.
        Effect.catchTag("UnknownKey", () => Effect.void),
        Effect.catchAllCause((cause) => Effect.logWarning(`MCP server "${server.name}" could not be warmed up`, cause)),
        Effect.annotateLogs(logAnnotations(server.key)),
        Effect.forkScoped,
        Effect.asVoid
      )
