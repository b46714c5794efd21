/**
 * Every operation is interrupted before each of its scheduler tasks, with the runtime yielding after as few as ten
 * operations, so that the interruption lands between any two steps. At rest nothing may be left: no lease, no waiter,
 * no slot, no fiber, and the pool must serve as before.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as KeyedPool from "effect/KeyedPool"
import * as Scope from "effect/Scope"
import { describe, expect, it } from "@effect/vitest"
import { Pool } from "@mooring/pool"
import { breathe, sampled } from "./lab/Law.js"
import { activeFibers, Stage } from "./lab/Stage.js"

type Numbers = Pool.Pool<string, number, never>

interface Operation {
  readonly name: string
  /** `done` is called by a borrower once it holds something. */
  readonly run: (pool: Numbers, done: () => void) => Effect.Effect<unknown, unknown>
  /** What is there when the operation begins. */
  readonly before: "nothing" | "idle item" | "busy item"
}

const operations: ReadonlyArray<Operation> = (["nothing", "idle item", "busy item"] as const).flatMap(
  (before) =>
    [
      { name: "use", before, run: (pool, done) => pool.use("k", () => Effect.sync(done)) },
      {
        name: "use that waits inside",
        before,
        run: (pool, done) => pool.use("k", () => Effect.zipRight(Effect.sync(done), Effect.yieldNow()))
      },
      {
        name: "use within a mask of the caller's",
        before,
        run: (pool, done) =>
          Effect.uninterruptibleMask((restore) =>
            pool.useMasked(restore, "k", () => restore(Effect.zipRight(Effect.sync(done), Effect.yieldNow())))
          )
      },
      {
        name: "lease",
        before,
        run: (pool, done) => Effect.scoped(Effect.flatMap(pool.lease("k"), () => Effect.sync(done)))
      },
      {
        name: "lease given back early",
        before,
        run: (pool, done) =>
          Effect.scoped(Effect.flatMap(pool.lease("k"), (lease) => Effect.zipRight(lease.release, Effect.sync(done))))
      },
      {
        name: "exclusive",
        before,
        run: (pool, done) => Effect.scoped(Effect.flatMap(pool.exclusive("k"), () => Effect.sync(done)))
      },
      {
        name: "get",
        before,
        run: (pool, done) => Effect.scoped(Effect.flatMap(KeyedPool.get(pool, "k"), () => Effect.sync(done)))
      },
      { name: "warm", before, run: (pool) => pool.warm(["k"]) },
      { name: "drain", before, run: (pool) => pool.drain("k", 1_000) },
      { name: "suspend and resume", before, run: (pool) => Effect.zipRight(pool.suspend("k"), pool.resume("k")) },
      { name: "resize", before, run: (pool) => pool.resize("k", { max: 2, concurrency: 2 }) }
    ] satisfies ReadonlyArray<Operation>
)

/** Starts the operation, interrupts it after `tasks` tasks, and says whether it had ended before. */
const interrupted = (operation: Operation, budget: number, tasks: number): boolean => {
  const fibers = activeFibers()
  const stage = new Stage({ seed: 1, maxOpsBeforeYield: budget })
  const open = new Set<number>()
  const closed: Array<number> = []
  let next = 0
  let holds = 0
  let connects = 0
  const scope = stage.run(Scope.make())
  const pool: Numbers = stage.run(
    Scope.extend(
      Pool.make<string, number, never, never>({
        acquire: () =>
          Effect.acquireRelease(
            Effect.sync(() => {
              connects += 1
              next += 1
              open.add(next)
              return next
            }),
            (id) =>
              Effect.sync(() => {
                open.delete(id)
                closed.push(id)
              })
          ),
        config: { max: 1, acquireTimeout: 5_000, idleTimeToLive: 60_000 },
        seed: 1
      }),
      scope
    )
  )
  const holder = stage.run(Scope.make())
  if (operation.before !== "nothing") stage.run(Scope.extend(pool.lease("k"), holder))
  if (operation.before === "idle item") stage.run(Scope.close(holder, Exit.void))

  const fiber = stage.call(operation.run(pool, () => (holds += 1)))
  let ran = 0
  while (ran < tasks && stage.scheduler.step()) ran += 1
  const ended = fiber.unsafePoll() !== null
  fiber.unsafeInterruptAsFork(FiberId.none)
  stage.settle()
  const where = `${operation.name} on ${operation.before}, budget ${budget}, after ${tasks} tasks`
  // Warming and draining go on without who asked for them; nobody else may be kept.
  expect(fiber.unsafePoll(), `${where}: goes on`).not.toBeNull()
  stage.run(Scope.close(holder, Exit.void))
  stage.settle()

  const stats = stage.run(pool.stats)
  expect(stats.leases, `${where}: leases`).toBe(0)
  expect(stats.waiting, `${where}: waiting`).toBe(0)
  expect(stats.started, `${where}: started`).toBe(stats.immediate + stats.waited + stats.failed + stats.cancelled)
  expect(stats.released, `${where}: released`).toBe(stats.immediate + stats.waited)
  expect(stats.open + stats.connecting + stats.closing, `${where}: items`).toBe(open.size)
  expect(holds, `${where}: holds`).toBeLessThanOrEqual(1)

  // The pool serves as before, whole items included.
  expect(stage.run(Effect.scoped(Effect.map(pool.exclusive("k"), (lease) => open.has(lease.item)))), where).toBe(true)
  expect(open.size, `${where}: open`).toBe(1)

  stage.fork(Scope.close(scope, Exit.void))
  stage.settle()
  expect([...open], `${where}: left open`).toEqual([])
  expect(closed.length, `${where}: closed once each`).toBe(connects)
  expect(new Set(closed).size).toBe(closed.length)
  expect(stage.clock.liveTimers, `${where}: timers`).toBe(0)
  expect(activeFibers() - fibers, `${where}: fibers`).toBe(0)
  return ended
}

/** After how many operations the runtime yields. */
const budgets = [10, 11, 12, 13, 14, 15, 16, 18, 20, 23, 27, 32, 40, 51, 64, 2048]

describe("an operation that is interrupted anywhere leaves nothing behind", () => {
  for (const operation of operations) {
    it(`${operation.name}, with ${operation.before} before it`, async () => {
      for (const budget of sampled(budgets)) {
        await breathe()
        let tasks = 0
        // Until the operation has ended of itself, or all tasks have run while it waits for somebody.
        while (tasks < 200 && !interrupted(operation, budget, tasks)) {
          tasks += 1
          if (operation.before === "busy item" && tasks > 40) break
        }
        expect(tasks, "the operation never ended").toBeLessThan(200)
      }
    })
  }
})
