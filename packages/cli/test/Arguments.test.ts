import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import * as Arguments from "../src/Arguments.js"

const inputSchema = {
  type: "object",
  properties: {
    text: { type: "string" },
    count: { type: "integer" },
    on: { type: "boolean" },
    list: { type: "array", items: { type: "number" } },
    either: { anyOf: [{ type: "number" }, { type: "string" }] },
    maybe: { type: ["number", "null"] },
    level: { enum: [1, 2] },
    free: {}
  }
}

const parse = (pairs: ReadonlyArray<string>, json?: string) =>
  Either.getOrThrowWith(Arguments.parse({ pairs, json, inputSchema }), (error) => error)

const refused = (pairs: ReadonlyArray<string>, json?: string) =>
  Either.getOrThrow(Either.flip(Arguments.parse({ pairs, json, inputSchema }))).message

describe("Arguments", () => {
  it("a value becomes what the schema gives as its type", () => {
    expect(parse(["text=5", "count=5", "on=true", "list=[1,2]", "maybe=null", "level=2"])).toEqual({
      text: "5",
      count: 5,
      on: true,
      list: [1, 2],
      maybe: null,
      level: 2
    })
  })

  it("where the schema allows text, or does not say, a value is text", () => {
    expect(parse(["either=5", "free=5", "unheard=true"])).toEqual({ either: "5", free: "5", unheard: "true" })
  })

  it("a value that is no JSON where JSON is wanted stays text, for the check to refuse", () => {
    expect(parse(["count=many"])).toEqual({ count: "many" })
  })

  it(":= is always read as JSON", () => {
    expect(parse(["text:=5", 'free:={"a":[true]}'])).toEqual({ text: 5, free: { a: [true] } })
    expect(refused(["free:={"])).toContain('The value of "free" is not JSON')
  })

  it("a value may hold =, := and line ends, and may be empty", () => {
    expect(parse(["text=a=b:=c\nd"])).toEqual({ text: "a=b:=c\nd" })
    expect(parse(["text="])).toEqual({ text: "" })
  })

  it("a key=value goes over the same key in --json", () => {
    expect(parse(["count=2"], '{"count": 1, "text": "x"}')).toEqual({ count: 2, text: "x" })
  })

  it("what is neither is refused with how to write it", () => {
    expect(refused(["hello"])).toBe('"hello" is not an argument.')
    expect(refused(["=x"])).toBe('"=x" is not an argument.')
  })

  it("--json that is no JSON, or no object, is refused", () => {
    expect(refused([], "{")).toContain("--json is not JSON: ")
    expect(refused([], "[1]")).toContain("--json must be an object")
  })

  it("a key that objects have by themselves is only a key", () => {
    const args = parse(["__proto__=x", "constructor=y"])
    expect(Object.entries(args)).toEqual([
      ["__proto__", "x"],
      ["constructor", "y"]
    ])
  })

  it("a schema of the wrong shape means text", () => {
    for (const odd of [
      undefined,
      null,
      3,
      { properties: 3 },
      { properties: { a: 3 } },
      { properties: { a: { type: 3 } } }
    ]) {
      expect(Either.getOrThrow(Arguments.parse({ pairs: ["a=1"], inputSchema: odd }))).toEqual({ a: "1" })
    }
  })
})
