import { describe, expect, it } from "@effect/vitest"
import { NodeConnector, ServerStderr, StdioSettings } from "@mooring/node"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { key, server, untilSuspended, withServer } from "./fixtures/Faulty.js"

describe("the stderr of a stdio server", () => {
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
})
