import { describe, expect, it } from "@effect/vitest"
import { Answer } from "@mooring/mcp"
import { CallToolResultSchema, ListToolsResultSchema } from "@modelcontextprotocol/sdk/types.js"
import { FastCheck } from "effect"

const odd = FastCheck.constantFrom<unknown>(undefined, null, true, 0, "", "text", [], {}, [[]], { progressToken: 1 })
const mostly = <A>(usual: ReadonlyArray<A>) =>
  FastCheck.oneof({ weight: 4, arbitrary: FastCheck.constantFrom<unknown>(...usual) }, { weight: 1, arbitrary: odd })
const block = FastCheck.oneof(
  {
    weight: 5,
    arbitrary: FastCheck.record(
      {
        type: mostly(["text", "text", "image", "audio", "resource", "resource_link"]),
        text: mostly(["hello"]),
        data: mostly(["aGk="]),
        mimeType: mostly(["image/png"]),
        uri: mostly(["file:///a"]),
        name: mostly(["a"]),
        resource: mostly([{ uri: "file:///a", text: "a" }]),
        annotations: mostly([{ priority: 0.5 }, { priority: 2 }]),
        _meta: mostly([{ a: 1 }])
      },
      { requiredKeys: ["type", "text"] }
    )
  },
  { weight: 1, arbitrary: odd }
)
const result = FastCheck.oneof(
  {
    weight: 8,
    arbitrary: FastCheck.record(
      {
        content: FastCheck.oneof({ weight: 8, arbitrary: FastCheck.array(block, { maxLength: 3 }) }, odd),
        structuredContent: mostly([{ a: 1 }]),
        isError: mostly([true, false]),
        _meta: mostly([{ a: 1 }, { progressToken: "a" }]),
        more: odd
      },
      { requiredKeys: [] }
    )
  },
  { weight: 1, arbitrary: odd }
)

const many = <A>(count: number, make: () => A): Array<A> => Array.from({ length: count }, make)

describe("Answer.callTool", () => {
  it("accepts exactly what the SDK's schema accepts, and gives it as it was sent", { timeout: 30_000 }, () => {
    let accepted = 0
    FastCheck.assert(
      FastCheck.property(result, (input) => {
        const sdk = CallToolResultSchema.safeParse(input)
        const ours = Answer.callTool(input)
        expect(ours instanceof Answer.Malformed).toBe(!sdk.success)
        if (sdk.success) {
          accepted++
          expect(ours).toEqual({
            ...Object(input),
            content: sdk.data.content.length === 0 ? [] : Object(input).content
          })
          expect(ours).toMatchObject(sdk.data)
        }
      }),
      { numRuns: 3000 }
    )
    expect(accepted).toBeGreaterThan(200)
  })

  it("refuses a block of a type that this version of MCP has not, and says which", () => {
    const content = [
      { type: "text", text: "a" },
      { type: "hologram", data: "hunter2" }
    ]
    expect(Answer.callTool({ content })).toEqual(
      new Answer.Malformed("content.1.type: no type of content that this version of MCP has")
    )
  })

  it("says where a result is wrong, and not what it holds", () => {
    const wrong = Answer.callTool({ content: [{ type: "text", text: 5, secret: "hunter2" }] })
    expect(wrong).toBeInstanceOf(Answer.Malformed)
    expect(wrong).toMatchObject({ reason: expect.stringContaining("content.0") })
    expect(JSON.stringify(wrong)).not.toContain("hunter2")
  })

  it("stops at the first block that is wrong, so that an answer of millions costs no more than their parse", () => {
    const reason = "no type of content that this version of MCP has"
    const holograms = many(300_000, () => ({ type: "hologram" }))
    expect(Answer.callTool({ content: holograms })).toEqual(new Answer.Malformed(`content.0.type: ${reason}`))
    expect(Answer.callTool({ content: [{ type: "text", text: "a" }, ...many(300_000, () => 1)] })).toMatchObject({
      reason: expect.stringMatching(/^content\.1: /)
    })
    const link = { type: "resource_link", name: "a", uri: "file:///a", icons: many(1_000_000, () => 1) }
    expect(Answer.callTool({ content: [link] })).toEqual(
      new Answer.Malformed("content.0: more than 100000 values, too many to be checked")
    )
  })

  it("takes structured content and texts of any number", () => {
    const result = {
      content: many(200_000, () => ({ type: "text", text: "a" })),
      structuredContent: { numbers: many(200_000, () => 1) },
      _meta: {}
    }
    expect(Answer.callTool(result)).toEqual(result)
  })
})

describe("Answer.listTools", () => {
  const tool = { name: "a", inputSchema: { type: "object" } }
  const read = (tools: unknown) => Answer.listTools({ tools, nextCursor: "b" })

  it("gives the page as the SDK's schema does", () => {
    const page = { tools: [tool, { ...tool, title: "A", more: 1 }], nextCursor: "b", _meta: { a: 1 } }
    const { nextCursor, tools } = ListToolsResultSchema.parse(page)
    expect(Answer.listTools(page)).toEqual({ entries: tools, nextCursor })
    for (const wrong of [undefined, null, [], {}, { tools: 1 }, { tools: [], nextCursor: 1 }]) {
      expect(Answer.listTools(wrong)).toBeInstanceOf(Answer.Malformed)
    }
  })

  it("stops at the first tool that is wrong, and says which", () => {
    expect(read([tool, {}])).toMatchObject({ reason: expect.stringMatching(/^tools\.1\.name: /) })
    expect(read(many(1_000_000, () => ({})))).toMatchObject({ reason: expect.stringMatching(/^tools\.0\.name: /) })
    const required = many(1_000_000, () => 1)
    expect(read([{ ...tool, inputSchema: { type: "object", required } }])).toEqual(
      new Answer.Malformed("tools.0: more than 100000 values, too many to be checked")
    )
  })
})

describe("Answer.fromSchema", () => {
  it("gives its schema nothing that has more values than can be checked in time", () => {
    const answer = Answer.fromSchema(ListToolsResultSchema)
    expect(answer({ tools: many(1_000_000, () => ({})) })).toEqual(
      new Answer.Malformed("the result: more than 100000 values, too many to be checked")
    )
    expect(answer({ tools: many(10_000, () => ({ name: "a", inputSchema: { type: "object" } })) })).toMatchObject({
      tools: expect.any(Array)
    })
  })
})
