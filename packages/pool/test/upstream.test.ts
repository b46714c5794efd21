/**
 * What Effect 3.22.4's own pools do, each beside the same scenario on ours. They are the reason why this package is
 * not built on them; when a later Effect mends one, its test here fails and says so.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as EffectPool from "effect/Pool"
import * as KeyedPool from "effect/KeyedPool"
import * as RcMap from "effect/RcMap"
import * as Scope from "effect/Scope"
import { describe, expect, it } from "@effect/vitest"
import { Pool } from "@mooring/pool"
import { Counter } from "./lab/Bench.js"
import { activeFibers, Stage } from "./lab/Stage.js"

/** Makes something on a new stage, in a scope that `close` closes. */
const staged = <A, E>(make: (stage: Stage) => Effect.Effect<A, E, Scope.Scope>) => {
  const stage = new Stage({ seed: 1 })
  const scope = stage.run(Scope.make())
  const made = stage.run(Scope.extend(make(stage), scope))
  return { stage, made, close: () => stage.fork(Scope.close(scope, Exit.void)) }
}

const hour = 3_600_000

/** Opens the same for every key. */
const always =
  <A>(open: A): ((key: string) => A) =>
  () =>
    open

describe("invalidating an item", () => {
  it("effect's KeyedPool runs no finalizer until the whole pool closes", () => {
    const items = new Counter()
    const { stage, made, close } = staged(() => KeyedPool.make({ acquire: always(items.acquire), size: 1 }))
    const item = stage.run(Effect.scoped(KeyedPool.get(made, "k")))
    stage.run(KeyedPool.invalidate(made, item))
    stage.advance(hour)
    expect(items.closed).toEqual([])
    close()
    stage.advance(hour)
    expect(items.closed).toContain(item)
  })

  it("ours closes the item at once, through the same functions", () => {
    const items = new Counter()
    const { stage, made, close } = staged(() => Pool.make({ acquire: always(items.acquire) }))
    const item = stage.run(Effect.scoped(KeyedPool.get(made, "k")))
    stage.run(KeyedPool.invalidate(made, item))
    expect(items.closed).toEqual([item])
    close()
    stage.settle()
  })
})

describe("an item that expires", () => {
  it("effect's KeyedPool forgets it without closing it", () => {
    const items = new Counter()
    const { stage, made, close } = staged(() =>
      KeyedPool.makeWithTTL({ acquire: always(items.acquire), min: () => 0, max: () => 1, timeToLive: 1_000 })
    )
    stage.run(Effect.scoped(KeyedPool.get(made, "k")))
    stage.advance(hour)
    expect(items.closed).toEqual([])
    stage.run(Effect.scoped(KeyedPool.get(made, "k")))
    expect(items.open.size).toBe(2)
    close()
    stage.settle()
  })

  it("ours is closed when its time has come", () => {
    const items = new Counter()
    const { stage, made, close } = staged(() =>
      Pool.make({ acquire: always(items.acquire), config: { idleTimeToLive: 1_000 } })
    )
    stage.run(Effect.scoped(KeyedPool.get(made, "k")))
    stage.advance(1_000)
    expect(items.closed).toEqual([1])
    close()
    stage.settle()
  })
})

describe("getting from a closed pool", () => {
  it("effect's KeyedPool still hands out an item", () => {
    const items = new Counter()
    const { stage, made, close } = staged(() => KeyedPool.make({ acquire: always(items.acquire), size: 1 }))
    stage.run(Effect.scoped(KeyedPool.get(made, "k")))
    close()
    stage.settle()
    const fiber = stage.call(Effect.scoped(KeyedPool.get(made, "k")))
    stage.settle()
    expect(fiber.unsafePoll()).toMatchObject({ _tag: "Success" })
  })

  it("ours fails with PoolClosed", () => {
    const items = new Counter()
    const { stage, made, close } = staged(() => Pool.make({ acquire: always(items.acquire) }))
    stage.run(Effect.scoped(KeyedPool.get(made, "k")))
    close()
    stage.settle()
    const fiber = stage.call(Effect.flip(Effect.scoped(KeyedPool.get(made, "k"))))
    stage.settle()
    expect(fiber.unsafePoll()).toMatchObject({ value: { _tag: "PoolClosed", key: "k" } })
    expect(items.open.size).toBe(0)
  })

  it("effect's KeyedPool leaves its fibers running, ours does not", () => {
    const run = (
      make: (items: Counter) => Effect.Effect<KeyedPool.KeyedPool<string, number, unknown>, unknown, Scope.Scope>
    ) => {
      const before = activeFibers()
      const { stage, made, close } = staged(() => make(new Counter()))
      stage.run(Effect.scoped(KeyedPool.get(made, "k")))
      close()
      stage.advance(60_000)
      return activeFibers() - before
    }
    const ttl = { min: () => 0, max: () => 1, timeToLive: 1_000 }
    expect(run((items) => KeyedPool.makeWithTTL({ acquire: always(items.acquire), ...ttl }))).toBeGreaterThan(0)
    expect(run((items) => Pool.make({ acquire: always(items.acquire), config: { idleTimeToLive: 1_000 } }))).toBe(0)
  })
})

