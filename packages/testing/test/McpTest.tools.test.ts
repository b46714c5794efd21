import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpTool } from "@mooring/mcp"
import { McpTest } from "@mooring/testing"
import { Effect, Schema } from "effect"
import { z } from "zod"

const Search = McpTool.make("search", {
  parameters: { query: Schema.String },
  success: McpTool.structured(Schema.Struct({ hits: Schema.Array(Schema.String) }))
})
const Partition = McpTool.make("partition", { parameters: {}, success: McpTool.text })
const Add = McpTool.make("add", {
  parameters: z.object({ numbers: z.array(z.number()).min(1) }),
  success: McpTool.structured(z.object({ sum: z.number() }))
})

const library = McpTest.server("library", {
  tools: [
    McpTest.tool(Search, ({ query }) => Effect.succeed({ hits: [`about ${query}`] })),
    McpTest.tool(Partition, (_, { partition }) => Effect.succeed(partition)),
    McpTest.tool(Add, ({ numbers }) => Effect.succeed({ sum: numbers.reduce((a, b) => a + b, 0) }))
  ],
  config: { isolation: "perPartition" }
})
const layer = McpTest.layer({ servers: [library] })

describe("tools as functions", () => {
  it.effect("call the server that they were made for, each its own tool, for the partition of the caller", () =>
    Effect.gen(function* () {
      const functions = yield* McpTool.client("library", { search: Search, whose: Partition })
      expect(Object.keys(functions)).toEqual(["search", "whose"])
      const ada = McpClient.withPartition("ada")
      expect(yield* ada(functions.search({ query: "harbours" }))).toEqual({ hits: ["about harbours"] })
      expect(yield* ada(functions.whose())).toBe("ada")
      expect(yield* McpClient.withPartition(functions.whose({}, { timeout: "1 second" }), "bob")).toBe("bob")
      expect(yield* Effect.flip(functions.whose())).toMatchObject({ _tag: "PartitionMissing" })
    }).pipe(Effect.provide(layer))
  )

  it.effect("fail as the calls of the client do", () =>
    Effect.gen(function* () {
      const nobody = yield* McpTool.client("nobody", { search: Search })
      expect(yield* Effect.flip(nobody.search({ query: "" }))).toMatchObject({
        _tag: "UnknownServer",
        server: "nobody"
      })
    }).pipe(Effect.provide(layer))
  )
})

describe("a client that knows its servers", () => {
  it.effect("is the client", () =>
    Effect.gen(function* () {
      const known = yield* McpClient.for<{ readonly library: unknown }>()
      expect(known).toBe(yield* McpClient.McpClient)
    }).pipe(Effect.provide(layer))
  )
})

describe("tools by standard schemas", () => {
  it.effect("serve both sides", () =>
    Effect.gen(function* () {
      const mcp = (yield* McpClient.McpClient).forPartition("ada")
      expect(yield* mcp.call("library", Add, { numbers: [1, 2, 3] })).toEqual({ sum: 6 })
      expect(yield* Effect.flip(mcp.call("library", Add, { numbers: [] }))).toMatchObject({ _tag: "InvalidArguments" })
      // What comes to the server by another way is checked there, too.
      expect(yield* mcp.callTool("library", "add", { numbers: ["1"] })).toMatchObject({ isError: true })
      const tools = yield* mcp.listTools("library")
      expect(tools.find(({ name }) => name === "add")).toMatchObject({ inputSchema: { type: "object" } })
    }).pipe(Effect.provide(layer))
  )
})
