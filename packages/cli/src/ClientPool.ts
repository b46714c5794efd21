/**
 * The client that the command calls with, and its pool. It is most of what the commands load: `Client.ts` has it loaded
 * while the server is starting.
 *
 * @since 0.1.0
 */
import { McpClient, McpConnector, type McpError, McpPool, type ServerConfig } from "@mooring/mcp"
import { NodeConnector } from "@mooring/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Ahead } from "./Ahead.js"

/**
 * A client with a pool of its own over these servers, for one partition if one is said. Connects nothing before the
 * first call, and tells the first failure, since somebody is waiting at a prompt; closing it ends every connection and
 * process. None of the servers is required: that an application does not start without one does not keep a command from
 * asking another.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  servers: ReadonlyMap<string, ServerConfig.ServerConfig>,
  partition: Option.Option<string>,
  ahead: Ahead
): Effect.Effect<McpClient.Service, McpError.ConfigError | McpError.ServersUnavailable, Scope.Scope> => {
  const entries = [...servers].map(([name, config]) => [name, { ...config, required: false }] as const)
  const connector = Layer.effect(McpConnector.McpConnector, Effect.map(NodeConnector.make, ahead))
  // `fromEntries` makes a server called `__proto__` one like any other.
  const pool = McpPool.layer({ servers: Object.fromEntries(entries), retryConnects: false })
  return Effect.gen(function* () {
    const context = yield* Layer.build(Layer.provide(pool, connector))
    const client = yield* Effect.provide(McpClient.make, context)
    return Option.match(partition, { onNone: () => client, onSome: (name) => client.forPartition(name) })
  })
}