describe("keys that nobody uses any more", () => {
  it("effect's KeyedPool keeps a fiber for each for ever, ours keeps nothing", () => {
    const run = (make: Effect.Effect<KeyedPool.KeyedPool<string, number, unknown>, unknown, Scope.Scope>) => {
      const { stage, made, close } = staged(() => make)
      const before = activeFibers()
      for (let key = 0; key < 50; key++) stage.run(Effect.scoped(KeyedPool.get(made, `k${key}`)))
      stage.advance(hour)
      const left = activeFibers() - before
      close()
      stage.settle()
      return left
    }
    const items = new Counter()
    const ttl = { min: () => 0, max: () => 1, timeToLive: 1_000 }
    expect(run(KeyedPool.makeWithTTL({ acquire: always(items.acquire), ...ttl }))).toBe(50)
    expect(run(Pool.make({ acquire: always(items.acquire), config: { idleTimeToLive: 1_000 } }))).toBe(0)
  })
})

describe("waiting for an item", () => {
  /** The only item is given back and taken by a newcomer in one go, while somebody has been waiting. */
  const order = (
    get: (
      stage: Stage
    ) => Effect.Effect<{ readonly get: Effect.Effect<number, unknown, Scope.Scope> }, unknown, Scope.Scope>
  ) => {
    const { stage, made, close } = staged(get)
    const served: Array<string> = []
    const borrower = stage.run(Scope.make())
    stage.run(Scope.extend(made.get, borrower))
    const borrow = (name: string) =>
      Effect.scoped(
        Effect.zipRight(
          made.get,
          Effect.sync(() => served.push(name))
        )
      )
    stage.call(borrow("waiter"))
    stage.settle()
    stage.call(Effect.zipRight(Scope.close(borrower, Exit.void), borrow("newcomer")))
    stage.settle()
    stage.advance(hour)
    close()
    stage.settle()
    return served
  }

  it("effect's Pool lets a newcomer overtake", () => {
    const items = new Counter()
    const make = Effect.map(EffectPool.make({ acquire: items.acquire, size: 1 }), (pool) => ({
      get: EffectPool.get(pool)
    }))
    expect(order(() => make)).toEqual(["newcomer", "waiter"])
  })

  it("ours serves who waited first", () => {
    const items = new Counter()
    const make = Effect.map(Pool.make({ acquire: always(items.acquire) }), (pool) => ({
      get: KeyedPool.get(pool, "k")
    }))
    expect(order(() => make)).toEqual(["waiter", "newcomer"])
  })
})

