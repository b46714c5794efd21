// The application that FaultSuite kills:   node application.mjs SERVER
// SERVER is the configuration of a faulty server as JSON. The application makes a call that is answered and one that is
// not, and waits for its end.
import { McpClient } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import { Effect } from "effect"

const server = JSON.parse(process.argv[2] ?? "{}")

const program = Effect.gen(function* () {
  const mcp = yield* McpClient.McpClient
  yield* mcp.callTool("faulty", "run", { id: "answered" })
  yield* mcp.callTool("faulty", "run", { id: "running" })
})

await Effect.runPromise(Effect.provide(program, NodeMcp.layer({ servers: { faulty: server } })))
