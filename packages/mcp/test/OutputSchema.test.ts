import { describe, expect, it } from "@effect/vitest"
import { OutputSchema } from "@mooring/mcp"
import { Ajv2020 } from "ajv/dist/2020.js"
import { Effect, FastCheck as fc } from "effect"

const mismatch = (schema: unknown, value: unknown) =>
  Effect.map(OutputSchema.make(schema), (read) => read.mismatch(value))

const refusal = (schema: unknown) => Effect.map(Effect.flip(OutputSchema.make(schema)), ({ reason }) => reason)

const names = ["a", "b", "ab", "__proto__", "constructor"]
const text = fc.constantFrom("", "a", "b", "ab", "aab", "😀", "😀b")
const number = fc.constantFrom(-1, 0, 0.5, 1, 1.5, 2, 3, 1e9)

const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom<unknown>(null, true, false),
    text,
    number,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.array(fc.tuple(fc.constantFrom(...names), tie("value")), { maxLength: 4 }).map(Object.fromEntries)
  )
})).value

/** JSON as it comes over a wire: `__proto__` is a name like any other. */
const record = <A>(of: fc.Arbitrary<A>, keys: ReadonlyArray<string> = names) =>
  fc
    .uniqueArray(fc.tuple(fc.constantFrom(...keys), of), { maxLength: 3, selector: ([name]) => name })
    .map((entries): Record<string, A> => Object.fromEntries(entries))

const count = fc.nat(3)
const someNames = fc.uniqueArray(fc.constantFrom(...names), { maxLength: 3 })
const patterns = ["^a", "b$", "^a+$", "^(a|b)*$", "[^a]", "^.$"]

const { schema } = fc.letrec<{ schema: unknown; list: Array<unknown> }>((tie) => {
  const one = tie("schema")
  const many = tie("list")
  const keywords: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
    type: fc.oneof(
      fc.constantFrom("null", "boolean", "object", "array", "number", "string", "integer"),
      fc.constantFrom(["object", "array"], ["string", "integer"])
    ),
    enum: fc.uniqueArray(json, { minLength: 1, maxLength: 3, selector: (value) => JSON.stringify(value) }),
    const: json,
    minimum: number,
    maximum: number,
    exclusiveMinimum: number,
    exclusiveMaximum: number,
    multipleOf: fc.constantFrom(0.5, 1, 2),
    minLength: count,
    maxLength: count,
    pattern: fc.constantFrom(...patterns),
    items: one,
    prefixItems: many,
    contains: one,
    minItems: count,
    maxItems: count,
    uniqueItems: fc.boolean(),
    properties: record(one),
    patternProperties: record(one, patterns),
    additionalProperties: one,
    propertyNames: one,
    required: someNames,
    minProperties: count,
    maxProperties: count,
    dependentRequired: record(someNames),
    dependentSchemas: record(one),
    allOf: many,
    anyOf: many,
    oneOf: many,
    not: one,
    if: one,
    else: one,
    $ref: fc.constantFrom("#/$defs/x", "#/$defs/y", "#y"),
    description: fc.constant("only describes"),
    format: fc.constantFrom("date-time", "nonsense")
  }
  const entries = [...Object.entries(keywords), ["then", one] as const].map(([name, value]) =>
    fc.tuple(fc.constant(name), value)
  )
  return {
    list: fc.array(one, { minLength: 1, maxLength: 3 }),
    schema: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      fc.boolean(),
      fc.uniqueArray(fc.oneof(...entries), { maxLength: 3, selector: ([name]) => name }).map(Object.fromEntries)
    )
  }
})

/** Definitions refer to no other in turn, so that what it means to be caught in a circle is not asked. */
const document = fc
  .tuple(schema, schema, schema)
  .map(([root, x, y]) => ({
    ...(typeof root === "boolean" ? { allOf: [root] } : (root as object)),
    $defs: { x: unreferring(x), y: { $anchor: "y", allOf: [unreferring(y)] } }
  }))
  .map((all): Record<string, unknown> => JSON.parse(JSON.stringify(all)))

const unreferring = (value: unknown): unknown => JSON.parse(JSON.stringify(value).replaceAll('"$ref"', '"$comment"'))

// Its constructor compiles all of JSON Schema: one does for all.
const ajv = new Ajv2020({ strict: false, validateFormats: false, ownProperties: true, logger: false })

