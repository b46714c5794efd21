import { describe, expect, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { PendingTable } from "../src/internal/PendingTable.js"

type Step = { readonly add: true } | { readonly end: number }

const step: FastCheck.Arbitrary<Step> = FastCheck.oneof(
  { weight: 2, arbitrary: FastCheck.constant({ add: true } as const) },
  { weight: 1, arbitrary: FastCheck.record({ end: FastCheck.nat() }) }
)

describe("PendingTable", () => {
  it("holds what a Map would hold, however many are pending and however old the oldest is", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.array(step, { maxLength: 300 }), FastCheck.nat(2 ** 31), (steps, first) => {
        const table = new PendingTable<{ readonly id: number }>(4)
        const model = new Map<number, { readonly id: number }>()
        let next = first
        for (const step of steps) {
          if ("add" in step) {
            const id = table.freeFrom(next)
            expect(id - next).toBeLessThanOrEqual(model.size)
            const entry = { id }
            table.add(entry)
            model.set(id, entry)
            next = id + 1
          } else {
            const ids = [...model.keys()]
            // The newest are ended most often, so that old ones stay while ids run on.
            const entry = model.get(ids[ids.length - 1 - (step.end % Math.min(ids.length, 3))] ?? Number.NaN)
            if (entry === undefined) continue
            expect(table.delete(entry)).toBe(true)
            expect(table.delete(entry)).toBe(false)
            model.delete(entry.id)
          }
          expect(table.size).toBe(model.size)
        }
        expect(table.values()).toEqual([...model.values()])
        for (let id = first; id < next; id++) expect(table.get(id)).toBe(model.get(id))
      })
    )
  })

  it("finds nothing under an id that only has the same place", () => {
    const table = new PendingTable<{ readonly id: number }>(4)
    const entry = { id: 5 }
    table.add(entry)
    expect([1, 9, 5.5, -3, 5 + 2 ** 32].map((id) => table.get(id))).toEqual(Array(5).fill(undefined))
    expect(table.get(5)).toBe(entry)
    expect(table.delete({ id: 5 })).toBe(false)
  })
})
