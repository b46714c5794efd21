/** What stands before the calls of a client stands before those of its sessions, and of a tool's `reconcile`, too. */
import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpTool, Reconciled } from "@mooring/mcp"
import { type Fault, McpTest, type TestServer } from "@mooring/testing"
import { Effect, Fiber, Schema, TestClock } from "effect"

const Read = McpTool.make("read", { parameters: {}, success: McpTool.text })
const Drop = McpTool.make("drop", { parameters: {}, success: McpTool.text })

const tools = [Read, Drop].map((tool) => McpTest.tool(tool, () => Effect.succeed(`${tool.name} ran`)))

const withServer = (config: TestServer.Settings, script: Fault.Script = {}) =>
  McpTest.layer({ servers: [McpTest.server("files", { tools, config, ...script })] })

describe("a session", () => {
  it.effect("neither lists nor calls a tool that its server's configuration hides", () =>
    Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const session = yield* mcp.session("files")
      expect((yield* session.listTools).map(({ name }) => name)).toEqual(["read"])
      expect(yield* session.call(Read, {})).toBe("read ran")
      expect(yield* Effect.flip(session.call(Drop, {}))).toMatchObject({ _tag: "ToolDenied", tool: "drop" })
      expect(yield* Effect.flip(session.callTool("drop"))).toMatchObject({ _tag: "ToolDenied", tool: "drop" })
      const servers = yield* McpTest.McpTest
      expect(yield* servers.calls("files", "drop")).toEqual([])
    }).pipe(Effect.scoped, Effect.provide(withServer({ denyTools: ["drop"] })))
  )

  it.effect("counts for the same rate as all other calls", () =>
    Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      yield* mcp.call("files", Read, {})
      const session = yield* mcp.session("files", { affinity: "one" })
      const error = yield* Effect.flip(session.call(Read, {}))
      expect(error).toMatchObject({ _tag: "RateLimited", retryAfterMs: 60_000 })
      yield* TestClock.adjust("1 minute")
      expect(yield* session.call(Read, {})).toBe("read ran")
    }).pipe(Effect.scoped, Effect.provide(withServer({ rateLimit: { calls: 1, per: "1 minute", mode: "fail" } })))
  )

  it.effect("that is lost says so at once, and takes no turn of the rate", () =>
    Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const session = yield* mcp.session("files")
      yield* (yield* McpTest.McpTest).kill("files")
      yield* TestClock.adjust(0)
      for (let n = 0; n < 3; n++)
        expect(yield* Effect.flip(session.call(Read, {}))).toMatchObject({ _tag: "SessionLost" })
      const another = yield* mcp.session("files", { affinity: "one" })
      expect(yield* another.call(Read, {})).toBe("read ran")
    }).pipe(Effect.scoped, Effect.provide(withServer({ rateLimit: { calls: 1, per: "1 minute", mode: "fail" } })))
  )
})

describe("what a tool's reconcile calls", () => {
  it.effect("must be allowed as well", () => {
    const seen: Array<string> = []
    const Careful = McpTool.make("read", {
      parameters: { path: Schema.String },
      success: McpTool.text,
      reconcile: (_args, _failure, server) =>
        Effect.match(server.callTool("drop"), {
          onFailure: (error) => {
            seen.push(error._tag)
            return Reconciled.Unresolved
          },
          onSuccess: () => Reconciled.Unresolved
        })
    })
    return Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const call = yield* Effect.fork(Effect.flip(mcp.call("files", Careful, { path: "a" })))
      yield* TestClock.adjust("1 minute")
      expect(yield* Fiber.join(call)).toMatchObject({ _tag: "OutcomeUnknown", reconciled: "Unresolved" })
      expect(seen).toEqual(["ToolDenied"])
    }).pipe(
      Effect.scoped,
      Effect.provide(withServer({ denyTools: ["drop"] }, { calls: [{ fault: McpTest.Fault.CrashAfter() }] }))
    )
  })
})
