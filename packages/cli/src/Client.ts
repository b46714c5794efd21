/**
 * The client that the command calls with, and asking several servers side by side.
 *
 * @since 0.1.0
 */
import { McpClient, type McpError, McpPool, type ServerConfig } from "@mooring/mcp"
import { NodeConnector } from "@mooring/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SomeFailed } from "./CliError.js"
import * as ErrorText from "./ErrorText.js"
import { Output } from "./Output.js"

/**
 * A client with a pool of its own over these servers. Connects nothing before the first call, and tells the first
 * failure, since somebody is waiting at a prompt; closing it ends every connection and process.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  servers: ReadonlyMap<string, ServerConfig.ServerConfig>
): Layer.Layer<McpClient.McpClient, McpError.ConfigError> =>
  McpClient.layer.pipe(
    // `fromEntries` makes a server called `__proto__` one like any other.
    Layer.provide(McpPool.layer({ servers: Object.fromEntries(servers), retryConnects: false })),
    Layer.provide(NodeConnector.layer)
  )

/**
 * What several servers answered, in their order. `rest` fails if not all did: with the error itself where only one
 * server was asked, else with `SomeFailed`, after each error was written to stderr.
 *
 * @since 0.1.0
 * @category models
 */
export interface Asked<A, E> {
  readonly answers: ReadonlyArray<{ readonly server: string; readonly answer: A }>
  readonly rest: Effect.Effect<void, E | SomeFailed>
}

/**
 * Asks each server, side by side.
 *
 * @since 0.1.0
 * @category combinators
 */
export const each = <A, E>(
  servers: ReadonlyArray<string>,
  ask: (server: string) => Effect.Effect<A, E>
): Effect.Effect<Asked<A, E>, never, Output> =>
  Effect.gen(function* () {
    const output = yield* Output
    const [failures, answers] = yield* Effect.partition(
      servers,
      (server) => Effect.map(ask(server), (answer) => ({ server, answer })),
      { concurrency: "unbounded" }
    )
    const [first] = failures
    const rest = Effect.gen(function* () {
      if (first === undefined) return
      if (servers.length === 1) return yield* Effect.fail(first)
      for (const failure of failures) yield* output.note(ErrorText.render(failure))
      return yield* new SomeFailed({ failed: failures.length, of: servers.length })
    })
    return { answers, rest }
  })
