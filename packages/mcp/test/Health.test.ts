import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpPool, type ServerConfig, ServerKey } from "@mooring/mcp"
import { Effect, FastCheck as fc, Fiber, type Scope, TestClock } from "effect"
import { client, http, MemoryServer, nothing, Refusal, stdio, text } from "./MemoryServer.js"

/** How a server takes a ping. */
const pings = {
  answer: () => ({}),
  unknownMethod: () => new Refusal(-32601, "Method not found"),
  otherError: () => new Refusal(-32603, "I am busy"),
  hang: () => nothing,
  malformed: () => "pong"
} as const
type Ping = keyof typeof pings

/** A server with one idle connection, whose pings are answered as scripted, and well when the script has ended. */
const idling = <A, E>(
  script: ReadonlyArray<Ping>,
  use: (it: {
    readonly mcp: McpClient.Service
    readonly server: MemoryServer
    readonly stats: ReturnType<McpPool.Service["pool"]["keyStats"]>
  }) => Effect.Effect<A, E, Scope.Scope>,
  config: ServerConfig.ServerConfig = { ...stdio, idleTimeToLive: "1 hour" }
) => {
  const left = [...script]
  const server = new MemoryServer({
    on: {
      ping: () => pings[left.shift() ?? "answer"](),
      "tools/call": ({ name }) => (name === "hang" ? nothing : text("done"))
    }
  })
  return Effect.gen(function* () {
    const mcp = yield* McpClient.McpClient
    const { pool } = yield* McpPool.McpPool
    yield* mcp.callTool("a", "x")
    return yield* Effect.scoped(use({ mcp, server, stats: pool.keyStats(ServerKey.shared("a")) }))
  }).pipe(Effect.provide(client({ a: server }, { a: config })))
}

describe("an idle connection", () => {
  for (const ping of ["answer", "unknownMethod", "otherError"] as const) {
    it.effect(`stays where its server takes a ping by "${ping}": any well-formed answer is a sign of life`, () =>
      idling(
        Array.from({ length: 20 }, () => ping),
        ({ server, stats }) =>
          Effect.gen(function* () {
            yield* TestClock.adjust("5 minutes")
            expect(server.count("ping")).toBeGreaterThanOrEqual(7)
            expect(yield* stats).toMatchObject({ open: 1, closed: {} })
          })
      )
    )
  }

  for (const ping of ["hang", "malformed"] as const) {
    it.effect(`is closed after two pings that its server takes by "${ping}", and the next caller has another`, () =>
      idling([ping, ping], ({ mcp, server, stats }) =>
        Effect.gen(function* () {
          yield* TestClock.adjust("2 minutes")
          expect(yield* stats).toMatchObject({ open: 0, closed: { unhealthy: 1 } })
          expect([server.count("ping"), server.clients.map((end) => end.isOpen())]).toEqual([2, [false]])
          expect(yield* mcp.callTool("a", "x")).toEqual(text("done"))
          expect(server.clients).toHaveLength(2)
        })
      )
    )
  }

  it.effect("is replaced before anybody calls, where one is kept warm", () =>
    idling(
      ["hang", "hang"],
      ({ mcp, server, stats }) =>
        Effect.gen(function* () {
          yield* TestClock.adjust("2 minutes")
          expect(yield* stats).toMatchObject({ open: 1, closed: { unhealthy: 1 } })
          const before = server.clients.length
          yield* mcp.callTool("a", "x")
          expect(server.clients).toHaveLength(before)
        }),
      { ...http, min: 1, idleTimeToLive: "1 hour" }
    )
  )

  it.effect("that dies is noticed at once, without a ping, and while one is under way", () =>
    idling(["hang"], ({ mcp, server, stats }) =>
      Effect.gen(function* () {
        server.clients[0]?.close("it was killed")
        yield* TestClock.adjust(0)
        expect(yield* stats).toMatchObject({ open: 0, closed: { retired: 1 } })
        expect(server.count("ping")).toBe(0)
        yield* mcp.callTool("a", "x")
        // No schedule waits for longer than 36 seconds, and a ping for no longer than 5.
        while (server.count("ping") === 0) yield* TestClock.adjust("1 second")
        server.clients[1]?.close("it was killed")
        yield* TestClock.adjust(0)
        expect(yield* stats).toMatchObject({ open: 0, closed: { retired: 2 } })
        yield* mcp.callTool("a", "x")
        yield* TestClock.adjust("3 minutes")
        expect(yield* stats).toMatchObject({ open: 1, closed: { retired: 2 } })
      })
    )
  )

  it.effect(
    "that has not been asked for long is asked before it is used; a hang costs that call 5 seconds, and runs once",
    () =>
      idling(
        ["hang"],
        ({ mcp, server, stats }) =>
          Effect.gen(function* () {
            yield* TestClock.adjust("6 minutes")
            const call = yield* Effect.forkScoped(mcp.callTool("a", "x"))
            yield* TestClock.adjust("4999 millis")
            expect([server.count("ping"), server.count("tools/call")]).toEqual([1, 1])
            yield* TestClock.adjust("1 millis")
            expect(yield* Fiber.join(call)).toEqual(text("done"))
            expect(server.count("tools/call")).toBe(2)
            expect(yield* stats).toMatchObject({ open: 1, closed: { invalid: 1 } })
          }),
        // Not probed while it is idle, since it is remote and nobody keeps it warm.
        { ...http, max: 1 }
      )
  )

  it.effect("is not asked while it is in use", () =>
    idling([], ({ mcp, server, stats }) =>
      Effect.gen(function* () {
        const call = yield* Effect.forkScoped(Effect.flip(mcp.callTool("a", "hang", {}, { timeout: "3 minutes" })))
        yield* TestClock.adjust("179 seconds")
        expect(server.count("ping")).toBe(0)
        yield* TestClock.adjust("1 second")
        expect(yield* Fiber.join(call)).toMatchObject({ _tag: "CallTimeout" })
        yield* TestClock.adjust("1 minute")
        expect(server.count("ping")).toBeGreaterThan(0)
        expect(yield* stats).toMatchObject({ open: 1, closed: {} })
      })
    )
  )

  it.effect.prop(
    "is closed exactly when two pings in a row were missed",
    [fc.array(fc.constantFrom<Ping>("answer", "unknownMethod", "otherError", "hang", "malformed"), { maxLength: 8 })],
    ([script]) =>
      idling(script, ({ server, stats }) =>
        Effect.gen(function* () {
          const isMiss = (ping: Ping | undefined) => ping === "hang" || ping === "malformed"
          const second = script.findIndex((ping, at) => isMiss(ping) && isMiss(script[at - 1]))
          // Nine rounds of at most 36 seconds, and 5 more for each that is missed.
          yield* TestClock.adjust("6 minutes")
          const closed = second >= 0
          expect(yield* stats).toMatchObject({ open: closed ? 0 : 1, closed: closed ? { unhealthy: 1 } : {} })
          if (closed) expect(server.count("ping")).toBe(second + 1)
          else expect(server.count("ping")).toBeGreaterThanOrEqual(script.length)
        })
      ),
    { fastCheck: { numRuns: 25 } }
  )
})
