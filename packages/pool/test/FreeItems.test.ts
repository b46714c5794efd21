/** The lists of a key's free items and of a group's idle ones, against plain sorted arrays. */
import { FastCheck as fc } from "effect"
import { describe, expect, it } from "@effect/vitest"
import { FreeItems } from "../src/internal/FreeItems.js"
import { IdleList } from "../src/internal/IdleList.js"
import type { Item } from "../src/internal/Item.js"

/** What the lists look at. */
class Fake {
  leases = 0
  idleSince = 0
  usable = true
  listedAt = -1
  freePrev: Fake | undefined = undefined
  freeNext: Fake | undefined = undefined
  idleListed = false
  idlePrev: Fake | undefined = undefined
  idleNext: Fake | undefined = undefined
  constructor(readonly id: number) {}
  get isFree(): boolean {
    return this.usable && this.leases < 3
  }
  get isIdle(): boolean {
    return this.usable && this.leases === 0
  }
}

type Step =
  | { readonly _tag: "place" | "remove"; readonly item: number }
  | { readonly _tag: "set"; readonly item: number; readonly leases: number; readonly usable: boolean }
  | { readonly _tag: "giveBack"; readonly item: number }

const count = 5
const item = fc.nat(count - 1)
const steps: fc.Arbitrary<ReadonlyArray<Step>> = fc.array(
  fc.oneof(
    fc.record({ _tag: fc.constantFrom("place" as const, "remove" as const), item }),
    fc.record({ _tag: fc.constant("set" as const), item, leases: fc.nat(3), usable: fc.boolean() }),
    fc.record({ _tag: fc.constant("giveBack" as const), item })
  ),
  { maxLength: 60 }
)

/** Plays the steps; `check` is told after each what was placed last, first the latest. */
const play = (
  list: ReadonlyArray<Step>,
  place: (fake: Fake) => void,
  remove: (fake: Fake) => void,
  check: (placed: ReadonlyArray<Fake>) => void
): void => {
  const fakes = Array.from({ length: count }, (_, id) => new Fake(id))
  let placed: Array<Fake> = []
  let now = 0
  for (const step of list) {
    const fake = fakes[step.item]
    if (fake === undefined) continue
    now += 1
    if (step._tag === "set") {
      fake.leases = step.leases
      fake.usable = step.usable
    }
    if (step._tag === "giveBack") {
      fake.leases = 0
      fake.idleSince = now
    }
    placed = placed.filter((other) => other !== fake)
    if (step._tag === "remove") {
      remove(fake)
    } else {
      place(fake)
      placed.unshift(fake)
    }
    check(placed)
  }
}

/** Whatever idles longer stands further back; among equals the latest stands in front. */
const byIdleTime = (fakes: ReadonlyArray<Fake>): ReadonlyArray<Fake> =>
  fakes.toSorted((a, b) => b.idleSince - a.idleSince)

// A fake has all that these lists touch, and nothing else.
const asItem = (fake: Fake) => fake as unknown as Item<string, number, never>
const idOf = (found: Item<string, number, never> | undefined): number | undefined => found?.id

describe("FreeItems", () => {
  it("offers the least loaded, among equals the last one placed, and knows what has idled for longest", () => {
    fc.assert(
      fc.property(steps, (list) => {
        const free = new FreeItems<string, number, never>()
        play(
          list,
          (fake) => free.place(asItem(fake)),
          (fake) => free.withdraw(asItem(fake)),
          (placed) => {
            const there = placed.filter((fake) => fake.isFree)
            const idle = byIdleTime(there.filter((fake) => fake.leases === 0))
            const loaded = [1, 2].flatMap((load) => there.filter((fake) => fake.leases === load))
            expect(idOf(free.best)).toBe([...idle, ...loaded][0]?.id)
            expect(idOf(free.oldestIdle())).toBe(idle.at(-1)?.id)
            expect(free.idle).toBe(idle.length)
          }
        )
      }),
      { numRuns: 300 }
    )
  })

  it("offers of those with one load the last one placed, whichever has idled before", () => {
    const free = new FreeItems<string, number, never>()
    const [best, early, late] = [new Fake(0), new Fake(1), new Fake(2)]
    late.idleSince = 5
    for (const [load, fake] of [best, late, early].entries()) {
      fake.leases = Math.min(load, 1)
      free.place(asItem(fake))
    }
    free.withdraw(asItem(best))
    expect(idOf(free.best)).toBe(early.id)
  })

  it("takes them all out again one by one, in the order of choice", () => {
    fc.assert(
      fc.property(steps, (list) => {
        const free = new FreeItems<string, number, never>()
        let last: ReadonlyArray<Fake> = []
        play(
          list,
          (fake) => free.place(asItem(fake)),
          (fake) => free.withdraw(asItem(fake)),
          (placed) => {
            last = placed.filter((fake) => fake.isFree)
          }
        )
        const idle = byIdleTime(last.filter((fake) => fake.leases === 0))
        const order = [...idle, ...[1, 2].flatMap((load) => last.filter((fake) => fake.leases === load))]
        for (const expected of order) {
          const best = free.best
          expect(idOf(best)).toBe(expected.id)
          if (best !== undefined) free.withdraw(best)
          expect(expected.listedAt).toBe(-1)
          expect([expected.freePrev, expected.freeNext]).toEqual([undefined, undefined])
        }
        expect(free.best).toBeUndefined()
      }),
      { numRuns: 200 }
    )
  })

  it("takes the idle ones out one by one from the other end, those that idle longest first", () => {
    fc.assert(
      fc.property(steps, (list) => {
        const free = new FreeItems<string, number, never>()
        let last: ReadonlyArray<Fake> = []
        play(
          list,
          (fake) => free.place(asItem(fake)),
          (fake) => free.withdraw(asItem(fake)),
          (placed) => {
            last = placed.filter((fake) => fake.isFree)
          }
        )
        for (const expected of byIdleTime(last.filter((fake) => fake.leases === 0)).toReversed()) {
          const oldest = free.oldestIdle()
          expect(idOf(oldest)).toBe(expected.id)
          if (oldest !== undefined) free.withdraw(oldest)
        }
        expect(free.oldestIdle()).toBeUndefined()
        expect(free.idle).toBe(0)
      }),
      { numRuns: 200 }
    )
  })
})

describe("IdleList", () => {
  it("gives up what has idled for longest, of what may go", () => {
    fc.assert(
      fc.property(steps, (list) => {
        const idle = new IdleList<string, number, never>()
        play(
          list,
          (fake) => idle.place(asItem(fake)),
          (fake) => idle.remove(asItem(fake)),
          (placed) => {
            const oldest = byIdleTime(placed.filter((fake) => fake.isIdle)).toReversed()
            expect(idOf(idle.first(() => true))).toBe(oldest[0]?.id)
            expect(idOf(idle.first(({ id }) => id % 2 === 0))).toBe(oldest.find(({ id }) => id % 2 === 0)?.id)
            const asked: Array<number> = []
            idle.first(({ id }) => {
              asked.push(id)
              return false
            })
            expect(asked).toEqual(oldest.map(({ id }) => id))
            for (const fake of placed) expect(fake.idleListed).toBe(fake.isIdle)
          }
        )
      }),
      { numRuns: 300 }
    )
  })
})
