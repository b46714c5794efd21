import { describe, expect, it } from "@effect/vitest"
import { McpClient, type ServerConfig } from "@mooring/mcp"
import { Effect, HashMap, Layer, Logger, TestClock } from "effect"
import { client, MemoryServer, nothing, stdio, text } from "./MemoryServer.js"

/** What was logged while the client was used, with its annotations. */
const logged = (
  server: MemoryServer,
  use: (mcp: McpClient.Service) => Effect.Effect<unknown, unknown>,
  config: ServerConfig.ServerConfig = stdio
) =>
  Effect.suspend(() => {
    const lines: Array<readonly [message: string, annotations: Readonly<Record<string, unknown>>]> = []
    const logger = Logger.make(({ annotations, message }) => {
      lines.push([String(message), Object.fromEntries(HashMap.toEntries(annotations))])
    })
    return Effect.flatMap(McpClient.McpClient, (mcp) => Effect.exit(use(mcp))).pipe(
      Effect.zipRight(TestClock.adjust(0)),
      Effect.provide(
        client({ a: server }, { a: config }).pipe(Layer.provide(Logger.replace(Logger.defaultLogger, logger)))
      ),
      Effect.as(lines)
    )
  })

describe("log lines", () => {
  /** Sends more notifications than it may, which a session says in the log. */
  const flooding = () =>
    new MemoryServer({
      on: {
        "tools/call": (_, end) => {
          for (let n = 0; n < 2000; n++) end.send({ jsonrpc: "2.0", method: "notifications/message" })
          return text("done")
        }
      }
    })

  it.effect("of a connection say which it is, of which server, not whose call made it speak", () =>
    Effect.gen(function* () {
      const lines = yield* logged(flooding(), (mcp) =>
        mcp.callTool("a", "x").pipe(Effect.annotateLogs({ caller: "one of many" }))
      )
      expect(lines).toEqual([
        [expect.stringContaining("notifications a second"), { "mcp.server": "a", "mcp.connection": 1 }]
      ])
    })
  )

  it.effect("say whose connection it is, where it is not shared", () =>
    Effect.gen(function* () {
      const lines = yield* logged(flooding(), (mcp) => mcp.forPartition("ada").callTool("a", "x"), {
        ...stdio,
        isolation: "perPartition"
      })
      expect(lines.map(([, annotations]) => annotations)).toEqual([
        { "mcp.server": "a", "mcp.partition": "ada", "mcp.connection": 1 }
      ])
    })
  )

  it.effect("of a server that could not be warmed up say which", () =>
    Effect.gen(function* () {
      const dead = new MemoryServer({ on: { initialize: (_, end) => (end.close("it exits"), nothing) } })
      const lines = yield* logged(dead, () => TestClock.adjust("1 second"), { ...stdio, min: 1 })
      expect(lines).toEqual([[expect.stringContaining("could not be warmed up"), { "mcp.server": "a" }]])
    })
  )
})
