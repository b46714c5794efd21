/** What can be asked of a pool beside borrowing, each as its documentation says. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "@effect/vitest"
import { Lease, type Pool, type PoolEvent, PoolError } from "@mooring/pool"
import { forever } from "./lab/Behaviour.js"
import { Attempts, type Bench, Counter, onBench } from "./lab/Bench.js"
import { Stage } from "./lab/Stage.js"

const nothing = () => Effect.void

/** Borrows a share until the scope that this gives is closed. */
const hold = <A, E>({ pool, stage }: Bench<A, E>, key = "k") => {
  const scope = stage.run(Scope.make())
  const lease = stage.run(Scope.extend(pool.lease(key), scope))
  return { lease, item: lease.item, giveBack: () => stage.run(Scope.close(scope, Exit.void)) }
}

/** The events from now on. */
const listen = <A, E>({ pool, stage }: Bench<A, E>): ReadonlyArray<PoolEvent.PoolEvent> => {
  const events: Array<PoolEvent.PoolEvent> = []
  stage.fork(Stream.runForEach(pool.events, (event) => Effect.sync(() => events.push(event))))
  stage.settle()
  return events
}

const tags = (events: ReadonlyArray<PoolEvent.PoolEvent>) => events.map(({ _tag }) => _tag)

describe("warm", () => {
  it("opens one item of each key, and ends when all are there", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: (key) => Effect.delay(items.acquire, key === "slow" ? 100 : 10) }),
      ({ pool, stage }) => {
        const fiber = stage.call(pool.warm(["quick", "slow"]))
        stage.advance(99)
        expect(items.open.size).toBe(1)
        expect(fiber.unsafePoll()).toBeNull()
        stage.advance(1)
        expect(fiber.unsafePoll()).toEqual(Exit.void)
        expect(items.open.size).toBe(2)
      }
    )
  })

  it("opens min items, and keeps as many from then on", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: () => items.acquire, config: { min: 2, max: 3, idleTimeToLive: 1_000 } }),
      ({ pool, stage }) => {
        stage.run(pool.warm(["k"]))
        expect(items.open.size).toBe(2)
        stage.advance(60_000)
        expect([...items.open]).toEqual([1, 2])
        stage.run(pool.invalidate(1))
        expect([...items.open]).toEqual([2, 3])
      }
    )
  })

  it("ends at once for no keys, and for keys that are warm", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: () => items.acquire }),
      ({ pool, stage }) => {
        stage.run(pool.warm([]))
        stage.run(pool.warm(["k"]))
        stage.run(pool.warm(["k", "k"]))
        expect(items.next).toBe(1)
      }
    )
  })

  it("fails with the first failure that cannot be retried, and goes on opening for nobody else", () => {
    const items = new Counter()
    onBench<number, string>(
      () => ({
        acquire: (key) => (key === "bad" ? Effect.delay(Effect.fail("refused"), 10) : Effect.delay(items.acquire, 20)),
        isRetryable: () => false
      }),
      ({ pool, stage }) => {
        const fiber = stage.call(Effect.flip(pool.warm(["good", "bad"])))
        stage.advance(10)
        expect(fiber.unsafePoll()).toEqual(Exit.succeed("refused"))
        stage.advance(10)
        expect(items.open.size).toBe(1)
      }
    )
  })

  it("fails at the longer of acquireTimeout and connectTimeout, and says what failed meanwhile", () => {
    for (const [acquireTimeout, connectTimeout] of [
      [5_000, 2_000],
      [2_000, 5_000]
    ] as const) {
      onBench<number, string>(
        () => ({
          acquire: () => Effect.fail("refused"),
          config: { acquireTimeout, connectTimeout, backoff: { base: 300, max: 300 }, breakerThreshold: 1_000 }
        }),
        ({ pool, stage }) => {
          const fiber = stage.call(Effect.flip(pool.warm(["k"])))
          stage.advance(4_999)
          expect(fiber.unsafePoll()).toBeNull()
          stage.advance(1)
          expect(fiber.unsafePoll()).toMatchObject({
            value: { _tag: "AcquireTimeout", key: "k", timeoutMs: 5_000, waiting: 0, cause: "refused" }
          })
        }
      )
    }
  })

  it("of a suspended key fails with PoolSuspended at its deadline", () => {
    onBench(
      () => ({ acquire: () => Effect.succeed(1), config: { acquireTimeout: 1_000, connectTimeout: 1_000 } }),
      ({ pool, stage }) => {
        stage.run(pool.suspend("k"))
        const fiber = stage.call(Effect.flip(pool.warm(["k"])))
        stage.advance(1_000)
        expect(fiber.unsafePoll()).toMatchObject({ value: { _tag: "PoolSuspended", key: "k" } })
      }
    )
  })

  it("keeps as many as min says, when all of them have idled for long", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: () => items.acquire, config: { min: 1, max: 3, idleTimeToLive: 1_000 } }),
      (bench) => {
        const { pool, stage } = bench
        stage.run(pool.warm(["k"]))
        for (const { giveBack } of [hold(bench), hold(bench), hold(bench)]) giveBack()
        stage.advance(60_000)
        expect(items.closed).toHaveLength(2)
        expect(items.next).toBe(3)
      }
    )
  })

  it("reserves a key's minimum once, however often it is warmed, and keeps no key without one", () => {
    onBench(
      () => ({
        acquire: () => Effect.succeed({}),
        config: (key) => ({ min: key === "none" ? 0 : 1, idleTimeToLive: 100 }),
        maxTotal: 2
      }),
      ({ pool, stage }) => {
        stage.run(pool.warm(["a", "none"]))
        stage.run(pool.warm(["a"]))
        stage.advance(100)
        stage.run(pool.warm(["b"]))
        expect(stage.run(pool.stats).keys.map(({ key }) => key)).toEqual(["a", "b"])
      }
    )
  })

  it("is refused when the pinned minimum would be more than maxTotal, and leaves room for what fits", () => {
    onBench(
      () => ({ acquire: () => Effect.succeed({}), config: { min: 2, max: 2 }, maxTotal: 5 }),
      ({ pool, stage }) => {
        stage.run(pool.warm(["a", "b"]))
        const error = stage.run(Effect.flip(pool.warm(["c"])))
        expect(error).toBeInstanceOf(PoolError.PoolConfigError)
        expect(error).toMatchObject({
          key: "c",
          field: "min",
          reason: "of all pinned keys must not be above maxTotal (5); it would be 6"
        })
        stage.run(pool.resize("c", { min: 1, max: 1 }))
        stage.run(pool.warm(["c"]))
        expect(stage.run(pool.stats)).toMatchObject({ open: 5 })
        const larger = stage.run(Effect.flip(pool.resize("c", { min: 2, max: 2 })))
        expect(larger).toMatchObject({ key: "c", field: "min" })
        stage.run(pool.resize("a", { min: 1, max: 2 }))
        stage.run(pool.resize("c", { min: 2, max: 2 }))
      }
    )
  })

  it("fails in a closed pool, and when the pool closes meanwhile", () => {
    onBench(
      () => ({ acquire: () => Effect.delay(Effect.succeed(1), 1_000) }),
      ({ close, pool, stage }) => {
        const early = stage.call(Effect.flip(pool.warm(["k"])))
        stage.settle()
        close()
        stage.settle()
        expect(early.unsafePoll()).toMatchObject({ value: { _tag: "PoolClosed", key: "k" } })
        expect(stage.run(Effect.flip(pool.warm(["other"])))).toMatchObject({ _tag: "PoolClosed", key: "other" })
      }
    )
  })

  it("is given up with whoever asked: what it no longer wants is not opened", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: () => Effect.delay(items.acquire, 10), config: { max: 2, maxConnecting: 1 } }),
      ({ pool, stage }) => {
        stage.run(pool.suspend("k"))
        const fiber = stage.call(pool.warm(["k"]))
        stage.settle()
        fiber.unsafeInterruptAsFork(FiberId.none)
        stage.settle()
        stage.run(pool.resume("k"))
        stage.advance(60_000)
        expect(items.next).toBe(0)
      }
    )
  })
})

