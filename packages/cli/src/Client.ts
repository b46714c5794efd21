/**
 * The client that the command calls with, and what the commands that ask servers do alike.
 *
 * @since 0.1.0
 */
import { McpClient, type McpError, McpPool, type ServerConfig } from "@mooring/mcp"
import { NodeConnector } from "@mooring/node"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { type OutputFailed, SomeFailed } from "./CliError.js"
import type { Asking, Command } from "./commands/Command.js"
import * as Configured from "./Configured.js"
import * as ErrorText from "./ErrorText.js"
import { Output } from "./Output.js"

/**
 * What one server answered, or why it did not.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reply<A> {
  readonly server: string
  readonly answer: Either.Either<A, McpClient.CallError>
}

/**
 * A client with a pool of its own over these servers, for one partition if one is said. Connects nothing before the
 * first call, and tells the first failure, since somebody is waiting at a prompt; closing it ends every connection and
 * process. None of the servers is required: that an application does not start without one does not keep a command from
 * asking another.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  servers: ReadonlyMap<string, ServerConfig.ServerConfig>,
  partition: Option.Option<string>
): Layer.Layer<McpClient.McpClient, McpError.ConfigError | McpError.ServersUnavailable> => {
  const entries = [...servers].map(([name, config]) => [name, { ...config, required: false }] as const)
  const client = Effect.map(McpClient.make, (made) =>
    Option.match(partition, { onNone: () => made, onSome: (name) => made.forPartition(name) })
  )
  return Layer.scoped(McpClient.McpClient, client).pipe(
    // `fromEntries` makes a server called `__proto__` one like any other.
    Layer.provide(McpPool.layer({ servers: Object.fromEntries(entries), retryConnects: false })),
    Layer.provide(NodeConnector.layer)
  )
}

/**
 * Asks the server that the line names, or all, side by side, and shows the replies, in the order of the servers. Fails if not all did: with the error itself where only one server was asked, else with `SomeFailed`, after each error
 * was written to stderr.
 *
 * @since 0.1.0
 * @category constructors
 */
export const ask = <A>(
  input: Asking & { readonly server: Option.Option<string> },
  question: (client: McpClient.Service, server: string) => Effect.Effect<A, McpClient.CallError>,
  show: (replies: ReadonlyArray<Reply<A>>) => Effect.Effect<void, OutputFailed, Output>
): Command =>
  Effect.gen(function* () {
    const configured = yield* Configured.locate(input.config)
    const servers = yield* Configured.runnable(configured, input.server)
    const asked = Effect.gen(function* () {
      const client = yield* McpClient.McpClient
      const replies = yield* Effect.forEach(
        servers.keys(),
        (server) => Effect.map(Effect.either(question(client, server)), (answer) => ({ server, answer })),
        { concurrency: "unbounded" }
      )
      yield* show(replies)
      const failures = Arr.getLefts(replies.map(({ answer }) => answer))
      const [first] = failures
      if (first === undefined) return
      if (servers.size === 1) return yield* Effect.fail(first)
      const output = yield* Output
      for (const failure of failures) yield* output.note(ErrorText.render(failure))
      return yield* new SomeFailed({ failed: failures.length, of: servers.size })
    })
    yield* Effect.provide(asked, layer(servers, input.partition))
  })
