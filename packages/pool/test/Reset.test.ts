import { Lease, Pool, type PoolEvent } from "@mooring/pool"
import { describe, expect, it } from "@effect/vitest"
import { Deferred, type Duration, Effect, Fiber, Schedule, Stream, TestClock } from "effect"

/** A pool of numbered items that notes what is done with them. */
const noting = (options: {
  readonly reset: (item: number) => Effect.Effect<unknown, unknown>
  readonly timeout?: Duration.DurationInput
  readonly config?: Parameters<typeof Pool.make>[0]["config"]
}) =>
  Effect.gen(function* () {
    const log: Array<string> = []
    let opened = 0
    const pool = yield* Pool.make<string, number, never, never>({
      acquire: () =>
        Effect.acquireRelease(
          Effect.sync(() => {
            opened++
            log.push(`open ${opened}`)
            return opened
          }),
          (item) => Effect.sync(() => log.push(`close ${item}`))
        ),
      reset: {
        run: (item) =>
          Effect.suspend(() => {
            log.push(`reset ${item}`)
            return options.reset(item)
          }),
        timeout: options.timeout
      },
      ...(options.config === undefined ? {} : { config: { max: 2, ...options.config } })
    })
    const events: Array<PoolEvent.PoolEvent> = []
    yield* Effect.forkScoped(Stream.runForEach(pool.events, (event) => Effect.sync(() => events.push(event))))
    yield* settle
    return { events, log, pool }
  })

/** Lets everything run that needs no time. */
const settle = TestClock.adjust(0)

describe("Reset", () => {
  it.scoped("runs when the last of several leases has ended, and before the item is lent again", () =>
    Effect.gen(function* () {
      const { log, pool } = yield* noting({ reset: () => Effect.void, config: { max: 1, concurrency: 2 } })
      const first = yield* pool.lease("k")
      const second = yield* pool.lease("k")
      yield* first.release
      yield* settle
      expect(log).toEqual(["open 1"])
      yield* second.release
      const third = yield* pool.lease("k")
      log.push(`lent ${third.item}`)
      yield* third.release
      yield* settle
      expect(log).toEqual(["open 1", "reset 1", "lent 1", "reset 1"])
    })
  )

  it.scoped("keeps the item from everybody while it runs, and opens no other for the one who waits for it", () =>
    Effect.gen(function* () {
      const { log, pool } = yield* noting({ reset: () => Effect.sleep("1 second"), config: { max: 2 } })
      yield* pool.use("k", () => Effect.void)
      const waiting = yield* Effect.fork(pool.use("k", (item) => Effect.succeed(item)))
      yield* TestClock.adjust("999 millis")
      expect(waiting.unsafePoll()).toBeNull()
      yield* TestClock.adjust("1 millis")
      expect(yield* Fiber.join(waiting)).toBe(1)
      expect(log.filter((line) => line.startsWith("open"))).toEqual(["open 1"])
    })
  )

  it.scoped("that fails closes the item as unclean, and who waits is given another", () =>
    Effect.gen(function* () {
      const { events, log, pool } = yield* noting({
        reset: (item) => (item === 1 ? Effect.fail("still in a transaction") : Effect.void),
        config: { max: 1 }
      })
      const lease = yield* pool.lease("k")
      const waiting = yield* Effect.fork(pool.use("k", (item) => Effect.succeed(item)))
      yield* settle
      yield* lease.release
      expect(yield* Fiber.join(waiting)).toBe(2)
      yield* settle
      expect(log).toEqual(["open 1", "reset 1", "close 1", "open 2", "reset 2"])
      expect((yield* pool.stats).closed).toEqual({ unclean: 1 })
      const draining = events.find((event) => event._tag === "Draining")
      expect(draining).toMatchObject({ item: 1, reason: "unclean" })
      expect(draining?._tag === "Draining" && draining.detail).toContain("still in a transaction")
    })
  )

  it.scoped("that never ends costs the item, and a slot for no longer than its timeout", () =>
    Effect.gen(function* () {
      const { log, pool } = yield* noting({ reset: () => Effect.never, timeout: "2 seconds", config: { max: 1 } })
      yield* pool.use("k", () => Effect.void)
      const waiting = yield* Effect.fork(pool.use("k", (item) => Effect.succeed(item)))
      yield* TestClock.adjust("1999 millis")
      expect(waiting.unsafePoll()).toBeNull()
      yield* TestClock.adjust("1 millis")
      expect(yield* Fiber.join(waiting)).toBe(2)
      expect(log.slice(0, 4)).toEqual(["open 1", "reset 1", "close 1", "open 2"])
    })
  )

  it.scoped("has five seconds unless told otherwise", () =>
    Effect.gen(function* () {
      const { log, pool } = yield* noting({ reset: () => Effect.never, config: { max: 1 } })
      yield* pool.use("k", () => Effect.void)
      yield* TestClock.adjust("4999 millis")
      expect(log).toEqual(["open 1", "reset 1"])
      yield* TestClock.adjust("1 millis")
      expect(log).toEqual(["open 1", "reset 1", "close 1"])
    })
  )

  it.scoped("is not run on an item that is discarded", () =>
    Effect.gen(function* () {
      const { log, pool } = yield* noting({ reset: () => Effect.void, config: { max: 1 } })
      yield* Effect.scoped(Effect.flatMap(pool.lease("k"), (lease) => lease.decide(Lease.Discard("broken"))))
      yield* settle
      expect(log).toEqual(["open 1", "close 1"])
    })
  )

  it.scoped("that runs keeps a whole item from who wants it until it is clean", () =>
    Effect.gen(function* () {
      const { pool } = yield* noting({ reset: () => Effect.sleep("1 second"), config: { max: 1, concurrency: 2 } })
      const lease = yield* pool.lease("k")
      const whole = yield* Effect.fork(Effect.scoped(pool.exclusive("k")))
      yield* settle
      yield* lease.release
      yield* TestClock.adjust("999 millis")
      expect(whole.unsafePoll()).toBeNull()
      yield* TestClock.adjust("1 millis")
      expect((yield* Fiber.join(whole)).item).toBe(1)
    })
  )

  it.scoped("takes the place of a check that is under way when the last lease ends", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const takes = (what: string, time: Duration.DurationInput) => () =>
        Effect.sync(() => log.push(what)).pipe(
          Effect.zipRight(Effect.sleep(time)),
          Effect.zipRight(Effect.sync(() => log.push(`${what} is done`)))
        )
      const pool = yield* Pool.make<string, number, never, never>({
        acquire: () => Effect.succeed(1),
        reset: { run: takes("reset", "3 seconds") },
        health: { probe: takes("check", "2 seconds"), schedule: Schedule.spaced("1 hour") },
        config: { max: 1, concurrency: 2, validationBypass: "1 second" }
      })
      const lease = yield* pool.lease("k")
      yield* TestClock.adjust("2 seconds")
      const waiting = yield* Effect.fork(pool.use("k", () => Effect.sync(() => log.push("lent"))))
      yield* TestClock.adjust("1 second")
      yield* lease.release
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(waiting)
      expect(log).toEqual(["check", "reset", "reset is done", "lent", "reset", "reset is done"])
      expect(yield* pool.stats).toMatchObject({ open: 1, idle: 1, leases: 0, waiting: 0 })
    })
  )

  it.effect("is called off when the pool closes", () =>
    Effect.gen(function* () {
      const interrupted = yield* Deferred.make<void>()
      const log = yield* Effect.scoped(
        Effect.gen(function* () {
          const reset = () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
          const { log, pool } = yield* noting({ reset, config: { max: 1 } })
          yield* pool.use("k", () => Effect.void)
          yield* settle
          return log
        })
      )
      yield* Deferred.await(interrupted)
      expect(log).toEqual(["open 1", "reset 1", "close 1"])
    })
  )

  it.scoped("lets items that took turns come back in the order in which they idle, so that each expires on time", () =>
    Effect.gen(function* () {
      const { log, pool } = yield* noting({
        reset: (item) => (item === 1 ? Effect.sleep("50 millis") : Effect.void),
        config: { max: 2, idleTimeToLive: "1 second" }
      })
      const first = yield* pool.lease("k")
      const second = yield* pool.lease("k")
      yield* first.release
      yield* TestClock.adjust("20 millis")
      yield* second.release
      yield* TestClock.adjust("980 millis")
      expect(log.filter((line) => line.startsWith("close"))).toEqual(["close 1"])
      yield* TestClock.adjust("20 millis")
      expect(log.filter((line) => line.startsWith("close"))).toEqual(["close 1", "close 2"])
    })
  )
})