describe("drain", () => {
  it("of a key that the pool does not know ends at once", () => {
    onBench(
      () => ({ acquire: () => Effect.succeed(1) }),
      ({ pool, stage }) => {
        stage.run(pool.drain("k"))
        expect(stage.run(pool.stats).keys).toEqual([])
      }
    )
  })

  it("closes what idles at once and what is busy when it comes back, and ends with the last of them", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: () => items.acquire, config: { max: 2 } }),
      (bench) => {
        const { pool, stage } = bench
        const one = hold(bench)
        const two = hold(bench)
        two.giveBack()
        const fiber = stage.call(pool.drain("k"))
        stage.settle()
        expect(items.closed).toEqual([2])
        expect(fiber.unsafePoll()).toBeNull()
        one.giveBack()
        expect(items.closed).toEqual([2, 1])
        expect(fiber.unsafePoll()).toEqual(Exit.void)
      }
    )
  })

  it("takes away what is still out at its deadline, or after shutdownTimeout if none is given", () => {
    for (const deadline of [undefined, 700] as const) {
      const items = new Counter()
      onBench(
        () => ({ acquire: () => items.acquire, shutdownTimeout: 2_000 }),
        (bench) => {
          const { pool, stage } = bench
          const events = listen(bench)
          const held = hold(bench)
          const lost = stage.call(Effect.flip(held.lease.lost))
          const fiber = stage.call(deadline === undefined ? pool.drain("k") : pool.drain("k", deadline))
          stage.advance((deadline ?? 2_000) - 1)
          expect(items.closed).toEqual([])
          stage.advance(1)
          expect(items.closed).toEqual([1])
          expect(fiber.unsafePoll()).toEqual(Exit.void)
          expect(lost.unsafePoll()).toMatchObject({
            value: { _tag: "LeaseRevoked", key: "k", reason: "its key was drained" }
          })
          // Who asks only now is told as well.
          expect(stage.run(Effect.flip(held.lease.lost))).toMatchObject({ reason: "its key was drained" })
          expect(events).toContainEqual({ _tag: "Revoked", key: "k", item: 1, reason: "its key was drained" })
          expect(stage.run(pool.stats)).toMatchObject({ leases: 1, open: 0 })
          held.giveBack()
          expect(stage.run(pool.stats)).toMatchObject({ leases: 0, released: 1 })
        }
      )
    }
  })

  it("serves who waits with a new item", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: () => items.acquire }),
      (bench) => {
        const { pool, stage } = bench
        const held = hold(bench)
        const waiter = stage.call(pool.use("k", (item) => Effect.succeed(item)))
        stage.call(pool.drain("k"))
        stage.settle()
        held.giveBack()
        expect(waiter.unsafePoll()).toEqual(Exit.succeed(2))
      }
    )
  })

  it("that nobody waits for any more still drains, and takes nothing away at its deadline", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: () => items.acquire }),
      (bench) => {
        const { pool, stage } = bench
        const held = hold(bench)
        const fiber = stage.call(pool.drain("k", 1_000))
        stage.settle()
        fiber.unsafeInterruptAsFork(FiberId.none)
        stage.advance(5_000)
        expect(items.closed).toEqual([])
        held.giveBack()
        expect(items.closed).toEqual([1])
      }
    )
  })
})

