/** What a pool is given may be nonsense, die, throw or hang: it says so, loses one slot at most, and goes on. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "@effect/vitest"
import { Pool, type PoolConfig, PoolError, type PoolEvent } from "@mooring/pool"
import { Freezer } from "./lab/Behaviour.js"
import { Attempts, type Bench, Counter, onBench } from "./lab/Bench.js"
import { Stage } from "./lab/Stage.js"

// What types would refuse comes from JavaScript, and from files.
const untyped = (config: Record<string, unknown>): PoolConfig.PoolConfig => config

const nonsense: ReadonlyArray<readonly [field: string, config: PoolConfig.PoolConfig, reason: string]> = [
  ["min", { min: 3, max: 2 }, "must not be above max (2), not 3"],
  ["min", { min: -1 }, "must be a whole number of at least 0, not -1"],
  [
    "min",
    { min: Number.POSITIVE_INFINITY, max: Number.POSITIVE_INFINITY },
    "must be a whole number of at least 0, not Infinity"
  ],
  ["max", { max: 0 }, "must be a whole number of at least 1, or Infinity, not 0"],
  ["max", { max: 1.5 }, "must be a whole number of at least 1, or Infinity, not 1.5"],
  ["max", untyped({ max: "3" }), 'must be a whole number of at least 1, or Infinity, not "3"'],
  ["maxIdle", { min: 2, max: 2, maxIdle: 1 }, "must not be below min (2), not 1"],
  ["maxIdle", { maxIdle: -1 }, "must be a whole number of at least 0, or Infinity, not -1"],
  ["concurrency", { concurrency: 0 }, "must be a whole number of at least 1, or Infinity, not 0"],
  ["concurrency", { concurrency: Number.NaN }, "must be a whole number of at least 1, or Infinity, not NaN"],
  ["maxWaiters", { maxWaiters: -1 }, "must be a whole number of at least 0, or Infinity, not -1"],
  ["maxConnecting", { maxConnecting: 0 }, "must be a whole number of at least 1, or Infinity, not 0"],
  ["connectWeight", { connectWeight: 0 }, "must be a whole number of at least 1, not 0"],
  ["connectWeight", { connectWeight: Number.POSITIVE_INFINITY }, "must be a whole number of at least 1, not Infinity"],
  ["breakerThreshold", { breakerThreshold: 0 }, "must be a whole number of at least 1, or Infinity, not 0"],
  ["lifetimeJitter", { lifetimeJitter: 1.01 }, "must lie between 0 and 1, not 1.01"],
  ["lifetimeJitter", { lifetimeJitter: -0.01 }, "must lie between 0 and 1, not -0.01"],
  ["lifetimeJitter", { lifetimeJitter: Number.NaN }, "must lie between 0 and 1, not NaN"],
  ["backoff.base", { backoff: { base: 2_000, max: 1_000 } }, "must not be above backoff.max"],
  ["backoff.base", { backoff: { base: -1 } }, "must be a duration of at least zero, not -1"],
  ["backoff.max", { backoff: { max: -1 } }, "must be a duration of at least zero, not -1"],
  ...(
    [
      "acquireTimeout",
      "connectTimeout",
      "closeTimeout",
      "idleTimeToLive",
      "maxLifetime",
      "validationBypass",
      "breakerOpenFor",
      "leakThreshold"
    ] as const
  ).flatMap((field) => [
    [field, { [field]: -1 }, "must be a duration of at least zero, not -1"] as const,
    [field, { [field]: Number.NaN }, "must be a duration of at least zero, not NaN"] as const,
    [field, { [field]: -1n }, "must be a duration of at least zero, not -1"] as const,
    [field, { [field]: "-5 seconds" }, 'must be a duration of at least zero, not "-5 seconds"'] as const,
    [field, untyped({ [field]: "soon" }), 'is not a duration: "soon"'] as const
  ])
]

const one = (key: string) => Effect.succeed(key.length)

/** The error; were there none, a pool is nothing to print. */
const refusal = <A, E, R>(make: Effect.Effect<A, E, R>) => Effect.flip(Effect.asVoid(make))

