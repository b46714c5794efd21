/** What becomes of keys when a running pool is told that their settings have changed. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "@effect/vitest"
import type { Pool, PoolConfig, PoolEvent, Refresh } from "@mooring/pool"
import { type Bench, Counter, onBench } from "./lab/Bench.js"

/** A pool whose settings can be changed: of the keys that are in the map, and no others. */
const onSettings = (
  initial: Readonly<Record<string, PoolConfig.PoolConfig>>,
  test: (bench: Bench<number, never>, items: Counter, settings: Map<string, PoolConfig.PoolConfig>) => void,
  options: Partial<Pool.PoolOptions<string, number, never, never>> = {}
) => {
  const items = new Counter()
  const settings = new Map(Object.entries(initial))
  onBench(
    () => ({ acquire: () => items.acquire, config: (key: string) => settings.get(key), ...options }),
    (bench) => test(bench, items, settings)
  )
}

/** Borrows a share until the scope that this gives is closed. */
const hold = <A, E>({ pool, stage }: Bench<A, E>, key = "k") => {
  const scope = stage.run(Scope.make())
  const lease = stage.run(Scope.extend(pool.lease(key), scope))
  return { lease, item: lease.item, giveBack: () => stage.run(Scope.close(scope, Exit.void)) }
}

const all = (what: Refresh.Refresh) => () => what

const failureOf = (exit: Exit.Exit<unknown, unknown> | null) =>
  exit !== null && Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined

const entries = ({ pool, stage }: Bench<number, never>) => stage.run(pool.keys)

