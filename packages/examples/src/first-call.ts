/** A first call: one server, one layer, one tool. */
import { NodeRuntime } from "@effect/platform-node"
import { McpClient } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import { Console, Effect } from "effect"

const program = Effect.gen(function* () {
  const mcp = yield* McpClient.McpClient

  // The first call starts the server; those after it find it running.
  const result = yield* mcp.callTool("everything", "echo", { message: "hello" })
  yield* Console.log(result.content)

  const tools = yield* mcp.listTools("everything")
  yield* Console.log(tools.some((tool) => tool.name === "echo"))
})

// Whoever uses the layer decides how long the servers live: when the program ends, they are ended.
const MainLive = NodeMcp.layer({
  servers: {
    everything: { command: "npx", args: ["-y", "@modelcontextprotocol/server-everything"] }
  }
})

program.pipe(Effect.provide(MainLive), NodeRuntime.runMain)