describe("the check before a borrow", () => {
  it.scoped("asks an item that is under suspicion, however soon, until it has answered", () =>
    Effect.gen(function* () {
      let asked = 0
      let handle: Pool.ItemHandle | undefined
      const pool = yield* Pool.make<string, number, never, never>({
        acquire: (_, given) => {
          handle = given
          return Effect.succeed(1)
        },
        health: { probe: () => Effect.sync(() => ++asked), schedule: Schedule.spaced("1 hour") },
        config: { validationBypass: "1 minute" }
      })
      yield* pool.use("k", () => Effect.void)
      handle?.suspect()
      yield* pool.use("k", () => Effect.void)
      yield* pool.use("k", () => Effect.void)
      expect(asked).toBe(1)
      handle?.suspect()
      handle?.alive()
      yield* pool.use("k", () => Effect.void)
      expect(asked).toBe(1)
    })
  )

  it.scoped("asks one item for each who waits, however many idle", () =>
    Effect.gen(function* () {
      const asked: Array<number> = []
      let opened = 0
      const pool = yield* Pool.make<string, number, never, never>({
        acquire: () => Effect.sync(() => ++opened),
        health: {
          probe: (item) => Effect.sync(() => asked.push(item)),
          schedule: Schedule.spaced("1 hour")
        },
        config: { max: 8, validationBypass: "1 second" }
      })
      const leases = yield* Effect.forEach(Array.from({ length: 8 }), () => pool.lease("k"))
      yield* Effect.forEach(leases, (lease) => lease.release)
      yield* TestClock.adjust("2 seconds")
      const item = yield* pool.use("k", (item) => Effect.succeed(item))
      expect(asked).toEqual([item])
      expect(opened).toBe(8)
    })
  )
})