describe("suspend", () => {
  it("of one key hands out nothing for it, others go on; resume serves who waits, in order", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: () => items.acquire }),
      ({ pool, stage }) => {
        stage.run(pool.use("k", nothing))
        stage.run(pool.suspend("k"))
        const served: Array<number> = []
        for (const n of [1, 2]) stage.call(pool.use("k", () => Effect.sync(() => served.push(n))))
        stage.settle()
        expect(served).toEqual([])
        expect(stage.run(pool.use("other", Effect.succeed))).toBe(2)
        expect(stage.run(pool.keyStats("k"))).toMatchObject({ suspended: true, waiting: 2 })
        stage.run(pool.resume("k"))
        expect(served).toEqual([1, 2])
        expect(stage.run(pool.keyStats("k"))).toMatchObject({ suspended: false })
      }
    )
  })

  it("of the whole pool holds every key, and resuming one of them changes nothing", () => {
    onBench(
      () => ({ acquire: () => Effect.succeed(1) }),
      ({ pool, stage }) => {
        stage.run(pool.suspend())
        const fiber = stage.call(pool.use("k", Effect.succeed))
        stage.run(pool.resume("k"))
        expect(fiber.unsafePoll()).toBeNull()
        stage.run(pool.resume())
        expect(fiber.unsafePoll()).toEqual(Exit.succeed(1))
      }
    )
  })

  it("of the whole pool forgets no key that is being warmed, nor one whose lease was revoked and not yet given back", () => {
    onBench(
      () => ({ acquire: () => Effect.succeed({}), config: { idleTimeToLive: 100 } }),
      (bench) => {
        const { pool, stage } = bench
        const { giveBack } = hold(bench, "held")
        stage.fork(pool.drain("held", 0))
        stage.advance(1)
        stage.run(pool.suspend())
        const warming = stage.call(pool.warm(["k"]))
        const leaving = stage.call(pool.use("k", nothing))
        stage.settle()
        leaving.unsafeInterruptAsFork(FiberId.none)
        stage.advance(1_000)
        const keys = () => stage.run(pool.stats).keys.map(({ key, leases }) => [key, leases])
        expect(keys()).toEqual([
          ["held", 1],
          ["k", 0]
        ])
        giveBack()
        stage.run(pool.resume())
        stage.settle()
        expect(warming.unsafePoll()).toEqual(Exit.void)
        stage.advance(1_000)
        expect(keys()).toEqual([])
      }
    )
  })

  it("lets a wait end with PoolSuspended at its deadline", () => {
    onBench(
      () => ({ acquire: () => Effect.succeed(1), config: { acquireTimeout: 1_000, connectTimeout: 500 } }),
      ({ pool, stage }) => {
        stage.run(pool.suspend("k"))
        const fiber = stage.call(Effect.flip(pool.use("k", Effect.succeed)))
        stage.advance(999)
        expect(fiber.unsafePoll()).toBeNull()
        stage.advance(1)
        expect(fiber.unsafePoll()).toMatchObject({ value: { _tag: "PoolSuspended", key: "k" } })
      }
    )
  })

  it("is not forgotten with the key's last item", () => {
    onBench(
      () => ({ acquire: () => Effect.succeed(1), config: { idleTimeToLive: 1_000 } }),
      ({ pool, stage }) => {
        stage.run(pool.use("k", nothing))
        stage.run(pool.suspend("k"))
        stage.advance(60_000)
        expect(stage.run(pool.keyStats("k"))).toMatchObject({ suspended: true, open: 0 })
        stage.run(pool.resume("k"))
        expect(stage.run(pool.keyStats("k"))).toBeUndefined()
      }
    )
  })

  it("keeps a pinned key from opening what it misses", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: () => items.acquire, config: { min: 1 } }),
      ({ pool, stage }) => {
        stage.run(pool.warm(["k"]))
        stage.run(pool.suspend("k"))
        stage.run(pool.invalidate(1))
        expect(items.next).toBe(1)
        stage.run(pool.resume("k"))
        expect(items.next).toBe(2)
      }
    )
  })
})

