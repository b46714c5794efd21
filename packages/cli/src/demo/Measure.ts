/**
 * The first part of the demo: the same call on a connection of its own each time, and through the pool, in alternation,
 * so that both see the same machine. A fresh call is timed from connecting to the answer; closing is awaited, but not
 * timed.
 *
 * @since 0.1.0
 */
import { McpClient, McpConnection, type McpConnector, ServerKey } from "@mooring/mcp"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { type Plan, pooledPerRound } from "./Plan.js"
import type { Progress } from "./Progress.js"
import type { Subject } from "./Subject.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Measured {
  /** Milliseconds each. */
  readonly fresh: ReadonlyArray<number>
  /** Milliseconds each. */
  readonly pooled: ReadonlyArray<number>
  /** Calls made through the pool, the first one, which connects and is not measured, included. */
  readonly calls: number
  readonly problems: ReadonlyArray<string>
}

/**
 * Nanoseconds between two instants of Effect's clock, as milliseconds.
 *
 * @since 0.1.0
 * @category combinators
 */
export const millis = (from: bigint, to: bigint): number => Number(to - from) / 1e6

/**
 * Measures one server.
 *
 * @since 0.1.0
 * @category combinators
 */
export const run = (
  subject: Subject,
  plan: Plan,
  progress: Progress
): Effect.Effect<Measured, McpClient.CallError, McpClient.McpClient | McpConnector.McpConnector> =>
  Effect.gen(function* () {
    const client = yield* McpClient.McpClient
    const { tool, args, wrong } = subject.measured
    const fresh: Array<number> = []
    const pooled: Array<number> = []
    const problems: Array<string> = []
    const check = (how: string, result: Parameters<typeof wrong>[0]) => {
      const problem = wrong(result)
      if (problem !== undefined) problems.push(`${subject.name}, ${how} call of ${tool}: ${problem}`)
    }
    const pooledCall = client.callTool(subject.name, tool, args)
    // On a fiber of its own: an interruption that comes while `Effect` 3.22 runs a finalizer can be lost to the fiber
    // that runs it, and this one would then go on to the end.
    const freshCall = Effect.scoped(
      Effect.gen(function* () {
        const begun = yield* Clock.currentTimeNanos
        const connection = yield* McpConnection.make(ServerKey.shared(subject.name), subject.config)
        const result = yield* connection.callTool(tool, args)
        return { result, took: millis(begun, yield* Clock.currentTimeNanos) }
      })
    ).pipe(Effect.fork, Effect.flatMap(Fiber.join))

    check("pooled", yield* pooledCall)
    let calls = 1
    for (let round = 0; round < plan.fresh; round++) {
      const { result, took } = yield* freshCall
      fresh.push(took)
      check("fresh", result)
      yield* progress.step
      for (let i = 0; i < pooledPerRound(plan); i++) {
        const begun = yield* Clock.currentTimeNanos
        const answer = yield* pooledCall
        pooled.push(millis(begun, yield* Clock.currentTimeNanos))
        calls++
        check("pooled", answer)
      }
    }
    return { fresh, pooled, calls, problems }
  })
