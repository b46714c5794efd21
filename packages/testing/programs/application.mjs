// The application that FaultSuite kills:   node application.mjs SERVER
// SERVER is the configuration of a faulty server as JSON. The application says `ready` when one call was answered and
// another one is running, and then waits for its end.
import { McpClient } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import { Effect } from "effect"

const server = JSON.parse(process.argv[2] ?? "{}")

const program = Effect.gen(function* () {
  const mcp = yield* McpClient.McpClient
  yield* mcp.callTool("faulty", "run", { id: "answered" })
  yield* Effect.fork(mcp.callTool("faulty", "run", { id: "running" }))
  yield* Effect.sync(() => process.stdout.write("ready\n"))
  yield* Effect.never
})

await Effect.runPromise(Effect.provide(program, NodeMcp.layer({ servers: { faulty: server } })))