describe("a configuration that is nonsense", () => {
  for (const [field, config, reason] of nonsense) {
    const shown = JSON.stringify(config, (_, value: unknown) =>
      typeof value === "bigint" ? `${value}n` : Number.isNaN(value) ? "NaN" : value
    )
    it.scoped(`${shown} is refused for ${field}: by make, by the first use of its key, and by resize`, () =>
      Effect.gen(function* () {
        const acquire = () => Effect.succeed(1)
        const made = yield* refusal(Pool.make({ acquire, config }))
        expect(made).toBeInstanceOf(PoolError.PoolConfigError)
        expect(made).toMatchObject({ key: undefined, field, reason })
        expect(made.message).toBe(`The pool's settings: ${field} ${reason}`)

        const pool = yield* Pool.make({ acquire, config: (key: string) => (key === "bad" ? config : {}) })
        const used = yield* Effect.flip(pool.use("bad", () => Effect.void))
        expect(used).toBeInstanceOf(PoolError.PoolConfigError)
        expect(used).toMatchObject({ key: "bad", field, reason })
        expect(used.message).toBe(`The settings of "bad": ${field} ${reason}`)
        yield* pool.use("good", () => Effect.void)
        const resized = yield* Effect.flip(pool.resize("good", config))
        expect(resized).toMatchObject({ key: "good", field, reason })
        yield* pool.use("good", () => Effect.void)
        expect((yield* pool.stats).keys.map(({ key }) => key)).toEqual(["good"])
      })
    )
  }

  const ofThePool: ReadonlyArray<readonly [field: string, options: object]> = [
    ["maxTotal", { maxTotal: 0 }],
    ["maxConnecting", { maxConnecting: 0.5 }],
    ["group.quota", { group: { of: String, quota: 0 } }],
    ["shutdownTimeout", { shutdownTimeout: Number.NaN }],
    ["retirements.limit", { retirements: { limit: 0, window: 1 } }],
    ["retirements.limit", { retirements: { limit: Number.POSITIVE_INFINITY, window: 1 } }],
    ["retirements.window", { retirements: { limit: 1, window: -1 } }],
    ["health.timeout", { health: { probe: () => Effect.void, timeout: -1 } }],
    ["reset.timeout", { reset: { run: () => Effect.void, timeout: -1 } }],
    ["health.threshold", { health: { probe: () => Effect.void, threshold: 0 } }],
    ["health.timeout", { health: { probe: () => Effect.void, timeout: -5 } }]
  ]
  for (const [field, options] of ofThePool) {
    it.scoped(`a setting of the whole pool, ${field}, is refused by make`, () =>
      Effect.gen(function* () {
        const error = yield* refusal(Pool.make({ acquire: one, ...options }))
        expect(error).toBeInstanceOf(PoolError.PoolConfigError)
        expect(error).toMatchObject({ key: undefined, field })
      })
    )
  }

  it.scoped("what is at the edge of sense is taken", () =>
    Effect.gen(function* () {
      const most: PoolConfig.PoolConfig = {
        min: 0,
        max: Number.POSITIVE_INFINITY,
        maxIdle: 0,
        concurrency: Number.POSITIVE_INFINITY,
        maxWaiters: 0,
        lifetimeJitter: 1,
        acquireTimeout: "1 hour",
        closeTimeout: 0,
        validationBypass: 0n,
        backoff: { base: 0, max: 0 }
      }
      const pool = yield* Pool.make({ acquire: one, config: most })
      expect(yield* pool.use("k", (item) => Effect.succeed(item))).toBe(1)
      const many = yield* Effect.fork(
        Effect.all(
          Array.from({ length: 1_000 }, () => pool.use("k", () => Effect.yieldNow())),
          { concurrency: "unbounded" }
        )
      )
      yield* Fiber.join(many)
      expect(yield* pool.stats).toMatchObject({ connects: 2, failed: 0, released: 1_001 })
      yield* pool.resize("k", { min: 1, max: 1, maxIdle: 1, lifetimeJitter: 0 })
    })
  )

  it.scoped("a configuration function that throws is refused for that key alone, with what it threw", () =>
    Effect.gen(function* () {
      const pool = yield* Pool.make({
        acquire: one,
        config: (key) => {
          if (key === "bad") throw new Error("no such file")
          return {}
        }
      })
      expect(yield* Effect.flip(pool.use("bad", () => Effect.void))).toMatchObject({
        _tag: "PoolConfigError",
        key: "bad",
        field: "config",
        reason: "could not be made: Error: no such file"
      })
      for (const ask of [pool.warm(["bad"]), pool.resize("bad", {})]) {
        expect(yield* Effect.flip(ask)).toMatchObject({ _tag: "PoolConfigError", key: "bad", field: "config" })
      }
      expect(yield* pool.use("good", (item) => Effect.succeed(item))).toBe(4)
    })
  )
})

interface Said {
  readonly events: Array<PoolEvent.PoolEvent>
  /** What was logged, its cause included. */
  readonly logged: Array<string>
}

