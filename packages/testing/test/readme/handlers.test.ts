import { expect, it } from "@effect/vitest"
import { McpClient, McpHandlers, McpTool } from "@mooring/mcp"
import { McpTest } from "@mooring/testing"
import { Effect, Layer } from "effect"

const Greet = McpTool.make("greet", { parameters: {}, success: McpTool.text })
const greet = McpTest.tool(Greet, (_, { client }) =>
  Effect.map(client.elicit("Who?", { name: { type: "string" } }), ({ content }) => `Hello ${content?.["name"]}`)
)

const Handlers = McpHandlers.layer({
  elicitation: { form: () => Effect.succeed(McpHandlers.accept({ name: "Ada" })) }
})
const Host = McpTest.layer({ servers: [McpTest.server("host", { tools: [greet] })] })

it.effect("a tool asks whoever calls it", () =>
  Effect.gen(function* () {
    const mcp = yield* McpClient.McpClient
    expect(yield* mcp.call("host", Greet, {})).toBe("Hello Ada")
  }).pipe(Effect.provide(Layer.provide(Host, Handlers)))
)
