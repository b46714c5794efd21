import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpTool } from "@mooring/mcp"
import { McpTest } from "@mooring/testing"
import { Effect, Fiber, Stream, TestClock } from "effect"

const settle = TestClock.adjust(0)

const Copy = McpTool.make("copy", { parameters: {}, success: McpTool.text })
const copy = McpTest.tool(Copy, (_, { progress }) =>
  progress(1, 2, "half of it").pipe(Effect.zipRight(Effect.sleep("1 second")), Effect.as("done"))
)

const files = McpTest.server("files", {
  tools: [copy],
  capabilities: { tools: { listChanged: true }, resources: { subscribe: true }, logging: {} }
})
const plain = McpTest.server("plain", { tools: [copy] })

const TestLive = McpTest.layer({ servers: [files, plain] })

/** What a stream has told so far, and what stops it. */
const reading = <A, E>(stream: Stream.Stream<A, E>) =>
  Effect.gen(function* () {
    const told: Array<A> = []
    const fiber = yield* Effect.fork(Stream.runForEach(stream, (each) => Effect.sync(() => told.push(each))))
    yield* settle
    return { told, stop: Effect.zipRight(Fiber.interrupt(fiber), settle) }
  })

describe("a server of McpTest", () => {
  it.effect("tells those that are subscribed to a resource that it has changed", () =>
    Effect.gen(function* () {
      const [mcp, server] = [yield* McpClient.McpClient, yield* McpTest.McpTest]
      const { stop, told } = yield* reading(mcp.resourceUpdates("files", "file:///notes"))
      expect(yield* server.subscriptions("files")).toEqual(["file:///notes"])
      expect(yield* server.updated("files", "file:///notes/today")).toBe(1)
      expect(yield* server.updated("files", "file:///other")).toBe(0)
      yield* settle
      expect(told.map(({ _tag, uri }) => [_tag, uri])).toEqual([
        ["Subscribed", "file:///notes"],
        ["Updated", "file:///notes/today"]
      ])
      yield* server.kill("files")
      yield* settle
      expect(told.at(-1)).toMatchObject({ _tag: "MayHaveChanged", reason: "reconnected" })
      yield* stop
      expect(yield* server.subscriptions("files")).toEqual([])
    }).pipe(Effect.provide(TestLive))
  )

  it.effect("tells of changed lists, and logs what the level lets pass", () =>
    Effect.gen(function* () {
      const [mcp, server] = [yield* McpClient.McpClient, yield* McpTest.McpTest]
      const logs = yield* reading(mcp.logs("files", { level: "warning" }))
      const changes = yield* reading(mcp.listChanges("files"))
      expect(yield* server.listChanged("files", "tools")).toBe(1)
      expect(yield* server.log("files", "info", "too little")).toBe(0)
      expect(yield* server.log("files", "error", { full: true }, "disk")).toBe(1)
      yield* settle
      expect(changes.told).toEqual(["tools"])
      expect(logs.told).toEqual([{ level: "error", logger: "disk", data: { full: true }, connection: 1 }])
    }).pipe(Effect.provide(TestLive))
  )

  it.effect("offers nothing of that unless it says so", () =>
    Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const errors = yield* Effect.all([
        Effect.flip(Stream.runDrain(mcp.resourceUpdates("plain", "file:///notes"))),
        Effect.flip(Stream.runDrain(mcp.logs("plain")))
      ])
      expect(errors.map(({ _tag }) => _tag)).toEqual(["UnsupportedCapability", "UnsupportedCapability"])
    }).pipe(Effect.provide(TestLive))
  )

  it.effect("tells how far its tools are", () =>
    Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const { told } = yield* reading(mcp.callStream("files", Copy, {}))
      expect(told).toMatchObject([{ _tag: "Progress", progress: 1, total: 2, message: "half of it", attempt: 1 }])
      yield* TestClock.adjust("1 second")
      expect(told.at(-1)).toEqual({ _tag: "Result", result: "done" })
    }).pipe(Effect.provide(TestLive))
  )
})
