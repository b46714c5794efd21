import { describe, expect, it } from "@effect/vitest"
import { McpConnector } from "@mooring/mcp"
import { ChildProcess, NodeConnector, ProcessGroup, StdioSettings } from "@mooring/node"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import process from "node:process"
import { vi } from "vitest"
import { ConnectorTest, isThere, key, opened, server, untilSuspended, withServer } from "./fixtures/Faulty.js"

/** Lets real events come, until it is so. */
const turnsUntil = (condition: () => boolean) =>
  Effect.repeat(Effect.zipRight(ChildProcess.nextTurn, Effect.sync(condition)), { until: (so) => so })

/** Goes on when this many fibers sleep on the test's clock. */
const untilSleeping = (fibers: number) =>
  Effect.repeat(Effect.zipRight(ChildProcess.nextTurn, TestClock.sleeps()), {
    until: (sleeps) => Chunk.size(sleeps) === fibers
  })

describe("a stdio transport that is closed", () => {
  it.scopedLive("ends a server that answers nothing, one that ignores stdin's end, and one that ignores SIGTERM", () =>
    Effect.forEach(["silent", "ignoresStdinEnd", "ignoresSigterm"], (mode) =>
      withServer(server(mode), ({ recorder, transport }) => Effect.sync(() => transport.send(recorder.request(1))))
    )
  )

  it.scopedLive("is not held up by a grandchild that holds stdout, and ends it too", () =>
    Effect.gen(function* () {
      const grandchild = yield* withServer(server("leavesGrandchild"), ({ pid, recorder, transport }) =>
        Effect.gen(function* () {
          transport.send(recorder.request(1))
          const { pid: grandchild } = yield* recorder.untilAnswered(1)
          transport.send(recorder.outgoing({ jsonrpc: "2.0", method: "exit" }))
          expect(yield* recorder.untilClosed).toBe("exited with code 0")
          expect(isThere(pid)).toBe(false)
          expect(isThere(Number(grandchild))).toBe(true)
          return Number(grandchild)
        })
      )
      expect(isThere(grandchild)).toBe(false)
    })
  )

  it.scopedLive(
    "is not held up by a daemon that holds stdout either, which has left the group and is out of reach",
    () =>
      Effect.gen(function* () {
        const daemon = yield* withServer(server("leavesDaemon"), ({ recorder, transport }) =>
          Effect.gen(function* () {
            transport.send(recorder.request(1))
            const { pid } = yield* recorder.untilAnswered(1)
            yield* Effect.addFinalizer(() => Effect.sync(() => process.kill(Number(pid), "SIGKILL")))
            transport.send(recorder.outgoing({ jsonrpc: "2.0", method: "exit" }))
            expect(yield* recorder.untilClosed).toBe("exited with code 0")
            return Number(pid)
          })
        )
        expect(isThere(daemon)).toBe(true)
      })
  )

  it.scoped("ends a server step by step, each after its time, on the clock of who opened it", () =>
    Effect.gen(function* () {
      const hours = NodeConnector.layer.pipe(
        Layer.provide(
          Layer.succeed(StdioSettings.StdioSettings, {
            ...StdioSettings.defaults,
            close: { afterStdinEnd: "5 hours", afterSigterm: "7 hours" }
          })
        )
      )
      const { close, pid, recorder, transport } = yield* opened(server("ignoresSigterm"), hours)
      // It has said that it ignores SIGTERM when it has answered.
      transport.send(recorder.request(1))
      yield* recorder.untilAnswered(1)
      const signal = vi.spyOn(process, "kill")
      const signals = () =>
        signal.mock.calls.filter(([whom, name]) => whom === -pid && name !== 0).map(([, name]) => name)
      yield* Effect.addFinalizer(() => Effect.sync(() => signal.mockRestore()))
      const closing = yield* Effect.fork(close)
      yield* untilSleeping(1)
      yield* TestClock.adjust("4 hours")
      expect(signals()).toEqual([])
      yield* TestClock.adjust("1 hour")
      yield* turnsUntil(() => signals().length > 0)
      expect(signals()).toEqual(["SIGTERM"])
      yield* untilSleeping(1)
      yield* TestClock.adjust("6 hours")
      yield* ChildProcess.nextTurn
      expect(signals()).toEqual(["SIGTERM"])
      expect(isThere(pid)).toBe(true)
      yield* TestClock.adjust("1 hour")
      yield* Fiber.join(closing)
      expect(signals()).toEqual(["SIGTERM", "SIGKILL"])
      expect(isThere(pid)).toBe(false)
    })
  )

  it.scopedLive("leaves no process behind when opening it is interrupted", () =>
    Effect.gen(function* () {
      const before = new Set(ProcessGroup.living())
      const fiber = yield* Effect.fork(Effect.scoped(Effect.zipRight(opened(server("ignoresSigterm")), Effect.never)))
      while (ProcessGroup.living().size === before.size) yield* Effect.yieldNow()
      const pid = [...ProcessGroup.living()].find((one) => !before.has(one)) ?? 0
      yield* Fiber.interrupt(fiber)
      expect(pid).toBeGreaterThan(0)
      expect(isThere(pid)).toBe(false)
      expect(ProcessGroup.living()).toEqual(before)
    })
  )

  it.scopedLive("leaves no process behind when closing it is interrupted", () =>
    Effect.gen(function* () {
      const closing = yield* Deferred.make<void>()
      let pid = 0
      const fiber = yield* Effect.gen(function* () {
        const connector = yield* McpConnector.McpConnector
        const transport = yield* connector.open(key, server("ignoresSigterm"))
        pid = transport.pid ?? 0
        // Runs first when the scope closes.
        yield* Effect.addFinalizer(() => Deferred.succeed(closing, undefined))
      }).pipe(Effect.scoped, Effect.provide(ConnectorTest), Effect.fork)
      yield* Deferred.await(closing)
      // Now it waits for the process to end.
      yield* untilSuspended(fiber)
      yield* Fiber.interrupt(fiber)
      expect(pid).toBeGreaterThan(0)
      expect(isThere(pid)).toBe(false)
    })
  )

  it.scopedLive("leaves no listener on this process, and ends its children when the process exits", () =>
    Effect.gen(function* () {
      const before = process.listenerCount("exit")
      const { close, pid, recorder } = yield* opened(server("ignoresSigterm"))
      expect(process.listenerCount("exit")).toBe(before + 1)
      // What Node does when the process exits.
      process.listeners("exit").at(-1)?.call(process, 0)
      expect(yield* recorder.untilClosed).toBe("killed by SIGKILL")
      yield* close
      expect(isThere(pid)).toBe(false)
      expect(process.listenerCount("exit")).toBe(before)
    })
  )
})
