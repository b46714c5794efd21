/** What all keys share: places in the pool and in a group, and attempts at once. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { describe, expect, it } from "@effect/vitest"
import type { Pool } from "@mooring/pool"
import { Capacity } from "../src/internal/Capacity.js"
import { forever } from "./lab/Behaviour.js"
import { type Bench, onBench } from "./lab/Bench.js"
import type { Stage } from "./lab/Stage.js"

type Options = Pool.PoolOptions<string, string, never, never>

/** A pool whose items are their keys; what opens and closes is written down. */
const withKeys = (
  times: { readonly connect?: number; readonly close?: number },
  options: Omit<Options, "acquire">,
  test: (bench: Bench<string, never>, log: { opening: Array<string>; closing: Array<string> }) => void
): void => {
  const log = { opening: new Array<string>(), closing: new Array<string>() }
  const wait = (millis: number | undefined) => (millis === undefined ? Effect.void : Effect.sleep(millis))
  onBench<string, never>(
    () => ({
      acquire: (key) =>
        Effect.sync(() => log.opening.push(key)).pipe(
          Effect.zipRight(wait(times.connect)),
          Effect.zipRight(
            Effect.addFinalizer(() =>
              Effect.zipRight(
                Effect.sync(() => log.closing.push(key)),
                wait(times.close)
              )
            )
          ),
          Effect.as(key)
        ),
      ...options
    }),
    (bench) => test(bench, log)
  )
}

/** Borrows a share and keeps it until the function that this gives is called. */
const hold = ({ pool, stage }: Bench<string, never>, key: string) => {
  const scope = stage.run(Scope.make())
  stage.run(Scope.extend(pool.lease(key), scope))
  return () => stage.run(Scope.close(scope, Exit.void))
}

/** Borrows for ever; says whether it has been served. */
const wants = ({ pool, stage }: Bench<string, never>, key: string) => {
  let served = false
  stage.call(
    pool.use(key, () => {
      served = true
      return forever
    })
  )
  stage.settle()
  return () => served
}

const serve = (stage: Stage, pool: Pool.Pool<string, string, never>, key: string) =>
  stage.run(pool.use(key, Effect.succeed))
const firstLetter = (key: string) => key.slice(0, 1)

describe("attempts at once over all keys", () => {
  it("are as many as maxConnecting says, in the order in which the keys came", () => {
    withKeys({ connect: 10 }, { maxConnecting: 2 }, (bench, { opening }) => {
      for (const key of ["a", "b", "c", "d", "e"]) wants(bench, key)
      expect(opening).toEqual(["a", "b"])
      bench.stage.advance(10)
      expect(opening).toEqual(["a", "b", "c", "d"])
      bench.stage.advance(10)
      expect(opening).toEqual(["a", "b", "c", "d", "e"])
      expect(bench.stage.run(bench.pool.stats)).toMatchObject({ leases: 4, connecting: 1 })
    })
  })

  it("are 16, unless told otherwise", () => {
    withKeys({ connect: 10 }, {}, (bench, { opening }) => {
      for (let n = 0; n < 20; n++) wants(bench, `k${n}`)
      expect(opening).toHaveLength(16)
      bench.stage.advance(10)
      expect(opening).toHaveLength(20)
    })
  })

  it("count by connectWeight; one that is heavier than all may go alone", () => {
    const weights: Readonly<Record<string, number>> = { heavy: 9, a: 2, b: 2, c: 1 }
    withKeys(
      { connect: 10 },
      { maxConnecting: 4, config: (key) => ({ connectWeight: weights[key] ?? 1 }) },
      (bench, { opening }) => {
        wants(bench, "a")
        wants(bench, "heavy")
        // Light ones do not slip past it, or it would never have its turn.
        wants(bench, "b")
        wants(bench, "c")
        expect(opening).toEqual(["a"])
        bench.stage.advance(10)
        expect(opening).toEqual(["a", "heavy"])
        bench.stage.advance(10)
        expect(opening).toEqual(["a", "heavy", "b", "c"])
      }
    )
  })

  it("go to all who wait as far as they last, in turn", () => {
    const config = (key: string) => ({ max: 2, connectWeight: key === "heavy" ? 3 : 1 })
    withKeys({ connect: 10 }, { config, maxConnecting: 3 }, (bench, { opening }) => {
      for (const key of ["heavy", "a", "a", "b", "b"]) wants(bench, key)
      expect(opening).toEqual(["heavy"])
      bench.stage.advance(10)
      expect(opening).toEqual(["heavy", "a", "b", "a"])
    })
  })

  it("let the next key try when one is called off", () => {
    withKeys({ connect: 1_000 }, { maxConnecting: 1 }, (bench, { opening }) => {
      wants(bench, "a")
      wants(bench, "b")
      bench.stage.run(bench.pool.suspend("a"))
      bench.stage.run(bench.pool.drain("a"))
      expect(opening).toEqual(["a", "b"])
    })
  })

  it("close nothing that idles: an attempt's turn comes by itself", () => {
    withKeys({ connect: 10 }, { maxConnecting: 1, maxTotal: 100 }, (bench, { closing }) => {
      const idle = bench.stage.call(bench.pool.use("idle", Effect.succeed))
      bench.stage.advance(10)
      expect(idle.unsafePoll()).toMatchObject({ _tag: "Success" })
      wants(bench, "a")
      wants(bench, "b")
      bench.stage.advance(20)
      expect(closing).toEqual([])
    })
  })
})