describe("resize", () => {
  it("gives a new key its settings before its first use, and keeps them", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: () => items.acquire, config: { idleTimeToLive: 1_000 } }),
      (bench) => {
        const { pool, stage } = bench
        stage.run(pool.resize("k", { max: 2, idleTimeToLive: 1_000 }))
        const held = [hold(bench), hold(bench)]
        for (const { giveBack } of held) giveBack()
        stage.advance(60_000)
        expect(items.open.size).toBe(0)
        expect(stage.run(pool.keyStats("k"))).toBeDefined()
        const again = [hold(bench), hold(bench)]
        expect(again.map(({ item }) => item)).toEqual([3, 4])
        for (const { giveBack } of again) giveBack()
      }
    )
  })

  it("serves who waits when there is more room, or more concurrency", () => {
    for (const config of [{ max: 2 }, { concurrency: 2 }]) {
      const items = new Counter()
      onBench(
        () => ({ acquire: () => items.acquire }),
        (bench) => {
          const { pool, stage } = bench
          const held = hold(bench)
          const waiter = stage.call(pool.use("k", Effect.succeed))
          stage.settle()
          expect(waiter.unsafePoll()).toBeNull()
          stage.run(pool.resize("k", config))
          expect(waiter.unsafePoll()).toMatchObject({ _tag: "Success" })
          held.giveBack()
        }
      )
    }
  })

  it("leaves an item the concurrency that its own handle has set", () => {
    onBench(
      () => ({
        acquire: (_, handle) =>
          Effect.sync(() => {
            handle.setConcurrency(3)
            return 1
          })
      }),
      ({ pool, stage }) => {
        for (let n = 0; n < 5; n++) stage.call(pool.use("k", () => forever))
        stage.settle()
        expect(stage.run(pool.stats)).toMatchObject({ leases: 3 })
        stage.run(pool.resize("k", { concurrency: 4 }))
        expect(stage.run(pool.stats)).toMatchObject({ leases: 3 })
      }
    )
  })

  it("to a lower max closes the least loaded of what is busy when it comes back, and no more than must go", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: () => items.acquire, config: { max: 3, concurrency: 2 } }),
      (bench) => {
        const { pool, stage } = bench
        const events = listen(bench)
        const whole = stage.run(Scope.make())
        for (let n = 0; n < 3; n++) stage.run(Scope.extend(pool.exclusive("k"), whole))
        stage.run(Scope.close(whole, Exit.void))
        const shares = [hold(bench), hold(bench), hold(bench), hold(bench)]
        const loads = new Map<number, number>()
        for (const { item } of shares) loads.set(item, (loads.get(item) ?? 0) + 1)
        expect([...loads.values()].toSorted()).toEqual([1, 1, 2])
        stage.run(pool.resize("k", { max: 1, concurrency: 2 }))
        const draining = events.flatMap((event) => (event._tag === "Draining" ? [event] : []))
        expect(draining.map(({ item }) => loads.get(item))).toEqual([1, 1])
        for (const { detail, reason } of draining) expect([reason, detail]).toEqual(["surplus", "max was lowered"])
        expect(items.closed).toEqual([])
        for (const { giveBack } of shares) giveBack()
        expect(items.open.size).toBe(1)
      }
    )
  })

  it("to a lower max keeps the item that most is held of, wherever it stands among the others", () => {
    for (const most of [1, 2, 3]) {
      const items = new Counter()
      onBench(
        () => ({ acquire: () => items.acquire, config: { max: 3, concurrency: 2 } }),
        (bench) => {
          const { pool, stage } = bench
          const shares = Array.from({ length: 6 }, () => hold(bench))
          const halves = [1, 2, 3].map((id) => shares.filter(({ item }) => item === id))
          for (const [index, [, second]] of halves.entries()) if (index + 1 !== most) second?.giveBack()
          stage.run(pool.resize("k", { max: 1, concurrency: 2 }))
          for (const [first] of halves) first?.giveBack()
          expect([...items.open]).toEqual([most])
        }
      )
    }
  })

  it("to a lower max closes what has idled for longest, and what was opened first only where that is the same", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: () => items.acquire, config: { max: 4, concurrency: 2 } }),
      ({ pool, stage }) => {
        const back = [30, 10, 20, 100]
        for (const millis of back) {
          stage.call(Effect.scoped(Effect.zipRight(pool.exclusive("k"), Effect.sleep(millis))))
          stage.settle()
        }
        stage.advance(50)
        stage.run(pool.resize("k", { max: 3, concurrency: 2 }))
        expect(items.closed).toEqual([2])
        stage.run(pool.resize("k", { max: 2, concurrency: 2 }))
        expect(items.closed).toEqual([2, 3])
        stage.run(pool.resize("k", { max: 1, concurrency: 2 }))
        expect(items.closed).toEqual([2, 3, 1])
      }
    )
  })

  it("to a lower max closes what was opening then and comes back later, and maxIdle what idles", () => {
    const items = new Counter()
    onBench<number, never>(
      () => ({ acquire: () => Effect.delay(items.acquire, 10), config: { max: 4 } }),
      (bench) => {
        const { pool, stage } = bench
        const events = listen(bench)
        const last = () => events.findLast((event) => event._tag === "Draining")
        const callers = [20, 30, 40, 40].map((millis) => stage.call(pool.use("k", () => Effect.sleep(millis))))
        stage.settle()
        stage.run(pool.resize("k", { max: 2 }))
        stage.advance(10)
        expect(items.open.size).toBe(4)
        stage.advance(20)
        expect(last()).toMatchObject({ reason: "surplus", detail: "max was lowered" })
        stage.advance(10)
        expect(items.open.size).toBe(2)
        stage.run(pool.resize("k", { max: 2, maxIdle: 1 }))
        stage.advance(100)
        expect(callers.every((caller) => caller.unsafePoll() !== null)).toBe(true)
        expect(items.open.size).toBe(1)
        expect(last()).toMatchObject({ reason: "surplus", detail: "more items were idle than maxIdle allows" })
      }
    )
  })

  it("to a shorter time to live counts from when the item was given back", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: () => items.acquire, config: { idleTimeToLive: 60_000 } }),
      ({ pool, stage }) => {
        stage.run(pool.use("k", nothing))
        stage.advance(900)
        stage.run(pool.resize("k", { idleTimeToLive: 1_000 }))
        stage.advance(99)
        expect(items.closed).toEqual([])
        stage.advance(1)
        expect(items.closed).toEqual([1])
      }
    )
  })

  it("to a longer one lets it idle on", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: () => items.acquire, config: { idleTimeToLive: 1_000 } }),
      ({ pool, stage }) => {
        stage.run(pool.use("k", nothing))
        stage.run(pool.resize("k", { idleTimeToLive: 10_000 }))
        stage.advance(9_999)
        expect(items.closed).toEqual([])
        stage.advance(1)
        expect(items.closed).toEqual([1])
      }
    )
  })
})

