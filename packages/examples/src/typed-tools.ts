/** Typed tools: what goes in and what comes out is checked, and each way to fail has a type of its own. */
import { NodeRuntime } from "@effect/platform-node"
import { McpClient, McpTool } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import { Console, Effect, Schema } from "effect"

const Sum = McpTool.make("get-sum", {
  parameters: { a: Schema.Number, b: Schema.Number },
  success: McpTool.text
})

const Weather = McpTool.make("get-structured-content", {
  parameters: { location: Schema.Literal("New York", "Chicago", "Los Angeles") },
  success: McpTool.structured(Schema.Struct({ temperature: Schema.Number, conditions: Schema.String }))
})

// The same tool with another idea of what it answers.
const Forecast = McpTool.make("get-structured-content", {
  parameters: { location: Schema.String },
  success: McpTool.structured(Schema.Struct({ days: Schema.Array(Schema.String) }))
})

const program = Effect.gen(function* () {
  const mcp = yield* McpClient.McpClient

  const sum = yield* mcp.call("everything", Sum, { a: 20, b: 22 })
  yield* Console.log(sum)

  const { conditions, temperature } = yield* mcp.call("everything", Weather, { location: "Chicago" })
  yield* Console.log(`${conditions}, ${temperature} degrees`)

  const days = yield* mcp.call("everything", Forecast, { location: "Chicago" }).pipe(
    Effect.map(({ days }) => days.join(", ")),
    Effect.catchTags({
      // The server's answer is not what `Forecast` says. `reason` has the place in it.
      InvalidResult: ({ tool }) => Effect.succeed(`${tool} gives no forecast`),
      // The tool itself said that it failed.
      ToolFailed: ({ content }) => Effect.succeed(content)
    })
  )
  yield* Console.log(days)
})

const MainLive = NodeMcp.layer({
  servers: {
    everything: { command: "npx", args: ["-y", "@modelcontextprotocol/server-everything"] }
  }
})

program.pipe(Effect.provide(MainLive), NodeRuntime.runMain)
