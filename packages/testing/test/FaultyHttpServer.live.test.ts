import { describe, expect, it } from "@effect/vitest"
import { McpConnection, ServerConfig, ServerKey } from "@mooring/mcp"
import { NodeConnector } from "@mooring/node"
import { FaultyHttpServer, type HttpFault, Resources } from "@mooring/testing/node"
import { Effect, Fiber } from "effect"

const { ConnectFault, Fault } = FaultyHttpServer

const connect = (server: FaultyHttpServer.FaultyHttpServer) =>
  McpConnection.make(ServerKey.shared("faulty"), server.config)

/** `answered`, `isError`, or what the error says. */
const told = (connection: McpConnection.McpConnection, args: Record<string, unknown> = {}) =>
  Effect.match(connection.callTool("run", args), {
    onSuccess: ({ isError }) => (isError === true ? "isError" : "answered"),
    onFailure: (error) => ("reason" in error ? error.reason : error._tag)
  })

const clean = <A, E>(effect: Effect.Effect<A, E, Effect.Effect.Context<ReturnType<typeof connect>>>) =>
  Effect.scoped(Effect.provide(effect, NodeConnector.layer)).pipe(Resources.givenBack())

const nothing = "nothing"

/** What the client is told, and whether the tool ran. */
const faults: ReadonlyArray<readonly [HttpFault.HttpFault, RegExp | typeof nothing, ran: boolean]> = [
  [Fault.None(), /^answered$/, true],
  [Fault.Hang(), nothing, false],
  [Fault.NoAnswer(), nothing, true],
  [Fault.AnswerLate({ by: "10 millis" }), /^answered$/, true],
  [Fault.AnswerTwice(), /^answered$/, true],
  [Fault.IsError({ text: "no" }), /^isError$/, false],
  [Fault.ErrorResponse({ code: -32000, reason: "no" }), /^no$/, false],
  [Fault.Status({ code: 503, retryAfter: "2 seconds" }), /answered 503/, false],
  [Fault.LoseSession(), /no longer knows the session \(404\)/, false],
  [Fault.Reset({ at: "start" }), /cut off/, true],
  [Fault.Reset({ at: "headers" }), /cut off/, true],
  [Fault.Reset({ at: "body" }), /cut off/, true],
  [Fault.CutStream({ resumes: false }), /ended without the answer$/, true],
  [Fault.CutStream({ resumes: true }), /^answered$/, true],
  [Fault.Drip({ over: "50 millis" }), /^answered$/, true],
  [Fault.StopHalfway(), nothing, true],
  [Fault.Malformed(), /cannot be parsed$|ended without the answer$/, true],
  [Fault.ForeignAnswers(), /^answered$/, true],
  [Fault.LongAnswer({ bytes: 9 * 1024 * 1024 }), /more than 8388608 bytes/, true]
]

for (const answers of ["json", "events"] as const) {
  describe(`a faulty server over HTTP that answers as ${answers}`, () => {
    it.live("does what each fault says, and notes what it ran", () =>
      clean(
        Effect.gen(function* () {
          const server = yield* FaultyHttpServer.make({ answers, calls: faults.map(([fault]) => ({ fault })) })
          let calls = 0
          let runs = 0
          for (const [fault, expected, ran] of faults) {
            const connection = yield* connect(server)
            const call = yield* Effect.fork(told(connection))
            calls++
            if (ran) runs++
            if (expected === nothing) {
              yield* Effect.repeat(Effect.delay(server.stats, "2 millis"), {
                until: (stats) => stats.received === calls && stats.ran >= runs
              })
              yield* Fiber.interrupt(call)
            } else expect(yield* Fiber.join(call), fault._tag).toMatch(expected)
            expect((yield* server.stats).ran, fault._tag).toBe(runs)
          }
        })
      )
    )
  })
}

describe("a faulty server over HTTP", () => {
  it.live("is killed, and back at the same port with the same ledger and no session", () =>
    clean(
      Effect.gen(function* () {
        const server = yield* FaultyHttpServer.make()
        const connection = yield* connect(server)
        expect(yield* told(connection, { n: 1 })).toBe("answered")
        yield* server.kill
        expect(yield* server.processes).toEqual([])
        yield* server.start
        // Its old sockets may break first.
        const last = yield* Effect.repeat(told(connection, { n: 2 }), { until: () => !connection.isOpen() })
        expect(last).toMatch(/no longer knows the session/)
        expect(yield* told(yield* connect(server), { n: 3 })).toBe("answered")
        expect((yield* server.ran).map(({ args }) => args)).toEqual([{ n: 1 }, { n: 3 }])
        expect(yield* server.stats).toMatchObject({ starts: 2 })
      })
    )
  )

  it.live("notes whose credential each run came with", () =>
    clean(
      Effect.gen(function* () {
        const server = yield* FaultyHttpServer.make({
          config: {
            isolation: "perPartition",
            headers: ({ partition }) => Effect.succeed({ Authorization: ServerConfig.bearer(`of ${partition}`) })
          }
        })
        for (const partition of ["ada", "bob"]) {
          const key = new ServerKey.ServerKey({ server: "faulty", partition })
          const connection = yield* McpConnection.make(key, server.config)
          expect(yield* told(connection, { partition })).toBe("answered")
        }
        expect((yield* server.ran).map(({ args, headers }) => [args["partition"], headers])).toEqual([
          ["ada", { authorization: "Bearer of ada" }],
          ["bob", { authorization: "Bearer of bob" }]
        ])
      })
    )
  )

  it.live("takes a fault from the caller, and refuses handshakes as scripted", () =>
    clean(
      Effect.gen(function* () {
        const faulty = [ConnectFault.Refuse({}), ConnectFault.CrashHandshake(), ConnectFault.RejectHandshake()]
        const server = yield* FaultyHttpServer.make({ connects: faulty.map((fault) => ({ fault })) })
        for (const { _tag } of faulty) {
          expect(yield* Effect.flip(connect(server)), _tag).toMatchObject({ _tag: "McpConnectError" })
        }
        const connection = yield* connect(server)
        expect(yield* told(connection, FaultyHttpServer.meeting({ fault: Fault.Status({ code: 500 }) }))).toMatch(/500/)
        expect(yield* told(connection)).toBe("answered")
      })
    )
  )
})
