import { describe, expect, it } from "@effect/vitest"
import { ElicitationForm } from "@mooring/mcp"
import { Effect } from "effect"

const form = (properties: ElicitationForm.Form["properties"], required: Array<string> = []): ElicitationForm.Form => ({
  type: "object",
  properties,
  required
})

const reason = (filled: ElicitationForm.Form, content: ElicitationForm.Content) =>
  Effect.map(Effect.flip(ElicitationForm.complete(filled, content)), ({ reason }) => reason)

describe("a form of a server", () => {
  it.effect("gives what was left out its default, also nought, no and nothing, and keeps what was given", () =>
    Effect.gen(function* () {
      const filled = form({
        text: { type: "string", default: "" },
        count: { type: "integer", default: 0 },
        agree: { type: "boolean", default: false },
        one: { type: "string", enum: ["a", "b"], default: "b" },
        many: { type: "array", items: { type: "string", enum: ["a", "b"] }, default: [] },
        none: { type: "string" }
      })
      expect(yield* ElicitationForm.complete(filled)).toEqual({ text: "", count: 0, agree: false, one: "b", many: [] })
      const given = { text: "x", count: 1, agree: true, one: "a", many: ["a"], none: "y" }
      expect(yield* ElicitationForm.complete(filled, given)).toEqual(given)
      expect(yield* reason(form({ a: { type: "integer", minimum: 5, default: 1 } }), {})).toContain('content["a"]')
    })
  )

  it.effect("says where it is not filled in as it should be, and never with what", () =>
    Effect.gen(function* () {
      const filled = form(
        {
          name: { type: "string", minLength: 2, maxLength: 4 },
          age: { type: "integer", minimum: 0, maximum: 150 },
          fish: { type: "array", minItems: 1, items: { anyOf: [{ const: "f1", title: "Tuna" }] } },
          hero: { type: "string", oneOf: [{ const: "h1", title: "Ada" }] },
          agree: { type: "boolean" }
        },
        ["name"]
      )
      const wrong: ReadonlyArray<readonly [ElicitationForm.Content, string]> = [
        [{}, "name"],
        [{ name: "s" }, 'content["name"]'],
        [{ name: "secret" }, 'content["name"]'],
        [{ name: "Ada", age: 1.5 }, 'content["age"]'],
        [{ name: "Ada", age: 151 }, 'content["age"]'],
        [{ name: "Ada", age: "7" }, 'content["age"]'],
        [{ name: "Ada", fish: ["secret"] }, 'content["fish"]'],
        [{ name: "Ada", fish: [] }, 'content["fish"]'],
        [{ name: "Ada", hero: "secret" }, 'content["hero"]'],
        [{ name: "Ada", agree: "yes" }, 'content["agree"]'],
        [{ name: "Ada", other: "secret" }, "other"]
      ]
      for (const [content, place] of wrong) {
        const said = yield* reason(filled, content)
        expect([content, said]).toEqual([content, expect.stringContaining(place)])
        expect(said).not.toContain("secret")
      }
      const right = { name: "Ada", age: 36, fish: ["f1"], hero: "h1", agree: true }
      expect(yield* ElicitationForm.complete(filled, right)).toEqual(right)
    })
  )

  it.effect("checks the formats that MCP has", () =>
    Effect.gen(function* () {
      const formats = {
        email: [
          ["ada@example.org", "a+b@c"],
          ["ada", "@", "a b@c.d", "a@b@c"]
        ],
        uri: [
          ["https://example.org/a?b#c", "urn:isbn:1", "mailto:a@b"],
          ["example.org", "/a", "http://", "a b:c", "http://[x"]
        ],
        date: [
          ["2024-02-29", "1815-12-10"],
          ["2023-02-29", "2023-06-31", "10.12.1815", "2023-1-1", "2023-01-01T00:00:00Z"]
        ],
        "date-time": [
          ["2024-02-29T12:00:00Z", "2024-02-29T12:00:00.5+01:00"],
          ["2024-02-29", "2024-02-29T12:00", "2024-02-30T12:00:00Z", "2024-02-29T25:00:00Z", "now"]
        ]
      } as const
      for (const [format, [right, wrong]] of Object.entries(formats)) {
        const filled = form({ a: { type: "string", format: format as keyof typeof formats } })
        for (const a of right) expect(yield* ElicitationForm.complete(filled, { a })).toEqual({ a })
        for (const a of wrong) {
          expect([a, yield* reason(filled, { a })]).toEqual([a, `content["a"]: expected the format ${format}`])
        }
      }
    })
  )

  it.effect("takes a field of any name as one like any other", () =>
    Effect.gen(function* () {
      const text = '{"__proto__":{"type":"string","default":"x"},"constructor":{"type":"string"}}'
      const filled = form(JSON.parse(text) as ElicitationForm.Form["properties"])
      const whole = yield* ElicitationForm.complete(filled, { constructor: "y" })
      expect(Object.entries(whole)).toEqual(
        expect.arrayContaining([
          ["__proto__", "x"],
          ["constructor", "y"]
        ])
      )
    })
  )

  it("shows its fields in one way, however choices are written", () => {
    const given = form(
      {
        name: { type: "string", title: "Name", description: "yours", minLength: 1 },
        age: { type: "integer", default: 0 },
        size: { type: "number" },
        agree: { type: "boolean", default: false },
        one: { type: "string", enum: ["a", "b"], default: "b" },
        old: { type: "string", enum: ["a", "b"], enumNames: ["A"] },
        titled: { type: "string", oneOf: [{ const: "a", title: "A" }] },
        many: { type: "array", items: { type: "string", enum: ["a"] }, default: ["a"] },
        titles: { type: "array", items: { anyOf: [{ const: "a", title: "A" }] } }
      },
      ["name"]
    )
    const [a, b, titled] = [
      { value: "a", title: "a" },
      { value: "b", title: "b" },
      { value: "a", title: "A" }
    ]
    const field = { description: undefined, choices: [], default: undefined, required: false }
    expect(ElicitationForm.fields(given)).toEqual([
      { ...field, name: "name", title: "Name", description: "yours", kind: "text", required: true },
      { ...field, name: "age", title: "age", kind: "integer", default: 0 },
      { ...field, name: "size", title: "size", kind: "number" },
      { ...field, name: "agree", title: "agree", kind: "boolean", default: false },
      { ...field, name: "one", title: "one", kind: "choice", choices: [a, b], default: "b" },
      { ...field, name: "old", title: "old", kind: "choice", choices: [titled, b] },
      { ...field, name: "titled", title: "titled", kind: "choice", choices: [titled] },
      { ...field, name: "many", title: "many", kind: "choices", choices: [a], default: ["a"] },
      { ...field, name: "titles", title: "titles", kind: "choices", choices: [titled] }
    ])
    expect(ElicitationForm.fields({ type: "object", properties: { a: { type: "string" } } })).toMatchObject([
      { name: "a", required: false }
    ])
  })
})
