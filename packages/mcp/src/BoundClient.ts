/**
 * The methods of `McpClient`, bound to one partition or to none: they find the server and the key of each call, now and
 * whenever the configuration has changed meanwhile. They hold nothing between calls.
 *
 * @since 0.1.0
 */
import { PoolError } from "@mooring/pool"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as CallPath from "./CallPath.js"
import type * as Catalogue from "./Catalogue.js"
import * as CurrentPartition from "./CurrentPartition.js"
import type { Lookup } from "./Lookup.js"
import type { BorrowError, CallError, Service, StatusOptions } from "./McpClient.js"
import * as McpCompletion from "./McpCompletion.js"
import { type PartitionMissing, UnknownServer } from "./McpError.js"
import type * as McpPool from "./McpPool.js"
import * as McpPrompt from "./McpPrompt.js"
import * as McpResource from "./McpResource.js"
import type * as McpSession from "./McpSession.js"
import type * as Notices from "./Notices.js"
import { ListCall, RequestCall } from "./RequestCall.js"
import * as ServerCalls from "./ServerCalls.js"
import * as ServerInfo from "./ServerInfo.js"
import { type Partition, type ServerKey, sharedPartition, withAffinity } from "./ServerKey.js"
import type { Server } from "./Servers.js"
import * as TaskRequest from "./TaskRequest.js"

/**
 * What all partitions have in common.
 *
 * @since 0.1.0
 * @category models
 */
export interface Parts {
  readonly pool: McpPool.Service
  readonly calls: CallPath.CallPath<BorrowError>
  readonly catalogue: Catalogue.Catalogue
  readonly sessions: McpSession.Sessions
}

/**
 * The client of one partition, or, where none is `bound`, of whichever is current where it is used. An empty one counts
 * as none.
 *
 * @since 0.1.0
 * @category constructors
 */
