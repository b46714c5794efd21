import { describe, expect, it } from "@effect/vitest"
import { type McpConnector, type McpError, type McpTransport, type ServerConfig, ServerKey } from "@mooring/mcp"
import { Effect, Exit, Option, Scope } from "effect"
import * as Ahead from "../src/Ahead.js"
import { fixture, place } from "./support/Mooring.js"

const asked = new Error("the connector was asked")
/** What comes to the connector itself. */
const connector: McpConnector.McpConnector["Type"] = { open: () => Effect.die(asked) }

const withServer = (
  body: (given: {
    readonly config: ServerConfig.StdioServer
    readonly running: Effect.Effect<number>
  }) => Effect.Effect<void, McpError.McpConnectError | McpTransport.McpTransport>
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const here = yield* place
      const config = { command: process.execPath, args: [fixture("tools"), here.folder] }
      yield* body({ config, running: Effect.map(here.leftBehind, (lines) => lines.length) })
      expect(yield* here.leftBehind).toEqual([])
    })
  )

describe.concurrent("a server that is started ahead", () => {
  it.live("runs before it is asked for, is given to the first who asks, and ends with that scope", () =>
    withServer(({ config, running }) =>
      Effect.gen(function* () {
        const { open } = (yield* Ahead.start(new Map([["tools", config]]), Option.none()))(connector)
        expect(yield* running).toBe(1)
        const scope = yield* Scope.make()
        yield* Scope.extend(open(ServerKey.shared("tools"), config), scope)
        expect(yield* running).toBe(1)
        expect(yield* Effect.exit(Effect.scoped(open(ServerKey.shared("tools"), config)))).toEqual(Exit.die(asked))
        yield* Scope.close(scope, Exit.void)
        expect(yield* running).toBe(0)
      }).pipe(Effect.scoped)
    )
  )

  it.live("ends with the command when nobody asks for it", () =>
    withServer(({ config, running }) =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        yield* Scope.extend(Ahead.start(new Map([["tools", config]]), Option.none()), scope)
        expect(yield* running).toBe(1)
        yield* Scope.close(scope, Exit.void)
        expect(yield* running).toBe(0)
      })
    )
  )

  it.live("is for the partition that was said, and for no other", () =>
    withServer(({ config, running }) =>
      Effect.gen(function* () {
        const partitioned = { ...config, isolation: "perPartition" as const }
        const { open } = (yield* Ahead.start(new Map([["tools", partitioned]]), Option.some("ada")))(connector)
        expect(yield* running).toBe(1)
        const other = new ServerKey.ServerKey({ server: "tools", partition: "bob" })
        expect(yield* Effect.exit(Effect.scoped(open(other, partitioned)))).toEqual(Exit.die(asked))
        yield* Effect.scoped(open(new ServerKey.ServerKey({ server: "tools", partition: "ada" }), partitioned))
        expect(yield* running).toBe(0)
      }).pipe(Effect.scoped)
    )
  )

  it.live("is none where the pool will refuse, where several are asked, or where it is no process", () =>
    withServer(({ config, running }) =>
      Effect.gen(function* () {
        const partitioned = { ...config, isolation: "perPartition" as const }
        const several: ReadonlyArray<ReadonlyMap<string, ServerConfig.ServerConfig>> = [
          new Map([["tools", partitioned]]),
          new Map([
            ["tools", config],
            ["more", config]
          ]),
          new Map([["web", { url: "http://127.0.0.1:1/mcp" }]]),
          new Map()
        ]
        for (const servers of several) {
          const { open } = (yield* Ahead.start(servers, Option.none()))(connector)
          expect(yield* running).toBe(0)
          expect(yield* Effect.exit(Effect.scoped(open(ServerKey.shared("tools"), config)))).toEqual(Exit.die(asked))
        }
      }).pipe(Effect.scoped)
    )
  )

  it.live("that cannot be started is told to who asks for it", () =>
    withServer(() =>
      Effect.gen(function* () {
        const config = { command: "/nowhere/at-all" }
        const { open } = (yield* Ahead.start(new Map([["tools", config]]), Option.none()))(connector)
        const error = yield* Effect.flip(open(ServerKey.shared("tools"), config))
        expect(error).toMatchObject({ _tag: "McpConnectError", phase: "spawn", server: "tools" })
      }).pipe(Effect.scoped)
    )
  )
})