describe("a lease", () => {
  it("may be given back early, once; its scope then changes nothing, nor does what is decided later", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: () => items.acquire }),
      (bench) => {
        const { pool, stage } = bench
        const held = hold(bench)
        stage.run(held.lease.release)
        expect(stage.run(pool.stats)).toMatchObject({ leases: 0, released: 1 })
        stage.run(held.lease.decide(Lease.Discard("too late")))
        held.giveBack()
        expect(stage.run(pool.stats)).toMatchObject({ leases: 0, released: 1, open: 1 })
        expect(items.closed).toEqual([])
      }
    )
  })

  it("does with its item what was said last, and says why", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: () => items.acquire }),
      (bench) => {
        const events = listen(bench)
        const kept = hold(bench)
        bench.stage.run(kept.lease.decide(Lease.Discard("it stutters")))
        bench.stage.run(kept.lease.decide(Lease.Reuse))
        kept.giveBack()
        expect(items.closed).toEqual([])
        const gone = hold(bench)
        bench.stage.run(gone.lease.decide(Lease.Discard("it stutters")))
        gone.giveBack()
        expect(items.closed).toEqual([1])
        expect(events).toContainEqual({
          _tag: "Draining",
          key: "k",
          item: 1,
          reason: "discarded",
          detail: "it stutters"
        })
      }
    )
  })

  it("that is not taken away is never lost, and who stops asking is forgotten", () => {
    onBench(
      () => ({ acquire: () => Effect.succeed(1) }),
      (bench) => {
        const held = hold(bench)
        const lost = bench.stage.call(held.lease.lost)
        bench.stage.advance(10_000)
        expect(lost.unsafePoll()).toBeNull()
        bench.stage.run(Fiber.interrupt(lost))
        held.giveBack()
      }
    )
  })

  it("on an item that more than one hold: each is told when it is taken away", () => {
    onBench(
      () => ({ acquire: () => Effect.succeed(1), config: { concurrency: 2 }, shutdownTimeout: 100 }),
      (bench) => {
        const { close, stage } = bench
        const fibers = [hold(bench), hold(bench)].map(({ lease }) => stage.call(Effect.flip(lease.lost)))
        close()
        stage.advance(100)
        for (const fiber of fibers) {
          expect(fiber.unsafePoll()).toMatchObject({ value: { _tag: "LeaseRevoked", reason: "the pool closed" } })
        }
      }
    )
  })
})

