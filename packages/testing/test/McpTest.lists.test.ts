/** What a server in memory declares of its tools' results, and lists of tools that change while a test runs. */
import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpTool } from "@mooring/mcp"
import { McpTest, type TestServer, type TestTool } from "@mooring/testing"
import { Effect, Fiber, Schema, TestClock } from "effect"
import { z } from "zod"

const Hits = Schema.Struct({ hits: Schema.Array(Schema.String), total: Schema.NumberFromString })
const Search = McpTool.make("search", { parameters: {}, success: McpTool.structured(Hits) })
const Now = McpTool.make("now", { parameters: {}, success: McpTool.text })
const Sum = McpTool.make("sum", { parameters: {}, success: McpTool.structured(z.object({ sum: z.number() })) })

const found = () => Effect.succeed({ hits: ["a"], total: 1 })
const now = McpTest.tool(Now, () => Effect.succeed("noon"))
const names = Effect.map(
  Effect.flatMap(McpClient.McpClient, (mcp) => mcp.listTools("library")),
  (tools) => tools.map(({ name }) => name)
)

const library = (
  tools: ReadonlyArray<TestTool.TestTool>,
  options: Pick<TestServer.ServerOptions<never>, "pageSize"> = {}
) => Effect.provide(McpTest.layer({ servers: [McpTest.server("library", { ...options, tools })] }))

describe("the outputSchema of a tool", () => {
  it.effect("is that of its result as it is sent, and a result that fits is let through", () =>
    Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      expect(yield* mcp.listTools("library")).toMatchObject([
        {
          name: "search",
          outputSchema: {
            type: "object",
            required: ["hits", "total"],
            properties: {
              hits: { type: "array", items: { type: "string" } },
              total: { $ref: "#/$defs/NumberFromString" }
            },
            $defs: { NumberFromString: { type: "string" } }
          }
        }
      ])
      expect(yield* mcp.call("library", Search, {}, { checkOutput: true })).toEqual({ hits: ["a"], total: 1 })
    }).pipe(library([McpTest.tool(Search, found, { outputSchema: true })]))
  )

  it.effect("may be another, for a server that does not keep to it", () =>
    Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const error = yield* Effect.flip(mcp.call("library", Search, {}, { checkOutput: true }))
      expect(error).toMatchObject({ _tag: "InvalidResult", tool: "search" })
      expect(yield* (yield* McpTest.McpTest).calls("library")).toHaveLength(1)
      expect(yield* mcp.call("library", Search, {})).toMatchObject({ total: 1 })
    }).pipe(
      library([
        McpTest.tool(Search, found, { outputSchema: { type: "object", properties: { hits: { type: "null" } } } })
      ])
    )
  )

  it.effect("is not declared unless it is said, and stays with a tool that takes its time", () =>
    Effect.gen(function* () {
      const tools = yield* (yield* McpClient.McpClient).listTools("library")
      expect(tools.map((tool) => tool.outputSchema?.type)).toEqual([undefined, "object"])
    }).pipe(library([now, McpTest.withLatency(McpTest.tool(Search, found, { outputSchema: true }), "1 second")]))
  )

  it("cannot be made of a result that no schema of Effect describes", () => {
    for (const make of [
      () => McpTest.tool(Now, () => Effect.succeed(""), { outputSchema: true }),
      () => McpTest.tool(Sum, () => Effect.succeed({ sum: 1 }), { outputSchema: true })
    ]) {
      expect(make).toThrow(/has no result that is structured by a schema of Effect/)
    }
  })
})

describe("a list of tools", () => {
  it.effect("can change in a test: the client hears of it, and asks again", () =>
    Effect.gen(function* () {
      const test = yield* McpTest.McpTest
      const mcp = yield* McpClient.McpClient
      expect(yield* names).toEqual(["now"])
      yield* test.setTools("library", [McpTest.tool(Search, found), now])
      expect(yield* mcp.call("library", Search, {})).toMatchObject({ total: 1 })
      expect(yield* names).toEqual(["now"])
      yield* TestClock.adjust("500 millis")
      expect(yield* names).toEqual(["search", "now"])
    }).pipe(library([now]))
  )

  it.effect("that loses a tool lets it finish what it is at, and refuses it from then on", () =>
    Effect.gen(function* () {
      const test = yield* McpTest.McpTest
      const mcp = yield* McpClient.McpClient
      const running = yield* Effect.fork(mcp.call("library", Now, {}))
      yield* test.until("library", ({ inFlight }) => inFlight === 1)
      yield* test.setTools("library", [])
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(running)).toBe("noon")
      expect(yield* Effect.flip(mcp.call("library", Now, {}))).toMatchObject({ _tag: "ProtocolError", code: -32602 })
      expect(yield* test.calls("library", "now")).toHaveLength(1)
    }).pipe(library([McpTest.withLatency(now, "1 second")]))
  )

  it.effect("that changed is what connections see that open later, page by page", () =>
    Effect.gen(function* () {
      const test = yield* McpTest.McpTest
      yield* test.setTools("library", [now, McpTest.tool(Search, found)])
      expect(yield* names).toEqual(["now", "search"])
    }).pipe(library([now], { pageSize: 1 }))
  )
})
