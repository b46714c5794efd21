/** What a server tells by itself: that a resource has changed, what it logs, and how far a call is. */
import { NodeRuntime } from "@effect/platform-node"
import { McpClient } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import { Console, Effect, Fiber, Stream } from "effect"

const uri = "demo://resource/static/document/features.md"

/** The resource, as often as it has to be read again. It is subscribed to for as long as this runs. */
const changes = Effect.gen(function* () {
  const mcp = yield* McpClient.McpClient
  yield* mcp.resourceUpdates("everything", uri).pipe(
    Stream.tap((update) => Console.log(update._tag)),
    // This server changes nothing by itself before it was told to. Your own code would read the resource here.
    Stream.tap(({ _tag }) =>
      _tag === "Subscribed" ? mcp.callTool("everything", "toggle-subscriber-updates") : Effect.void
    ),
    Stream.takeUntil(({ _tag }) => _tag === "Updated"),
    Stream.runDrain
  )
})

/** The first that the server logs at this level: that it was subscribed to. */
const logged = Effect.gen(function* () {
  const mcp = yield* McpClient.McpClient
  return yield* Stream.runHead(mcp.logs("everything", { level: "info" }))
})

/** A call that takes a while. Interrupting this cancels it. */
const work = Effect.gen(function* () {
  const mcp = yield* McpClient.McpClient
  yield* mcp.callToolStream("everything", "trigger-long-running-operation", { duration: 0.2, steps: 2 }).pipe(
    Stream.map((update) => (update._tag === "Progress" ? `${update.progress} of ${update.total}` : "done")),
    Stream.runForEach(Console.log)
  )
})

const program = Effect.gen(function* () {
  const logging = yield* Effect.fork(logged)
  yield* changes
  const log = yield* Effect.flatten(Fiber.join(logging))
  yield* Console.log(`logged at ${log.level}`)
  yield* work
})

const MainLive = NodeMcp.layer({
  servers: {
    everything: { command: "npx", args: ["-y", "@modelcontextprotocol/server-everything"] }
  }
})

program.pipe(Effect.provide(MainLive), NodeRuntime.runMain)