describe("events", () => {
  it("tell the life of an item from its beginning to its end", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: () => Effect.delay(items.acquire, 30), describeKey: (key) => `the ${key}` }),
      (bench) => {
        const { pool, stage } = bench
        stage.advance(7)
        const events = listen(bench)
        const fiber = stage.call(pool.use("k", nothing))
        stage.advance(30)
        expect(fiber.unsafePoll()).toEqual(Exit.void)
        stage.run(pool.invalidate(1))
        const about = { key: "the k", item: 1 }
        expect(events).toEqual([
          { _tag: "Connecting", ...about },
          { _tag: "Connected", ...about, tookMs: 30 },
          { _tag: "Draining", ...about, reason: "invalidated", detail: "it was invalidated" },
          { _tag: "Closed", ...about, reason: "invalidated" }
        ])
      }
    )
  })

  it("tell of a circuit that opens, is on trial, and closes", () => {
    let works = false
    const attempts = new Attempts(() => works)
    onBench<number, string>(
      () => ({
        acquire: () => Effect.delay(attempts.acquire, 10),
        config: { breakerThreshold: 1, breakerOpenFor: 1_000, acquireTimeout: 60_000 }
      }),
      (bench) => {
        const { pool, stage } = bench
        const events = listen(bench)
        const circuits = () => events.flatMap((event) => (event._tag === "Circuit" ? [event.state] : []))
        stage.call(Effect.exit(pool.use("k", nothing)))
        stage.advance(10)
        expect(circuits()).toEqual(["open"])
        expect(events).toContainEqual(expect.objectContaining({ _tag: "ConnectFailed", retryAfterMs: 1_000 }))
        expect(stage.run(pool.keyStats("k"))).toMatchObject({ circuit: "open" })
        stage.advance(1_000)
        expect(stage.run(pool.keyStats("k"))).toMatchObject({ circuit: "halfOpen" })
        works = true
        stage.call(pool.use("k", nothing))
        stage.advance(10)
        expect(circuits()).toEqual(["open", "closed"])
      }
    )
  })

  it("of a key are kept until it has not been used for as long as its items may idle", () => {
    onBench(
      () => ({ acquire: () => Effect.succeed(1), config: { idleTimeToLive: 1_000 } }),
      ({ pool, stage }) => {
        stage.run(pool.warm(["k"]))
        stage.call(pool.use("k", () => Effect.sleep(100)))
        stage.advance(150)
        stage.run(pool.invalidate(1))
        stage.advance(949)
        expect(stage.run(pool.keyStats("k"))).toBeDefined()
        stage.advance(1)
        expect(stage.run(pool.keyStats("k"))).toBeUndefined()
      }
    )
  })

  it("tell of an attempt that outlasted its deadline, and of an item that was not open when it came", () => {
    onBench<number, never>(
      () => ({
        acquire: (key) => Effect.delay(Effect.succeed(1), key === "slow" ? 1_000 : 0),
        isOpen: () => false,
        config: { connectTimeout: 50, backoff: { base: 10_000, max: 10_000 } }
      }),
      (bench) => {
        const events = listen(bench)
        for (const key of ["slow", "shut"]) bench.stage.call(bench.pool.use(key, nothing))
        bench.stage.advance(50)
        const causes = events.flatMap((event) => (event._tag === "ConnectFailed" ? [Cause.squash(event.cause)] : []))
        expect(causes).toEqual([
          new PoolError.ItemEnded({ key: "shut", reason: "isOpen did not say that it is open" }),
          new PoolError.ConnectTimeout({ key: "slow", timeoutMs: 50 })
        ])
      }
    )
  })

  it("tell of the pause that a failure asked for, where it is longer than the pool's own", () => {
    const attempts = new Attempts((attempt) => attempt > 2)
    const asked = [5_000, Infinity]
    onBench<number, string>(
      () => ({
        acquire: () => attempts.acquire,
        retryAfter: () => asked.shift(),
        config: { backoff: { base: 10, max: 10 }, acquireTimeout: 60_000 }
      }),
      (bench) => {
        const { pool, stage } = bench
        const events = listen(bench)
        const pauses = () =>
          events.flatMap((event) => (event._tag === "ConnectFailed" ? [Math.round(event.retryAfterMs)] : []))
        const fiber = stage.call(Effect.exit(pool.use("k", nothing)))
        stage.settle()
        expect(pauses()).toEqual([5_000])
        stage.advance(4_999)
        expect(attempts.count).toBe(1)
        stage.advance(1)
        expect(attempts.count).toBe(2)
        // As long as may be, and a number that can be reckoned with.
        expect(pauses()[1]).toBeGreaterThan(9e9 - 5_001)
        expect(pauses()[1]).toBeLessThan(Infinity)
        stage.advance(60_000)
        expect(fiber.unsafePoll()).not.toBe(null)
      }
    )
  })

  it("end with the pool, and cost a listener who is slow the oldest", () => {
    onBench(
      () => ({ acquire: () => Effect.succeed({}), config: { idleTimeToLive: 1 } }),
      ({ close, pool, stage }) => {
        const seen: Array<PoolEvent.PoolEvent> = []
        let go: () => void = () => {}
        const slow = Effect.async<void>((resume) => {
          go = () => resume(Effect.void)
        })
        const fiber = stage.fork(
          Stream.runForEach(pool.events, (event) => {
            seen.push(event)
            return seen.length === 1 ? slow : Effect.void
          })
        )
        stage.settle()
        for (let n = 0; n < 500; n++) stage.run(pool.use("k", (item) => pool.invalidate(item)))
        expect(seen).toHaveLength(1)
        go()
        stage.settle()
        // Four events each: of two thousand, the last thousand or so are there.
        expect(seen.length).toBeGreaterThan(900)
        expect(seen.length).toBeLessThan(1_200)
        expect(seen.at(-1)).toMatchObject({ _tag: "Closed", item: 500 })
        close()
        stage.settle()
        expect(fiber.unsafePoll()).toMatchObject({ _tag: expect.stringMatching(/Success|Failure/) })
      }
    )
  })
})

