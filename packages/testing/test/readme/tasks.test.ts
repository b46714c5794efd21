import { expect, it } from "@effect/vitest"
import { McpClient, McpTool } from "@mooring/mcp"
import { McpTest } from "@mooring/testing"
import { Effect, Fiber, TestClock } from "effect"

const Index = McpTool.make("index", { parameters: {}, success: McpTool.text })
const index = McpTest.tool(Index, () => Effect.delay(Effect.succeed("42 books"), "10 seconds"), { task: "required" })
const library = McpTest.server("library", { tools: [index] })

it.effect("a task is waited for in virtual time", () =>
  Effect.gen(function* () {
    const mcp = yield* McpClient.McpClient
    const task = yield* mcp.callToolTask("library", "index")
    const result = yield* Effect.fork(task.result({ timeout: "1 minute" }))
    yield* TestClock.adjust("11 seconds")
    expect(yield* Fiber.join(result)).toMatchObject({ content: [{ text: "42 books" }] })
  }).pipe(Effect.provide(McpTest.layer({ servers: [library] })))
)
