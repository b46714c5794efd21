import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { describe, expect, it } from "@effect/vitest"
import { Item, type ItemState } from "../src/internal/Item.js"
import type { KeyState } from "../src/internal/KeyState.js"
import type { Waiter } from "../src/internal/Waiter.js"

const states: ReadonlyArray<ItemState> = ["connecting", "ready", "draining", "closing", "closed"]
const allowed = ["connecting ready", "connecting closing", "ready draining", "draining closing", "closing closed"]

// All that a new item asks of its key.
const key = { config: { concurrency: 2 } } as KeyState<string, number, never>

const item = (state: ItemState): Item<string, number, never> => {
  const made = new Item(1, key, Effect.runSync(Scope.make()), 0)
  made.state = state
  return made
}

describe("Item", () => {
  for (const from of states) {
    for (const to of states) {
      const may = allowed.includes(`${from} ${to}`)
      it(`${may ? "goes" : "cannot go"} from ${from} to ${to}`, () => {
        const made = item(from)
        if (may) {
          made.transition(to)
          expect(made.state).toBe(to)
        } else {
          expect(() => made.transition(to)).toThrow(`an item cannot go from ${from} to ${to}`)
          expect(made.state).toBe(from)
        }
      })
    }
  }

  it("begins by connecting, free for nobody", () => {
    const made = new Item(7, key, Effect.runSync(Scope.make()), 3)
    expect(made).toMatchObject({ id: 7, state: "connecting", leases: 0, concurrency: 2, startedAt: 3, listedAt: -1 })
    expect([made.isFree, made.isIdle]).toEqual([false, false])
  })

  it("is free while it is ready, below its concurrency, and neither kept nor asked anything", () => {
    expect(item("ready").isFree).toBe(true)
    for (const state of states) if (state !== "ready") expect(item(state).isFree).toBe(false)
    const taken: ReadonlyArray<(made: Item<string, number, never>) => void> = [
      (made) => (made.leases = 2),
      (made) => (made.exclusive = true),
      // Anything that is there will do.
      (made) => (made.reservedFor = {} as Waiter<string, number, never>),
      (made) => (made.validation = { abort: () => {} })
    ]
    for (const take of taken) {
      const made = item("ready")
      take(made)
      expect(made.isFree).toBe(false)
    }
    const shared = item("ready")
    shared.leases = 1
    expect([shared.isFree, shared.isIdle]).toEqual([true, false])
  })

  it("is idle while it is ready and nobody holds it", () => {
    for (const state of states) expect(item(state).isIdle).toBe(state === "ready")
  })

  it("calls what is to happen at the end of its lifetime, if anything is", () => {
    const made = item("ready")
    made.onDeadline()
    const called: Array<number> = []
    made.onExpire = ({ id }) => called.push(id)
    made.onDeadline()
    expect(called).toEqual([1])
  })
})
