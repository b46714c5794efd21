/**
 * The client that the command calls with, and what the commands that ask servers do alike.
 *
 * @since 0.1.0
 */
import type { McpClient, McpError, ServerConfig } from "@mooring/mcp"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Ahead from "./Ahead.js"
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
 * The client to ask these servers with, for one partition if one is said (`ClientPool.make`). If it is one server, and
 * a process, that is started now. All have ended when the scope has closed.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (
  servers: ReadonlyMap<string, ServerConfig.ServerConfig>,
  partition: Option.Option<string>
): Effect.Effect<McpClient.Service, McpError.ConfigError | McpError.ServersUnavailable, Scope.Scope> =>
  Effect.gen(function* () {
    const ahead = yield* Ahead.start(servers, partition)
    const pool = yield* Effect.promise(() => import("./ClientPool.js"))
    return yield* pool.make(servers, partition, ahead)
  })

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
      const client = yield* open(servers, input.partition)
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
    yield* Effect.scoped(asked)
  })
