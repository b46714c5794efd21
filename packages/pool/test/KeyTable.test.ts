import { Data, Equal, FastCheck as fc, Hash } from "effect"
import { describe, expect, it } from "@effect/vitest"
import { KeyTable } from "../src/internal/KeyTable.js"

/** A key whose hash it shares with others. */
class Colliding implements Equal.Equal {
  constructor(readonly name: number) {}
  [Hash.symbol](): number {
    return this.name % 2
  }
  [Equal.symbol](that: unknown): boolean {
    return that instanceof Colliding && that.name === this.name
  }
}

const kinds: ReadonlyArray<readonly [name: string, key: (n: number) => unknown]> = [
  ["strings", (n) => `k${n}`],
  ["numbers", (n) => n],
  ["values of Data.struct", (n) => Data.struct({ server: "s", n })],
  ["objects that share a hash", (n) => new Colliding(n)],
  ["primitives and objects side by side", (n) => (n % 2 === 0 ? n : Data.tuple(n))]
]

describe("KeyTable", () => {
  for (const [kind, key] of kinds) {
    it(`finds ${kind} by their value, like a map by name`, () => {
      const steps = fc.array(fc.record({ deletes: fc.boolean(), n: fc.nat(7) }), { maxLength: 40 })
      fc.assert(
        fc.property(steps, (list) => {
          const table = new KeyTable<unknown, string>()
          const model = new Map<number, string>()
          for (const [index, { deletes, n }] of list.entries()) {
            if (deletes) {
              table.delete(key(n))
              model.delete(n)
            } else if (!model.has(n)) {
              table.add(key(n), `${n} at ${index}`)
              model.set(n, `${n} at ${index}`)
            }
            for (let other = 0; other < 8; other++) expect(table.get(key(other))).toBe(model.get(other))
            expect([...table.values()].toSorted()).toEqual([...model.values()].toSorted())
          }
        }),
        { numRuns: 100 }
      )
    })
  }

  it("tells apart objects that are only alike, and finds functions and null", () => {
    const table = new KeyTable<unknown, string>()
    const [one, two] = [{ name: "a" }, { name: "a" }]
    const call = () => {}
    table.add(one, "one")
    table.add(call, "call")
    table.add(null, "null")
    expect(table.get(one)).toBe("one")
    expect(table.get(two)).toBeUndefined()
    expect(table.get(call)).toBe("call")
    expect(table.get(null)).toBe("null")
    expect(table.get(undefined)).toBeUndefined()
  })
})
