import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpMemory, McpPool, type ServerConfig, ServerKey } from "@mooring/mcp"
import { Effect, Fiber, Layer, TestClock } from "effect"
import { http, MemoryServer, nothing, stdio } from "./MemoryServer.js"

type Configs = Readonly<Record<string, ServerConfig.ServerConfig>>

const start = (servers: Readonly<Record<string, McpMemory.Serve>>, configs: Configs, maxConnecting = 8) =>
  McpPool.make({ servers: configs, maxConnecting }).pipe(Effect.provide(McpMemory.layer(servers)))

const refused = McpMemory.refusing("it is down")

describe("a server that is required", () => {
  it.scoped("is connected before the layer is ready, to its min; the others need not be", () =>
    Effect.gen(function* () {
      const server = new MemoryServer()
      const { pool } = yield* start(
        { one: server.serve, two: server.serve, hangs: McpMemory.silent, down: refused },
        {
          one: { ...stdio, required: true },
          two: { ...http, required: true, min: 2 },
          hangs: { ...http, min: 1 },
          down: { ...http, min: 1 }
        }
      )
      expect(yield* pool.keyStats(ServerKey.shared("one"))).toMatchObject({ open: 1 })
      expect((yield* pool.keyStats(ServerKey.shared("two")))?.open).toBe(2)
      // It is kept so: a connection that ends is replaced before anybody asks.
      for (const end of server.clients) end.close("it ended")
      yield* TestClock.adjust("1 second")
      expect(yield* pool.keyStats(ServerKey.shared("one"))).toMatchObject({ open: 1 })
    })
  )

  it.scoped("fails the layer when it cannot be connected, and all of these are named with the reason", () =>
    Effect.gen(function* () {
      const server = new MemoryServer()
      const hopeless = McpMemory.refusing("no such command", { retryable: false })
      const starting = yield* start(
        { fine: server.serve, gone: hopeless, down: refused, slow: McpMemory.silent },
        {
          fine: { ...http, required: true },
          gone: { ...http, required: true },
          down: { ...http, required: true },
          slow: { ...http, required: true }
        }
      ).pipe(Effect.flip, Effect.fork)
      yield* TestClock.adjust("30 seconds")
      const error = yield* Fiber.join(starting)
      expect(error).toMatchObject({
        _tag: "ServersUnavailable",
        failures: [
          { server: "gone", cause: { _tag: "McpConnectError", reason: "no such command" } },
          { server: "down", cause: { _tag: "CircuitOpen", cause: { reason: "it is down" } } },
          { server: "slow", cause: { _tag: "McpConnectError", phase: "handshake" } }
        ]
      })
      expect(error.message).toContain('Without MCP server "gone", "down", "slow" nothing starts')
      expect(error.message).toContain("it is down")
    })
  )

  it.effect("leaves nothing open when it fails the layer", () =>
    Effect.gen(function* () {
      const server = new MemoryServer()
      const configs: Configs = { fine: { ...stdio, required: true }, gone: { ...stdio, required: true } }
      const layer = McpClient.layer.pipe(
        Layer.provide(McpPool.layer({ servers: configs })),
        Layer.provide(
          McpMemory.layer({ fine: server.serve, gone: McpMemory.refusing("no such command", { retryable: false }) })
        )
      )
      const error = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
      expect(error).toMatchObject({ _tag: "ServersUnavailable", failures: [{ server: "gone" }] })
      expect(server.clients.map((end) => end.isOpen())).toEqual([false])
    })
  )

  it.effect("cannot be one for each partition, nor be kept without connections", () =>
    Effect.gen(function* () {
      const wrong = (config: ServerConfig.ServerConfig) => Effect.flip(Effect.scoped(start({}, { a: config })))
      const partitioned = yield* wrong({ ...stdio, required: true, isolation: "perPartition" })
      expect(partitioned).toMatchObject({ _tag: "ConfigError", path: "servers.a.required" })
      expect(yield* wrong({ ...stdio, required: true, min: 0 })).toMatchObject({ path: "servers.a.min" })
    })
  )

  it.scoped("that is disabled is not missed", () =>
    Effect.gen(function* () {
      const { servers } = yield* start({}, { a: { ...stdio, required: true, disabled: true } })
      expect(servers.names).toEqual([])
    })
  )
})

describe("servers that are kept warm", () => {
  it.scoped("connect side by side within the limit for all, however many of them hang", () =>
    Effect.gen(function* () {
      let connecting = 0
      let most = 0
      const slow = new MemoryServer({
        on: {
          initialize: () => {
            connecting--
            return { protocolVersion: "2025-06-18", capabilities: {}, serverInfo: { name: "slow", version: "1" } }
          }
        }
      })
      const serve: McpMemory.Serve = (client) => {
        most = Math.max(most, ++connecting)
        return Effect.delay(slow.serve(client), "1 second")
      }
      const mute = new MemoryServer({ on: { initialize: () => nothing } })
      const names = Array.from({ length: 9 }, (_, n) => `s${n}`)
      const { pool } = yield* start(
        { ...Object.fromEntries(names.map((name) => [name, serve])), mute: mute.serve },
        { mute: { ...http, min: 1 }, ...Object.fromEntries(names.map((name) => [name, { ...http, min: 1 }])) },
        4
      )
      yield* TestClock.adjust("2 seconds")
      // Three places of four are left beside the one that hangs.
      expect([(yield* pool.stats).open, most]).toEqual([6, 3])
      yield* TestClock.adjust("1 second")
      expect((yield* pool.stats).open).toBe(9)
    })
  )
})