describe("refresh", () => {
  it("asks for the settings anew, and keeps the items", () =>
    onSettings({ k: { max: 1 } }, (bench, items, settings) => {
      const { pool, stage } = bench
      const held = hold(bench)
      const waiter = stage.call(pool.use("k", Effect.succeed))
      settings.set("k", { max: 2, concurrency: 1 })
      stage.run(pool.refresh(all("Settings")))
      stage.settle()
      expect(waiter.unsafePoll()).toEqual(Exit.succeed(2))
      held.giveBack()
      expect([...items.open]).toEqual([1, 2])
    }))

  it("keeps no entry for a key on account of its new settings, as resize does", () =>
    onSettings({ k: { idleTimeToLive: 1_000 } }, (bench) => {
      const { pool, stage } = bench
      stage.run(pool.use("k", Effect.succeed))
      stage.run(pool.resize("k", { idleTimeToLive: 1_000 }))
      stage.advance(60_000)
      expect(entries(bench)).toEqual(["k"])
      stage.run(pool.refresh(all("Settings")))
      stage.advance(60_000)
      expect(entries(bench)).toEqual([])
    }))

  it("leaves alone what it is told to keep", () =>
    onSettings({ a: { max: 1 }, b: { max: 1 } }, (bench, items) => {
      const { pool, stage } = bench
      const [a, b] = [hold(bench, "a"), hold(bench, "b")]
      a.giveBack()
      b.giveBack()
      stage.run(pool.refresh((key) => (key === "a" ? "Items" : "Keep")))
      stage.settle()
      expect(items.closed).toEqual([a.item])
      expect([...items.open]).toEqual([b.item])
    }))

  it("does not ask for the settings of what it is told to keep", () =>
    onSettings({ k: { max: 1 } }, (bench, _, settings) => {
      const { pool, stage } = bench
      const held = hold(bench)
      const waiter = stage.call(pool.use("k", Effect.succeed))
      settings.set("k", { max: 2 })
      stage.run(pool.refresh(all("Keep")))
      stage.settle()
      expect(waiter.unsafePoll()).toBeNull()
      held.giveBack()
    }))

  it("counts what closes against max until it has closed, though it was replaced", () => {
    const items = new Counter()
    const slow = Effect.acquireRelease(items.acquire, () => Effect.sleep(100))
    onSettings(
      { k: { max: 1 } },
      (bench) => {
        const { pool, stage } = bench
        stage.run(pool.use("k", Effect.succeed))
        for (let time = 1; time <= 2; time++) {
          stage.run(pool.refresh(all("Items")))
          const waiter = stage.call(pool.use("k", Effect.succeed))
          stage.advance(99)
          expect(waiter.unsafePoll()).toBeNull()
          stage.advance(1)
          expect(waiter.unsafePoll()).toEqual(Exit.succeed(time + 1))
        }
      },
      { acquire: () => slow }
    )
  })

  it("says why an item goes", () =>
    onSettings({ a: {}, b: {} }, ({ pool, stage }) => {
      const said: Array<unknown> = []
      const note = (event: PoolEvent.PoolEvent) =>
        event._tag === "Draining" && said.push([event.key, event.reason, event.detail])
      stage.fork(Stream.runForEach(pool.events, (event) => Effect.sync(() => note(event))))
      stage.settle()
      for (const key of ["a", "b"]) stage.run(pool.use(key, Effect.succeed))
      stage.run(pool.refresh((key) => (key === "a" ? "Items" : "Remove")))
      stage.settle()
      expect(said).toEqual([
        ["a", "drained", "its key was renewed"],
        ["b", "drained", "its key was removed"]
      ])
      expect(stage.run(pool.stats).closed).toEqual({ drained: 2 })
    }))

  it("replaces what is held as soon as somebody waits, whatever max says, and takes nothing away", () =>
    onSettings({ k: { max: 1 } }, (bench, items) => {
      const { pool, stage } = bench
      const held = hold(bench)
      const waiter = stage.call(pool.use("k", Effect.succeed))
      stage.run(pool.refresh(all("Items"), 100))
      stage.settle()
      expect(waiter.unsafePoll()).toEqual(Exit.succeed(2))
      stage.advance(3_600_000)
      expect(items.open.has(held.item)).toBe(true)
      held.giveBack()
      stage.settle()
      expect(items.open.has(held.item)).toBe(false)
    }))

  it("counts what it replaced no more against max, and all else as before", () =>
    onSettings({ k: { max: 2 } }, (bench, items) => {
      const { pool, stage } = bench
      const old = [hold(bench), hold(bench)]
      stage.run(pool.refresh(all("Items")))
      const young = [hold(bench), hold(bench)]
      const waiter = stage.call(pool.use("k", Effect.succeed))
      stage.settle()
      expect(items.open.size).toBe(4)
      expect(waiter.unsafePoll()).toBeNull()
      for (const lease of old) lease.giveBack()
      stage.settle()
      // Their places were taken already.
      expect([...items.open]).toEqual(young.map(({ item }) => item))
      expect(waiter.unsafePoll()).toBeNull()
      for (const lease of young) lease.giveBack()
      stage.settle()
      expect(waiter.unsafePoll()).not.toBeNull()
      expect(items.open.size).toBe(2)
    }))

  it("replaces again what it has replaced before, and counts each once", () =>
    onSettings({ k: { max: 1 } }, (bench, items) => {
      const { pool, stage } = bench
      const leases = [hold(bench)]
      for (let time = 0; time < 3; time++) {
        stage.run(pool.refresh(all("Items")))
        leases.push(hold(bench))
      }
      expect(items.open.size).toBe(4)
      for (const lease of leases) lease.giveBack()
      stage.settle()
      expect([...items.open]).toEqual([4])
      // The pool's count is right again: one more than max waits.
      const held = hold(bench)
      const waiter = stage.call(pool.use("k", Effect.succeed))
      stage.settle()
      expect(waiter.unsafePoll()).toBeNull()
      held.giveBack()
    }))

  it("counts what it replaced against maxTotal", () =>
    onSettings(
      { k: { max: 1 } },
      (bench) => {
        const { pool, stage } = bench
        const held = hold(bench)
        stage.run(pool.refresh(all("Items")))
        const waiter = stage.call(pool.use("k", Effect.succeed))
        stage.settle()
        expect(waiter.unsafePoll()).toBeNull()
        held.giveBack()
        stage.settle()
        expect(waiter.unsafePoll()).toEqual(Exit.succeed(2))
      },
      { maxTotal: 1 }
    ))

  it("calls off an attempt of before, and serves who waits with one of now", () => {
    let hangs = true
    const items = new Counter()
    onSettings(
      { k: {} },
      ({ pool, stage }) => {
        const waiter = stage.call(pool.use("k", Effect.succeed))
        stage.advance(10)
        hangs = false
        stage.run(pool.refresh(all("Items")))
        stage.settle()
        expect(waiter.unsafePoll()).toEqual(Exit.succeed(1))
      },
      { acquire: () => (hangs ? Effect.never : items.acquire) }
    )
  })

  it("forgets the failures of before: an open circuit, and the pause before the next attempt", () => {
    let works = false
    const items = new Counter()
    const refused = Effect.fail("refused" as const)
    onBench(
      () => ({
        acquire: () =>
          Effect.if(
            Effect.sync(() => works),
            { onTrue: () => items.acquire, onFalse: () => refused }
          ),
        config: () => ({ breakerThreshold: 1, breakerOpenFor: 60_000 })
      }),
      ({ pool, stage }) => {
        const before = stage.call(pool.use("k", Effect.succeed))
        stage.advance(1)
        expect(failureOf(before.unsafePoll())).toMatchObject({ _tag: "CircuitOpen" })
        works = true
        stage.run(pool.refresh(all("Items")))
        expect(stage.run(pool.use("k", Effect.succeed))).toBe(1)
      }
    )
  })

  it("says nothing of a failure of before to who waits on and runs out of time", () => {
    let fails = true
    onBench<number, string>(
      () => ({
        acquire: () => (fails ? Effect.fail("refused") : Effect.never),
        config: { acquireTimeout: 1_000, connectTimeout: 1_000, backoff: { base: 900, max: 900 } }
      }),
      ({ pool, stage }) => {
        const told = [true, false].map((refreshes) => {
          fails = true
          const key = refreshes ? "refreshed" : "left alone"
          const waiter = stage.call(pool.use(key, Effect.succeed))
          stage.advance(100)
          fails = false
          if (refreshes) stage.run(pool.refresh(all("Items")))
          stage.advance(900)
          return failureOf(waiter.unsafePoll())
        })
        expect(told).toEqual([
          expect.objectContaining({ _tag: "AcquireTimeout", cause: undefined }),
          expect.objectContaining({ _tag: "AcquireTimeout", cause: "refused" })
        ])
      }
    )
  })

  it("opens the min of a pinned key anew, as many as the settings say now", () =>
    onSettings({ k: { min: 1, max: 3 } }, ({ pool, stage }, items, settings) => {
      stage.run(pool.warm(["k"]))
      settings.set("k", { min: 2, max: 3 })
      stage.run(pool.refresh(all("Items")))
      stage.settle()
      expect([...items.open]).toEqual([2, 3])
      settings.set("k", { min: 0, max: 3, idleTimeToLive: 100 })
      stage.run(pool.refresh(all("Settings")))
      stage.advance(60_000)
      expect(items.open.size).toBe(0)
      // It is pinned no longer: nothing of it stays.
      expect(stage.run(pool.keys)).toEqual([])
    }))

  it("reserves for pinned keys what is new in their min, and nothing for others", () =>
    onSettings(
      { a: { min: 1, max: 4 }, b: { min: 1, max: 4 }, c: { max: 4 } },
      (bench, _, settings) => {
        const { pool, stage } = bench
        stage.run(pool.warm(["a", "b"]))
        stage.run(pool.use("c", Effect.succeed))
        settings.set("c", { min: 4, max: 4 })
        for (let time = 0; time < 3; time++) stage.run(pool.refresh(all("Items")))
        const refused = (a: number, b: number) => {
          settings.set("a", { min: a, max: 4 }).set("b", { min: b, max: 4 })
          const told = stage.call(pool.refresh(all("Settings")))
          stage.settle()
          return failureOf(told.unsafePoll())
        }
        // The one that asks for more is named, not the last one.
        expect(refused(4, 1)).toMatchObject({ _tag: "PoolConfigError", key: "a", field: "min" })
        expect(refused(4, 0)).toBeUndefined()
      },
      { maxTotal: 4 }
    ))

  it("refuses settings that are nonsense, and more pinned items than maxTotal, with nothing changed", () =>
    onSettings(
      { a: { max: 1 }, b: { min: 1, max: 4 } },
      (bench, items, settings) => {
        const { pool, stage } = bench
        const held = hold(bench, "a")
        stage.run(pool.warm(["b"]))
        settings.set("a", { max: 2 }).set("b", { min: 4, max: 4 })
        const tooMany = stage.call(pool.refresh(all("Items")))
        stage.settle()
        expect(failureOf(tooMany.unsafePoll())).toMatchObject({ _tag: "PoolConfigError", key: "b", field: "min" })
        settings.set("b", { max: -1 })
        const nonsense = stage.call(pool.refresh(all("Items")))
        stage.settle()
        expect(failureOf(nonsense.unsafePoll())).toMatchObject({ _tag: "PoolConfigError", key: "b", field: "max" })
        const waiter = stage.call(pool.use("a", Effect.succeed))
        stage.settle()
        expect(waiter.unsafePoll()).toBeNull()
        expect(items.closed).toEqual([])
        held.giveBack()
      },
      { maxTotal: 3 }
    ))

  it("removes a key: who waits fails, what idles closes, and nothing of it stays", () =>
    onSettings({ k: { min: 1, max: 1 } }, (bench, items, settings) => {
      const { pool, stage } = bench
      stage.run(pool.warm(["k"]))
      stage.run(pool.suspend("k"))
      const waiter = stage.call(pool.use("k", Effect.succeed))
      stage.settle()
      settings.delete("k")
      stage.run(pool.refresh(all("Remove")))
      stage.settle()
      expect(failureOf(waiter.unsafePoll())).toMatchObject({ _tag: "UnknownKey", key: "k" })
      expect(items.open.size).toBe(0)
      expect(entries(bench)).toEqual([])
    }))

  it("removes a key that has settings still, and leaves one that is removed already to its own deadline", () =>
    onSettings({ k: { max: 1 } }, (bench, items) => {
      const { pool, stage } = bench
      const held = hold(bench)
      const waiter = stage.call(pool.use("k", Effect.succeed))
      stage.run(pool.refresh(all("Remove"), 1_000))
      stage.settle()
      expect(failureOf(waiter.unsafePoll())).toMatchObject({ _tag: "UnknownKey", key: "k" })
      stage.advance(500)
      stage.run(pool.refresh(all("Remove"), 10))
      stage.advance(499)
      expect([...items.open]).toEqual([held.item])
      stage.advance(1)
      expect([...items.open]).toEqual([])
      held.giveBack()
      expect(entries(bench)).toEqual([])
    }))

  it("begins nothing for a key that it removes, whoever waits for it", () =>
    onSettings(
      { k: { min: 1, max: 3 } },
      (bench) => {
        const { pool, stage } = bench
        stage.run(pool.suspend("k"))
        const waiting = [pool.warm(["k"]), pool.warm(["k"]), pool.use("k", Effect.succeed)].map((each) =>
          stage.call<unknown, unknown>(each)
        )
        stage.settle()
        stage.run(pool.refresh(all("Remove")))
        stage.settle()
        expect(waiting.map((fiber) => failureOf(fiber.unsafePoll()))).toEqual(
          waiting.map(() => expect.objectContaining({ _tag: "UnknownKey" }))
        )
        expect(stage.run(pool.stats)).toMatchObject({ connects: 0, keys: [] })
      },
      { acquire: () => Effect.never }
    ))

  it("removes a key that has no settings any more, whatever it was told", () =>
    onSettings({ k: {} }, (bench, items, settings) => {
      const { pool, stage } = bench
      stage.run(pool.use("k", Effect.succeed))
      settings.delete("k")
      stage.run(pool.refresh(all("Settings")))
      stage.settle()
      expect(items.open.size).toBe(0)
      expect(entries(bench)).toEqual([])
      const late = stage.call(pool.use("k", Effect.succeed))
      stage.settle()
      expect(failureOf(late.unsafePoll())).toMatchObject({ _tag: "UnknownKey", key: "k" })
    }))

  it("lets who holds an item of a removed key finish, by the deadline, and forgets the key then", () =>
    onSettings({ k: { max: 2 } }, (bench, items, settings) => {
      const { pool, stage } = bench
      const [first, second] = [hold(bench), hold(bench)]
      const lost = stage.call(second.lease.lost)
      settings.delete("k")
      stage.run(pool.refresh(all("Remove"), 1_000))
      stage.advance(999)
      first.giveBack()
      stage.settle()
      expect([...items.open]).toEqual([second.item])
      expect(entries(bench)).toEqual(["k"])
      stage.advance(1)
      expect(items.open.size).toBe(0)
      expect(failureOf(lost.unsafePoll())).toMatchObject({ _tag: "LeaseRevoked", reason: "its key was removed" })
      second.giveBack()
      stage.settle()
      expect(entries(bench)).toEqual([])
    }))

  it("serves a removed key that has settings again with new items, while old ones are still held", () =>
    onSettings({ k: { max: 1 } }, (bench, items, settings) => {
      const { pool, stage } = bench
      const held = hold(bench)
      settings.delete("k")
      stage.run(pool.refresh(all("Remove"), 1_000))
      settings.set("k", { max: 1, idleTimeToLive: 5_000 })
      expect(stage.run(pool.use("k", Effect.succeed))).toBe(2)
      stage.advance(1_000)
      expect([...items.open]).toEqual([2])
      held.giveBack()
      stage.advance(60_000)
      expect(entries(bench)).toEqual([])
    }))

  it("ends a warm-up of a key that it removes", () =>
    onSettings(
      { k: { min: 1 } },
      (bench, _, settings) => {
        const { pool, stage } = bench
        const warming = stage.call(pool.warm(["k"]))
        stage.settle()
        settings.delete("k")
        stage.run(pool.refresh(all("Remove")))
        stage.settle()
        expect(failureOf(warming.unsafePoll())).toMatchObject({ _tag: "UnknownKey" })
        expect(entries(bench)).toEqual([])
      },
      { acquire: () => Effect.never }
    ))
})
