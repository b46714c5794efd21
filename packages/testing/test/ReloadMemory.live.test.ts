/** What only a real heap shows: that nothing holds on to a server that is gone. */
import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpPool, McpTool, type ServerConfig } from "@mooring/mcp"
import { McpTest } from "@mooring/testing"
import { Effect, Fiber, Layer, Schema, Stream } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

setFlagsFromString("--expose-gc")
const collect: unknown = runInNewContext("gc")

const Work = McpTool.make("work", { parameters: {}, success: McpTool.json(Schema.Number) })
const servers = ["a", "b"].map((name) => McpTest.server(name, { tools: [McpTest.tool(Work, () => Effect.succeed(1))] }))

/** A configuration, which is known by its headers: the function that computes them is kept as it is. */
const config = (headers: ServerConfig.ComputedHeaders): ServerConfig.ServerConfig => ({
  url: "https://example.org/mcp",
  headers,
  isolation: "perPartition",
  rateLimit: { calls: 1000, per: "1 second" },
  checkOutput: true,
  catalogueRefresh: "1 minute",
  denyTools: ["hidden"]
})

/** Everything that remembers something of a server. */
const use = (mcp: McpClient.Service, name: string) =>
  Effect.gen(function* () {
    const watching = yield* Effect.fork(Stream.runDrain(mcp.changes(name)))
    yield* mcp.call(name, Work, {})
    yield* mcp.listTools(name)
    const session = Effect.scoped(Effect.flatMap(mcp.session(name, { affinity: "one" }), (own) => own.call(Work, {})))
    // What was replaced is missed once.
    yield* Effect.retry(session, { times: 1, while: ({ _tag }) => _tag === "SessionLost" })
    yield* mcp.status(name)
    yield* Effect.sleep("5 millis")
    return watching
  })

const isGone = (reference: WeakRef<object>): Effect.Effect<boolean> =>
  Effect.map(Effect.sleep("5 millis"), () => {
    if (typeof collect === "function") collect()
    return reference.deref() === undefined
  })

describe("a server that was removed", () => {
  it.live("is held by nothing any more, whatever was done with it, and neither is what replaced it", () =>
    Effect.gen(function* () {
      const mcp = (yield* McpClient.McpClient).forPartition("ada")
      const pool = yield* McpPool.McpPool
      const add = (name: string) =>
        Effect.gen(function* () {
          const headers = () => Effect.succeed({ "X-Of": name })
          yield* pool.setServer(name, config(headers))
          return new WeakRef(headers)
        })
      const kept = yield* add("b")
      yield* Fiber.interrupt(yield* use(mcp, "b"))
      const gone: Array<WeakRef<object>> = []
      for (let round = 0; round < 5; round++) {
        gone.push(yield* add("a"))
        const watching = yield* use(mcp, "a")
        // Replaced every other time before it goes.
        if (round % 2 === 0) {
          gone.push(yield* add("a"))
          yield* Fiber.interrupt(yield* use(mcp, "a"))
        }
        yield* pool.removeServer("a")
        // Its stream of changes has ended with it.
        yield* Fiber.join(watching)
      }
      for (const reference of gone) {
        yield* Effect.repeat(isGone(reference), { until: (is) => is, times: 200 })
        expect(reference.deref()).toBe(undefined)
      }
      expect(kept.deref()).not.toBe(undefined)
      expect((yield* pool.pool.keys).map(String)).toEqual(["b/ada", "b/ada#one"])
    }).pipe(
      Effect.provide(
        McpClient.layer.pipe(
          Layer.provideMerge(McpPool.layer({ servers: {} })),
          Layer.provide(McpTest.layerConnector(servers))
        )
      )
    )
  )
})
