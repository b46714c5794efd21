import { expect, it } from "@effect/vitest"
import { McpClient, McpTool } from "@mooring/mcp"
import { McpTest } from "@mooring/testing"
import { Effect, Fiber, Schema, TestClock } from "effect"

const Search = McpTool.make("search", {
  parameters: { query: Schema.String },
  success: McpTool.structured(Schema.Struct({ hits: Schema.Array(Schema.String) }))
})

const search = McpTest.tool(Search, ({ query }) => Effect.succeed({ hits: [`about ${query}`] }))
const web = McpTest.server("web", {
  tools: [search],
  config: { callTimeout: "3 seconds" },
  calls: [{ fault: McpTest.Fault.CrashBefore() }, { fault: McpTest.Fault.Hang() }]
})

it.effect("a lost call is sent again, and a hanging one ends in time", () =>
  Effect.gen(function* () {
    const mcp = yield* McpClient.McpClient
    const server = yield* McpTest.McpTest

    // The first call meets a crash before it was sent. It is sent again, and meets the second fault: it hangs.
    const call = yield* Effect.fork(Effect.flip(mcp.call("web", Search, { query: "effect" })))
    yield* server.until("web", (stats) => stats.inFlight === 1)
    yield* TestClock.adjust("3 seconds")
    expect((yield* Fiber.join(call))._tag).toBe("CallTimeout")

    // The script is used up: from here on the server behaves.
    expect(yield* mcp.call("web", Search, { query: "mcp" })).toEqual({ hits: ["about mcp"] })
    expect(yield* server.calls("web", "search")).toMatchObject([{ args: { query: "mcp" }, outcome: "succeeded" }])
    expect(yield* server.stats("web")).toMatchObject({ connects: 2, cancelled: 1 })
  }).pipe(Effect.provide(McpTest.layer({ servers: [web] })))
)
