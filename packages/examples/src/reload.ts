/** Servers that change while the program runs, here by hand; elsewhere from a registry, a table, a file that is watched. */
import { NodeRuntime } from "@effect/platform-node"
import { McpClient, McpPool, McpTool, Reload, ServerConfig } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import { Console, Effect, Logger, LogLevel, Queue, Stream } from "effect"
import { whoami } from "./servers/whoami.js"

type Servers = Readonly<Record<string, ServerConfig.ServerConfig>>

const WhoAmI = McpTool.make("whoami", { parameters: {}, success: McpTool.text })

/** What became of a change: what is wrong keeps the last good one. */
const told = Reload.Reload.$match({
  Applied: ({ changes }) => Reload.show(changes),
  Refused: ({ error }) => error.message,
  SourceFailed: () => "no more changes will come"
})

const program = Effect.gen(function* () {
  const url = yield* whoami
  const notes = (token: string) => ({ notes: { url, headers: { authorization: ServerConfig.bearer(token) } } })
  const wanted = yield* Queue.unbounded<Servers>()
  yield* Queue.offer(wanted, notes("first"))

  const MainLive = NodeMcp.layerStream(Stream.fromQueue(wanted))
  yield* Effect.gen(function* () {
    const mcp = yield* McpClient.McpClient
    const pool = yield* McpPool.McpPool
    const reloads = yield* Stream.toPull(pool.reloads)
    const change = (servers: Servers) =>
      Queue.offer(wanted, servers).pipe(
        Effect.zipRight(reloads),
        Effect.flatMap(Effect.forEach((reload) => Console.log(told(reload)))),
        Effect.ignore
      )
    const ask = Effect.flatMap(mcp.call("notes", WhoAmI, {}), Console.log)

    yield* ask
    yield* change(notes("second"))
    yield* ask
    yield* change({ notes: { url: "nowhere" } })
    yield* ask
    yield* change({})
    yield* Effect.catchTag(ask, "UnknownServer", ({ server }) => Console.log(`there is no "${server}" any more`))
  }).pipe(Effect.provide(MainLive))
})

// What becomes of each change is logged, too; here it is printed.
program.pipe(Effect.scoped, Logger.withMinimumLogLevel(LogLevel.None), NodeRuntime.runMain)
