/** Who wants a whole item: what is kept for him, and what others may have meanwhile. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { describe, expect, it } from "@effect/vitest"
import type { Pool } from "@mooring/pool"
import { forever } from "./lab/Behaviour.js"
import { type Bench, Counter, onBench } from "./lab/Bench.js"

type Options = Pool.PoolOptions<string, number, never, never>

interface Share {
  readonly item: number
  readonly giveBack: () => void
}

interface Wish {
  /** The item that he was given, if he was. */
  readonly got: () => number | undefined
  readonly leave: () => void
}

interface Room {
  readonly bench: Bench<number, never>
  readonly items: Counter
  readonly share: () => Share
  /** Shares of every item, as many of each as the list says. */
  readonly load: (loads: ReadonlyArray<number>) => ReadonlyArray<ReadonlyArray<Share>>
  readonly wish: (how: "lease" | "exclusive") => Wish
}

const inRoom = (options: Partial<Options>, test: (room: Room) => void): void => {
  const items = new Counter()
  onBench<number, never>(
    () => ({ acquire: () => items.acquire, ...options }),
    (bench) => {
      const { pool, stage } = bench
      const share = (): Share => {
        const scope = stage.run(Scope.make())
        const { item } = stage.run(Scope.extend(pool.lease("k"), scope))
        return { item, giveBack: () => stage.run(Scope.close(scope, Exit.void)) }
      }
      const load = (loads: ReadonlyArray<number>) => {
        // One whole item after the other, so that all are there.
        const all = stage.run(Scope.make())
        for (const _ of loads) stage.run(Scope.extend(pool.exclusive("k"), all))
        stage.run(Scope.close(all, Exit.void))
        const shares = Array.from({ length: loads.length * Math.max(...loads) }, share)
        return loads.map((wanted, index) => {
          const [kept, surplus] = [new Array<Share>(), new Array<Share>()]
          for (const one of shares) if (one.item === index + 1) (kept.length < wanted ? kept : surplus).push(one)
          for (const { giveBack } of surplus) giveBack()
          return kept
        })
      }
      const wish = (how: "lease" | "exclusive"): Wish => {
        let got: number | undefined
        const fiber = stage.call(
          Effect.scoped(
            Effect.flatMap(pool[how]("k"), ({ item }) => {
              got = item
              return forever
            })
          )
        )
        stage.settle()
        return {
          got: () => got,
          leave: () => {
            fiber.unsafeInterruptAsFork(FiberId.none)
            stage.settle()
          }
        }
      }
      test({ bench, items, share, load, wish })
    }
  )
}

const two = { config: { max: 2, concurrency: 3 } }