/** Plays `test` with a pool whose events and logs are kept. */
const overheard = <E>(
  options: (stage: Stage) => Pool.PoolOptions<string, number, E, never>,
  test: (bench: Bench<number, E>, said: Said) => void
): void => {
  const said: Said = { events: [], logged: [] }
  const logger = Logger.make(({ cause, message }) => {
    said.logged.push(`${String(message)} ${Cause.pretty(cause)}`)
  })
  const stage = new Stage({ seed: 1, logger })
  onBench(
    options,
    (bench) => {
      bench.stage.fork(Stream.runForEach(bench.pool.events, (event) => Effect.sync(() => said.events.push(event))))
      bench.stage.settle()
      test(bench, said)
    },
    stage
  )
}

const faults = (said: Said): ReadonlyArray<string> =>
  said.events.flatMap((event) => (event._tag === "Fault" ? [`${event.what}: ${Cause.pretty(event.cause)}`] : []))

/** Both the events and the log name the fault and what caused it, once each. */
const reported = (said: Said, what: string, cause: string): void => {
  expect(faults(said)).toEqual([expect.stringContaining(what)])
  expect(faults(said)).toEqual([expect.stringContaining(cause)])
  expect(said.logged).toEqual([expect.stringContaining(what)])
  expect(said.logged).toEqual([expect.stringContaining(cause)])
  expect(said.logged).toEqual([expect.stringContaining('key "k"')])
}

/** Why a fiber has failed. */
const ended = (fiber: Fiber.RuntimeFiber<unknown, unknown>): string => {
  const exit = fiber.unsafePoll()
  return exit?._tag === "Failure" ? Cause.pretty(exit.cause) : String(exit)
}

const serves = <E>({ pool, stage }: Bench<number, E>): number =>
  stage.run(pool.use("k", (item) => Effect.succeed(item)))