describe("a server that does not start", () => {
  it("effect's Pool hands a failure at start-up to a later borrower", () => {
    let works = false
    const acquire = Effect.suspend(() => (works ? Effect.succeed(1) : Effect.fail("refused")))
    const { stage, made, close } = staged(() => EffectPool.make({ acquire, size: 1 }))
    stage.advance(hour)
    works = true
    stage.advance(hour)
    const fiber = stage.call(Effect.scoped(Effect.flip(EffectPool.get(made))))
    stage.settle()
    expect(fiber.unsafePoll()).toMatchObject({ _tag: "Success", value: "refused" })
    close()
    stage.settle()
  })

  it("ours connects again for a later borrower", () => {
    let works = false
    const acquire = always(Effect.suspend(() => (works ? Effect.succeed(1) : Effect.fail("refused"))))
    const { stage, made, close } = staged(() =>
      Pool.make({ acquire, config: { backoff: { base: 10, max: 10 } }, isRetryable: () => false })
    )
    const warming = stage.call(Effect.flip(made.warm(["k"])))
    stage.settle()
    expect(warming.unsafePoll()).toMatchObject({ value: "refused" })
    stage.advance(hour)
    works = true
    const fiber = stage.call(made.use("k", Effect.succeed))
    stage.advance(10)
    expect(fiber.unsafePoll()).toMatchObject({ _tag: "Success", value: 1 })
    close()
    stage.settle()
  })

  it("effect's Pool dials a failing server once for each waiter, without a pause; ours once for all", () => {
    const dials = (
      make: (
        acquire: Effect.Effect<number, string>
      ) => Effect.Effect<{ readonly get: Effect.Effect<number, unknown, Scope.Scope> }, unknown, Scope.Scope>
    ) => {
      let count = 0
      const acquire = Effect.suspend(() => {
        count += 1
        return Effect.zipRight(Effect.sleep(5), Effect.fail("refused"))
      })
      const { stage, made, close } = staged(() => make(acquire))
      stage.advance(5)
      count = 0
      for (let waiter = 0; waiter < 20; waiter++) stage.call(Effect.scoped(Effect.exit(made.get)))
      stage.advance(200)
      close()
      stage.advance(hour)
      return count
    }
    const theirs = dials((acquire) =>
      Effect.map(EffectPool.make({ acquire, size: 1 }), (pool) => ({ get: EffectPool.get(pool) }))
    )
    const ours = dials((acquire) =>
      Effect.map(
        Pool.make({
          acquire: always(acquire),
          config: { backoff: { base: 10_000, max: 10_000 } },
          isRetryable: () => false
        }),
        (pool) => ({
          get: KeyedPool.get(pool, "k")
        })
      )
    )
    expect(theirs).toBeGreaterThanOrEqual(19)
    expect(ours).toBe(1)
  })
})

describe("a lease that is never given back", () => {
  it("effect's Pool waits for it for ever when it closes, ours until its deadline", () => {
    const items = new Counter()
    const theirs = staged(() => EffectPool.make({ acquire: items.acquire, size: 1 }))
    theirs.stage.call(
      Effect.scoped(
        Effect.zipRight(
          EffectPool.get(theirs.made),
          Effect.async<never>(() => {})
        )
      )
    )
    theirs.stage.settle()
    const closing = theirs.close()
    theirs.stage.advance(24 * hour)
    expect(closing.unsafePoll()).toBeNull()

    const ours = staged(() => Pool.make({ acquire: always(items.acquire), shutdownTimeout: 1_000 }))
    ours.stage.call(
      Effect.scoped(
        Effect.zipRight(
          KeyedPool.get(ours.made, "k"),
          Effect.async<never>(() => {})
        )
      )
    )
    ours.stage.settle()
    const done = ours.close()
    ours.stage.advance(1_000)
    expect(done.unsafePoll()).toMatchObject({ _tag: "Success" })
  })
})

describe("giving up while an item is being opened", () => {
  it("effect's KeyedPool cannot be interrupted there, ours can", () => {
    const slow = always(Effect.as(Effect.sleep(5_000), 1))
    const giveUp = (make: Effect.Effect<KeyedPool.KeyedPool<string, number, unknown>, unknown, Scope.Scope>) => {
      const { stage, made, close } = staged(() => make)
      const fiber = stage.call(Effect.scoped(KeyedPool.get(made, "k")))
      stage.advance(1)
      stage.fork(Fiber.interrupt(fiber))
      stage.settle()
      const exit = fiber.unsafePoll()
      close()
      stage.advance(hour)
      return exit !== null && Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)
    }
    expect(giveUp(KeyedPool.make({ acquire: slow, size: 1 }))).toBe(false)
    expect(giveUp(Pool.make({ acquire: slow }))).toBe(true)
  })
})

