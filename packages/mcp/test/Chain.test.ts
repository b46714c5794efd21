import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { Chain, type Linked } from "../src/internal/Chain.js"

class Entry implements Linked<Entry> {
  before: Entry | undefined
  after: Entry | undefined
  chained = false
}

type Step = { readonly add: true } | { readonly leave: number }

const step: FastCheck.Arbitrary<Step> = FastCheck.oneof(
  FastCheck.constant({ add: true } as const),
  FastCheck.record({ leave: FastCheck.nat() })
)

const entriesOf = (chain: Chain<Entry>): ReadonlyArray<Entry> => {
  const entries: Array<Entry> = []
  chain.find((entry) => {
    entries.push(entry)
    return false
  })
  return entries
}

describe("Chain", () => {
  it("holds what a Set would hold, in the same order, and what has left has no neighbours", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.array(step, { maxLength: 100 }), (steps) => {
        const chain = new Chain<Entry>()
        const model: Array<Entry> = []
        for (const step of steps) {
          if ("add" in step) {
            const entry = new Entry()
            chain.add(entry)
            model.push(entry)
          } else {
            const [entry] = model.splice(step.leave % Math.max(1, model.length), 1)
            if (entry === undefined) continue
            expect(chain.delete(entry)).toBe(true)
            expect(chain.delete(entry)).toBe(false)
            expect([entry.before, entry.after]).toEqual([undefined, undefined])
          }
          expect(chain.first).toBe(model[0])
          const entries = entriesOf(chain)
          expect(entries.length).toBe(model.length)
          for (const [at, entry] of entries.entries()) expect(entry).toBe(model[at])
        }
      })
    )
  })

  it("finds the first that is wanted", () => {
    const chain = new Chain<Entry>()
    const [one, two, three] = [new Entry(), new Entry(), new Entry()]
    for (const entry of [one, two, three]) chain.add(entry)
    expect(chain.find((entry) => entry !== one)).toBe(two)
    expect(chain.find(() => false)).toBe(undefined)
  })
})