describe("places in the pool", () => {
  it("are given to keys in the order in which they began to wait, each once", () => {
    withKeys({}, { maxTotal: 2 }, (bench, { opening }) => {
      const release = [hold(bench, "a"), hold(bench, "b")]
      const served = ["c", "d", "e"].map((key) => wants(bench, key))
      expect(opening).toEqual(["a", "b"])
      release[0]?.()
      expect(opening).toEqual(["a", "b", "c"])
      release[1]?.()
      expect(opening).toEqual(["a", "b", "c", "d"])
      expect(served.map((is) => is())).toEqual([true, true, false])
    })
  })

  it("a key that is asked for again while it waits keeps its turn", () => {
    withKeys({}, { maxTotal: 1, config: { max: 2 } }, (bench, { opening }) => {
      const release = hold(bench, "a")
      for (const key of ["b", "c", "b"]) wants(bench, key)
      release()
      expect(opening).toEqual(["a", "b"])
    })
  })

  it("a newcomer does not slip in before a key that waits, though there is room again", () => {
    withKeys({ close: 50 }, { maxTotal: 1 }, (bench, { opening }) => {
      const release = hold(bench, "a")
      const first = wants(bench, "b")
      release()
      bench.stage.advance(49)
      const second = wants(bench, "c")
      bench.stage.advance(1)
      expect([first(), second()]).toEqual([true, false])
      expect(opening).toEqual(["a", "b"])
    })
  })

  it("are made by closing one idle item for each key that waits, not more", () => {
    withKeys({ close: 50 }, { maxTotal: 4 }, (bench, { closing }) => {
      for (const key of ["a", "b", "c", "d"]) serve(bench.stage, bench.pool, key)
      const served = [wants(bench, "e")]
      expect(closing).toEqual(["a"])
      served.push(wants(bench, "f"))
      expect(closing).toEqual(["a", "b"])
      bench.stage.advance(50)
      expect(served.map((is) => is())).toEqual([true, true])
      expect(closing).toEqual(["a", "b"])
    })
  })

  it("are not taken from a pinned key's minimum, nor from the key itself", () => {
    withKeys(
      {},
      { maxTotal: 3, config: (key) => ({ min: key === "pinned" ? 1 : 0, max: 2 }) },
      (bench, { closing }) => {
        bench.stage.run(bench.pool.warm(["pinned"]))
        const busy = hold(bench, "a")
        const other = hold(bench, "a")
        const served = wants(bench, "b")
        expect(served()).toBe(false)
        expect(closing).toEqual([])
        busy()
        expect(closing).toEqual(["a"])
        expect(served()).toBe(true)
        other()
      }
    )
  })

  it("are not taken from the key itself, to replace one of its items that ages", () => {
    const config = { max: 3, maxLifetime: 100_000, idleTimeToLive: 1_000_000 }
    withKeys({}, { config, maxTotal: 2 }, (bench, { closing }) => {
      const [give] = [hold(bench, "k"), hold(bench, "k")]
      give?.()
      bench.stage.advance(89_999)
      expect(closing).toEqual([])
    })
  })

  it("are made as soon as a pinned key needs fewer", () => {
    withKeys({}, { config: (key) => ({ min: key === "a" ? 1 : 0 }), maxTotal: 1 }, (bench, { closing }) => {
      const { pool, stage } = bench
      stage.run(pool.warm(["a"]))
      const served = wants(bench, "b")
      expect(served()).toBe(false)
      stage.run(pool.resize("a", { min: 0, max: 1 }))
      stage.settle()
      expect(closing).toEqual(["a"])
      expect(served()).toBe(true)
    })
  })

  it("are taken from a pinned key's surplus", () => {
    withKeys(
      {},
      { maxTotal: 2, config: (key) => ({ min: key === "pinned" ? 1 : 0, max: 2 }) },
      (bench, { closing }) => {
        bench.stage.run(bench.pool.warm(["pinned"]))
        const release = [hold(bench, "pinned"), hold(bench, "pinned")]
        for (const give of release) give()
        expect(serve(bench.stage, bench.pool, "b")).toBe("b")
        expect(closing).toEqual(["pinned"])
      }
    )
  })

  it("are no longer wanted by a key whose callers have all left", () => {
    withKeys({}, { maxTotal: 1, config: { acquireTimeout: 100, connectTimeout: 100 } }, (bench, { opening }) => {
      const release = hold(bench, "a")
      const gaveUp = wants(bench, "b")
      bench.stage.advance(100)
      release()
      expect(serve(bench.stage, bench.pool, "c")).toBe("c")
      expect(opening).toEqual(["a", "c"])
      expect(gaveUp()).toBe(false)
    })
  })

  it("a key waits for one only as long as nothing of its own holds it back", () => {
    withKeys({}, { maxTotal: 2 }, (bench, { opening }) => {
      const release = hold(bench, "a")
      // It has its one item: it waits for that, not for a place.
      const again = wants(bench, "a")
      expect(serve(bench.stage, bench.pool, "b")).toBe("b")
      expect(serve(bench.stage, bench.pool, "c")).toBe("c")
      release()
      expect(again()).toBe(true)
      expect(opening).toEqual(["a", "b", "c"])
    })
  })
})

