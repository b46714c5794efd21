import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpTool, Reconciled } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import { FaultyHttpServer, FaultyServer, Resources } from "@mooring/testing/node"
import { Effect, Schema } from "effect"

const { Fault } = FaultyServer

describe("over real processes", () => {
  it.live("an affinity comes back to one process until that dies, is told of it once, and begins another", () =>
    Effect.gen(function* () {
      const server = yield* FaultyServer.make()
      yield* Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        const run = (args: Readonly<Record<string, unknown>> = {}) =>
          Effect.scoped(
            Effect.flatMap(mcp.session("faulty", { affinity: "conversation 7" }), (session) =>
              Effect.as(session.callTool("run", args), session.resumed)
            )
          )
        expect(yield* run()).toBe(false)
        expect(yield* run()).toBe(true)
        expect(yield* Effect.flip(run(FaultyServer.meeting({ fault: Fault.CrashAfter() })))).toMatchObject({
          _tag: "OutcomeUnknown"
        })
        expect(yield* Effect.flip(run())).toMatchObject({ _tag: "SessionLost" })
        expect(yield* run()).toBe(false)
        expect(new Set((yield* server.ran).map(({ pid }) => pid)).size).toBe(2)
      }).pipe(Effect.provide(NodeMcp.layer({ servers: { faulty: server.config } })))
      expect(yield* server.processes).toEqual([])
    }).pipe(Effect.scoped, Resources.givenBack())
  )

  it.live("a call whose server died is found to have run, and is run no second time", () =>
    Effect.gen(function* () {
      const server = yield* FaultyServer.make()
      const Run = McpTool.make("run", {
        parameters: { id: Schema.String, fault: Schema.optional(Schema.Unknown) },
        success: McpTool.text,
        reconcile: ({ id }) =>
          Effect.map(server.ran, (runs) =>
            runs.some(({ args }) => args["id"] === id) ? Reconciled.Ran({ result: "found" }) : Reconciled.DidNotRun
          )
      })
      yield* Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        const meeting = (id: string, fault: FaultyServer.Fault) =>
          mcp.call("faulty", Run, { id, ...FaultyServer.meeting({ fault }) })
        expect(yield* meeting("a", Fault.CrashAfter())).toBe("found")
        expect((yield* server.ran).map(({ args }) => args["id"])).toEqual(["a"])
      }).pipe(Effect.provide(NodeMcp.layer({ servers: { faulty: server.config } })))
    }).pipe(Effect.scoped, Resources.givenBack())
  )
})

describe("over HTTP", () => {
  it.live("a session that the server has forgotten is told as lost: what it turned away did not run", () =>
    Effect.gen(function* () {
      const server = yield* FaultyHttpServer.make()
      yield* Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        yield* Effect.scoped(
          Effect.gen(function* () {
            const session = yield* mcp.session("faulty")
            yield* session.callTool("run")
            const forgotten = FaultyHttpServer.meeting({ fault: FaultyHttpServer.Fault.LoseSession() })
            expect(yield* Effect.flip(session.callTool("run", forgotten))).toMatchObject({ _tag: "SessionLost" })
            expect(yield* Effect.flip(session.callTool("run"))).toMatchObject({ _tag: "SessionLost" })
            expect(yield* server.ran).toHaveLength(1)
          })
        )
        yield* mcp.callTool("faulty", "run")
      }).pipe(Effect.provide(NodeMcp.layer({ servers: { faulty: server.config } })))
    }).pipe(Effect.scoped, Resources.givenBack())
  )
})
