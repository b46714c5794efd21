import { expect, it } from "@effect/vitest"
import { McpClient, McpPool, McpTool, type ServerConfig } from "@mooring/mcp"
import { McpTest } from "@mooring/testing"
import { Effect, Layer, SubscriptionRef, TestClock } from "effect"

const Who = McpTool.make("who", { parameters: {}, success: McpTool.text })
const who = McpTest.tool(Who, (_, { server }) => Effect.succeed(server))
const servers = [McpTest.server("ada", { tools: [who] }), McpTest.server("bob", { tools: [who] })]

it.effect("calls follow the registry", () =>
  Effect.gen(function* () {
    const registry = yield* SubscriptionRef.make<Record<string, ServerConfig.ServerConfig>>({ ada: { command: "ada" } })
    const TestLive = McpClient.layer.pipe(
      Layer.provide(McpPool.layerStream(registry.changes)),
      Layer.provide(McpTest.layerConnector(servers))
    )
    yield* Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      expect(yield* mcp.call("ada", Who, {})).toBe("ada")
      yield* SubscriptionRef.set(registry, { bob: { url: "https://bob.example/mcp" } })
      yield* TestClock.adjust(0)
      expect(yield* mcp.call("bob", Who, {})).toBe("bob")
      expect((yield* Effect.flip(mcp.call("ada", Who, {})))._tag).toBe("UnknownServer")
    }).pipe(Effect.provide(TestLive))
  })
)