export const bind = (parts: Parts, bound: Partition | undefined): Service => {
  const { calls, catalogue, pool, sessions } = parts
  const { servers } = pool

  const run = <A>(server: Server, call: CallPath.Call<A>): Effect.Effect<A, CallError> => {
    if (server.settings.isolation !== "perPartition") return calls.run(server, server.key, call, lookup)
    if (bound !== undefined && bound !== "") return calls.run(server, server.keyOf(bound), call, lookup)
    return Effect.flatMap(keyOf(server.name), (key) => calls.run(server, key, call, lookup))
  }

  const keyOf = (name: string): Effect.Effect<ServerKey, UnknownServer | PartitionMissing> =>
    bound === undefined ? pool.keyOf(name) : CurrentPartition.withPartition(pool.keyOf(name), bound)

  const lookup: Lookup<BorrowError> = {
    keyOf,
    restart: (name, call) => later(name, (server) => run(server, call.at?.(server) ?? call))
  }

  /** A name that is not known may be when the call is run. */
  const later = <A, E>(
    name: string,
    call: (server: Server) => Effect.Effect<A, E>
  ): Effect.Effect<A, E | UnknownServer> =>
    Effect.suspend((): Effect.Effect<A, E | UnknownServer> => {
      const server = servers.get(name)
      return server === undefined ? Effect.fail(unknown(name)) : call(server)
    })

  // What a function captures costs whoever calls it, so this stands apart.
  const callLater: Service["callTool"] = (name, tool, args, options) =>
    later(name, (server) => run(server, ServerCalls.toolCall(server, tool, args, undefined, options)))

  const unknown = (name: string): UnknownServer => new UnknownServer({ server: name, known: servers.names })

  /** For calls that are the same whatever the server. */
  const ask = <A>(name: string, call: CallPath.Call<A>): Effect.Effect<A, CallError> =>
    later(name, (server) => run(server, call))
  const statusKey = (name: string, { affinity }: StatusOptions = {}) =>
    Effect.map(keyOf(name), (key) => (affinity === undefined ? key : withAffinity(key, affinity)))

  /** For what is no call. */
  const on = <A, E, R>(
    name: string,
    use: (server: Server, key: ServerKey) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | UnknownServer | PartitionMissing, R> =>
    Effect.flatMap(keyOf(name), (key): Effect.Effect<A, E | UnknownServer, R> => {
      const server = servers.get(name)
      return server === undefined ? Effect.fail(unknown(name)) : use(server, key)
    })

  const onKey = <A, E>(
    name: string,
    use: (key: ServerKey) => Stream.Stream<A, E | PoolError.UnknownKey>
  ): Stream.Stream<A, E | UnknownServer | PartitionMissing> =>
    Stream.catchAll(Stream.unwrap(Effect.map(keyOf(name), use)), (error) =>
      // Of a server that is isolated otherwise from now on, another key's is read.
      error instanceof PoolError.UnknownKey ? onKey(name, use) : Stream.fail(error)
    )

  const listTools: Service["listTools"] = (name, options) =>
    on(name, (server, key) =>
      Effect.catchAll((options?.fresh === true ? catalogue.fresh : catalogue.tools)(server, key), (error) =>
        // Of a server that has changed meanwhile, what it is now is asked.
        server.isCurrent ? Effect.fail(error) : listTools(name, options)
      )
    )

  const session: Service["session"] = (name, options) =>
    on(name, (server, key) => sessions.open(server, key, options)).pipe(
      // It waited for a connection when the server was changed.
      Effect.catchTag("UnknownKey", () => session(name, options))
    )

  const info: Service["info"] = (name) =>
    on(name, (_, key) => pool.pool.use(key, (connection) => Effect.succeed(ServerInfo.of(connection)))).pipe(
      Effect.catchTag("UnknownKey", () => info(name))
    )

  const changes: Service["changes"] = (name, options) =>
    Stream.unwrap(
      Effect.map(statusKey(name, options), (key) =>
        // Of a server that is isolated otherwise from now on, the changes are those of another key.
        Stream.concat(
          pool.changes(key),
          Stream.unwrap(
            Effect.map(Effect.option(statusKey(name, options)), (now) =>
              Option.isNone(now) || Equal.equals(now.value, key) ? Stream.empty : changes(name, options)
            )
          )
        )
      )
    )

  const service: Service = {
    get servers() {
      return servers.names
    },
    callTool: (name, tool, args, options) => {
      const server = servers.get(name)
      return server === undefined
        ? callLater(name, tool, args, options)
        : run(server, ServerCalls.toolCall(server, tool, args, undefined, options))
    },
    call: (name, tool, args, options) => {
      const server = servers.get(name)
      return server === undefined
        ? later(name, (now) => ServerCalls.typed(now, tool, args, options, (call) => run(now, call)))
        : ServerCalls.typed(server, tool, args, options, (call) => run(server, call))
    },
    listTools,
    catalogue: (name) => on(name, (_, key) => Effect.sync(() => catalogue.snapshot(key))),
    ping: (name) => ask(name, CallPath.ping),
    info,
    listResources: (name, limits) => ask(name, new ListCall(McpResource.list, limits)),
    listResourceTemplates: (name, limits) => ask(name, new ListCall(McpResource.templates, limits)),
    readResource: (name, uri, limits) => ask(name, new RequestCall(McpResource.read(uri), limits)),
    listPrompts: (name, limits) => ask(name, new ListCall(McpPrompt.list, limits)),
    getPrompt: (name, prompt, args, limits) => ask(name, new RequestCall(McpPrompt.get(prompt, args), limits)),
    complete: (name, reference, argument, context, limits) =>
      ask(name, new RequestCall(McpCompletion.complete(reference, argument, context), limits)),
    callToolTask: (name, tool, args, options) =>
      // All that is asked about the task is asked for the partition that is current now.
      on(name, (server, { partition }) =>
        ServerCalls.task(server, tool, args, options, (call) =>
          CurrentPartition.withPartition(run(server, call), saidOf(partition))
        )
      ),
    listTasks: (name, limits) => ask(name, new ListCall(TaskRequest.list, limits)),
    getTask: (name, id, limits) => ask(name, new RequestCall(TaskRequest.get(id), limits)),
    cancelTask: (name, id, limits) => ask(name, new RequestCall(TaskRequest.cancel(id), limits)),
    session,
    forPartition: (partition) => bind(parts, partition),
    status: (name, options) => Effect.flatMap(statusKey(name, options), pool.status),
    statuses: Effect.flatMap(CurrentPartition.CurrentPartition, (current) => pool.statuses(bound ?? current)),
    changes,
    stats: pool.pool.stats,
    events: pool.pool.events,
    resourceUpdates: (name, uri) => onKey(name, (key) => pool.notices.resourceUpdates(key, uri)),
    listChanges: (name) => onKey<Notices.ListChange, never>(name, pool.notices.listChanges),
    logs: (name, options) => onKey(name, (key) => pool.notices.logs(key, options)),
    callToolStream: (name, tool, args, options) =>
      ServerCalls.followed(options, (following) => service.callTool(name, tool, args, following)),
    callStream: (name, tool, args, options) =>
      ServerCalls.followed(options, (following) => service.call(name, tool, args, following))
  }
  return service
}

/**
 * For what is asked on behalf of all who have a key: who isolates it otherwise from now on has others.
 *
 * @since 0.1.0
 * @category constructors
 */
export const lookupOf = (pool: McpPool.Service, name: string, partition: Partition): Lookup<BorrowError> => ({
  keyOf: () => CurrentPartition.withPartition(pool.keyOf(name), saidOf(partition)),
  restart: () => Effect.fail(new UnknownServer({ server: name, known: pool.servers.names }))
})

/** What was said to have connections of this partition: of those that all share, nothing. */
const saidOf = (partition: Partition): Partition => (partition === sharedPartition ? "" : partition)
