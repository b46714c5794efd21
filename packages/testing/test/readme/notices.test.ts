import { expect, it } from "@effect/vitest"
import { McpClient } from "@mooring/mcp"
import { McpTest } from "@mooring/testing"
import { Effect, Fiber, Stream, TestClock } from "effect"

const notes = McpTest.server("notes", {
  resources: [McpTest.resource("note://1", "one")],
  capabilities: { resources: { subscribe: true }, logging: {} }
})

it.effect("whoever follows a resource is told that it has changed", () =>
  Effect.gen(function* () {
    const mcp = yield* McpClient.McpClient
    const server = yield* McpTest.McpTest
    const updates = yield* Effect.fork(Stream.runCollect(Stream.take(mcp.resourceUpdates("notes", "note://1"), 2)))
    const logged = yield* Effect.fork(Stream.runCollect(Stream.take(mcp.logs("notes", { level: "warning" }), 1)))
    yield* TestClock.adjust(0)
    expect(yield* server.subscriptions("notes")).toEqual(["note://1"])

    yield* server.updated("notes", "note://1")
    expect(Array.from(yield* Fiber.join(updates), ({ _tag }) => _tag)).toEqual(["Subscribed", "Updated"])
    expect(yield* server.log("notes", "info", "of no interest")).toBe(0)
    yield* server.log("notes", "error", "the disk is full")
    expect(Array.from(yield* Fiber.join(logged))).toMatchObject([{ level: "error", data: "the disk is full" }])
  }).pipe(Effect.provide(McpTest.layer({ servers: [notes] })))
)
