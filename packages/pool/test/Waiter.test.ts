import { FastCheck as fc } from "effect"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "@effect/vitest"
import type { KeyState } from "../src/internal/KeyState.js"
import { Waiter, WaiterQueue } from "../src/internal/Waiter.js"

type W = Waiter<string, number, never>

// A queue looks at no key.
const noKey = undefined as unknown as KeyState<string, number, never>

const waiter = (number: number, onTimeout: (waiter: W) => void = () => {}): W =>
  new Waiter(noKey, number % 3 === 0, number, 1, onTimeout)

describe("WaiterQueue", () => {
  it("keeps those who wait in the order of arrival, whoever leaves", () => {
    const steps = fc.array(fc.record({ leaves: fc.boolean(), pick: fc.nat(9) }), { maxLength: 50 })
    fc.assert(
      fc.property(steps, (list) => {
        const queue = new WaiterQueue<string, number, never>()
        const everybody: Array<W> = []
        let waiting: Array<W> = []
        for (const { leaves, pick } of list) {
          if (leaves) {
            // Those who left before as well: that must do nothing.
            const gone = everybody[pick % Math.max(1, everybody.length)]
            if (gone === undefined) continue
            queue.remove(gone)
            waiting = waiting.filter((other) => other !== gone)
            expect([gone.queued, gone.prev, gone.next]).toEqual([false, undefined, undefined])
          } else {
            const next = waiter(everybody.length)
            everybody.push(next)
            queue.push(next)
            waiting.push(next)
          }
          const seen: Array<number> = []
          let before: W | undefined
          for (let one = queue.head; one !== undefined; one = one.next) {
            seen.push(one.number)
            expect(one.prev).toBe(before)
            expect(one.queued).toBe(true)
            before = one
          }
          expect(seen).toEqual(waiting.map(({ number }) => number))
          expect(queue.size).toBe(waiting.length)
          expect(queue.exclusives).toBe(waiting.filter(({ exclusive }) => exclusive).length)
        }
      }),
      { numRuns: 200 }
    )
  })
})

describe("Waiter", () => {
  it("wakes the fiber that sleeps when the wait ends, or at once if it has", () => {
    const outcomes: Array<unknown> = []
    const first = waiter(1)
    first.sleep((outcome) => outcomes.push(outcome))
    expect(outcomes).toEqual([])
    first.settle(Effect.void)
    expect(outcomes).toEqual([Effect.void])
    const second = waiter(2)
    second.settle(Effect.void)
    expect(outcomes).toHaveLength(1)
    second.sleep((outcome) => outcomes.push(outcome))
    expect(outcomes).toHaveLength(2)
  })

  it("tells whoever made it that its time is over", () => {
    const late: Array<number> = []
    waiter(7, ({ number }) => late.push(number)).onDeadline()
    expect(late).toEqual([7])
  })
})
