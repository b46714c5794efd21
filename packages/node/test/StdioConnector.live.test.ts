import { describe, expect, it } from "@effect/vitest"
import { Answer, McpConnector, type McpTransport, type ServerConfig, Session } from "@mooring/mcp"
import { ChildProcess, NodeConnector, ProcessGroup, StdioSettings } from "@mooring/node"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import process from "node:process"
import { ConnectorTest, isThere, key, opened, script, server, withServer } from "./fixtures/Faulty.js"

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
        expect(told).toHaveLength(20 * 102)
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
        expect(yield* recorder.untilClosed).toBe(
          "it sent a message of more than 1048576 bytes, which Limits.messageBytes allows"
        )
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
      expect(dead).toEqual({
        reason: "its process exited with code 3",
        words: "cannot start: «redacted» is not a licence"
      })
    }).pipe(Effect.repeatN(2))
  )

  it.scopedLive("hides the variables that its process was given wherever the server's words are shown", () =>
    withServer(server("echo", { env: { KEY: "hunter22" } }), ({ transport }) =>
      Effect.sync(() => expect(transport.clean?.("no access with hunter22")).toBe("no access with «redacted»"))
    )
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
      expect(yield* end("exitsInCall")).toEqual([["closed", "its process exited with code 7"]])
      expect(yield* end("killsItself")).toEqual([["closed", "its process was killed by SIGKILL"]])
      expect(yield* end("halfLine")).toEqual([
        ["junk", 'half a line at its end: {"jsonrpc":"2.0","id":1,"res'],
        ["closed", "its process exited with code 0"]
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
      const reason = "its process exited with code 7\nIts last words on stderr:\nthe licence has expired"
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
      expect(yield* end("killsItself")).toEqual([1, "its process was killed by SIGKILL"])
      expect(yield* end("exitsInCall")).toEqual([1, "its process exited with code 7"])
      expect(yield* end("halfLine")).toEqual([2, "its process exited with code 0"])
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
