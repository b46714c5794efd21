/** What the laws have found, each in the smallest form that shows it. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "@effect/vitest"
import { Lease, type Pool, type PoolEvent } from "@mooring/pool"
import { forever } from "./lab/Behaviour.js"
import { Attempts, Counter, onBench } from "./lab/Bench.js"
import { Stage } from "./lab/Stage.js"

describe("what the laws have found", () => {
  it("L18: an item that opens when nobody waits for it any more expires like any other", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: () => Effect.zipRight(Effect.sleep(30), items.acquire), config: { idleTimeToLive: 1_000 } }),
      ({ stage, pool }) => {
        const fiber = stage.call(pool.use("k", () => Effect.void))
        stage.settle()
        fiber.unsafeInterruptAsFork(FiberId.none)
        stage.advance(30)
        expect([...items.open]).toEqual([1])
        stage.advance(1_000)
        expect(items.closed).toEqual([1])
        expect(stage.run(pool.keyStats("k"))).toBeUndefined()
      }
    )
  })

  it("L5: a slot that is passed to a waiter who leaves at that moment counts as given back once", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: () => items.acquire }),
      ({ stage, pool }) => {
        const holder = stage.run(Scope.make())
        stage.run(Scope.extend(pool.lease("k"), holder))
        const waiter = stage.call(pool.use("k", () => Effect.void))
        stage.settle()
        stage.fork(Scope.close(holder, Exit.void))
        waiter.unsafeInterruptAsFork(FiberId.none)
        stage.settle()
        const stats = stage.run(pool.stats)
        expect(stats).toMatchObject({ leases: 0, waiting: 0, started: 2, cancelled: 1, released: 1 })
      }
    )
  })

  it("L9: isOpen is asked for each of several waiters that are served in one go", () => {
    const items = new Counter()
    let asked = 0
    let handle: Pool.ItemHandle | undefined
    onBench(
      () => ({
        acquire: (_: string, given: Pool.ItemHandle) => {
          handle = given
          return items.acquire
        },
        isOpen: () => {
          asked += 1
          return true
        }
      }),
      ({ stage, pool }) => {
        for (let n = 0; n < 3; n++) stage.call(pool.use("k", () => forever))
        stage.settle()
        expect(stage.run(pool.stats)).toMatchObject({ leases: 1, waiting: 2 })
        asked = 0
        handle?.setConcurrency(3)
        stage.settle()
        expect(stage.run(pool.stats)).toMatchObject({ leases: 3, waiting: 0 })
        expect(asked).toBe(2)
      }
    )
  })

  it("L15: who comes while the check of another item is under way waits for that, and is not turned away", () => {
    const items = new Counter()
    onBench(
      () => ({
        acquire: () => items.acquire,
        health: { probe: () => Effect.sleep(50), schedule: Schedule.stop },
        config: { max: 2, maxWaiters: 0, validationBypass: 100 }
      }),
      ({ stage, pool }) => {
        const scope = stage.run(Scope.make())
        for (let n = 0; n < 2; n++) stage.run(Scope.extend(pool.lease("k"), scope))
        stage.run(Scope.close(scope, Exit.void))
        stage.advance(200)
        const gone = stage.call(pool.use("k", () => Effect.void))
        stage.settle()
        gone.unsafeInterruptAsFork(FiberId.none)
        stage.settle()
        const served = stage.call(pool.use("k", (item) => Effect.succeed(item)))
        stage.advance(50)
        expect(served.unsafePoll()).toMatchObject({ _tag: "Success" })
      }
    )
  })

  it("L15: keys whose acquires were turned away do not stand in the way of another", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: () => items.acquire, maxTotal: 1, config: { maxWaiters: 0 } }),
      ({ stage, pool }) => {
        const holder = stage.run(Scope.make())
        stage.run(Scope.extend(pool.lease("k0"), holder))
        for (let n = 1; n <= 20; n++) {
          expect(stage.run(Effect.flip(pool.use(`k${n}`, () => Effect.void)))).toMatchObject({ _tag: "PoolSaturated" })
        }
        stage.fork(Scope.close(holder, Exit.void))
        stage.fork(pool.drain("k0"))
        stage.settle()
        const served = stage.call(pool.use("late", () => Effect.void))
        stage.settle()
        expect(served.unsafePoll()).toMatchObject({ _tag: "Success" })
      }
    )
  })

  it("L13: two keys that need room get it at once when two items idle", () => {
    const closing: Array<string> = []
    onBench(
      () => ({
        acquire: (key: string) =>
          Effect.acquireRelease(Effect.succeed(key), () =>
            Effect.zipRight(
              Effect.sync(() => closing.push(key)),
              Effect.sleep(20)
            )
          ),
        config: { max: 2 },
        maxTotal: 2,
        group: { of: (key) => (key === "b" ? "odd" : "even"), quota: 2 }
      }),
      ({ stage, pool }) => {
        const [one, two] = [stage.run(Scope.make()), stage.run(Scope.make())]
        stage.run(Scope.extend(pool.lease("a"), one))
        stage.run(Scope.extend(pool.lease("a"), two))
        stage.call(pool.use("b", () => forever))
        stage.run(Scope.close(one, Exit.void))
        stage.call(pool.use("c", () => forever))
        stage.settle()
        expect(closing).toEqual(["a"])
        stage.run(Scope.close(two, Exit.void))
        expect(closing).toEqual(["a", "a"])
      }
    )
  })

  it("L15: an acquire is not turned away while there is room to grow, though another attempt is in flight", () => {
    onBench(
      () => ({ acquire: () => Effect.delay(Effect.succeed(1), 30), config: { max: 2, maxWaiters: 0 } }),
      ({ stage, pool }) => {
        stage.fork(pool.warm(["k"]))
        stage.settle()
        const fiber = stage.call(pool.use("k", () => Effect.void))
        stage.advance(30)
        expect(fiber.unsafePoll()).toMatchObject({ _tag: "Success" })
      }
    )
  })

  it("L15: an acquire is not turned away beside a free slot that must be checked first", () => {
    onBench(
      () => ({
        acquire: () => Effect.succeed(1),
        config: { concurrency: 2, maxWaiters: 0, validationBypass: 500 },
        health: { probe: () => Effect.void, schedule: Schedule.stop }
      }),
      ({ stage, pool }) => {
        stage.call(pool.use("k", () => forever))
        stage.advance(700)
        const fiber = stage.call(pool.use("k", () => Effect.void))
        stage.settle()
        expect(fiber.unsafePoll()).toMatchObject({ _tag: "Success" })
      }
    )
  })

  it("L15: with room to grow an acquire is not turned away because another waits for a check", () => {
    onBench(
      () => ({
        acquire: () => Effect.succeed(1),
        config: { max: 2, maxWaiters: 0, validationBypass: 500 },
        health: { probe: () => Effect.sleep(90), schedule: Schedule.stop }
      }),
      ({ stage, pool }) => {
        stage.run(pool.use("k", () => Effect.void))
        stage.advance(700)
        stage.call(pool.use("k", () => forever))
        const fiber = stage.call(pool.use("k", () => Effect.void))
        stage.settle()
        // The second item is there at once, and goes to who came first; the check of the first one serves the other.
        expect(stage.run(pool.stats)).toMatchObject({ open: 2, leases: 1, waiting: 1 })
        stage.advance(90)
        expect(fiber.unsafePoll()).toMatchObject({ _tag: "Success" })
      }
    )
  })

  it("L10: warming that is interrupted ends at once", () => {
    onBench(
      () => ({ acquire: () => Effect.delay(Effect.succeed(1), 30) }),
      ({ stage, pool }) => {
        const fiber = stage.call(pool.warm(["k"]))
        stage.settle()
        fiber.unsafeInterruptAsFork(FiberId.none)
        stage.settle()
        expect(fiber.unsafePoll()).toMatchObject({ _tag: "Failure" })
      }
    )
  })

  it("L10: warming that is interrupted before it has begun ends at once", () => {
    onBench(
      () => ({ acquire: () => Effect.succeed(1) }),
      ({ stage, pool }) => {
        const fiber = stage.call(pool.warm(["k"]))
        fiber.unsafeInterruptAsFork(FiberId.none)
        stage.settle()
        expect(fiber.unsafePoll()).not.toBeNull()
      },
      new Stage({ seed: 1, maxOpsBeforeYield: 10 })
    )
  })

  it("L23: who waits for a closing item is not told of a failure that was before his time", () => {
    let attempts = 0
    onBench<number, string>(
      () => ({
        acquire: () =>
          Effect.suspend(() => {
            attempts += 1
            return attempts === 1
              ? Effect.zipRight(
                  Effect.addFinalizer(() => Effect.sleep(300)),
                  Effect.fail("refused")
                )
              : forever
          }),
        config: { acquireTimeout: 400, connectTimeout: 400, closeTimeout: 1_000, backoff: { base: 1, max: 1 } },
        isRetryable: () => attempts > 1
      }),
      ({ stage, pool }) => {
        stage.call(pool.use("k", () => Effect.void))
        stage.advance(100)
        const later = stage.call(Effect.flip(pool.use("k", () => Effect.void)))
        stage.advance(400)
        const exit = later.unsafePoll()
        expect(exit).toMatchObject({ value: { _tag: "AcquireTimeout" } })
        expect(exit).not.toMatchObject({ value: { cause: expect.anything() } })
      }
    )
  })

  it("L22: a key whose circuit is open is not forgotten before the circuit may be tried", () => {
    const attempts = new Attempts((attempt) => attempt === 1)
    onBench<number, string>(
      () => ({
        acquire: () => attempts.acquire,
        config: {
          idleTimeToLive: 200,
          breakerThreshold: 1,
          breakerOpenFor: 10_000,
          acquireTimeout: 60_000,
          backoff: { base: 1, max: 1 }
        }
      }),
      ({ stage, pool }) => {
        stage.run(pool.use("k", (item) => pool.invalidate(item)))
        const refused = stage.call(Effect.flip(pool.use("k", () => Effect.void)))
        stage.settle()
        expect(refused.unsafePoll()).toMatchObject({ value: { _tag: "CircuitOpen" } })
        stage.advance(5_000)
        const again = stage.call(Effect.flip(pool.use("k", () => Effect.void)))
        stage.settle()
        expect(again.unsafePoll()).toMatchObject({ value: { _tag: "CircuitOpen" } })
        expect(attempts.count).toBe(2)
      }
    )
  })

  for (const first of [0, 1]) {
    it(`L11: of two who want a whole item the first gets the one that comes free, item ${first + 1} of 2`, () => {
      const items = new Counter()
      onBench(
        () => ({ acquire: () => items.acquire, config: { max: 2 } }),
        ({ stage, pool }) => {
          const holders = [stage.run(Scope.make()), stage.run(Scope.make())]
          for (const holder of holders) stage.run(Scope.extend(pool.lease("k"), holder))
          const served: Array<string> = []
          for (const name of ["first", "second"]) {
            const whole = Effect.flatMap(pool.exclusive("k"), () => Effect.sync(() => served.push(name)))
            stage.call(Effect.scoped(Effect.zipRight(whole, forever)))
          }
          stage.settle()
          const holder = holders[first]
          if (holder !== undefined) stage.run(Scope.close(holder, Exit.void))
          expect(served).toEqual(["first"])
          for (const other of holders) stage.run(Scope.close(other, Exit.void))
          expect(served).toEqual(["first", "second"])
        }
      )
    })
  }

  it("L12: warming a key that may keep nothing idle comes to rest", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: () => items.acquire, config: { min: 0, maxIdle: 0 } }),
      ({ stage, pool }) => {
        stage.call(pool.warm(["k"]))
        stage.settle()
        expect(items.next).toBe(1)
      }
    )
  })

  it("L18: a pinned key opens another item as soon as its only one is draining, if there is room", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: () => items.acquire, config: { min: 1, max: 2, concurrency: 2 } }),
      ({ stage, pool }) => {
        stage.run(pool.warm(["k"]))
        const holder = stage.run(Scope.make())
        const lease = stage.run(Scope.extend(pool.lease("k"), holder))
        stage.run(pool.invalidate(lease.item))
        expect([...items.open]).toEqual([1, 2])
        stage.run(Scope.close(holder, Exit.void))
        expect([...items.open]).toEqual([2])
      }
    )
  })

  it("L23: who waits for the last open item is told that the circuit is open when that item goes", () => {
    const attempts = new Attempts((attempt) => attempt === 1)
    onBench<number, string>(
      () => ({
        acquire: () => attempts.acquire,
        config: {
          max: 2,
          breakerThreshold: 1,
          breakerOpenFor: 20_000,
          acquireTimeout: 60_000,
          backoff: { base: 1, max: 1 }
        }
      }),
      ({ stage, pool }) => {
        const holder = stage.run(Scope.make())
        const lease = stage.run(Scope.extend(pool.lease("k"), holder))
        stage.call(Effect.flip(pool.use("k", () => Effect.void)))
        stage.advance(10)
        expect(attempts.count).toBe(2)
        const waiter = stage.call(Effect.flip(pool.use("k", () => Effect.void)))
        stage.advance(10)
        stage.run(lease.decide(Lease.Discard("scripted")))
        stage.run(Scope.close(holder, Exit.void))
        expect(waiter.unsafePoll()).toMatchObject({ value: { _tag: "CircuitOpen" } })
      }
    )
  })

  it("L30: a key is shown as suspended while the whole pool is", () => {
    onBench(
      () => ({ acquire: () => Effect.succeed(1) }),
      ({ stage, pool }) => {
        stage.run(pool.use("k", () => Effect.void))
        stage.run(pool.suspend())
        expect(stage.run(pool.keyStats("k"))).toMatchObject({ suspended: true })
      }
    )
  })

  it("L25: an attempt that ignores interruption fails at its deadline, and is abandoned when closing it has had its time", () => {
    let attempts = 0
    onBench(
      () => ({
        acquire: () =>
          Effect.suspend(() => {
            attempts += 1
            return attempts === 1 ? Effect.uninterruptible(forever) : Effect.succeed(attempts)
          }),
        config: { connectTimeout: 400, closeTimeout: 300, backoff: { base: 1, max: 1 } }
      }),
      ({ stage, pool }) => {
        const abandoned: Array<PoolEvent.PoolEvent> = []
        stage.fork(
          Stream.runForEach(pool.events, (event) =>
            Effect.sync(() => event._tag === "Abandoned" && abandoned.push(event))
          )
        )
        stage.settle()
        const fiber = stage.call(pool.use("k", (item) => Effect.succeed(item)))
        stage.advance(400)
        expect(stage.run(pool.stats)).toMatchObject({ abandoned: 0, connectFailures: 1, closing: 1, waiting: 1 })
        stage.advance(300)
        expect(stage.run(pool.stats)).toMatchObject({ abandoned: 1, closing: 0, waiting: 0 })
        expect(abandoned).toEqual([expect.objectContaining({ key: "k", item: 1, phase: "connecting" })])
        expect(fiber.unsafePoll()).toMatchObject({ value: 2 })
      }
    )
  })

  it("L18: an item that was only passed to somebody who had left by then has idled all the time", () => {
    const items = new Counter()
    onBench(
      () => ({
        acquire: () => items.acquire,
        config: { idleTimeToLive: 5_000, validationBypass: 500 },
        health: { probe: () => Effect.void, schedule: Schedule.stop }
      }),
      ({ stage, pool }) => {
        stage.run(pool.use("k", () => Effect.void))
        stage.advance(1_400)
        const waiter = stage.call(pool.use("k", () => Effect.void))
        waiter.unsafeInterruptAsFork(FiberId.none)
        stage.settle()
        expect(stage.run(pool.stats)).toMatchObject({ cancelled: 1, idle: 1 })
        stage.advance(3_599)
        expect(items.closed).toEqual([])
        stage.advance(1)
        expect(items.closed).toEqual([1])
      }
    )
  })

  for (const [what, meanwhile] of [
    ["its settings changed", (pool: Pool.Pool<string, number, never>) => pool.resize("k", idling)],
    ["it was checked", (pool: Pool.Pool<string, number, never>) => pool.use("k", () => Effect.void)]
  ] as const) {
    it(`L18: what has idled for longest goes at its time, though ${what} meanwhile`, () => {
      const items = new Counter()
      onBench(
        () => ({
          acquire: () => items.acquire,
          config: idling,
          // The one that idles longer answers later.
          health: { probe: (item) => Effect.sleep(item === 2 ? 50 : 100), schedule: Schedule.stop }
        }),
        ({ stage, pool }) => {
          const [one, two] = [stage.run(Scope.make()), stage.run(Scope.make())]
          stage.run(Scope.extend(pool.lease("k"), one))
          stage.run(Scope.extend(pool.lease("k"), two))
          const longest = what === "it was checked" ? 1 : 2
          stage.run(Scope.close(longest === 1 ? one : two, Exit.void))
          stage.advance(1_000)
          stage.run(Scope.close(longest === 1 ? two : one, Exit.void))
          stage.advance(1_000)
          const fiber = stage.call(meanwhile(pool))
          stage.settle()
          fiber.unsafeInterruptAsFork(FiberId.none)
          stage.advance(2_999)
          expect(items.closed).toEqual([])
          stage.advance(1)
          expect(items.closed).toEqual([longest])
          stage.advance(1_000)
          expect(items.closed.toSorted()).toEqual([1, 2])
        }
      )
    })
  }

  it("L18: what is due while it is checked goes when the check has ended, whatever else idles", () => {
    const items = new Counter()
    onBench(
      () => ({
        acquire: () => items.acquire,
        config: idling,
        health: { probe: (item) => Effect.sleep(item === 2 ? 50 : 100), schedule: Schedule.stop }
      }),
      ({ stage, pool }) => {
        const [one, two] = [stage.run(Scope.make()), stage.run(Scope.make())]
        stage.run(Scope.extend(pool.lease("k"), one))
        stage.run(Scope.extend(pool.lease("k"), two))
        stage.run(Scope.close(one, Exit.void))
        stage.advance(1_000)
        stage.run(Scope.close(two, Exit.void))
        stage.advance(3_980)
        // One check for each who waits.
        const waiters = [1, 2].map(() => stage.call(pool.use("k", () => Effect.void)))
        stage.settle()
        for (const waiter of waiters) waiter.unsafeInterruptAsFork(FiberId.none)
        stage.advance(99)
        expect(items.closed).toEqual([])
        stage.advance(1)
        expect(items.closed).toEqual([1])
      }
    )
  })

  it("L20: an item that was kept for somebody who wants it whole is checked, too, when it has not answered for long", () => {
    const probed: Array<number> = []
    const items = new Counter()
    onBench(
      () => ({
        acquire: () => items.acquire,
        config: { validationBypass: 500 },
        health: {
          probe: (item) =>
            Effect.zipRight(
              Effect.sleep(50),
              Effect.sync(() => probed.push(item))
            ),
          schedule: Schedule.stop
        }
      }),
      ({ stage, pool }) => {
        const holder = stage.run(Scope.make())
        stage.run(Scope.extend(pool.lease("k"), holder))
        const whole = stage.call(Effect.scoped(Effect.map(pool.exclusive("k"), ({ item }) => item)))
        stage.run(pool.suspend("k"))
        stage.run(Scope.close(holder, Exit.void))
        stage.advance(700)
        stage.run(pool.resume("k"))
        expect(whole.unsafePoll()).toBeNull()
        stage.advance(50)
        expect(whole.unsafePoll()).toMatchObject({ value: 1 })
        expect(probed).toEqual([1])
      }
    )
  })

  it("L13: an item that is no longer kept for anybody makes room for another key at once", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: () => items.acquire, maxTotal: 1 }),
      ({ stage, pool }) => {
        const holder = stage.run(Scope.make())
        stage.run(Scope.extend(pool.lease("a"), holder))
        const whole = stage.call(Effect.scoped(pool.exclusive("a")))
        stage.run(pool.suspend("a"))
        stage.run(Scope.close(holder, Exit.void))
        const other = stage.call(pool.use("b", (item) => Effect.succeed(item)))
        stage.settle()
        expect(items.closed).toEqual([])
        whole.unsafeInterruptAsFork(FiberId.none)
        stage.settle()
        expect(items.closed).toEqual([1])
        expect(other.unsafePoll()).toMatchObject({ value: 2 })
      }
    )
  })

  it("L15: keys whose callers were turned away do not stand in the way of one that has room", () => {
    const items = new Counter()
    onBench(
      () => ({ acquire: () => items.acquire, config: { max: 2, maxWaiters: 0 }, maxTotal: 3 }),
      ({ stage, pool }) => {
        const holder = stage.run(Scope.make())
        const borrow = (key: string) => stage.run(Scope.extend(pool.lease(key), holder))
        borrow("a")
        borrow("b")
        const lease = borrow("c")
        for (const key of ["a", "b"]) {
          expect(stage.run(Effect.flip(pool.use(key, () => Effect.void)))).toMatchObject({ _tag: "PoolSaturated" })
        }
        stage.run(pool.invalidate(lease.item))
        stage.run(lease.release)
        expect(items.closed).toEqual([3])
        expect(stage.run(pool.use("d", (item) => Effect.succeed(item)))).toBe(4)
      }
    )
  })

  it("L13: room is taken from what has idled for longest, though it was checked meanwhile", () => {
    const closed: Array<string> = []
    onBench(
      () => ({
        acquire: (key: string) => Effect.acquireRelease(Effect.succeed(key), () => Effect.sync(() => closed.push(key))),
        config: { validationBypass: 500 },
        maxTotal: 2,
        health: { probe: () => Effect.sleep(50), schedule: Schedule.stop }
      }),
      ({ stage, pool }) => {
        stage.run(pool.use("a", () => Effect.void))
        stage.advance(10)
        stage.run(pool.use("b", () => Effect.void))
        stage.advance(1_000)
        const fiber = stage.call(pool.use("a", () => Effect.void))
        stage.settle()
        fiber.unsafeInterruptAsFork(FiberId.none)
        stage.advance(50)
        stage.run(pool.use("c", () => Effect.void))
        expect(closed).toEqual(["a"])
      }
    )
  })
})

const idling = { max: 2, idleTimeToLive: 5_000, validationBypass: 500 }