describe("a failure that has passed", () => {
  it("effect's RcMap repeats it for its whole time to live, ours connects again after the pause", () => {
    let works = false
    const open = Effect.suspend(() => (works ? Effect.succeed(1) : Effect.fail("refused")))
    const theirs = staged(() => RcMap.make({ lookup: always(open), idleTimeToLive: 10_000 }))
    const get = Effect.scoped(Effect.either(RcMap.get(theirs.made, "k")))
    expect(theirs.stage.run(get)).toMatchObject({ _tag: "Left" })
    works = true
    theirs.stage.advance(9_000)
    expect(theirs.stage.run(get)).toMatchObject({ _tag: "Left", left: "refused" })
    theirs.close()
    theirs.stage.settle()

    works = false
    const ours = staged(() =>
      Pool.make({
        acquire: always(open),
        config: { backoff: { base: 100, max: 100 } },
        isRetryable: () => false
      })
    )
    const use = Effect.either(ours.made.use("k", Effect.succeed))
    expect(ours.stage.run(use)).toMatchObject({ _tag: "Left", left: "refused" })
    works = true
    ours.stage.advance(100)
    expect(ours.stage.run(use)).toMatchObject({ _tag: "Right", right: 1 })
    ours.close()
    ours.stage.settle()
  })

  it("effect's RcMap lets an invalidated item throw out its replacement's entry; ours keeps them apart", () => {
    const items = new Counter()
    const theirs = staged(() => RcMap.make({ lookup: always(items.acquire), idleTimeToLive: 1_000 }))
    const borrow = (scope: Scope.Scope) => theirs.stage.run(Scope.extend(RcMap.get(theirs.made, "k"), scope))
    const [first, second, third] = [Scope.make(), Scope.make(), Scope.make()].map((make) => theirs.stage.run(make))
    if (first === undefined || second === undefined || third === undefined) throw new Error("no scopes")
    expect(borrow(first)).toBe(1)
    theirs.stage.run(RcMap.invalidate(theirs.made, "k"))
    expect(borrow(second)).toBe(2)
    theirs.stage.run(Scope.close(first, Exit.void))
    // Given back, the invalidated item idles on for its time to live, and then takes the entry of the other with it.
    expect([...items.open]).toEqual([1, 2])
    theirs.stage.advance(1_000)
    expect([...items.open]).toEqual([2])
    expect(borrow(third)).toBe(3)
    theirs.close()
    theirs.stage.settle()

    const again = new Counter()
    const ours = staged(() => Pool.make({ acquire: always(again.acquire), config: { max: 2, concurrency: 2 } }))
    const take = (scope: Scope.Scope) => ours.stage.run(Scope.extend(KeyedPool.get(ours.made, "k"), scope))
    const [one, two, three] = [Scope.make(), Scope.make(), Scope.make()].map((make) => ours.stage.run(make))
    if (one === undefined || two === undefined || three === undefined) throw new Error("no scopes")
    ours.stage.run(KeyedPool.invalidate(ours.made, take(one)))
    expect(take(two)).toBe(2)
    ours.stage.run(Scope.close(one, Exit.void))
    expect(again.closed).toEqual([1])
    ours.stage.advance(1_000)
    expect(take(three)).toBe(2)
    ours.stage.run(Scope.close(two, Exit.void))
    ours.stage.run(Scope.close(three, Exit.void))
    ours.close()
    ours.stage.settle()
  })
})

describe("an interruption while a scope closes", () => {
  /** Two slow finalizers beside `borrow`; the fiber is interrupted while the first, or the last, of them runs. */
  const interruptedAt = (at: number) => {
    const stage = new Stage({ seed: 1 })
    const scope = stage.run(Scope.make())
    const pool = stage.run(Scope.extend(Pool.make({ acquire: always(Effect.succeed(1)) }), scope))
    const slow = Effect.addFinalizer(() => Effect.sleep(10))
    let wentOn = false
    const body = Effect.scoped(Effect.zipRight(Effect.zipRight(pool.lease("k"), slow), slow))
    const fiber = stage.call(
      Effect.zipRight(
        body,
        Effect.sync(() => (wentOn = true))
      )
    )
    stage.advance(at)
    fiber.unsafeInterruptAsFork(FiberId.none)
    stage.advance(20)
    const stats = stage.run(pool.stats)
    stage.fork(Scope.close(scope, Exit.void))
    stage.settle()
    return { wentOn, ended: fiber.unsafePoll()?._tag, leases: stats.leases }
  }

  it("effect's scope loses one that comes during the last of two finalizers: the fiber runs on", () => {
    expect(interruptedAt(5)).toMatchObject({ wentOn: false, ended: "Failure" })
    expect(interruptedAt(15)).toMatchObject({ wentOn: true, ended: "Success" })
  })

  it("ours has the lease back in either case", () => {
    expect(interruptedAt(5)).toMatchObject({ leases: 0 })
    expect(interruptedAt(15)).toMatchObject({ leases: 0 })
  })
})
