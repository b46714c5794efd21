/**
 * Starts a stdio server as soon as it is known that it will be asked. What the command needs to speak to it is loaded
 * meanwhile: the server takes longer to be there. An HTTP server needs no start.
 *
 * @since 0.1.0
 */
import { type McpConnector, ServerConfig, ServerKey } from "@mooring/mcp"
import { StdioConnector } from "@mooring/node"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"

type Connector = McpConnector.McpConnector["Type"]

/**
 * A connector whose first transport to the server may be open already.
 *
 * @since 0.1.0
 * @category models
 */
export type Ahead = (connector: Connector) => Connector

/**
 * Starts the server, if it is one alone, and a process. That it could not be started is told by the connector.
 * It has ended when the scope has closed, whether it was asked for or not.
 *
 * @since 0.1.0
 * @category constructors
 */
export const start = (
  servers: ReadonlyMap<string, ServerConfig.ServerConfig>,
  partition: Option.Option<string>
): Effect.Effect<Ahead, never, Scope.Scope> =>
  Effect.gen(function* () {
    const [[name, config] = [], ...others] = servers
    if (name === undefined || config === undefined || others.length > 0) return identity
    const key = keyOf(name, config, partition)
    if (key === undefined || !ServerConfig.isStdio(config)) return identity
    // A scope of its own, since it is closed by whoever takes the transport, or else by the command.
    const scope = yield* Effect.acquireRelease(Scope.make(), Scope.close)
    const opening = yield* Effect.forkIn(Scope.extend(StdioConnector.open(key, config), scope), scope)
    // By now it runs, or is known not to.
    yield* Effect.yieldNow()
    let taken = false
    return (connector) => ({
      open: (asked, config) => {
        if (taken || !Equal.equals(asked, key)) return connector.open(asked, config)
        taken = true
        return Effect.zipRight(
          Effect.addFinalizer((exit) => Scope.close(scope, exit)),
          Effect.flatten(Fiber.await(opening))
        )
      }
    })
  })

const identity: Ahead = (connector) => connector

/** Whom the pool will ask for; nobody where it will refuse, since it was not said for whom. */
const keyOf = (
  server: string,
  config: ServerConfig.ServerConfig,
  partition: Option.Option<string>
): ServerKey.ServerKey | undefined => {
  if (config.isolation !== "perPartition") return ServerKey.shared(server)
  return Option.isNone(partition) ? undefined : new ServerKey.ServerKey({ server, partition: partition.value })
}