describe("who makes room under maxTotal", () => {
  it("is the group itself that wants more, as long as no other holds more than it would", () => {
    withKeys({}, { group: { of: firstLetter }, maxTotal: 5 }, (bench, { closing }) => {
      for (const key of ["b1", "b2", "b3", "a1", "a2"]) serve(bench.stage, bench.pool, key)
      serve(bench.stage, bench.pool, "a3")
      expect(closing).toEqual(["a1"])
      serve(bench.stage, bench.pool, "c1")
      expect(closing).toEqual(["a1", "b1"])
      serve(bench.stage, bench.pool, "a4")
      expect(closing).toEqual(["a1", "b1", "a2"])
    })
  })

  it("is another where that holds more, and then neither takes from the other again", () => {
    withKeys({}, { group: { of: firstLetter }, maxTotal: 4 }, (bench, { closing }) => {
      for (const key of ["b1", "b2", "b3", "a1", "a2"]) serve(bench.stage, bench.pool, key)
      expect(closing).toEqual(["b1"])
      for (const key of ["a3", "b4", "a4", "b5"]) serve(bench.stage, bench.pool, key)
      expect(closing).toEqual(["b1", "a1", "b2", "a2", "b3"])
    })
  })

  it("is what has idled for longest where there are no groups, whoever has more", () => {
    withKeys({}, { maxTotal: 3, config: { max: 2 } }, (bench, { closing }) => {
      serve(bench.stage, bench.pool, "a")
      bench.stage.advance(1)
      for (const release of [hold(bench, "b"), hold(bench, "b")]) release()
      serve(bench.stage, bench.pool, "c")
      expect(closing).toEqual(["a"])
    })
  })

  it("leaves keys without a group to themselves, each as a group of its own that no quota binds", () => {
    const group = { of: (key: string) => (key.startsWith("s") ? undefined : key.slice(0, 1)), quota: 2 }
    withKeys({}, { group, maxTotal: 6, config: { max: 3 } }, (bench, { closing }) => {
      const busy = ["s1", "s1", "s1"].map((key) => hold(bench, key))
      for (const key of ["s2", "a1", "a2"]) serve(bench.stage, bench.pool, key)
      for (const release of busy) release()
      for (const key of ["a3", "a4"]) serve(bench.stage, bench.pool, key)
      expect(closing).toEqual(["a1", "a2"])
      serve(bench.stage, bench.pool, "b1")
      expect(closing).toEqual(["a1", "a2", "s1"])
    })
  })
})

