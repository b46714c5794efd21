import { describe, expect, it } from "@effect/vitest"
import { type McpClient, McpTool } from "@mooring/mcp"
import { Context, Effect, FastCheck, Schema } from "effect"
import { expectTypeOf } from "vitest"

const Search = McpTool.make("search", {
  parameters: { query: Schema.String, since: Schema.optional(Schema.Date), limit: Schema.NumberFromString },
  success: McpTool.structured(Schema.Struct({ hits: Schema.Array(Schema.String), at: Schema.Date }))
})

const Numbers = McpTool.json(Schema.Array(Schema.Number))

describe("McpTool", () => {
  it.effect("encodes its arguments, and refuses those that it does not name, at any depth", () =>
    Effect.gen(function* () {
      const Nested = McpTool.make("nested", {
        parameters: { filter: Schema.Struct({ name: Schema.String }) },
        success: McpTool.text
      })
      const encode = Schema.encodeUnknown(Search.parameters)
      expect(yield* encode({ query: "a", since: new Date(0), limit: 3 })).toEqual({
        query: "a",
        since: "1970-01-01T00:00:00.000Z",
        limit: "3"
      })
      expect((yield* Effect.flip(encode({ query: "a", limit: 3, more: 1 }))).message).toContain('["more"]')
      const excess = { filter: { name: "a", more: 1 } }
      expect((yield* Effect.flip(Schema.encodeUnknown(Nested.parameters)(excess))).message).toContain('["more"]')
    })
  )

  it.effect("reads text, content, structured content and JSON in text", () =>
    Effect.gen(function* () {
      const image = { type: "image" as const, data: "aGk=", mimeType: "image/png" }
      const blocks = [{ type: "text" as const, text: "a" }, image, { type: "text" as const, text: "b" }]
      expect(yield* McpTool.text.decode({ content: blocks })).toBe("a\nb")
      expect(yield* McpTool.text.decode({ content: [] })).toBe("")
      expect(yield* McpTool.content.decode({ content: blocks })).toEqual(blocks)
      const structuredContent = { hits: ["x"], at: "1970-01-01T00:00:00.000Z" }
      expect(yield* Search.success.decode({ content: [], structuredContent })).toEqual({
        hits: ["x"],
        at: new Date(0)
      })
      expect((yield* Effect.flip(Search.success.decode({ content: blocks }))).message).toContain("no structuredContent")
      expect(yield* Numbers.decode({ content: [{ type: "text", text: "[1,2]" }] })).toEqual([1, 2])
      const fails = (text: string) => Effect.flip(Numbers.decode({ content: [{ type: "text", text }] }))
      expect((yield* fails("[1,")).message).toContain("is not JSON")
      expect((yield* fails('["a"]')).message).toContain("[0]")
    })
  )

  it.effect.prop(
    "reads what it writes",
    [FastCheck.string(), FastCheck.array(FastCheck.integer()), FastCheck.date({ noInvalidDate: true })],
    ([string, numbers, at]) =>
      Effect.gen(function* () {
        const back = <A>(success: McpTool.Success<A>, value: A) =>
          Effect.flatMap(success.encode(value), (result) => success.decode(JSON.parse(JSON.stringify(result))))
        expect(yield* back(McpTool.text, string)).toEqual(string)
        expect(yield* back(Numbers, numbers)).toEqual(numbers)
        const value = { hits: [string], at }
        expect(yield* back(Search.success, value)).toEqual(value)
        expect(yield* Search.success.encode(value)).toMatchObject({ content: [{ type: "text" }] })
      }),
    { fastCheck: { numRuns: 50 }, timeout: 30_000 }
  )

  it("is typed by its schemas, and takes none that needs something from the environment", () => {
    expectTypeOf(Search).toEqualTypeOf<
      McpTool.McpTool<
        { readonly query: string; readonly since?: Date | undefined; readonly limit: number },
        { readonly hits: ReadonlyArray<string>; readonly at: Date }
      >
    >()
    class Needed extends Context.Tag("Needed")<Needed, string>() {}
    const needing = Schema.String as Schema.Schema<string, string, Needed>
    // @ts-expect-error a schema that needs a service cannot be used
    McpTool.make("x", { parameters: { a: needing }, success: McpTool.text })
  })
})

describe("the types of a typed call", () => {
  const City = McpTool.make("weather", {
    parameters: { city: Schema.Literal("Paris", "Rome") },
    success: McpTool.text
  })

  it("arguments written in place fit a tool that leaves a choice", () => {
    const call = (mcp: McpClient.Service) => mcp.call("web", City, { city: "Rome" })
    expectTypeOf(call).returns.toExtend<Effect.Effect<string, unknown>>()
    // @ts-expect-error: Bonn is not among them
    const wrong = (mcp: McpClient.Service) => mcp.call("web", City, { city: "Bonn" })
    expectTypeOf(wrong).not.toBeAny()
  })
})