describe("a schema of a server's", () => {
  it.effect.prop(
    "means what Ajv says that it means",
    [document, fc.array(json, { minLength: 1, maxLength: 8 })],
    ([root, values]) =>
      Effect.gen(function* () {
        const isValid = ajv.compile(root)
        const read = yield* OutputSchema.make(root)
        for (const value of values.map((each): unknown => JSON.parse(JSON.stringify(each)))) {
          const reason = read.mismatch(value)
          expect([reason === undefined, reason, value]).toEqual([isValid(value), reason, value])
        }
      }),
    { fastCheck: { numRuns: 100 } }
  )

  it.effect("says where a value does not fit and why, and never the value", () =>
    Effect.gen(function* () {
      const hits = {
        type: "object",
        properties: {
          hits: { type: "array", items: { type: "object", properties: { at: { type: "integer" } }, required: ["at"] } }
        },
        additionalProperties: false
      }
      expect(yield* mismatch(hits, { hits: [{ at: 1 }, { at: "hunter2" }] })).toBe(
        'structuredContent["hits"][1]["at"]: expected integer, found string'
      )
      expect(yield* mismatch(hits, { hits: [{}] })).toBe(
        'structuredContent["hits"][0]["at"]: is not there, and is required'
      )
      expect(yield* mismatch(hits, { more: 1 })).toBe('structuredContent["more"]: is not allowed')
      expect(yield* mismatch(hits, { hits: [{ at: 3 }] })).toBe(undefined)
      expect(yield* mismatch({ multipleOf: 0.1 }, 0.3)).toBe(undefined)
    })
  )

  it.effect("of an older draft has lists in items, and nothing beside a $ref", () =>
    Effect.gen(function* () {
      const draft = { $schema: "http://json-schema.org/draft-07/schema#" }
      const pair = { ...draft, items: [{ type: "string" }, { type: "number" }], additionalItems: false }
      expect(yield* mismatch(pair, ["a", 1])).toBe(undefined)
      expect(yield* mismatch(pair, ["a", 1, 2])).toContain("[2]: is not allowed")
      const referring = {
        properties: { a: { $ref: "#/definitions/n", type: "string" } },
        definitions: { n: { minimum: 1 } }
      }
      expect(yield* mismatch({ ...draft, ...referring }, { a: 2 })).toBe(undefined)
      expect(yield* mismatch(referring, { a: 2 })).toContain("expected string, found number")
      const depends = { ...draft, dependencies: { a: ["b"], b: { maxProperties: 2 } } }
      expect(yield* mismatch(depends, { a: 1 })).toContain('["b"]: is not there')
      expect(yield* mismatch(depends, { a: 1, b: 1, c: 1 })).toContain("maxProperties")
    })
  )

  it.effect("may refer to itself, and to names that need escapes", () =>
    Effect.gen(function* () {
      const tree = {
        $ref: "#/$defs/a~1b%20~0",
        $defs: { "a/b ~": { type: "object", additionalProperties: { $ref: "#" } } }
      }
      expect(yield* mismatch(tree, { a: { b: {} } })).toBe(undefined)
      expect(yield* mismatch(tree, { a: { b: 1 } })).toBe('structuredContent["a"]["b"]: expected object, found number')
    })
  )

  const nested = (depth: number): unknown => (depth === 0 ? {} : { items: nested(depth - 1) })
  const refused: ReadonlyArray<readonly [string, unknown, string]> = [
    ["that is none", "object", "it is no object"],
    ["with something that is none in it", { properties: { a: 5 } }, "something in it is no schema"],
    ["that refers to an address", { $ref: "https://example.com/schema" }, "something outside of itself"],
    ["that refers to a file", { $ref: "other.json#/a" }, "something outside of itself"],
    ["that refers to nothing", { $ref: "#/$defs/a" }, "something that is not there"],
    ["that refers to what objects have by themselves", { $ref: "#/constructor" }, "something that is not there"],
    ["that refers to no name", { $ref: "#nowhere" }, "something that is not there"],
    ["that refers to what is no schema", { $ref: "#/title", title: "x" }, "something in it is no schema"],
    ["that refers within another", { items: { $id: "other", items: { $ref: "#" } } }, "an $id of its own"],
    [
      "that refers into another",
      { $ref: "#/$defs/a/items", $defs: { a: { $id: "x", items: {} } } },
      "an $id of its own"
    ],
    ["of another dialect", { $schema: "http://json-schema.org/draft-04/schema#" }, "dialect"],
    ["with a keyword that looks at other places", { unevaluatedProperties: false }, "unevaluatedProperties"],
    ["with a reference that depends on who refers", { $dynamicRef: "#x" }, "$dynamicRef"],
    ["with values from the data", { maximum: { $data: "1/a" } }, '"maximum" is not as JSON Schema has it'],
    ["with a type that there is not", { type: "text" }, '"type"'],
    ["with a keyword that is wrong", { required: "a" }, '"required"'],
    ["with a multiple of nothing", { multipleOf: 0 }, '"multipleOf"'],
    ["that looks around", { pattern: "(?=a)b" }, "linear time"],
    ["that looks back", { patternProperties: { "(a)\\1": {} } }, "linear time"],
    ["with a pattern that is none", { pattern: "(" }, "linear time"],
    ["with a pattern that is too long", { pattern: "a".repeat(1001) }, "more than 1000 characters"],
    ["with a pattern that is larger than it looks", { pattern: "[a-z]{1000}[a-z]{1000}" }, "too large"],
    [
      "with too many patterns",
      { anyOf: Array.from({ length: 101 }, (_, n) => ({ pattern: `a${n}` })) },
      "more than 100 patterns"
    ],
    ["that is nested too deep", nested(65), "nested deeper than 64"],
    ["that is too long", { description: "x".repeat(300_000) }, "longer than 262144 characters"],
    ["with too many values", { enum: Array.from({ length: 20_001 }, (_, n) => n) }, "more than 20000 values"],
    [
      "with too many subschemas",
      { properties: Object.fromEntries(Array.from({ length: 5001 }, (_, n) => [`p${n}`, {}])) },
      "more than 5000 subschemas"
    ]
  ]
  for (const [what, schema, reason] of refused) {
    it.effect(`${what} is refused`, () =>
      Effect.map(refusal(schema), (said) => {
        expect(said).toContain(reason)
      })
    )
  }

  describe("cannot cost more than its steps", () => {
    const tooLong = "to check it would take too long"
    const chain = (keyword: string, length: number) => ({
      $ref: "#/$defs/n0",
      $defs: Object.fromEntries(
        Array.from({ length: length + 1 }, (_, n) => [
          `n${n}`,
          n === length ? { not: {} } : { [keyword]: [{ $ref: `#/$defs/n${n + 1}` }, { $ref: `#/$defs/n${n + 1}` }] }
        ])
      )
    })
    const many = Array.from({ length: 50_000 }, (_, n) => ({ n, deep: [n, [n]] }))
    const wide = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`r${n}`, 0]))
    const cases: ReadonlyArray<readonly [string, unknown, unknown]> = [
      ["by doubling at each of 50 levels", chain("anyOf", 50), {}],
      ["by doubling at each of 50 levels of oneOf", chain("oneOf", 50), {}],
      [
        "by circles",
        { $ref: "#/$defs/a", $defs: { a: { allOf: [{ $ref: "#/$defs/b" }] }, b: { $ref: "#/$defs/a" } } },
        {}
      ],
      ["by a circle that doubles", { anyOf: [{ $ref: "#" }, { $ref: "#" }] }, {}],
      ["by comparing all items with each other", { uniqueItems: true }, [...many, ...many, ...many]],
      [
        "by trying all of many at each of many items",
        { items: { anyOf: Array.from({ length: 1000 }, (_, n) => ({ const: n === 999 ? "x" : `c${n}` })) } },
        Array.from({ length: 10_000 }, () => "x")
      ],
      [
        "by asking each of many items for many names",
        { items: { required: Array.from({ length: 5000 }, (_, n) => `r${n}`) }, additionalProperties: true },
        Array.from({ length: 10_000 }, () => wide)
      ],
      ["by a pattern over a long text", { pattern: "^((a|b)*(a|b)*){0,50}c$" }, "ab".repeat(50_000)],
      [
        "by many patterns for many names",
        { patternProperties: { "(a*)*b": {} } },
        Object.fromEntries(many.map(({ n }) => [`${"a".repeat(30)}${n}`, n]))
      ]
    ]
    for (const [how, schema, value] of cases) {
      it.effect(how, () =>
        Effect.map(mismatch(schema, value), (said) => {
          expect(said).toBe(tooLong)
        })
      )
    }

    it.effect("which are more than enough for a large result", () => {
      const row = { id: 1, name: "a name of some length", tags: ["x", "y"], at: { lat: 1.5, lon: 2.5 } }
      const schema = {
        type: "object",
        properties: {
          rows: {
            type: "array",
            items: {
              type: "object",
              properties: {
                id: { type: "integer", minimum: 0 },
                name: { type: "string", pattern: "^[a-z ]+$", maxLength: 100 },
                tags: { type: "array", items: { type: "string" }, uniqueItems: true },
                at: { type: "object", properties: { lat: { type: "number" }, lon: { type: "number" } } }
              },
              required: ["id", "name"],
              additionalProperties: false
            }
          }
        }
      }
      const rows = Array.from({ length: 10_000 }, () => row)
      return Effect.map(mismatch(schema, { rows }), (said) => {
        expect(said).toBe(undefined)
      })
    })
  })

  it.effect("is read once for each content", () =>
    Effect.gen(function* () {
      const cache = new OutputSchema.Cache()
      const [first, again, other] = [{ type: "object" }, { type: "object" }, { type: "array" }]
      const read = yield* cache.of(first)
      expect(yield* cache.of(again)).toBe(read)
      expect(yield* cache.of(other)).not.toBe(read)
      // More than is kept: what came first goes, and is read anew when it is asked for again.
      for (let n = 0; n < 20; n++) yield* cache.of({ description: `${n}${"x".repeat(250_000)}` })
      expect(yield* cache.of({ type: "object" })).not.toBe(read)
      expect(yield* Effect.flip(cache.of({ type: "none" }))).toMatchObject({ _tag: "SchemaRefused" })
    })
  )
})