describe("a group's quota", () => {
  const grouped = { group: { of: firstLetter, quota: 2 } }

  it("holds its keys back, and nobody else's", () => {
    withKeys({}, grouped, (bench, { opening }) => {
      const release = [hold(bench, "a1"), hold(bench, "a2")]
      const served = wants(bench, "a3")
      expect(serve(bench.stage, bench.pool, "b1")).toBe("b1")
      expect(opening).toEqual(["a1", "a2", "b1"])
      expect(served()).toBe(false)
      release[0]?.()
      expect(served()).toBe(true)
    })
  })

  it("makes room within the group for each key that waits, and counts what is closing", () => {
    withKeys({ close: 50 }, grouped, (bench, { closing }) => {
      for (const key of ["b1", "a1", "a2"]) serve(bench.stage, bench.pool, key)
      const served = [wants(bench, "a3")]
      wants(bench, "a3")
      expect(closing).toEqual(["a1"])
      served.push(wants(bench, "a4"))
      expect(closing).toEqual(["a1", "a2"])
      bench.stage.advance(50)
      expect(served.map((is) => is())).toEqual([true, true])
      expect(closing).toEqual(["a1", "a2"])
    })
  })

  it("and maxTotal at once: what closes for the one is not counted for the other", () => {
    withKeys({ close: 50 }, { ...grouped, maxTotal: 3 }, (bench, { closing }) => {
      for (const key of ["a1", "a2", "b1"]) serve(bench.stage, bench.pool, key)
      // The quota of "a" binds: one of its own goes.
      const inGroup = wants(bench, "a3")
      expect(closing).toEqual(["a1"])
      // The pool is full: one more has to go, for somebody else.
      const elsewhere = wants(bench, "c1")
      expect(closing).toHaveLength(2)
      bench.stage.advance(50)
      expect([inGroup(), elsewhere()]).toEqual([true, true])
      expect(closing).toHaveLength(2)
    })
  })

  it("and maxTotal at once: what closes by itself is counted for one of those who wait, not for both", () => {
    withKeys({ close: 50 }, { ...grouped, maxTotal: 3 }, (bench, { closing }) => {
      const going = bench.stage.run(bench.pool.use("a1", (item) => Effect.as(bench.pool.invalidate(item), item)))
      expect(closing).toEqual([going])
      const busy = hold(bench, "a2")
      serve(bench.stage, bench.pool, "b1")
      // One waits for its group's quota, the other for a place in the pool: the item that closes makes one place.
      const inGroup = wants(bench, "a3")
      const elsewhere = wants(bench, "c1")
      expect(closing).toEqual(["a1", "b1"])
      bench.stage.advance(50)
      expect([inGroup(), elsewhere()]).toEqual([true, true])
      busy()
    })
  })

  it("takes no place in the pool for a key that its own group holds back", () => {
    withKeys({ close: 50 }, { ...grouped, maxTotal: 4 }, (bench, { closing }) => {
      const busy = [hold(bench, "a1"), hold(bench, "a2")]
      for (const key of ["b1", "c1"]) serve(bench.stage, bench.pool, key)
      const inGroup = wants(bench, "a3")
      const elsewhere = wants(bench, "d1")
      wants(bench, "d1")
      bench.stage.advance(50)
      expect([inGroup(), elsewhere()]).toEqual([false, true])
      expect(closing).toEqual(["b1"])
      for (const release of busy) release()
      bench.stage.advance(50)
      expect(inGroup()).toBe(true)
    })
  })

  it("is asked of a group as long as it has keys, and forgotten with the last of them", () => {
    withKeys({}, { ...grouped, config: { idleTimeToLive: 1_000 } }, (bench, { opening }) => {
      for (const key of ["a1", "a2"]) serve(bench.stage, bench.pool, key)
      bench.stage.advance(2_000)
      expect(bench.stage.run(bench.pool.stats).keys).toEqual([])
      const release = [hold(bench, "a3"), hold(bench, "a4")]
      const served = wants(bench, "a5")
      expect(served()).toBe(false)
      for (const give of release) give()
      expect(served()).toBe(true)
      expect(opening).toEqual(["a1", "a2", "a3", "a4", "a5"])
    })
  })

  it("makes room time after time, as what closed before has closed", () => {
    withKeys({ close: 50 }, { group: { of: firstLetter, quota: 1 } }, ({ pool, stage }, { closing }) => {
      for (const [round, key] of ["a1", "a2", "a1", "a2", "a1"].entries()) {
        const borrower = stage.call(pool.use(key, Effect.succeed))
        stage.advance(50)
        expect(borrower.unsafePoll()).toMatchObject({ value: key })
        expect(closing).toHaveLength(round)
      }
    })
  })

  it("is kept by a group while one of its keys is left, and begins anew with the next first key", () => {
    const limits = { maxTotal: 10, maxConnecting: 10, quota: 2 }
    const capacity = new Capacity<string, string, never>(limits, { tryGrow: () => false, reclaim: () => {} })
    const group = capacity.join("a")
    expect(capacity.join("a")).toBe(group)
    capacity.leave(group)
    expect(capacity.join("a")).toBe(group)
    capacity.leave(group)
    capacity.leave(group)
    expect(capacity.groups.size).toBe(0)
    expect(capacity.join("a")).not.toBe(group)
  })
})
