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

class Entry {
  constructor(
    readonly key: unknown,
    readonly says: string
  ) {}
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
          const table = new KeyTable<unknown, Entry>()
          const model = new Map<number, Entry>()
          for (const [index, { deletes, n }] of list.entries()) {
            const known = model.get(n)
            if (deletes && known !== undefined) {
              table.delete(known)
              model.delete(n)
            } else if (!deletes && known === undefined) {
              const entry = new Entry(key(n), `${n} at ${index}`)
              table.add(entry)
              model.set(n, entry)
            }
            for (let other = 0; other < 8; other++) {
              // By an equal key, and by the very key that was added.
              expect(table.get(key(other))).toBe(model.get(other))
              expect(table.get(model.get(other)?.key ?? key(other))).toBe(model.get(other))
            }
            expect(new Set(table.values())).toEqual(new Set(model.values()))
          }
        }),
        { numRuns: 100 }
      )
    })
  }

  it("tells apart objects that are only alike, and finds functions and null", () => {
    const table = new KeyTable<unknown, Entry>()
    const [one, two] = [{ name: "a" }, { name: "a" }]
    const call = () => {}
    for (const [key, says] of [[one, "one"] as const, [call, "call"] as const, [null, "null"] as const]) {
      table.add(new Entry(key, says))
    }
    expect(table.get(one)?.says).toBe("one")
    expect(table.get(two)).toBeUndefined()
    expect(table.get(call)?.says).toBe("call")
    expect(table.get(null)?.says).toBe("null")
    expect(table.get(undefined)).toBeUndefined()
  })
})
