/** What an acquire is counted as, how long it may wait, and what the error says when it may not. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "@effect/vitest"
import type { Pool, PoolEvent } from "@mooring/pool"
import { forever } from "./lab/Behaviour.js"
import { type Bench, Counter, onBench } from "./lab/Bench.js"

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
    withPool(0, {}, ({ close, pool, stage }) => {
      stage.run(pool.use("k", () => Effect.void))
      close()
      stage.settle()
      const fiber = stage.call(pool.use("k", () => Effect.void))
      stage.settle()
      expect(error(fiber)).toMatchObject({ _tag: "PoolClosed", key: "k" })
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
})