describe("a lease that is held for too long", () => {
  /** Plays with a pool that watches for leaks, and hears what it logs. */
  const watched = (test: (bench: Bench<number, never>, logged: Array<string>) => void): void => {
    const logged: Array<string> = []
    const logger = Logger.make(({ message }) => {
      logged.push(String(message))
    })
    onBench<number, never>(
      () => ({ acquire: () => Effect.succeed(1), config: { concurrency: 3, leakThreshold: 1_000 } }),
      (bench) => test(bench, logged),
      new Stage({ seed: 1, logger })
    )
  }
  const here = "operations.test.ts"

  for (const how of ["use", "lease", "exclusive"] as const) {
    it(`by ${how} is reported once, with where it was taken`, () => {
      watched((bench, logged) => {
        const { pool, stage } = bench
        stage.advance(7)
        const events = listen(bench)
        const fiber = stage.call(
          how === "use" ? pool.use("k", () => forever) : Effect.scoped(Effect.zipRight(pool[how]("k"), forever))
        )
        stage.advance(999)
        expect(tags(events)).not.toContain("Leak")
        stage.advance(60_000)
        expect(events.filter((event) => event._tag === "Leak")).toEqual([
          { _tag: "Leak", key: "k", item: 1, heldMs: 1_000, taken: expect.stringContaining(here) }
        ])
        expect(logged).toEqual([expect.stringContaining('Pool, key "k": a lease has been held for 1000 ms. Taken at')])
        expect(logged[0]).toContain(here)
        fiber.unsafeInterruptAsFork(FiberId.none)
        stage.settle()
      })
    })
  }

  it("is not reported when it came back in time, however its use ended", () => {
    watched((bench) => {
      const { pool, stage } = bench
      const events = listen(bench)
      stage.run(pool.use("k", nothing))
      stage.run(Effect.exit(pool.use("k", () => Effect.fail("no"))))
      stage.run(Effect.scoped(pool.lease("k")))
      hold(bench).giveBack()
      stage.advance(60_000)
      expect(tags(events)).not.toContain("Leak")
    })
  })

  it("says nothing where no threshold is set", () => {
    onBench(
      () => ({ acquire: () => Effect.succeed(1) }),
      (bench) => {
        const events = listen(bench)
        const held = hold(bench)
        bench.stage.advance(86_400_000)
        expect(tags(events)).not.toContain("Leak")
        held.giveBack()
      }
    )
  })

  it("says that the place is not known where none was looked for, or none can be", () => {
    const taken = (play: (bench: Bench<number, never>) => void): ReadonlyArray<unknown> => {
      let places: ReadonlyArray<unknown> = []
      onBench<number, never>(
        // Whether a key watches is not known before it is asked for.
        () => ({ acquire: () => Effect.succeed(1), config: () => ({ concurrency: 3, leakThreshold: 1_000 }) }),
        (bench) => {
          const events = listen(bench)
          play(bench)
          bench.stage.advance(1_000)
          places = events.flatMap((event) => (event._tag === "Leak" ? [event.taken] : []))
        }
      )
      return places
    }
    expect(taken((bench) => void hold(bench))).toEqual(["an unknown place"])
    const { stackTraceLimit } = Error
    try {
      const second = (bench: Bench<number, never>) => {
        hold(bench).giveBack()
        Error.stackTraceLimit = 0
        hold(bench)
        Error.stackTraceLimit = stackTraceLimit
      }
      expect(taken(second)).toEqual(["an unknown place"])
    } finally {
      Error.stackTraceLimit = stackTraceLimit
    }
  })

  it("says the three innermost places, in one line", () => {
    const { prepareStackTrace } = Error
    onBench<number, never>(
      () => ({ acquire: () => Effect.succeed(1), config: { leakThreshold: 1_000 } }),
      (bench) => {
        const events = listen(bench)
        Error.prepareStackTrace = () =>
          [
            "Error",
            "    at it (a:1)",
            "    at method (a:2)",
            "    at bat (b:3)",
            "  at c (c:4)",
            "    at d",
            "    at e"
          ].join("\n")
        try {
          hold(bench)
        } finally {
          Error.prepareStackTrace = prepareStackTrace
        }
        bench.stage.advance(1_000)
        expect(events).toContainEqual(expect.objectContaining({ taken: "bat (b:3) < c (c:4) < d" }))
      }
    )
  })

  it("looks for the place only where some key watches, and bears whatever a stack trace is made into", () => {
    const traces = (config: Pool.PoolOptions<string, number, never, never>["config"]) => {
      const { prepareStackTrace } = Error
      let made = 0
      let places: ReadonlyArray<unknown> = []
      onBench<number, never>(
        () => ({ acquire: () => Effect.succeed(1), config }),
        (bench) => {
          const events = listen(bench)
          Error.prepareStackTrace = () => {
            made += 1
            return { lines: 0 }
          }
          try {
            expect(bench.pool.lease("k")).toBeDefined()
            hold(bench)
          } finally {
            Error.prepareStackTrace = prepareStackTrace
          }
          bench.stage.advance(1_000)
          places = events.flatMap((event) => (event._tag === "Leak" ? [event.taken] : []))
        }
      )
      return { made, places }
    }
    expect(traces({ concurrency: 2 })).toEqual({ made: 0, places: [] })
    expect(traces({ leakThreshold: 1_000 })).toEqual({ made: 2, places: ["an unknown place"] })
  })

  it("is watched in a key that got its threshold by resize", () => {
    onBench(
      () => ({ acquire: () => Effect.succeed(1) }),
      (bench) => {
        const events = listen(bench)
        bench.stage.run(bench.pool.resize("k", { leakThreshold: 500 }))
        const held = hold(bench)
        bench.stage.advance(500)
        expect(events).toContainEqual(expect.objectContaining({ _tag: "Leak", taken: expect.stringContaining(here) }))
        held.giveBack()
      }
    )
  })
})

