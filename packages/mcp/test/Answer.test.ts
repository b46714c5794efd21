import { describe, expect, it } from "@effect/vitest"
import { Answer } from "@mooring/mcp"
import { CallToolResultSchema } from "@modelcontextprotocol/sdk/types.js"
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
})
