import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpPool, ServerKey } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import process from "node:process"
import * as Everything from "./fixtures/Everything.js"
import { isThere } from "./fixtures/Faulty.js"

const everything = ServerKey.shared("everything")

/** The process that answers a ping now. */
const responder = Effect.gen(function* () {
  const { pool } = yield* McpPool.McpPool
  return yield* pool.use(everything, (connection) => Effect.as(connection.ping, connection.pid ?? 0))
})

/** Goes on when it is so. What it waits for comes from another process, in real time. */
const until = <E, R>(so: Effect.Effect<boolean, E, R>) =>
  Effect.repeat(Effect.zipRight(Effect.yieldNow(), so), { until: (is) => is })

// Processes are real, time is not: half a minute between two pings passes at once.
describe("a server that is a process", () => {
  it.effect("and stands still is found out by its pings, ended, and replaced for the next caller", () =>
    Effect.gen(function* () {
      const { pool } = yield* McpPool.McpPool
      const stopped = yield* responder
      yield* Effect.addFinalizer(() => Effect.sync(() => isThere(stopped) && process.kill(stopped, "SIGKILL")))
      process.kill(stopped, "SIGSTOP")
      yield* until(
        Effect.zipRight(
          TestClock.adjust("1 second"),
          Effect.map(pool.stats, ({ closed }) => closed.unhealthy === 1 && !isThere(stopped))
        )
      )
      const next = yield* responder
      expect(next).not.toBe(stopped)
      expect((yield* McpClient.McpClient).servers).toEqual(["everything"])
    }).pipe(
      Effect.scoped,
      Effect.provide(
        NodeMcp.layer({ servers: { everything: { command: process.execPath, args: [Everything.main, "stdio"] } } })
      )
    )
  )

  it.effect("and is killed while it idles is missed at once, without any ping", () =>
    Effect.gen(function* () {
      const { pool } = yield* McpPool.McpPool
      const killed = yield* responder
      process.kill(killed, "SIGKILL")
      yield* until(Effect.map(pool.stats, ({ closed, open }) => closed.retired === 1 && open === 0))
      expect(yield* responder).not.toBe(killed)
    }).pipe(
      Effect.provide(
        NodeMcp.layer({ servers: { everything: { command: process.execPath, args: [Everything.main, "stdio"] } } })
      )
    )
  )
})
