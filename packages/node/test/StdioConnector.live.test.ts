import { describe, expect, it } from "@effect/vitest"
import {
  Answer,
  Limits,
  McpConnector,
  type McpError,
  type McpTransport,
  type ServerConfig,
  ServerKey,
  Session
} from "@mooring/mcp"
import { ChildProcess, NodeConnector, ProcessGroup, ServerStderr, StdioSettings } from "@mooring/node"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberStatus from "effect/FiberStatus"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { readFileSync } from "node:fs"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { vi } from "vitest"
import { Recorder } from "./fixtures/Recorder.js"

const script = fileURLToPath(new URL("fixtures/faultyStdio.mjs", import.meta.url))
const key = ServerKey.shared("faulty")

const quick = Layer.succeed(StdioSettings.StdioSettings, {
  ...StdioSettings.defaults,
  close: { afterStdinEnd: "150 millis", afterSigterm: "150 millis" }
})
const ConnectorTest = NodeConnector.layer.pipe(Layer.provide([quick, Limits.layer({ messageBytes: 1024 * 1024 })]))

const server = (mode: string, more?: Partial<ServerConfig.StdioServer>): ServerConfig.StdioServer => ({
  command: process.execPath,
  args: [script, mode],
  ...more
})

/** Whether a process runs. One that has ended may wait for init to collect it, for as long as that likes. */
const isThere = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return process.platform !== "linux" || !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"))
  } catch {
    return false
  }
}

/** Goes on when the fiber waits for something. */
const untilSuspended = <A, E>(fiber: Fiber.RuntimeFiber<A, E>) =>
  Effect.repeat(Effect.zipRight(Effect.yieldNow(), Fiber.status(fiber)), {
    until: (status) => FiberStatus.isSuspended(status)
  })

/** Lets real events come, until it is so. */
const turnsUntil = (condition: () => boolean) =>
  Effect.repeat(Effect.zipRight(ChildProcess.nextTurn, Effect.sync(condition)), { until: (so) => so })

/** Goes on when this many fibers sleep on the test's clock. */
const untilSleeping = (fibers: number) =>
  Effect.repeat(Effect.zipRight(ChildProcess.nextTurn, TestClock.sleeps()), {
    until: (sleeps) => Chunk.size(sleeps) === fibers
  })

interface Opened {
  readonly transport: McpTransport.McpTransport
  readonly recorder: Recorder
  readonly pid: number
  readonly close: Effect.Effect<void>
}

const opened = (
  config: ServerConfig.StdioServer,
  connectorTest = ConnectorTest
): Effect.Effect<Opened, McpError.McpConnectError, Scope.Scope> =>
  Effect.gen(function* () {
    const connector = yield* McpConnector.McpConnector
    const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
    const transport = yield* Scope.extend(connector.open(key, config), scope)
    const recorder = new Recorder()
    yield* transport.start(recorder)
    const pid = transport.pid ?? 0
    return { transport, recorder, pid, close: Scope.close(scope, Exit.void) }
  }).pipe(Effect.provide(connectorTest))

/** Opens, lets `use` look, closes, and checks that nothing of the process is left. */
const withServer = <A, E>(
  config: ServerConfig.StdioServer,
  use: (opened: Opened) => Effect.Effect<A, E, Scope.Scope>,
  connectorTest = ConnectorTest
) =>
  Effect.gen(function* () {
    const it = yield* opened(config, connectorTest)
    const result = yield* use(it)
    yield* it.close
    expect(isThere(it.pid)).toBe(false)
    expect(ProcessGroup.isRunning(it.pid)).toBe(false)
    expect(ProcessGroup.living().has(it.pid)).toBe(false)
    expect(it.recorder.told.filter(({ kind }) => kind === "closed")).toHaveLength(1)
    return result
  })