describe("what a pool was given and does not do its part", () => {
  it("an acquire that dies is an event and a log with its cause, reaches who waited, and costs its slot no longer", () => {
    let attempts = 0
    const asked: Array<unknown> = []
    overheard(
      () => ({
        acquire: () =>
          Effect.sync(() => {
            attempts += 1
            if (attempts === 1) throw new Error("out of paper")
            return attempts
          }),
        retryAfter: (error) => {
          asked.push(error)
          return undefined
        },
        config: { backoff: { base: 10, max: 10 } }
      }),
      (bench, said) => {
        const { pool, stage } = bench
        const fiber = stage.call(pool.use("k", () => Effect.void))
        stage.settle()
        expect(ended(fiber)).toContain("out of paper")
        const failed = said.events.filter((event) => event._tag === "ConnectFailed")
        expect(failed.map(({ cause }) => Cause.pretty(cause))).toEqual([expect.stringContaining("out of paper")])
        expect(said.logged).toEqual([expect.stringMatching(/opening an item died.*out of paper/s)])
        expect(asked).toEqual([])
        stage.advance(10)
        expect(serves(bench)).toBe(2)
      }
    )
  })

  it("an acquire that fails as expected is an event, and no log", () => {
    overheard<string>(
      () => ({ acquire: () => Effect.fail("refused"), isRetryable: () => false }),
      ({ pool, stage }, said) => {
        expect(stage.run(Effect.flip(pool.use("k", () => Effect.void)))).toBe("refused")
        expect(said.events.filter((event) => event._tag === "ConnectFailed")).toHaveLength(1)
        expect(said.logged).toEqual([])
      }
    )
  })

  it("a finalizer that dies is reported, and its slot is free at once", () => {
    const items = new Counter()
    overheard(
      () => ({
        acquire: () =>
          Effect.zipLeft(
            items.acquire,
            Effect.addFinalizer(() => Effect.die(new Error("door jammed")))
          )
      }),
      (bench, said) => {
        bench.stage.run(bench.pool.use("k", (item) => bench.pool.invalidate(item)))
        reported(said, "closing failed", "door jammed")
        expect(bench.stage.run(bench.pool.stats)).toMatchObject({ open: 0, closing: 0, closed: { invalidated: 1 } })
        expect(serves(bench)).toBe(2)
        said.logged.length = 0
      }
    )
  })

  it("a finalizer that hangs holds its slot until closeTimeout, is reported as abandoned, and closed if it ends at last", () => {
    const items = new Counter()
    const freezer = new Freezer()
    overheard(
      () => ({
        acquire: () =>
          Effect.zipLeft(
            items.acquire,
            Effect.addFinalizer(() => freezer.wait)
          ),
        config: { closeTimeout: 1_000 }
      }),
      (bench, said) => {
        const { pool, stage } = bench
        stage.run(pool.use("k", (item) => pool.invalidate(item)))
        const next = stage.call(pool.use("k", (item) => Effect.succeed(item)))
        stage.advance(999)
        expect(next.unsafePoll()).toBeNull()
        expect(stage.run(pool.stats)).toMatchObject({ closing: 1, abandoned: 0 })
        expect(said.logged).toEqual([])
        stage.advance(1)
        expect(next.unsafePoll()).toMatchObject({ value: 2 })
        expect(stage.run(pool.stats)).toMatchObject({ closing: 0, abandoned: 1 })
        const abandoned = said.events.filter((event) => event._tag === "Abandoned")
        expect(abandoned).toEqual([expect.objectContaining({ key: "k", item: 1, phase: "closing" })])
        expect(said.logged).toEqual([expect.stringContaining("outlasted its deadline and was abandoned")])
        expect(items.closed).toEqual([])
        freezer.thaw()
        stage.settle()
        expect(items.closed).toEqual([1])
        expect(stage.run(pool.stats)).toMatchObject({ abandoned: 1, closed: {} })
      }
    )
  })

  it("an abandoned finalizer that dies in the end is still reported", () => {
    const freezer = new Freezer()
    overheard(
      () => ({
        acquire: () =>
          Effect.acquireRelease(Effect.succeed(1), () =>
            Effect.zipRight(freezer.wait, Effect.die(new Error("too late anyway")))
          ),
        config: { closeTimeout: 1_000 }
      }),
      ({ pool, stage }, said) => {
        stage.run(pool.use("k", (item) => pool.invalidate(item)))
        stage.advance(1_000)
        said.logged.length = 0
        freezer.thaw()
        stage.settle()
        reported(said, "closing failed", "too late anyway")
      }
    )
  })

  for (const when of ["borrow", "return"] as const) {
    it(`isOpen that throws on a ${when} is reported; the item counts as closed and is replaced`, () => {
      const items = new Counter()
      let throws = false
      overheard(
        () => ({
          acquire: () => items.acquire,
          isOpen: (item) => {
            if (throws && item === 1) throw new Error("handle is gone")
            return true
          }
        }),
        (bench, said) => {
          const { pool, stage } = bench
          stage.run(
            pool.use("k", () =>
              Effect.sync(() => {
                throws = when === "return"
              })
            )
          )
          throws = true
          expect(serves(bench)).toBe(2)
          reported(said, "isOpen threw", "handle is gone")
          expect(items.closed).toEqual([1])
          expect(stage.run(pool.stats).closed).toEqual({ notOpen: 1 })
        }
      )
    })
  }

  it("isOpen that throws at what has just opened is reported; the attempt counts as failed", () => {
    const items = new Counter()
    overheard(
      () => ({
        acquire: () => items.acquire,
        isOpen: (item) => {
          if (item === 1) throw new Error("handle is gone")
          return true
        },
        config: { backoff: { base: 10, max: 10 } }
      }),
      ({ pool, stage }, said) => {
        const fiber = stage.call(pool.use("k", (item) => Effect.succeed(item)))
        stage.advance(10)
        reported(said, "isOpen threw", "handle is gone")
        expect(fiber.unsafePoll()).toMatchObject({ value: 2 })
        expect(items.closed).toEqual([1])
        expect(stage.run(pool.stats)).toMatchObject({ connectFailures: 1, closed: { connectFailed: 1 } })
      }
    )
  })

  it("isRetryable that throws is reported; who waits goes on waiting for the next attempt", () => {
    const attempts = new Attempts((attempt) => attempt > 1)
    overheard<string>(
      () => ({
        acquire: () => attempts.acquire,
        isRetryable: () => {
          throw new Error("unknown error code")
        },
        config: { backoff: { base: 10, max: 10 } }
      }),
      ({ pool, stage }, said) => {
        const fiber = stage.call(pool.use("k", (item) => Effect.succeed(item)))
        stage.advance(10)
        reported(said, "isRetryable threw", "unknown error code")
        expect(fiber.unsafePoll()).toMatchObject({ value: 2 })
      }
    )
  })

  it("retryAfter that throws is reported, or gives no time, and the pause is the pool's own", () => {
    const attempts = new Attempts((attempt) => attempt > 4)
    const given = [Number.NaN, -5, undefined]
    overheard<string>(
      () => ({
        acquire: () => attempts.acquire,
        retryAfter: () => {
          if (given.length > 0) return given.shift()
          throw new Error("unknown error code")
        },
        config: { backoff: { base: 10, max: 10 } }
      }),
      ({ pool, stage }, said) => {
        const fiber = stage.call(pool.use("k", (item) => Effect.succeed(item)))
        stage.settle()
        expect(attempts.count).toBe(1)
        stage.advance(40)
        reported(said, "retryAfter threw", "unknown error code")
        expect(fiber.unsafePoll()).toMatchObject({ value: 5 })
      }
    )
  })

  it("probesIdle that throws is reported; the item is probed like any other", () => {
    let probed = 0
    overheard(
      () => ({
        acquire: () => Effect.succeed(1),
        health: {
          probe: () => Effect.sync(() => (probed += 1)),
          schedule: Schedule.spaced(1_000),
          probesIdle: () => {
            throw new Error("no answer")
          }
        }
      }),
      (bench, said) => {
        expect(serves(bench)).toBe(1)
        reported(said, "probesIdle threw", "no answer")
        bench.stage.advance(1_000)
        expect(probed).toBeGreaterThan(0)
      }
    )
  })

  it("a probe that throws is a failed check: no slot is lost", () => {
    const items = new Counter()
    overheard(
      () => ({
        acquire: () => items.acquire,
        config: { validationBypass: 100 },
        health: {
          schedule: Schedule.stop,
          probe: (item) => {
            if (item === 1) throw new Error("socket closed")
            return Effect.void
          }
        }
      }),
      (bench, said) => {
        expect(serves(bench)).toBe(1)
        bench.stage.advance(200)
        expect(serves(bench)).toBe(2)
        const draining = said.events.filter((event) => event._tag === "Draining")
        expect(draining).toEqual([expect.objectContaining({ item: 1, reason: "invalid" })])
        expect(draining[0]?.detail).toContain("socket closed")
      }
    )
  })

  for (const policy of ["describeKey", "group.of"] as const) {
    it(`${policy} that throws is a defect of that borrow alone`, () => {
      const name = (key: string): string => {
        if (key === "bad") throw new Error("unnameable")
        return key
      }
      overheard(
        () => ({
          acquire: () => Effect.succeed(1),
          maxTotal: 1,
          ...(policy === "describeKey" ? { describeKey: name } : { group: { of: name } })
        }),
        (bench) => {
          const { pool, stage } = bench
          const fiber = stage.call(pool.use("bad", () => Effect.void))
          stage.settle()
          expect(ended(fiber)).toContain("unnameable")
          expect(serves(bench)).toBe(1)
          expect(stage.run(pool.stats)).toMatchObject({ open: 1, leases: 0, waiting: 0 })
        }
      )
    })
  }

  it.scoped("a setting that throws when it is read is a defect of make, not a setting that was refused", () =>
    Effect.gen(function* () {
      const settings = {
        get maxTotal(): number {
          throw new Error("unreadable")
        }
      }
      const cause = yield* Effect.flip(
        Effect.sandbox(Effect.asVoid(Pool.make(Object.assign(settings, { acquire: one }))))
      )
      expect(Cause.isDie(cause)).toBe(true)
      expect(Cause.pretty(cause)).toContain("unreadable")
    })
  )

  it("what a borrower throws instead of an effect is his defect, and the item comes back", () => {
    overheard(
      () => ({ acquire: () => Effect.succeed(1) }),
      (bench) => {
        const { pool, stage } = bench
        const fiber = stage.call(
          pool.use("k", (): Effect.Effect<void> => {
            throw new Error("not an effect")
          })
        )
        stage.settle()
        expect(ended(fiber)).toContain("not an effect")
        expect(stage.run(pool.stats)).toMatchObject({ leases: 0, idle: 1 })
      }
    )
  })

  it("a nonsensical concurrency is ignored, a fraction rounded down", () => {
    let handle: Pool.ItemHandle | undefined
    overheard(
      () => ({
        acquire: (_, given) => {
          handle = given
          return Effect.succeed(1)
        },
        config: { concurrency: 2 }
      }),
      ({ pool, stage }) => {
        const callers = Array.from({ length: 9 }, () => stage.call(pool.use("k", () => Effect.never)))
        stage.settle()
        for (const [left, concurrency] of [0, -1, Number.NaN, 0.5].entries()) {
          handle?.setConcurrency(concurrency)
          callers[left]?.unsafeInterruptAsFork(FiberId.none)
          stage.settle()
          expect(stage.run(pool.stats)).toMatchObject({ leases: 2, waiting: 6 - left })
        }
        handle?.setConcurrency(3.9)
        stage.settle()
        expect(stage.run(pool.stats)).toMatchObject({ leases: 3, waiting: 2 })
      }
    )
  })
})
