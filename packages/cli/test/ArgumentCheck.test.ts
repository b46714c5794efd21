import { describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import * as ArgumentCheck from "../src/ArgumentCheck.js"

const entities = {
  type: "object",
  properties: {
    entities: {
      type: "array",
      items: { type: "object", properties: { name: { type: "string" } }, required: ["name"] }
    },
    level: { enum: ["low", "high"] },
    count: { type: "integer", minimum: 1 }
  },
  required: ["entities"],
  additionalProperties: false
}

const check = (schema: unknown, args: Readonly<Record<string, unknown>>) =>
  Effect.map(ArgumentCheck.check(schema, args), Option.getOrUndefined)

describe("ArgumentCheck", () => {
  it.effect("arguments that fit pass", () =>
    Effect.gen(function* () {
      expect(yield* check(entities, { entities: [{ name: "a" }], level: "low", count: 1 })).toBeUndefined()
    })
  )

  it.effect("each problem is told with its path in the arguments", () =>
    Effect.gen(function* () {
      expect(yield* check(entities, {})).toBe("entities is required")
      expect(yield* check(entities, { entities: [{ name: "a" }, {}] })).toBe("entities[1].name is required")
      expect(yield* check(entities, { entities: [{ name: 5 }] })).toBe("entities[0].name must be string")
      expect(yield* check(entities, { entities: [], count: 0 })).toBe("count must be >= 1")
      expect(yield* check(entities, { entities: [], level: "x" })).toBe('level must be one of "low", "high"')
      expect(yield* check(entities, { entities: 1, count: "x" })).toBe("entities must be array; count must be integer")
    })
  )

  it.effect("an argument that the tool does not have is told with the nearest", () =>
    Effect.gen(function* () {
      expect(yield* check(entities, { entities: [], entitis: [] })).toBe(
        'entitis is not an argument of it. Did you mean "entities"?'
      )
    })
  )

  it.effect("the newer dialect of JSON Schema is understood", () =>
    Effect.gen(function* () {
      const schema = {
        $schema: "https://json-schema.org/draft/2020-12/schema",
        type: "object",
        properties: { pair: { prefixItems: [{ type: "number" }, { type: "string" }] } }
      }
      expect(yield* check(schema, { pair: [1, 2] })).toBe("pair[1] must be string")
    })
  )

  it.effect("a schema that cannot be used refuses nothing: the server decides", () =>
    Effect.gen(function* () {
      const cycle: Record<string, unknown> = { type: "object" }
      cycle["properties"] = { self: cycle }
      const hostile: ReadonlyArray<unknown> = [
        undefined,
        "x",
        { type: "nonsense" },
        { $ref: "http://127.0.0.1:1/schema.json" },
        { $ref: "#/nowhere" },
        { properties: 5 },
        { type: "object", description: "x".repeat(300 * 1024), required: ["a"] },
        cycle
      ]
      for (const schema of hostile) expect(yield* check(schema, {})).toBeUndefined()
    })
  )

  it.effect("what every object inherits is no argument, whatever it is called", () =>
    Effect.gen(function* () {
      const integer = { type: "integer" }
      const schema = {
        type: "object",
        properties: { constructor: integer, toString: integer },
        additionalProperties: false
      }
      expect(yield* check(schema, {})).toBeUndefined()
      expect(yield* check(schema, { constructor: 5 })).toBeUndefined()
      expect(yield* check(schema, { constructor: "x" })).toBe("constructor must be integer")
      expect(yield* check({ ...schema, required: ["toString"] }, {})).toBe("toString is required")
    })
  )

  it.effect("a pattern of the server's is not run, since it could hang the process", () =>
    Effect.gen(function* () {
      const schema = { type: "object", properties: { text: { type: "string", pattern: "^(a+)+$" } } }
      expect(yield* check(schema, { text: `${"a".repeat(64)}!` })).toBeUndefined()
    })
  )

  it.effect("many problems are cut short", () =>
    Effect.gen(function* () {
      const required = Array.from({ length: 9 }, (_, i) => `k${i}`)
      expect(yield* check({ type: "object", required }, {})).toMatch(/^k0 is required; .*; and 4 more$/)
    })
  )
})
