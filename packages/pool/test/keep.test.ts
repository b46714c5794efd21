/** Items that are of use though nobody holds them. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { describe, expect, it } from "@effect/vitest"
import type { Pool, PoolConfig } from "@mooring/pool"
import { type Bench, Counter, onBench } from "./lab/Bench.js"

/** Items that can be kept by their numbers. */
class Kept extends Counter {
  readonly handles = new Map<number, Pool.ItemHandle>()
  probes = 0

  options(config: PoolConfig.PoolConfig): Pool.PoolOptions<string, number, never, never> {
    return {
      acquire: (_, handle) => Effect.tap(this.acquire, (id) => Effect.sync(() => this.handles.set(id, handle))),
      config
    }
  }

  keep(id: number): () => void {
    const handle = this.handles.get(id)
    if (handle === undefined) throw new Error(`item ${id} was never opened`)
    return handle.keep()
  }

  get left(): ReadonlyArray<number> {
    return [...this.open]
  }
}

const borrow = ({ pool, stage }: Bench<number, never>, key = "k") => stage.run(pool.use(key, Effect.succeed))

describe("keep", () => {
  it("idleTimeToLive closes no item that is kept, and counts from when the last has let it go", () => {
    const items = new Kept()
    onBench(
      () => items.options({ max: 1, idleTimeToLive: 1_000 }),
      (bench) => {
        borrow(bench)
        const [first, second] = [items.keep(1), items.keep(1)]
        bench.stage.advance(10_000)
        first()
        first()
        bench.stage.advance(10_000)
        expect(items.left).toEqual([1])
        second()
        bench.stage.advance(999)
        expect(items.left).toEqual([1])
        bench.stage.advance(1)
        expect([items.left, items.closed]).toEqual([[], [1]])
      }
    )
  })

  it("lets the others of its key idle out, and lends it meanwhile", () => {
    const items = new Kept()
    onBench(
      () => items.options({ max: 3, idleTimeToLive: 1_000 }),
      (bench) => {
        const { pool, stage } = bench
        stage.run(pool.use("k", () => pool.use("k", () => pool.use("k", Effect.succeed))))
        items.keep(2)
        stage.advance(1_000)
        expect(items.left).toEqual([2])
        expect(borrow(bench)).toBe(2)
        stage.advance(5_000)
        expect(items.left).toEqual([2])
      }
    )
  })

  it("an item that is kept from the moment it opens is not closed, with a time to live of nothing", () => {
    const items = new Counter()
    let letGo = () => {}
    onBench(
      () => ({
        acquire: (_, handle) =>
          Effect.tap(items.acquire, () =>
            Effect.sync(() => {
              letGo = handle.keep()
            })
          ),
        config: { max: 1, idleTimeToLive: 0 }
      }),
      (bench) => {
        borrow(bench)
        bench.stage.advance(60_000)
        expect([...items.open]).toEqual([1])
        letGo()
        bench.stage.advance(1)
        expect([...items.open]).toEqual([])
      }
    )
  })

  it("of more idle items than maxIdle the one that is kept stays, and goes where all are kept", () => {
    const items = new Kept()
    onBench(
      () => items.options({ max: 2, maxIdle: 1 }),
      ({ pool, stage }) => {
        const both = pool.use("k", (outer) =>
          pool.use("k", (inner) =>
            Effect.sync(() => {
              if (items.left.length === 2 && outer === 1) items.keep(1)
              return inner
            })
          )
        )
        stage.run(both)
        // The other one came back first, and would have stayed without it.
        expect(items.left).toEqual([1])
        stage.run(pool.use("k", () => pool.use("k", (second) => Effect.sync(() => items.keep(second)))))
        expect(items.left).toHaveLength(1)
      }
    )
  })

  it("its lifetime, invalidate and drain close it all the same, and what let it go later changes nothing", () => {
    const items = new Kept()
    onBench(
      () => items.options({ max: 1, maxLifetime: 5_000, lifetimeJitter: 0 }),
      (bench) => {
        const { pool, stage } = bench
        borrow(bench)
        const aged = items.keep(1)
        stage.advance(5_000)
        expect(items.closed).toEqual([1])
        borrow(bench)
        const invalid = items.keep(2)
        stage.run(pool.invalidate(2))
        expect(items.closed).toEqual([1, 2])
        borrow(bench)
        const drained = items.keep(3)
        stage.run(pool.drain("k"))
        expect(items.closed).toEqual([1, 2, 3])
        for (const letGo of [aged, invalid, drained]) letGo()
        expect(borrow(bench)).toBe(4)
      }
    )
  })

  it("closing the pool closes it", () => {
    const items = new Kept()
    onBench(
      () => items.options({ max: 1 }),
      (bench) => {
        borrow(bench)
        items.keep(1)
        bench.close()
        bench.stage.settle()
        expect(items.closed).toEqual([1])
      }
    )
  })

  it("another key that needs its place takes one that nobody keeps, and the kept one where there is no other", () => {
    const items = new Kept()
    onBench(
      () => ({ ...items.options({ max: 1 }), maxTotal: 2 }),
      (bench) => {
        borrow(bench, "kept")
        bench.stage.advance(1_000)
        borrow(bench, "other")
        items.keep(1)
        borrow(bench, "third")
        expect(items.closed).toEqual([2])
        items.keep(3)
        borrow(bench, "fourth")
        expect(items.closed).toEqual([2, 1])
      }
    )
  })

  it("holds though another item of its key goes, and those that nobody keeps go in the order in which they went idle", () => {
    const items = new Kept()
    onBench(
      () => items.options({ max: 6, concurrency: 2, maxIdle: 6, idleTimeToLive: 1_000 }),
      (bench) => {
        const { pool, stage } = bench
        // All open at once, and come back one after the other: 3, 2, 4, 1, 5; the last one serves somebody still.
        const back = [4, 2, 1, 3, 5, 100]
        for (const millis of back) {
          stage.call(Effect.scoped(Effect.zipRight(pool.exclusive("k"), Effect.sleep(millis))))
          stage.settle()
        }
        const letGo = items.keep(1)
        stage.advance(10)
        stage.run(pool.invalidate(5))
        stage.run(pool.resize("k", { max: 6, concurrency: 2, maxIdle: 2, idleTimeToLive: 1_000 }))
        expect(items.closed).toEqual([5, 3, 2])
        stage.advance(2_000)
        expect(items.left).toEqual([1])
        letGo()
        stage.advance(1_000)
        expect(items.left).toEqual([])
      }
    )
  })

  it("counts for nothing once the item is on its way out: what is let go then takes nothing from others", () => {
    const items = new Kept()
    onBench(
      () => items.options({ max: 2, idleTimeToLive: 1_000 }),
      ({ pool, stage }) => {
        stage.run(pool.use("k", () => pool.use("k", Effect.succeed)))
        const letGo = items.keep(1)
        items.keep(2)
        stage.run(pool.invalidate(1))
        letGo()
        stage.advance(5_000)
        expect(items.left).toEqual([2])
      }
    )
  })

  it("of an item that opens later holds though it was kept and let go before", () => {
    const items = new Kept()
    onBench(
      () => {
        const options = items.options({ max: 2, idleTimeToLive: 1_000 })
        return { ...options, acquire: (key: string, handle) => Effect.delay(options.acquire(key, handle), 100) }
      },
      ({ pool, stage }) => {
        stage.call(pool.use("k", () => pool.use("k", Effect.succeed)))
        stage.advance(200)
        const letGo = items.keep(1)
        items.keep(2)
        letGo()
        stage.advance(5_000)
        expect(items.left).toEqual([2])
      }
    )
  })

  it("takes nothing from who holds another share, however long ago that was given back last", () => {
    const items = new Kept()
    onBench(
      () => items.options({ max: 3, concurrency: 2, idleTimeToLive: 1_000 }),
      (bench) => {
        const { pool, stage } = bench
        for (const millis of [1, 1, 1]) {
          stage.call(Effect.scoped(Effect.zipRight(pool.exclusive("k"), Effect.sleep(millis))))
          stage.settle()
        }
        stage.advance(1)
        const busy: Array<number> = []
        stage.call(pool.use("k", (item) => Effect.delay(Effect.void, busy.push(item) > 0 ? 5_000 : 0)))
        stage.settle()
        const others = items.left.filter((item) => !busy.includes(item))
        const kept = Math.min(...others)
        items.keep(kept)
        stage.advance(4_000)
        expect(items.left).toEqual([kept, ...busy].toSorted((a, b) => a - b))
        stage.advance(1_000)
        expect(items.left).toContain(busy[0])
      }
    )
  })

  it("a lower max closes what nobody keeps first, and the kept one where there is no other", () => {
    const items = new Kept()
    onBench(
      () => items.options({ max: 3 }),
      ({ pool, stage }) => {
        stage.run(pool.use("k", () => pool.use("k", () => pool.use("k", Effect.succeed))))
        items.keep(3)
        items.keep(1)
        stage.run(pool.resize("k", { max: 2 }))
        expect(items.closed).toEqual([2])
        stage.run(pool.resize("k", { max: 1 }))
        expect(items.closed).toHaveLength(2)
      }
    )
  })

  it("of an item that is probed anyway changes nothing of that, neither while it is kept nor after", () => {
    const items = new Kept()
    const probes: Array<number> = []
    onBench(
      (stage) => ({
        ...items.options({ max: 1, idleTimeToLive: 1_000_000_000 }),
        health: { probe: () => Effect.sync(() => probes.push(stage.now())), schedule: Schedule.spaced(1_000) }
      }),
      (bench) => {
        borrow(bench)
        bench.stage.advance(2_500)
        const letGo = items.keep(1)
        bench.stage.advance(2_000)
        letGo()
        bench.stage.advance(2_000)
        expect(probes).toEqual([1_000, 2_000, 3_000, 4_000, 5_000, 6_000])
      }
    )
  })

  it("its replacement is opened before its lifetime ends", () => {
    const items = new Kept()
    onBench(
      () => items.options({ max: 2, maxLifetime: 100_000, lifetimeJitter: 0, idleTimeToLive: 1_000_000 }),
      (bench) => {
        borrow(bench)
        items.keep(1)
        bench.stage.advance(90_000)
        expect(items.left).toEqual([1, 2])
        bench.stage.advance(10_000)
        expect(items.left).toEqual([2])
      }
    )
  })

  it("is probed while it is kept and idles, where items are not probed else", () => {
    const items = new Kept()
    let probes = 0
    onBench(
      () => ({
        ...items.options({ max: 1, idleTimeToLive: 1_000_000_000 }),
        health: {
          probe: () =>
            Effect.sync(() => {
              probes++
            }),
          probesIdle: () => false
        }
      }),
      (bench) => {
        borrow(bench)
        bench.stage.advance(100_000)
        expect(probes).toBe(0)
        const letGo = items.keep(1)
        bench.stage.advance(100_000)
        expect(probes).toBeGreaterThanOrEqual(2)
        letGo()
        const before = probes
        bench.stage.advance(100_000)
        expect(probes).toBe(before)
      }
    )
  })
})