describe("a stdio transport", () => {
  it.scopedLive("carries messages, all of one turn in their order, and says when they were handed over", () =>
    withServer(server("echo"), ({ pid, recorder, transport }) =>
      Effect.gen(function* () {
        expect(isThere(pid)).toBe(true)
        const sent = Array.from({ length: 256 }, (_, id) => recorder.request(id, { id, text: "ü\n\u2028" }))
        for (const outgoing of sent) transport.send(outgoing)
        expect(sent.some((outgoing) => outgoing.handedOver)).toBe(false)
        expect(yield* recorder.untilAnswered(255)).toEqual({ echo: { id: 255, text: "ü\n\u2028" } })
        expect(sent.every((outgoing) => outgoing.handedOver)).toBe(true)
        const ids = recorder.told.map((told) =>
          told.kind === "message" && "id" in told.message ? told.message.id : told
        )
        expect(ids).toEqual(sent.map((_, id) => id))
      })
    )
  )

  it.scopedLive("gives the configured folder and variables to the server, and few of ours unless asked", () =>
    Effect.gen(function* () {
      process.env["MOORING_TEST_SECRET"] = "ours"
      const look = (more: Partial<ServerConfig.StdioServer>) =>
        withServer(
          server("environment", { env: { KEY: "theirs", ["__proto__"]: "odd" }, cwd: "/", ...more }),
          ({ recorder, transport }) => {
            transport.send(recorder.request(1))
            return recorder.untilAnswered(1)
          }
        )
      const safe = yield* look({})
      expect(safe).toMatchObject({ cwd: "/", env: { KEY: "theirs", PATH: process.env["PATH"] } })
      expect(safe["env"]).not.toHaveProperty("MOORING_TEST_SECRET")
      expect(Object.entries(Object(safe["env"]))).toContainEqual(["__proto__", "odd"])
      expect(yield* look({ inheritEnv: true })).toMatchObject({ env: { KEY: "theirs", MOORING_TEST_SECRET: "ours" } })
    })
  )

  it.scopedLive("tells junk and goes on", () =>
    withServer(server("junk"), ({ recorder, transport }) =>
      Effect.gen(function* () {
        transport.send(recorder.request(1))
        yield* recorder.untilAnswered(1)
        expect(recorder.told.slice(0, 2)).toEqual([
          { kind: "junk", reason: "text that is not JSON: ready!" },
          { kind: "junk", reason: 'JSON that is not JSON-RPC 2.0: {"level":"info"}' }
        ])
      })
    )
  )

  it.scopedLive("tells each line of a flood of junk, in few words, and goes on", () =>
    withServer(server("floodsJunk"), ({ recorder, transport }) =>
      Effect.gen(function* () {
        transport.send(recorder.request(1))
        yield* recorder.untilAnswered(1)
        const told = recorder.told.flatMap((told) => (told.kind === "junk" ? [told.reason] : []))
        expect(told).toHaveLength(20 * 1002)
        expect(Math.max(...told.map(({ length }) => length))).toBeLessThan(200)
      })
    )
  )

  it.scopedLive("reads a message whose every byte comes alone", () =>
    withServer(server("unicode"), ({ recorder, transport }) =>
      Effect.gen(function* () {
        transport.send(recorder.request(1, { text: "aé€😀" }))
        expect(yield* recorder.untilAnswered(1)).toEqual({ echo: { text: "aé€😀" } })
      })
    )
  )

  it.scopedLive("goes on when its receiver throws", () =>
    Effect.gen(function* () {
      const logged: Array<unknown> = []
      const logger = Logger.make(({ message }) => logged.push(message))
      yield* withServer(server("echo"), ({ recorder, transport }) =>
        Effect.gen(function* () {
          const { message } = recorder
          let first = true
          Object.assign(recorder, {
            message: (received: Parameters<typeof message>[0]) => {
              if (!first) return message(received)
              first = false
              throw new Error("boom")
            }
          })
          transport.send(recorder.request(1))
          transport.send(recorder.request(2))
          yield* recorder.untilAnswered(2)
        })
      ).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
      expect(String(logged[0])).toContain("The receiver of a transport threw")
    })
  )

  it.scopedLive("takes a message up to its limit, and closes at a longer one", () =>
    withServer(server("long"), ({ recorder, transport }) =>
      Effect.gen(function* () {
        const frame = JSON.stringify({ jsonrpc: "2.0", id: 1, result: { text: "" } }).length
        transport.send(recorder.request(1, { length: 1024 * 1024 - frame }))
        const { text } = yield* recorder.untilAnswered(1)
        expect(String(text)).toHaveLength(1024 * 1024 - frame)
        transport.send(recorder.request(2, { length: 1024 * 1024 - frame + 1 }))
        expect(yield* recorder.untilClosed).toBe("sent a message of more than 1048576 bytes")
      })
    )
  )

  it.scopedLive("keeps what a server does not read as not sent", () =>
    withServer(server("doesNotRead"), ({ recorder, transport }) =>
      Effect.gen(function* () {
        const sent = Array.from({ length: 400 }, (_, id) => recorder.request(id, { text: "x".repeat(5000) }))
        for (const outgoing of sent) transport.send(outgoing)
        yield* recorder.until((told) => (told.kind === "message" ? true : undefined))
        expect(sent[0]?.handedOver).toBe(true)
        expect(sent[399]?.handedOver).toBe(false)
      })
    )
  )

  it.scopedLive("says at once how the process ended, with its last words, secrets hidden", () =>
    Effect.gen(function* () {
      const dead = yield* withServer(server("exitsAtOnce", { env: { KEY: "hunter22" } }), ({ recorder, transport }) =>
        Effect.map(recorder.untilClosed, (reason) => ({ reason, words: transport.diagnostics?.() }))
      )
      expect(dead).toEqual({ reason: "exited with code 3", words: "cannot start: «redacted» is not a licence" })
    }).pipe(Effect.repeatN(2))
  )

  it.scopedLive("tells an exit and a signal during a call, and half a line before it", () =>
    Effect.gen(function* () {
      const end = (mode: string) =>
        withServer(server(mode), ({ recorder, transport }) => {
          const outgoing = recorder.request(1)
          transport.send(outgoing)
          return Effect.map(recorder.untilClosed, () => {
            expect(outgoing.handedOver).toBe(true)
            return recorder.told.map((told) => ("reason" in told ? [told.kind, told.reason] : [told.kind]))
          })
        })
      expect(yield* end("exitsInCall")).toEqual([["closed", "exited with code 7"]])
      expect(yield* end("killsItself")).toEqual([["closed", "killed by SIGKILL"]])
      expect(yield* end("halfLine")).toEqual([
        ["junk", 'half a line at its end: {"jsonrpc":"2.0","id":1,"res'],
        ["closed", "exited with code 0"]
      ])
      expect(yield* end("closesStdout")).toEqual([["closed", "closed its stdout"]])
    })
  )

  it.scopedLive("fails every pending request when the process ends, with its exit code and its last words", () =>
    Effect.gen(function* () {
      const connector = yield* McpConnector.McpConnector
      const session = yield* Session.make(yield* connector.open(key, server("exitsInCalls")), { server: "faulty" })
      const limits = { timeoutMs: Infinity, totalTimeoutMs: Infinity }
      const errors = yield* Effect.forEach(
        Array.from({ length: 64 }, (_, i) => i),
        (i) => Effect.flip(session.request("test", { i }, Answer.anything, limits)),
        { concurrency: "unbounded" }
      )
      const reason = "exited with code 7\nIts last words on stderr:\nthe licence has expired"
      expect(errors).toHaveLength(64)
      for (const error of errors) expect(error).toMatchObject({ _tag: "ConnectionLost", delivery: "Unknown", reason })
      expect(session.pending()).toBe(0)
    }).pipe(Effect.provide(ConnectorTest))
  )

  it.scopedLive("tells how a process ended though nobody had the time to wait for it", () => {
    // As on a machine that is so busy that all grace is over before anything of the end was heard.
    const hasty = NodeConnector.layer.pipe(
      Layer.provide(Layer.succeed(StdioSettings.StdioSettings, { ...StdioSettings.defaults, exitGrace: 0 }))
    )
    const end = (mode: string) =>
      withServer(
        server(mode),
        ({ recorder, transport }) => {
          transport.send(recorder.request(1))
          return Effect.map(recorder.untilClosed, (reason) => [recorder.told.length, reason])
        },
        hasty
      )
    return Effect.gen(function* () {
      expect(yield* end("killsItself")).toEqual([1, "killed by SIGKILL"])
      expect(yield* end("exitsInCall")).toEqual([1, "exited with code 7"])
      expect(yield* end("halfLine")).toEqual([2, "exited with code 0"])
    }).pipe(Effect.repeatN(4))
  })

  it.scopedLive("sends nothing more to a server that has closed its stdout, since no answer can come", () =>
    withServer(server("closesStdout"), ({ recorder, transport }) =>
      Effect.gen(function* () {
        const sent: Array<McpTransport.Outgoing> = []
        const closed = yield* Effect.fork(recorder.untilClosed)
        do {
          const outgoing = recorder.request(sent.length)
          sent.push(outgoing)
          transport.send(outgoing)
          yield* ChildProcess.nextTurn
        } while (closed.unsafePoll() === null)
        expect(yield* Fiber.join(closed)).toBe("closed its stdout")
        expect(sent[0]?.handedOver).toBe(true)
        // All but the last were sent while the transport still waited for the process to end.
        expect(sent.slice(0, -1).filter(({ handedOver }) => !handedOver).length).toBeGreaterThan(0)
      })
    )
  )

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

  it.scopedLive("drains a flood on stderr and keeps its end", () =>
    Effect.gen(function* () {
      const lines: Array<unknown> = []
      const logger = Logger.make(({ message }) => lines.push(message))
      yield* withServer(server("floodsStderr"), ({ recorder, transport }) =>
        Effect.gen(function* () {
          transport.send(recorder.request(1))
          yield* recorder.untilAnswered(1)
          transport.send(recorder.outgoing({ jsonrpc: "2.0", method: "exit" }))
          yield* recorder.untilClosed
          const words = transport.diagnostics?.() ?? ""
          expect(words.length).toBeLessThanOrEqual(4096)
          expect(words.endsWith("z\nthe end")).toBe(true)
        })
      ).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)), Logger.withMinimumLogLevel(LogLevel.Debug))
      expect(lines).toHaveLength(1501)
      expect(String(lines.at(-1))).toBe("the end")
    })
  )

  it.scopedLive("gives the lines on stderr to whoever reads them, redacted, with their server and its process", () =>
    Effect.gen(function* () {
      const heard = yield* Effect.fork(Stream.runHead(ServerStderr.lines))
      // Its stream has begun when it waits.
      yield* untilSuspended(heard)
      const pid = yield* withServer(server("exitsAtOnce", { env: { KEY: "hunter22" } }), ({ pid, recorder }) =>
        Effect.as(recorder.untilClosed, pid)
      )
      const text = "cannot start: «redacted» is not a licence"
      expect(yield* Fiber.join(heard)).toEqual(Option.some({ server: key, pid, text }))
    })
  )

  it.scopedLive("logs the lines on stderr at the level that was set, and with none not at all", () =>
    Effect.gen(function* () {
      const logged = (stderrLevel: LogLevel.LogLevel) => {
        const entries: Array<unknown> = []
        const logger = Logger.make(({ annotations, logLevel, message }) =>
          entries.push([logLevel._tag, message, HashMap.toEntries(annotations)])
        )
        const settings = Layer.succeed(StdioSettings.StdioSettings, { ...StdioSettings.defaults, stderrLevel })
        return withServer(
          server("exitsAtOnce"),
          ({ recorder }) => recorder.untilClosed,
          NodeConnector.layer.pipe(Layer.provide(settings))
        ).pipe(
          Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
          Logger.withMinimumLogLevel(LogLevel.All),
          Effect.as(entries)
        )
      }
      const line = [["cannot start: no key is not a licence"], [["mcp.server", "faulty"]]]
      expect(yield* logged(LogLevel.Warning)).toEqual([["Warning", ...line]])
      expect(yield* logged(StdioSettings.defaults.stderrLevel)).toEqual([["Debug", ...line]])
      expect(yield* logged(LogLevel.None)).toEqual([])
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

describe("a command that cannot be started", () => {
  const refusal = (config: ServerConfig.StdioServer) =>
    Effect.flip(opened(config)).pipe(Effect.map(({ phase, reason, retryable }) => ({ phase, reason, retryable })))

  it.scopedLive("is refused with what to do about it", () =>
    Effect.gen(function* () {
      const refused = (reason: string) => ({ phase: "spawn", reason, retryable: false })
      expect(yield* refusal({ command: "no-such-server" })).toEqual(
        refused('the command "no-such-server" was not found; install it, correct its name, or give its full path')
      )
      expect(yield* refusal({ command: script })).toEqual(
        refused(`the command "${script}" may not be run; make it executable, or correct its path`)
      )
      expect(yield* refusal(server("echo", { cwd: "/no/such/folder" }))).toEqual(
        refused('its working folder "/no/such/folder" is not there, or is no folder; correct `cwd`')
      )
      expect(yield* refusal(server("echo", { env: { KEY: "hunter22\0" } }))).toEqual(
        refused('its environment variable "KEY" holds a NUL character; take it out')
      )
      expect(ProcessGroup.living().size).toBe(0)
    })
  )
})
