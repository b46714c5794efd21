/** What an acquire is counted as, how long it may wait, and what the error says when it may not. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "@effect/vitest"
import { Lease, type Pool, type PoolEvent } from "@mooring/pool"
import { forever } from "./lab/Behaviour.js"
import { Attempts, type Bench, Counter, onBench } from "./lab/Bench.js"

type Options = Pool.PoolOptions<string, number, never, never>

/** A pool whose items take `connectMs` to open. */
const withPool = (
  connectMs: number,
  options: Omit<Options, "acquire">,
  test: (bench: Bench<number, never>) => void
) => {
  const items = new Counter()
  onBench<number, never>(() => ({ acquire: () => Effect.delay(items.acquire, connectMs), ...options }), test)
}

/** A pool whose attempt number `refused` to open an item fails; items are numbered by their attempts. */
const refusing = (
  refused: number,
  options: Omit<Pool.PoolOptions<string, number, string, never>, "acquire">,
  test: (bench: Bench<number, string>) => void
) => {
  const attempts = new Attempts((attempt) => attempt !== refused)
  onBench<number, string>(() => ({ acquire: () => attempts.acquire, ...options }), test)
}

const error = (fiber: { readonly unsafePoll: () => Exit.Exit<unknown, unknown> | null }) => {
  const exit = fiber.unsafePoll()
  return exit !== null && Exit.isFailure(exit) && exit.cause._tag === "Fail" ? exit.cause.error : exit
}

