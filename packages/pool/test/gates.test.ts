/**
 * Everything that is given to a pool may succeed, fail, be slow, hang, die or interrupt itself, at each of its gates,
 * in every combination. Whatever happens, every acquire ends by its deadline, a gate costs no more than its own
 * deadline, and a pool that is closed leaves nothing behind but what it has reported as abandoned.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { describe, expect, it } from "@effect/vitest"
import { Pool, PoolError } from "@mooring/pool"
import { Freezer } from "./lab/Behaviour.js"
import { sampled } from "./lab/Law.js"
import { activeFibers, Stage } from "./lab/Stage.js"

const endings = ["ok", "error", "slow", "never", "defect", "interrupt"] as const

type Ending = (typeof endings)[number]

/** Milliseconds. */
const limits = { connect: 200, probe: 80, reset: 80, close: 150, acquire: 1_000, shutdown: 500 }

/** How slow is slow: longer than a moment, shorter than any limit. */
const slow = 40

const gate = (ending: Ending, freezer: Freezer): Effect.Effect<void, string> => {
  switch (ending) {
    case "ok":
      return Effect.void
    case "error":
      return Effect.fail("scripted")
    case "slow":
      return Effect.sleep(slow)
    case "never":
      return freezer.wait
    case "defect":
      return Effect.die(new Error("scripted"))
    case "interrupt":
      return Effect.interrupt
  }
}

interface Gates {
  readonly acquire: Ending
  readonly validate: Ending
  readonly probe: Ending
  readonly reset: Ending
  readonly close: Ending
}

const allowed = (exit: Exit.Exit<unknown, unknown>, gates: Gates): boolean => {
  if (Exit.isSuccess(exit)) return true
  const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
  if (error instanceof PoolError.AcquireTimeout || error instanceof PoolError.CircuitOpen) return true
  if (error === "scripted") return gates.acquire === "error"
  // What dies or interrupts itself while it connects has failed for good; whoever waited is told.
  return error === undefined && (gates.acquire === "defect" || gates.acquire === "interrupt")
}

const pass = (gates: Gates): void => {
  const fibers = activeFibers()
  const stage = new Stage({ seed: 1 })
  const freezer = new Freezer()
  const where = JSON.stringify(gates)
  let opened = 0
  let closing = 0
  /** The first probe of an item decides before a borrow, the others on schedule. */
  let borrowing = false
  const scope = stage.run(Scope.make())
  const pool: Pool.Pool<string, number, string> = stage.run(
    Scope.extend(
      Pool.make<string, number, string, never>({
        acquire: () =>
          Effect.zipRight(
            Effect.acquireRelease(
              Effect.sync(() => (opened += 1)),
              () =>
                Effect.suspend(() => {
                  closing += 1
                  return Effect.orDie(gate(gates.close, freezer))
                })
            ),
            Effect.as(gate(gates.acquire, freezer), opened)
          ),
        health: {
          probe: () => Effect.suspend(() => gate(borrowing ? gates.validate : gates.probe, freezer)),
          schedule: Schedule.spaced(700),
          timeout: limits.probe,
          threshold: 2,
          onBorrow: true
        },
        reset: { run: () => Effect.suspend(() => gate(gates.reset, freezer)), timeout: limits.reset },
        config: {
          max: 2,
          connectTimeout: limits.connect,
          closeTimeout: limits.close,
          acquireTimeout: limits.acquire,
          validationBypass: 300,
          idleTimeToLive: 20_000,
          backoff: { base: 10, max: 20 },
          breakerThreshold: 20,
          breakerOpenFor: 100
        },
        shutdownTimeout: limits.shutdown,
        seed: 1
      }),
      scope
    )
  )
  const borrow = (): void => {
    borrowing = true
    const start = stage.now()
    const fiber = stage.call(pool.use("k", () => Effect.void))
    let ended = Number.NaN
    let exit: Exit.Exit<unknown, unknown> | undefined
    fiber.addObserver((result) => {
      ended = stage.now()
      exit = result
    })
    stage.advance(limits.acquire)
    borrowing = false
    expect(exit, `${where}: does not end`).toBeDefined()
    expect(ended - start, `${where}: ended late`).toBeLessThanOrEqual(limits.acquire)
    if (exit !== undefined) expect(allowed(exit, gates), `${where}: ${String(exit)}`).toBe(true)
    // What opens at once, or after a while, and answers, is lent, whatever the other gates do later.
    const fine =
      (gates.acquire === "ok" || gates.acquire === "slow") && (gates.validate === "ok" || gates.validate === "slow")
    if (fine && exit !== undefined) expect(Exit.isSuccess(exit), `${where}: ${String(exit)}`).toBe(true)
  }
  // Cold, then past the validation bypass, then after probes on schedule, then after an item was thrown away.
  borrow()
  borrow()
  stage.advance(3_000)
  borrow()
  const lease = stage.call(Effect.scoped(Effect.flatMap(pool.lease("k"), (held) => pool.invalidate(held.item))))
  stage.advance(limits.acquire)
  expect(lease.unsafePoll(), `${where}: a lease does not end`).not.toBeNull()
  borrow()

  const stats = stage.run(pool.stats)
  expect(stats.started, where).toBe(stats.immediate + stats.waited + stats.failed + stats.cancelled)
  expect(stats.leases, where).toBe(0)
  const hangs = gates.acquire === "never" || gates.close === "never"
  if (!hangs) expect(stats.abandoned, `${where}: abandoned`).toBe(0)
  if (gates.acquire === "never") expect(stats.abandoned, `${where}: abandoned`).toBeGreaterThan(0)

  const done = stage.fork(Scope.close(scope, Exit.void))
  stage.advance(limits.connect + limits.probe + limits.reset + limits.close)
  expect(done.unsafePoll(), `${where}: closing does not end`).toMatchObject({ _tag: "Success" })
  // What hung comes back at last: it is closed, too, and nothing is left.
  for (let round = 0; round < 3; round++) {
    freezer.thaw()
    stage.advance(1_000)
  }
  expect(closing, `${where}: closed once each`).toBe(opened)
  expect(stage.clock.liveTimers, `${where}: timers`).toBe(0)
  expect(activeFibers() - fibers, `${where}: fibers`).toBe(0)
}

const everyCheck = endings.flatMap((validate) =>
  endings.flatMap((probe) => endings.map((reset) => ({ validate, probe, reset })))
)

describe("whatever the gates of a pool do, it goes on", () => {
  for (const acquire of endings) {
    for (const close of endings) {
      it(`acquire: ${acquire}, close: ${close}, with every kind of check and reset`, async () => {
        for (const checks of sampled(everyCheck)) {
          pass({ acquire, close, ...checks })
          // The test runner wants to hear from its worker.
          if (checks.validate === checks.probe) await new Promise((resume) => setImmediate(resume))
        }
      })
    }
  }
})