describe("who wants a whole item", () => {
  it("has one at once that idles, and nobody else gets a share of it", () => {
    inRoom(two, ({ load, wish, bench, items }) => {
      load([0, 0])
      const whole = wish("exclusive")
      expect(whole.got()).toBeDefined()
      const others = [wish("lease"), wish("lease"), wish("lease"), wish("lease")]
      const got = others.map((other) => other.got())
      expect(got.slice(0, 3)).toEqual(Array(3).fill(whole.got() === 1 ? 2 : 1))
      expect(got[3]).toBeUndefined()
      whole.leave()
      expect(others[3]?.got()).toBe(whole.got())
      expect(bench.stage.run(bench.pool.stats).leases).toBe(4)
      expect(items.next).toBe(2)
    })
  })

  it("has the least loaded one kept for him, which gets no new leases; the others go on", () => {
    inRoom(two, ({ load, share, wish }) => {
      const [, few] = load([2, 1])
      const whole = wish("exclusive")
      expect(whole.got()).toBeUndefined()
      expect(share().item).toBe(1)
      const full = wish("lease")
      expect(full.got()).toBeUndefined()
      few?.[0]?.giveBack()
      expect(whole.got()).toBe(2)
      expect(full.got()).toBeUndefined()
      whole.leave()
      expect(full.got()).toBe(2)
    })
  })

  it("gets another one that comes free before the one that is kept for him, and lets that go", () => {
    inRoom(two, ({ load, wish }) => {
      const [many, few] = load([2, 1])
      const whole = wish("exclusive")
      for (const { giveBack } of many ?? []) giveBack()
      expect(whole.got()).toBe(1)
      // The other is free for shares again.
      expect(wish("lease").got()).toBe(2)
      for (const { giveBack } of few ?? []) giveBack()
    })
  })

  it("leaves what was kept for him to those behind him when he leaves", () => {
    inRoom({ config: { max: 1, concurrency: 3 } }, ({ load, wish }) => {
      load([1])
      const whole = wish("exclusive")
      const behind = wish("lease")
      expect(behind.got()).toBeUndefined()
      whole.leave()
      expect(behind.got()).toBe(1)
    })
  })

  it("has another kept when his must go", () => {
    inRoom(two, ({ bench, load, wish }) => {
      const [many, few] = load([2, 1])
      const whole = wish("exclusive")
      bench.stage.run(bench.pool.invalidate(2))
      // It drains; nothing new fits beside it, and the other is kept instead.
      expect(whole.got()).toBeUndefined()
      expect(wish("lease").got()).toBeUndefined()
      for (const { giveBack } of many ?? []) giveBack()
      expect(whole.got()).toBe(1)
      for (const { giveBack } of few ?? []) giveBack()
    })
  })

  it("is given no item that is found closed when it comes free for him: he gets a new one", () => {
    let closed = 0
    inRoom({ config: { max: 1, concurrency: 2 }, isOpen: (item) => item !== closed }, ({ load, wish, items }) => {
      const [shares] = load([1])
      const whole = wish("exclusive")
      closed = 1
      shares?.[0]?.giveBack()
      expect(items.closed).toEqual([1])
      expect(whole.got()).toBe(2)
    })
  })

  it("and another such: each has one kept for himself, and they are served as they came", () => {
    inRoom({ config: { max: 3, concurrency: 3 } }, ({ load, wish }) => {
      const [a, b, c] = load([3, 2, 1])
      const [first, second] = [wish("exclusive"), wish("exclusive")]
      // The third item is the only one for shares, and is full.
      expect(wish("lease").got()).toBeUndefined()
      for (const { giveBack } of b ?? []) giveBack()
      expect([first.got(), second.got()]).toEqual([2, undefined])
      for (const { giveBack } of c ?? []) giveBack()
      expect([first.got(), second.got()]).toEqual([2, 3])
      for (const { giveBack } of a ?? []) giveBack()
    })
  })

  it("has the least loaded one kept for him wherever it stands among the others", () => {
    inRoom({ config: { max: 3, concurrency: 4 } }, ({ load, share, wish }) => {
      const [, few] = load([3, 1, 2])
      const whole = wish("exclusive")
      // Shares go past it.
      expect(share().item).toBe(3)
      few?.[0]?.giveBack()
      expect(whole.got()).toBe(2)
    })
  })

  it("is given nothing that closed after he had left it to one who came first", () => {
    inRoom({ config: { max: 2, concurrency: 3 } }, ({ bench, load, wish }) => {
      const [b, c] = load([2, 1])
      const [first, second] = [wish("exclusive"), wish("exclusive")]
      for (const { giveBack } of b ?? []) giveBack()
      expect([first.got(), second.got()]).toEqual([1, undefined])
      // What was kept for the first is the second's now; it goes, and he gets a new one.
      bench.stage.run(bench.pool.invalidate(2))
      for (const { giveBack } of c ?? []) giveBack()
      expect(second.got()).toBe(3)
    })
  })

  it("gets one kept for somebody who came later, though nothing is left to give for it", () => {
    inRoom({ config: { max: 2, concurrency: 3 } }, ({ bench, load, wish }) => {
      const [b, c] = load([2, 1])
      const [first, second] = [wish("exclusive"), wish("exclusive")]
      bench.stage.run(bench.pool.invalidate(2))
      for (const { giveBack } of b ?? []) giveBack()
      expect([first.got(), second.got()]).toEqual([1, undefined])
      for (const { giveBack } of c ?? []) giveBack()
      expect(second.got()).toBe(3)
    })
  })

  it("has nothing kept that somebody else holds whole already", () => {
    inRoom({ config: { max: 2, concurrency: 2 } }, ({ load, wish }) => {
      const [one] = load([2, 0])
      const holder = wish("exclusive")
      expect(holder.got()).toBe(2)
      const whole = wish("exclusive")
      // It is the busy one that is kept for him, though the other has fewer leases.
      one?.[0]?.giveBack()
      expect(wish("lease").got()).toBeUndefined()
      one?.[1]?.giveBack()
      expect(whole.got()).toBe(1)
      expect(holder.got()).toBe(2)
    })
  })

  const checked = {
    config: { max: 2, concurrency: 2, validationBypass: 100 },
    health: { probe: () => Effect.sleep(50), schedule: Schedule.stop }
  }

  it("opens none while one is being checked that will be his", () => {
    inRoom(checked, ({ bench: { stage }, items, load, wish }) => {
      load([0])
      stage.advance(200)
      const whole = wish("exclusive")
      expect(items.next).toBe(1)
      stage.advance(50)
      expect(whole.got()).toBe(1)
    })
  })

  it("has one opened beside the one that is being checked for somebody else", () => {
    inRoom(checked, ({ bench: { stage }, items, load, wish }) => {
      load([0])
      stage.advance(200)
      const other = wish("lease")
      const whole = wish("exclusive")
      expect(items.next).toBe(2)
      // Who came first has the one that comes first.
      expect(other.got()).toBe(2)
      stage.advance(50)
      expect(whole.got()).toBe(1)
    })
  })

  it("has nothing kept that is being checked; the one that answers is his", () => {
    inRoom(
      {
        config: { max: 1, concurrency: 2, validationBypass: 100 },
        health: { probe: () => Effect.sleep(50), schedule: Schedule.stop }
      },
      ({ bench: { stage }, load, wish }) => {
        load([0])
        stage.advance(200)
        const whole = wish("exclusive")
        expect(whole.got()).toBeUndefined()
        stage.advance(50)
        expect(whole.got()).toBe(1)
      }
    )
  })

  it("opens one for himself where there is room, whatever else is busy", () => {
    inRoom({ config: { max: 2, concurrency: 3 } }, ({ share, wish, items }) => {
      share()
      const whole = wish("exclusive")
      expect(whole.got()).toBe(2)
      expect(items.next).toBe(2)
    })
  })
})

describe("who wants a share", () => {
  it("gets one of the least loaded item, among equals of the last one used", () => {
    inRoom({ config: { max: 3, concurrency: 3 } }, ({ load, share }) => {
      const [a, b] = load([2, 1, 1])
      b?.[0]?.giveBack()
      expect(share().item).toBe(2)
      a?.[0]?.giveBack()
      const next = [share().item, share().item, share().item]
      expect(next.toSorted()).toEqual([1, 2, 3])
      expect(next[0]).toBe(1)
    })
  })
})
