/** A pool on a stage, opened and closed around a test that says step by step what happens. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { Pool } from "@mooring/pool"
import { Stage } from "./Stage.js"

export interface Bench<A, E> {
  readonly stage: Stage
  readonly pool: Pool.Pool<string, A, E>
  /** Starts to close the pool. */
  readonly close: () => Fiber.RuntimeFiber<void>
}

/** Makes a pool of the options and plays `test` with it; the pool is closed at the end. */
export const onBench = <A, E>(
  options: (stage: Stage) => Pool.PoolOptions<string, A, E, never>,
  test: (bench: Bench<A, E>) => void,
  stage: Stage = new Stage({ seed: 1 })
): void => {
  const scope = stage.run(Scope.make())
  const pool = stage.run(Scope.extend(Pool.make({ seed: 1, ...options(stage) }), scope))
  const close = () => stage.fork(Scope.close(scope, Exit.void))
  try {
    test({ stage, pool, close })
  } finally {
    close()
    stage.advance(3_600_000)
  }
}

/** An item that is only a number, counted up from 1, and what became of those opened so far. */
export class Counter {
  next = 0
  readonly open = new Set<number>()
  readonly closed: Array<number> = []

  readonly acquire = Effect.acquireRelease(
    Effect.sync(() => {
      this.next += 1
      this.open.add(this.next)
      return this.next
    }),
    (id) =>
      Effect.sync(() => {
        this.open.delete(id)
        this.closed.push(id)
      })
  )
}

/** Attempts to open an item: those that `succeeds` names give their number, counted from 1; the others are refused. */
export class Attempts {
  count = 0

  constructor(private readonly succeeds: (attempt: number) => boolean) {}

  readonly acquire: Effect.Effect<number, string> = Effect.suspend(() => {
    this.count += 1
    return this.succeeds(this.count) ? Effect.succeed(this.count) : Effect.fail("refused")
  })
}
