import { Pool, PoolError } from "@mooring/pool"
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, KeyedPool, TestClock } from "effect"

const counting = () => {
  const log: Array<string> = []
  let n = 0
  const acquire = (key: string) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const id = `${key}-${++n}`
        log.push(`open ${id}`)
        return { id, alive: true }
      }),
      (item) => Effect.sync(() => log.push(`close ${item.id}`))
    )
  return { log, acquire }
}

describe("Pool", () => {
  it.scoped("opens on first use and reuses what is free", () =>
    Effect.gen(function* () {
      const { acquire, log } = counting()
      const pool = yield* Pool.make({ acquire })
      const a = yield* pool.use("k", (item) => Effect.succeed(item.id))
      const b = yield* pool.use("k", (item) => Effect.succeed(item.id))
      expect([a, b]).toEqual(["k-1", "k-1"])
      expect(log).toEqual(["open k-1"])
      const stats = yield* pool.stats
      expect(stats).toMatchObject({ open: 1, idle: 1, started: 2, immediate: 1, waited: 1, released: 2 })
    })
  )

  it.effect("closes everything with its scope, once", () =>
    Effect.gen(function* () {
      const { acquire, log } = counting()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const pool = yield* Pool.make({ acquire, config: { max: 2 } })
          yield* Effect.scoped(Effect.zip(KeyedPool.get(pool, "k"), KeyedPool.get(pool, "k")))
        })
      )
      expect(log.sort()).toEqual(["close k-1", "close k-2", "open k-1", "open k-2"])
    })
  )

  it.scoped("a waiter gets what is given back, in order, and a cancelled one passes its wake on", () =>
    Effect.gen(function* () {
      const { acquire } = counting()
      const pool = yield* Pool.make({ acquire })
      const gate = yield* Deferred.make<void>()
      const order: Array<number> = []
      const holder = yield* Effect.fork(pool.use("k", () => Deferred.await(gate)))
      yield* Effect.yieldNow()
      const waiter = (n: number) => Effect.fork(pool.use("k", () => Effect.sync(() => order.push(n))))
      const cancelled = yield* waiter(1)
      const second = yield* waiter(2)
      const third = yield* waiter(3)
      yield* TestClock.adjust("1 millis")
      expect((yield* pool.stats).waiting).toBe(3)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.interrupt(cancelled)
      yield* Fiber.join(second)
      yield* Fiber.join(third)
      yield* Fiber.join(holder)
      expect(order.filter((n) => n !== 1)).toEqual([2, 3])
    })
  )

  it.scoped("an acquire fails exactly at its deadline", () =>
    Effect.gen(function* () {
      const { acquire } = counting()
      const pool = yield* Pool.make({ acquire, config: { acquireTimeout: "5 seconds" } })
      yield* pool.lease("k")
      const late = yield* Effect.fork(Effect.flip(pool.use("k", () => Effect.void)))
      yield* TestClock.adjust("4999 millis")
      expect(late.unsafePoll()).toBeNull()
      yield* TestClock.adjust("1 millis")
      expect(yield* Fiber.join(late)).toBeInstanceOf(PoolError.AcquireTimeout)
    })
  )

  it.scoped("closes an item that was idle for its time to live, and drops the key", () =>
    Effect.gen(function* () {
      const { acquire, log } = counting()
      const pool = yield* Pool.make({ acquire, config: { idleTimeToLive: "1 minute" } })
      yield* pool.use("k", () => Effect.void)
      yield* TestClock.adjust("59 seconds")
      expect(log).toEqual(["open k-1"])
      yield* TestClock.adjust("1 seconds")
      expect(log).toEqual(["open k-1", "close k-1"])
      expect((yield* pool.stats).keys).toEqual([])
    })
  )

  it.scoped("hands a failure that is not worth a retry to those who waited for it", () =>
    Effect.gen(function* () {
      const pool = yield* Pool.make({ acquire: () => Effect.fail("no such host"), isRetryable: () => false })
      const exit = yield* Effect.exit(pool.use("k", () => Effect.void))
      expect(exit).toEqual(Exit.fail("no such host"))
    })
  )

  it.scoped("closes an invalidated item when it is given back", () =>
    Effect.gen(function* () {
      const { acquire, log } = counting()
      const pool = yield* Pool.make({ acquire })
      yield* pool.use("k", (item) => KeyedPool.invalidate(pool, item))
      yield* TestClock.adjust("1 millis")
      expect(log).toEqual(["open k-1", "close k-1"])
      expect(yield* pool.use("k", (item) => Effect.succeed(item.id))).toBe("k-2")
    })
  )
})
