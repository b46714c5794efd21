import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpTool } from "@mooring/mcp"
import { McpTest } from "@mooring/testing"
import { Effect, Fiber, Schema, Stream, TestClock } from "effect"

const Index = McpTool.make("index", { parameters: { folder: Schema.String }, success: McpTool.text })
const index = McpTest.tool(
  Index,
  ({ folder }, { progress }) =>
    Effect.gen(function* () {
      yield* progress(1, 2, "reads")
      yield* Effect.sleep("2 seconds")
      yield* progress(2, 2, "sorts")
      yield* Effect.sleep("2 seconds")
      if (folder === "gone") return yield* Effect.fail("no such folder")
      if (folder === "odd") return yield* Effect.die(new Error("a bug"))
      return `${folder} is done`
    }),
  { task: "required" }
)
const Count = McpTool.make("count", { parameters: {}, success: McpTool.text })
const count = McpTest.tool(Count, () => Effect.succeed("7"), { task: "optional" })
const Plain = McpTool.make("plain", { parameters: {}, success: McpTool.text })
const plain = McpTest.tool(Plain, () => Effect.succeed("plain"))

const library = McpTest.server("library", { tools: [index, count, plain] })
const TestLive = McpTest.layer({ servers: [library, McpTest.server("bare", { tools: [plain] })] })

const text = (text: string) => ({ content: [{ type: "text", text }] })

describe("a tool of McpTest that runs as a task", () => {
  it.effect("runs on while its call is answered, tells how it is doing, and keeps its result", () =>
    Effect.gen(function* () {
      const [mcp, server] = [yield* McpClient.McpClient, yield* McpTest.McpTest]
      const task = yield* mcp.callToolTask("library", "index", { folder: "a" }, { ttl: "1 minute" })
      expect(task.created).toMatchObject({ status: "working", ttl: 60_000 })
      const told: Array<string | undefined> = []
      yield* Effect.fork(
        Stream.runForEach(task.changes, (now) => Effect.sync(() => told.push(`${now.status}: ${now.statusMessage}`)))
      )
      const result = yield* Effect.fork(task.result())
      // Other calls go on meanwhile.
      expect(yield* mcp.call("library", Plain, {})).toBe("plain")
      for (let second = 1; second <= 5; second++) yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(result)).toMatchObject(text("a is done"))
      expect(told).toEqual(["working: undefined", "working: reads", "working: sorts", "completed: sorts"])
      expect(yield* mcp.listTasks("library")).toMatchObject([{ taskId: task.id, status: "completed" }])
      expect(yield* mcp.getTask("library", task.id)).toMatchObject({ status: "completed" })
      expect(yield* task.result()).toMatchObject(text("a is done"))
      expect(yield* server.calls("library", "index")).toMatchObject([
        { outcome: "succeeded", startedAt: 0, endedAt: 4000 }
      ])
    }).pipe(Effect.provide(TestLive))
  )

  it.effect("is interrupted when it is cancelled, and stays as it is when it has ended", () =>
    Effect.gen(function* () {
      const [mcp, server] = [yield* McpClient.McpClient, yield* McpTest.McpTest]
      const task = yield* mcp.callToolTask("library", "index", { folder: "a" })
      const waiting = yield* Effect.fork(Effect.flip(task.result()))
      yield* TestClock.adjust("1 second")
      expect(yield* mcp.cancelTask("library", task.id)).toMatchObject({ status: "cancelled" })
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(waiting)).toMatchObject({ _tag: "TaskCancelled" })
      expect(yield* server.calls("library", "index")).toMatchObject([{ outcome: "interrupted" }])
      expect(yield* task.cancel).toMatchObject({ status: "cancelled" })
      expect(yield* Effect.flip(mcp.cancelTask("library", task.id))).toMatchObject({ code: -32602 })
      expect(yield* Effect.flip(mcp.getTask("library", "none"))).toMatchObject({ code: -32602 })
    }).pipe(Effect.provide(TestLive))
  )

  it.effect("fails with what its handler says, and with an error of JSON-RPC where that dies", () =>
    Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const ended = (folder: string) =>
        Effect.gen(function* () {
          const task = yield* mcp.callToolTask("library", "index", { folder })
          yield* TestClock.adjust("4 seconds")
          expect(yield* task.status).toMatchObject({ status: "failed" })
          return yield* Effect.either(task.result())
        })
      expect(yield* ended("gone")).toMatchObject({ right: { isError: true, ...text("no such folder") } })
      expect(yield* ended("odd")).toMatchObject({
        left: { _tag: "ProtocolError", code: -32603, reason: "Internal error: a bug" }
      })
    }).pipe(Effect.provide(TestLive))
  )

  it.effect("is gone with its connection", () =>
    Effect.gen(function* () {
      const [mcp, server] = [yield* McpClient.McpClient, yield* McpTest.McpTest]
      const task = yield* mcp.callToolTask("library", "index", { folder: "a" })
      yield* TestClock.adjust(0)
      yield* server.kill("library")
      const result = yield* Effect.fork(Effect.flip(task.result()))
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(result)).toMatchObject({ _tag: "TaskLost" })
      expect(yield* server.calls("library", "index")).toMatchObject([{ outcome: "interrupted" }])
    }).pipe(Effect.provide(TestLive))
  )

  it.effect("is called in the way that it says, whether or not the client knows its list", () =>
    Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const plainly = () => Effect.flip(mcp.callTool("library", "index", { folder: "a" }))
      const asTask = () => Effect.flip(mcp.callToolTask("library", "plain"))
      for (const error of [yield* plainly(), yield* asTask()]) expect(error).toMatchObject({ code: -32601 })
      yield* mcp.listTools("library")
      expect(yield* plainly()).toMatchObject({ _tag: "TaskMismatch", support: "required" })
      expect(yield* asTask()).toMatchObject({ _tag: "TaskMismatch", support: "forbidden" })
      expect(yield* mcp.call("library", Count, {})).toBe("7")
      const task = yield* mcp.callToolTask("library", "count")
      yield* TestClock.adjust("1 second")
      expect(yield* task.result()).toMatchObject(text("7"))
      expect((yield* Effect.flip(mcp.callToolTask("bare", "plain")))._tag).toBe("UnsupportedCapability")
      expect((yield* mcp.info("bare")).capabilities.tasks).toBe(undefined)
    }).pipe(Effect.provide(TestLive))
  )

  it.effect("meets the faults of its server when it is begun", () =>
    Effect.gen(function* () {
      const [mcp, server] = [yield* McpClient.McpClient, yield* McpTest.McpTest]
      yield* server.nextCalls("library", { fault: McpTest.Fault.CrashBefore() }, { fault: McpTest.Fault.CrashAfter() })
      expect((yield* Effect.flip(mcp.callToolTask("library", "index", { folder: "a" })))._tag).toBe("OutcomeUnknown")
      expect(yield* server.stats("library")).toMatchObject({ connects: 2, faults: 2 })
    }).pipe(Effect.provide(TestLive))
  )
})
