/** The items of a key, and those by value, against plain arrays. */
import { FastCheck as fc } from "effect"
import { describe, expect, it } from "@effect/vitest"
import { ByValue } from "../src/internal/ByValue.js"
import type { Item } from "../src/internal/Item.js"
import { ItemSet } from "../src/internal/ItemSet.js"

type Any = Item<string, string, never>

// All that a set of items looks at.
const item = (id: number) => ({ id, older: undefined, newer: undefined }) as unknown as Any

/** Adds an item, or takes out the one at this place of those that are in, if there are any. */
const steps = fc.array(fc.oneof(fc.constant("add" as const), fc.nat(9)), { maxLength: 60 })

describe("ItemSet", () => {
  it("has what was added and not deleted, in order", () => {
    fc.assert(
      fc.property(steps, (list) => {
        const set = new ItemSet<string, string, never>()
        const model: Array<Any> = []
        list.forEach((step, id) => {
          if (step === "add") {
            const added = item(id)
            set.add(added)
            model.push(added)
          } else {
            const [gone] = model.splice(step % Math.max(1, model.length), 1)
            if (gone !== undefined) set.delete(gone)
            if (gone !== undefined) expect([gone.older, gone.newer]).toEqual([undefined, undefined])
          }
          expect([...set]).toEqual(model)
          expect(set.size).toBe(model.length)
        })
      })
    )
  })

  it("goes on when the item at hand leaves", () => {
    const set = new ItemSet<string, string, never>()
    const all = [1, 2, 3].map(item)
    for (const each of all) set.add(each)
    const seen: Array<Any> = []
    for (const each of set) {
      seen.push(each)
      set.delete(each)
    }
    expect(seen).toEqual(all)
    expect(set.size).toBe(0)
  })
})

describe("ByValue", () => {
  it("finds all that hold a value, and nothing of those that are gone", () => {
    const values = ["a", "b"]
    fc.assert(
      fc.property(steps, (list) => {
        const byValue = new ByValue<string, string, never>()
        const model: Array<{ readonly value: string; readonly held: Any }> = []
        list.forEach((step, id) => {
          if (step === "add") {
            const added = { value: values[id % 2] ?? "", held: item(id) }
            byValue.add(added.value, added.held)
            model.push(added)
          } else {
            const [gone] = model.splice(step % Math.max(1, model.length), 1)
            if (gone !== undefined) byValue.delete(gone.value, gone.held)
          }
          for (const value of values) {
            const held = model.filter((each) => each.value === value).map((each) => each.held)
            expect(byValue.get(value)).toEqual(held)
          }
        })
      })
    )
  })
})
