import { describe, expect, it } from "@effect/vitest"
import { Answer, McpCompletion, McpPrompt, McpResource } from "@mooring/mcp"
import {
  CompleteResultSchema,
  GetPromptResultSchema,
  ListPromptsResultSchema,
  ListResourcesResultSchema,
  ListResourceTemplatesResultSchema,
  ReadResourceResultSchema
} from "@modelcontextprotocol/sdk/types.js"
import { FastCheck } from "effect"

const odd = FastCheck.constantFrom<unknown>(undefined, null, true, 0, Infinity, "", "text", [], {}, [[]], {
  progressToken: {}
})
const mostly = (...usual: ReadonlyArray<unknown>) =>
  FastCheck.oneof({ weight: 9, arbitrary: FastCheck.constantFrom(...usual) }, { weight: 1, arbitrary: odd })
const record = (
  fields: Readonly<Record<string, FastCheck.Arbitrary<unknown>>>,
  ...requiredKeys: ReadonlyArray<string>
) =>
  FastCheck.oneof(
    { weight: 12, arbitrary: FastCheck.record(fields, { requiredKeys: [...requiredKeys] }) },
    { weight: 1, arbitrary: odd }
  )
const listOf = (part: FastCheck.Arbitrary<unknown>) =>
  FastCheck.oneof({ weight: 12, arbitrary: FastCheck.array(part, { maxLength: 3 }) }, { weight: 1, arbitrary: odd })

const meta = mostly({ a: 1 })
const icons = mostly([{ src: "https://example.com/a.png" }], [{ src: 1 }])
const annotations = mostly({ priority: 0.5 }, { priority: 2 }, { audience: ["user"] }, { audience: ["nobody"] })
const text = mostly("text", "other")
const described = { title: text, description: text, icons, _meta: meta, more: odd }

const entry = (place: "uri" | "uriTemplate") =>
  record({ [place]: text, name: text, mimeType: text, size: mostly(1, 1.5), annotations, ...described }, place, "name")
const argument = record({ name: text, description: text, required: mostly(true, false), more: odd }, "name")
const prompt = record({ name: text, arguments: listOf(argument), ...described }, "name")
const contents = record(
  {
    uri: text,
    mimeType: text,
    text,
    blob: mostly("aGk=", "aGk", "a G k =", "not base64!", "é"),
    _meta: meta,
    more: odd
  },
  "uri"
)
const block = record(
  {
    type: mostly("text", "text", "text", "image", "hologram"),
    text,
    data: mostly("aGk=", "%"),
    mimeType: text,
    annotations,
    _meta: meta
  },
  "type",
  "text"
)
const message = record({ role: mostly("user", "assistant", "system"), content: block, more: odd }, "role", "content")
const completion = record(
  {
    values: FastCheck.oneof(
      listOf(text),
      FastCheck.constantFrom(
        Array.from({ length: 100 }, () => "a"),
        Array.from({ length: 101 }, () => "a")
      )
    ),
    total: mostly(1, 1.5, 2 ** 60),
    hasMore: mostly(true, false),
    more: odd
  },
  "values"
)

const page = (name: string, part: FastCheck.Arbitrary<unknown>) =>
  record({ [name]: listOf(part), nextCursor: text, _meta: meta, more: odd }, name)

const readers = [
  ["McpResource.list", McpResource.list.page, ListResourcesResultSchema, page("resources", entry("uri"))],
  [
    "McpResource.templates",
    McpResource.templates.page,
    ListResourceTemplatesResultSchema,
    page("resourceTemplates", entry("uriTemplate"))
  ],
  ["McpPrompt.list", McpPrompt.list.page, ListPromptsResultSchema, page("prompts", prompt)],
  [
    "McpResource.read",
    McpResource.read("a").answer,
    ReadResourceResultSchema,
    record({ contents: listOf(contents), _meta: meta, more: odd }, "contents")
  ],
  [
    "McpPrompt.get",
    McpPrompt.get("a").answer,
    GetPromptResultSchema,
    record({ messages: listOf(message), description: text, _meta: meta, more: odd }, "messages")
  ],
  [
    "McpCompletion.complete",
    McpCompletion.complete(McpCompletion.prompt("a"), { name: "a", value: "" }).answer,
    CompleteResultSchema,
    record({ completion, _meta: meta, more: odd }, "completion")
  ]
] as const

/** What an answer is told as, in the shape of the SDK's: pages and completions are given without what is around them. */
const inside = (sdk: object): object => {
  const { completion, nextCursor, prompts, resourceTemplates, resources } = sdk as Readonly<Record<string, unknown>>
  const entries = resources ?? resourceTemplates ?? prompts
  if (entries !== undefined) return { entries, nextCursor }
  return (completion as object | undefined) ?? sdk
}

for (const [name, read, schema, arbitrary] of readers) {
  describe(name, () => {
    it("accepts exactly what the SDK's schema accepts, and gives it", { timeout: 30_000 }, () => {
      let accepted = 0
      FastCheck.assert(
        FastCheck.property(arbitrary, (input) => {
          const sdk = schema.safeParse(input)
          const ours = read(input)
          expect(ours instanceof Answer.Malformed, JSON.stringify(input)).toBe(!sdk.success)
          if (!sdk.success) return
          accepted++
          expect(ours).toMatchObject(inside(sdk.data))
        }),
        { numRuns: 1000 }
      )
      expect(accepted).toBeGreaterThan(100)
      expect(accepted).toBeLessThan(950)
    })

    it("says where an answer is wrong, and not what it holds", () => {
      for (const wrong of [
        undefined,
        null,
        "hunter2",
        [],
        { contents: ["hunter2"], prompts: [{ hunter: "hunter2" }] }
      ]) {
        const malformed = read(wrong)
        expect(malformed).toBeInstanceOf(Answer.Malformed)
        expect(JSON.stringify(malformed)).not.toContain("hunter2")
      }
    })
  })
}