describe("an acquire", () => {
  it("that has a whole item at once counts as immediate, like one that has a share", () => {
    withPool(0, {}, ({ pool, stage }) => {
      stage.run(pool.warm(["k"]))
      stage.run(pool.use("k", () => Effect.void))
      stage.run(Effect.scoped(pool.exclusive("k")))
      expect(stage.run(pool.keyStats("k"))).toMatchObject({ started: 2, immediate: 2, waited: 0 })
    })
  })

  it("that waited for an item to open counts as waited", () => {
    withPool(10, {}, ({ pool, stage }) => {
      const fiber = stage.call(pool.use("k", () => Effect.void))
      stage.advance(10)
      expect(fiber.unsafePoll()).toMatchObject({ _tag: "Success" })
      expect(stage.run(pool.keyStats("k"))).toMatchObject({ started: 1, immediate: 0, waited: 1 })
    })
  })

  it("may wait as long as connecting may take while nothing is open, and no longer than acquireTimeout then", () => {
    const config = { acquireTimeout: 100, connectTimeout: 500 }
    withPool(300, { config }, ({ pool, stage }) => {
      const first = stage.call(pool.use("k", () => forever))
      stage.advance(300)
      expect(first.unsafePoll()).toBe(null)
      expect(stage.run(pool.stats)).toMatchObject({ leases: 1, waiting: 0 })
      const second = stage.call(pool.use("k", () => Effect.void))
      stage.advance(99)
      expect(second.unsafePoll()).toBe(null)
      stage.advance(1)
      expect(error(second)).toMatchObject({ _tag: "AcquireTimeout", key: "k" })
    })
  })

  it("that an attempt under way will serve fills no place in the line", () => {
    withPool(10, { config: { concurrency: 4, maxWaiters: 0 } }, ({ pool, stage }) => {
      const callers = [1, 2, 3, 4, 5].map(() => stage.call(pool.use("k", () => forever)))
      stage.settle()
      expect(callers.slice(0, 4).every((caller) => caller.unsafePoll() === null)).toBe(true)
      expect(error(callers[4] ?? stage.call(forever))).toMatchObject({
        _tag: "PoolSaturated",
        key: "k",
        maxWaiters: 0
      })
      stage.advance(10)
      expect(stage.run(pool.stats)).toMatchObject({ leases: 4, waiting: 0 })
    })
  })

  it("of a pool that has closed is told so, with its key", () => {
    withPool(0, { config: { min: 1 } }, ({ close, pool, stage }) => {
      stage.run(pool.warm(["k"]))
      close()
      stage.settle()
      const fiber = stage.call(pool.use("k", () => Effect.void))
      stage.settle()
      expect(error(fiber)).toMatchObject({ _tag: "PoolClosed", key: "k" })
      expect(stage.run(pool.stats).keys).toEqual([])
    })
  })

  it("by useMasked can be interrupted while it waits, and where its use says so", () => {
    withPool(0, {}, ({ pool, stage }) => {
      const use = (f: (restore: Pool.Restore) => Effect.Effect<unknown>) =>
        stage.call(Effect.uninterruptibleMask((restore) => pool.useMasked(restore, "k", () => f(restore))))
      const interruptible = use((restore) => restore(forever))
      const waiting = use(() => Effect.void)
      stage.settle()
      expect(stage.run(pool.stats)).toMatchObject({ leases: 1, waiting: 1 })
      for (const fiber of [waiting, interruptible]) {
        fiber.unsafeInterruptAsFork(FiberId.none)
        stage.settle()
        expect(fiber.unsafePoll()).toMatchObject({ _tag: "Failure" })
      }
      const masked = use(() => Effect.sleep(10))
      stage.settle()
      masked.unsafeInterruptAsFork(FiberId.none)
      stage.settle()
      expect(stage.run(pool.stats)).toMatchObject({ leases: 1, waiting: 0 })
      stage.advance(10)
      expect(stage.run(pool.stats)).toMatchObject({ leases: 0, cancelled: 1 })
    })
  })

  it("that needs the place of an idle item says why that was closed", () => {
    withPool(0, { maxTotal: 1 }, ({ pool, stage }) => {
      const events: Array<PoolEvent.PoolEvent> = []
      stage.fork(Stream.runForEach(pool.events, (event) => Effect.sync(() => events.push(event))))
      stage.settle()
      for (const key of ["a", "b"]) stage.run(pool.use(key, () => Effect.void))
      expect(events.filter((event) => event._tag === "Draining")).toEqual([
        expect.objectContaining({ key: "a", reason: "reclaimed", detail: "another key needed its place" })
      ])
    })
  })

  it("that was turned away counts as failed once, also after its time", () => {
    refusing(1, { config: { breakerThreshold: 1, breakerOpenFor: 1_000, acquireTimeout: 100 } }, ({ pool, stage }) => {
      stage.call(pool.use("k", () => Effect.void))
      stage.settle()
      const second = stage.call(pool.use("k", () => Effect.void))
      stage.settle()
      expect(error(second)).toMatchObject({ _tag: "CircuitOpen", key: "k" })
      stage.advance(600_000)
      expect(stage.run(pool.stats)).toMatchObject({ failed: 2, waiting: 0 })
    })
  })

  it("waits for an item that serves, though the circuit is open", () => {
    const config = { max: 2, breakerThreshold: 1, breakerOpenFor: 100_000 }
    refusing(2, { config }, ({ pool, stage }) => {
      const first = stage.call(pool.use("k", () => Effect.sleep(50)))
      stage.settle()
      const second = stage.call(pool.use("k", (item) => Effect.succeed(item)))
      stage.advance(10)
      expect(stage.run(pool.keyStats("k"))).toMatchObject({ circuit: "open", waiting: 1 })
      stage.advance(50)
      expect(first.unsafePoll()).toMatchObject({ _tag: "Success" })
      expect(second.unsafePoll()).toMatchObject({ value: 1 })
    })
  })

  it("makes no attempt after an open circuit's time while one from before it is still under way: that is the trial", () => {
    let begun = 0
    const acquire = Effect.suspend(() => {
      begun += 1
      return begun === 1 ? Effect.delay(Effect.fail("refused"), 10) : Effect.delay(Effect.succeed(begun), 500)
    })
    onBench<number, string>(
      () => ({
        acquire: () => acquire,
        config: { max: 3, maxConnecting: 3, breakerThreshold: 1, breakerOpenFor: 100 }
      }),
      ({ pool, stage }) => {
        const callers = [1, 2].map(() => stage.call(pool.use("k", Effect.succeed)))
        stage.advance(499)
        expect(begun).toBe(2)
        expect(stage.run(pool.keyStats("k"))).toMatchObject({ waiting: 2, connecting: 1 })
        stage.advance(1)
        expect(callers.map((caller) => caller.unsafePoll())).toEqual([Exit.succeed(2), Exit.succeed(2)])
      }
    )
  })

  it("waits for room in the pool, once the circuit lets another attempt begin", () => {
    const config = { breakerThreshold: 1, breakerOpenFor: 100, acquireTimeout: 60_000 }
    refusing(1, { config, maxTotal: 1 }, ({ pool, stage }) => {
      stage.call(pool.use("k", () => Effect.void))
      stage.settle()
      stage.call(pool.use("other", () => Effect.sleep(1_000)))
      stage.advance(100)
      const caller = stage.call(pool.use("k", (item) => Effect.succeed(item)))
      stage.settle()
      expect(caller.unsafePoll()).toBe(null)
      stage.advance(1_000)
      expect(caller.unsafePoll()).toMatchObject({ _tag: "Success" })
    })
  })

  it("is served at once by an item that can bear more while the pool makes another open for it", () => {
    const handles: Array<Pool.ItemHandle> = []
    const items = new Counter()
    let told = 0
    onBench<number, never>(
      () => ({
        acquire: (_, handle) => {
          handles.push(handle)
          return Effect.delay(items.acquire, 100)
        },
        config: { max: 2 },
        onEvent: ({ _tag }) => {
          if (_tag === "Connecting" && ++told === 2) handles[0]?.setConcurrency(2)
        }
      }),
      ({ pool, stage }) => {
        stage.call(pool.use("k", () => forever))
        stage.advance(100)
        stage.call(pool.use("k", () => forever))
        stage.settle()
        expect(stage.run(pool.keyStats("k"))).toMatchObject({ leases: 2, connecting: 1 })
      }
    )
  })

  it("of an item that its borrower discards makes the pool open the next before it has closed", () => {
    const items = new Counter()
    const slow = Effect.acquireRelease(items.acquire, () => Effect.sleep(100))
    onBench<number, never>(
      () => ({ acquire: () => slow, config: { min: 1, max: 2 } }),
      ({ pool, stage }) => {
        stage.run(pool.warm(["k"]))
        stage.run(Effect.scoped(Effect.flatMap(pool.lease("k"), (lease) => lease.decide(Lease.Discard("it is dirty")))))
        stage.settle()
        expect(stage.run(pool.keyStats("k"))).toMatchObject({ connects: 2, idle: 1, closing: 1 })
      }
    )
  })
})
