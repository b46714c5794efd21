/** A session on a server that remembers: a connection of one's own for as long as the calls build on one another. */
import { NodeRuntime } from "@effect/platform-node"
import { McpClient, McpTool } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import { Console, Effect, Schema } from "effect"
import { fileURLToPath } from "node:url"

// A counter, which each process of the server has for itself.
const Add = McpTool.make("add", {
  parameters: { amount: Schema.Number },
  success: McpTool.structured(Schema.Struct({ sum: Schema.Number }))
})

/** Adds numbers up in the server. Nobody else's numbers come between them. */
const sum = (numbers: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    const mcp = yield* McpClient.McpClient
    // What is left at the server shall meet nobody: the connection is closed with the scope, not given back.
    const session = yield* mcp.session("counter", { close: true })
    const sums = yield* Effect.forEach(numbers, (amount) => session.call(Add, { amount }))
    return sums.at(-1)?.sum ?? 0
  }).pipe(Effect.scoped)

/** The same connection again, as long as it lives: for a conversation, an editor, a user who comes back. */
const conversation = (amount: number) =>
  Effect.gen(function* () {
    const mcp = yield* McpClient.McpClient
    const session = yield* mcp.session("counter", { affinity: "conversation-7" })
    return (yield* session.call(Add, { amount })).sum
  }).pipe(
    Effect.scoped,
    // Its process has ended, and with it what it knew: said once, and never a new state without a word.
    Effect.catchTag("SessionLost", ({ message }) => Effect.zipRight(Effect.logWarning(message), Effect.succeed(0)))
  )

const program = Effect.gen(function* () {
  const sums = yield* Effect.all([sum([1, 2, 3]), sum([10, 20])], { concurrency: "unbounded" })
  yield* Console.log(`the sums are ${sums.join(" and ")}`)
  yield* conversation(5)
  yield* Console.log(`the conversation is at ${yield* conversation(6)}`)
})

const counter = fileURLToPath(new URL("servers/counter.js", import.meta.url))
const MainLive = NodeMcp.layer({
  servers: { counter: { command: process.execPath, args: [counter], max: 2 } }
})

program.pipe(Effect.provide(MainLive), NodeRuntime.runMain)