describe("items of one value", () => {
  it("are all closed by invalidate, as long as one of them is there", () => {
    const shared = {}
    onBench(
      () => ({ acquire: () => Effect.succeed(shared), config: { max: 2 } }),
      (bench) => {
        const { pool, stage } = bench
        const [first, second] = [hold(bench), hold(bench)]
        stage.run(first.lease.decide(Lease.Discard("it is dirty")))
        first.giveBack()
        second.giveBack()
        expect(stage.run(pool.stats)).toMatchObject({ idle: 1, closed: { discarded: 1 } })
        stage.run(pool.invalidate(shared))
        expect(stage.run(pool.stats)).toMatchObject({ idle: 0, closed: { discarded: 1, invalidated: 1 } })
      }
    )
  })
})

describe("an item that speaks while the pool looks at it", () => {
  it("is not lent when it says that it must go, though it answers that it is open", () => {
    const handles: Array<Pool.ItemHandle> = []
    let looked = 0
    onBench<number, never>(
      () => ({
        acquire: (_, handle) => Effect.sync(() => handles.push(handle)),
        isOpen: (item) => {
          looked += 1
          if (item === 1 && looked === 3) handles[0]?.retire("now")
          return true
        }
      }),
      ({ pool, stage }) => {
        expect(stage.run(pool.use("k", Effect.succeed))).toBe(1)
        looked = 2
        expect(stage.run(pool.use("k", Effect.succeed))).toBe(2)
      }
    )
  })

  it("is heard: those who wait share what it says that it can bear", () => {
    let handle: Pool.ItemHandle | undefined
    onBench<number, never>(
      () => ({
        acquire: (_, given) => {
          handle = given
          return Effect.delay(Effect.succeed(1), 10)
        },
        isOpen: () => {
          handle?.setConcurrency(3)
          return true
        }
      }),
      ({ pool, stage }) => {
        const served = [1, 2, 3, 4].map((n) => {
          const scope = stage.run(Scope.make())
          return { n, fiber: stage.call(Scope.extend(pool.lease("k"), scope)) }
        })
        stage.advance(10)
        expect(served.map(({ fiber }) => fiber.unsafePoll() !== null)).toEqual([true, true, true, false])
        expect(stage.run(pool.stats)).toMatchObject({ open: 1, leases: 3, waiting: 1 })
      }
    )
  })
})

describe("an item that says at once that it must not serve", () => {
  it("does not open, for the first reason that it gave", () => {
    onBench<number, never>(
      () => ({
        acquire: (_, handle) =>
          Effect.sync(() => {
            handle.retire("born tired")
            handle.retire("and again")
            return 1
          })
      }),
      (bench) => {
        const events = listen(bench)
        const borrower = bench.stage.call(bench.pool.use("k", nothing))
        bench.stage.advance(1_000)
        expect(borrower.unsafePoll()).toBe(null)
        const [first] = events.flatMap((event) => (event._tag === "ConnectFailed" ? [Cause.pretty(event.cause)] : []))
        expect(first).toContain("born tired")
        expect(tags(events)).not.toContain("Connected")
      }
    )
  })
})

describe("the pool as a value", () => {
  it("can be piped", () => {
    onBench(
      () => ({ acquire: () => Effect.succeed(1) }),
      ({ pool, stage }) => {
        expect(stage.run(pool.pipe((piped) => Effect.scoped(piped.get("k"))))).toBe(1)
      }
    )
  })

  it("finds an item by its value, also where several are the same value", () => {
    let opened = 0
    let closed = 0
    onBench(
      () => ({
        acquire: () =>
          Effect.acquireRelease(
            Effect.sync(() => {
              opened += 1
              return "the same"
            }),
            () => Effect.sync(() => (closed += 1))
          ),
        config: { max: 2 }
      }),
      (bench) => {
        const { pool, stage } = bench
        const held = [hold(bench), hold(bench)]
        for (const { giveBack } of held) giveBack()
        expect(opened).toBe(2)
        stage.run(pool.invalidate("another"))
        expect(closed).toBe(0)
        stage.run(pool.invalidate("the same"))
        expect(closed).toBe(2)
        stage.run(pool.invalidate("the same"))
        expect(closed).toBe(2)
      }
    )
  })
})
