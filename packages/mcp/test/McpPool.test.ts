import { describe, expect, it } from "@effect/vitest"
import {
  McpClient,
  type McpConnection,
  McpConnector,
  McpError,
  McpMemory,
  McpPool,
  type ServerConfig,
  ServerKey
} from "@mooring/mcp"
import { type Duration, Effect, Exit, Fiber, KeyedPool, Layer, Redacted, Scope, TestClock } from "effect"
import { client, connector, http, MemoryServer, nothing, stdio, text } from "./MemoryServer.js"

const id = ServerKey.ServerId.make

const poolOf = (
  servers: Readonly<Record<string, MemoryServer>>,
  configs: Readonly<Record<string, ServerConfig.ServerConfig>>
) => McpPool.layer({ servers: configs }).pipe(Layer.provide(connector(servers)))

describe("McpPool", () => {
  describe("configuration", () => {
    const refused = (config: unknown) =>
      // What comes from plain JavaScript or a file need not be what the types say.
      McpPool.make({ servers: { files: config as ServerConfig.ServerConfig } }).pipe(
        Effect.provide(connector({})),
        Effect.scoped,
        Effect.flip
      )

    it.effect("names the place and what was expected there, and never the value", () =>
      Effect.gen(function* () {
        const cases: ReadonlyArray<readonly [unknown, string, string]> = [
          [null, "servers.files", "expected an object, found null"],
          [{}, "servers.files", 'expected "command" (a program to start) or "url" (an HTTP address), found neither'],
          [
            { command: "a", url: "b" },
            "servers.files",
            'expected one way to reach the server, found "command" and "url"'
          ],
          [{ command: "" }, "servers.files.command", "found an empty string"],
          [{ command: "a", args: ["x", 5] }, "servers.files.args[1]", "expected a string, found a number"],
          [
            { command: "a", env: { TOKEN: ["hunter2"] } },
            "servers.files.env.TOKEN",
            "expected a string, found an array"
          ],
          [{ command: "a", cwd: "hunter2\u0000" }, "servers.files.cwd", "without NUL characters"],
          [{ command: "a", env: { "A=B": "hunter2" } }, 'servers.files.env["A=B"]', "not the name of a variable"],
          [{ command: "a", concurency: 2 }, "servers.files.concurency", 'did you mean "concurrency"?'],
          [{ url: "hunter2" }, "servers.files.url", "expected an address that begins with http:// or https://"],
          [{ url: "FTP://hunter2" }, "servers.files.url", "found one that begins with ftp:"],
          [
            { url: "http://a", headers: { "a b": "hunter2" } },
            'servers.files.headers["a b"]',
            "not the name of a header"
          ],
          [{ url: "http://a", headers: { A: "hunter2\n" } }, "servers.files.headers.A", "without line breaks"],
          [{ url: "http://a", concurrency: 0 }, "servers.files.concurrency", "found 0"],
          [{ url: "http://a", callTimeout: "soon" }, "servers.files.callTimeout", "expected a duration"],
          [
            { command: "a", tools: { pay: { callTimeout: -1 } } },
            "servers.files.tools.pay.callTimeout",
            "expected a duration"
          ],
          [{ command: "a", tools: { pay: { timeout: 1 } } }, "servers.files.tools.pay.timeout", "not a known setting"],
          [{ command: "a", tools: { "a.b": { mayRunTwice: 1 } } }, 'servers.files.tools["a.b"].mayRunTwice', "found 1"],
          [{ command: "a", trustHints: "yes" }, "servers.files.trustHints", 'found "yes"'],
          [{ url: "http://a", min: 5, max: 2 }, "servers.files.min", "must not be above max (2), not 5"],
          [{ url: "http://a", min: 2, maxIdle: 1 }, "servers.files.maxIdle", "must not be below min (2), not 1"],
          [{ url: "http://a", isolation: "exclusive", concurrency: 2 }, "servers.files.concurrency", "expected 1"],
          [{ url: "http://a", catalogueRefresh: 5 }, "servers.files.catalogueRefresh", "at least 1 second"],
          [{ url: "http://a", catalogueRefresh: "often" }, "servers.files.catalogueRefresh", "a duration"],
          [{ url: "http://a", allowTools: "read" }, "servers.files.allowTools", "expected an array"],
          [{ url: "http://a", denyTools: [""] }, "servers.files.denyTools[0]", "not empty"],
          [{ url: "http://a", rateLimit: { calls: 1 } }, "servers.files.rateLimit.per", "found nothing"],
          [{ url: "http://a", rateLimit: { calls: 0, per: 9 } }, "servers.files.rateLimit.calls", "found 0"],
          [{ url: "http://a", rateLimit: { calls: 1, per: 0 } }, "servers.files.rateLimit.per", "above 0 that ends"],
          [{ url: "http://a", rateLimit: { calls: 1, per: Infinity } }, "servers.files.rateLimit.per", "that ends"],
          [{ url: "http://a", rateLimit: { calls: 1, per: 9, brst: 2 } }, "servers.files.rateLimit.brst", '"burst"']
        ]
        for (const [config, path, reason] of cases) {
          const error = yield* refused(config)
          expect(error).toMatchObject({ _tag: "ConfigError", path })
          expect(error.message).toContain(reason)
          expect(error.message).not.toContain("hunter2")
        }
        expect(yield* refused({ command: "a", disabled: true, args: 1 })).toMatchObject({ path: "servers.files.args" })
        expect(yield* refused({ command: "", args: 1 })).toMatchObject({
          path: "servers.files.command",
          reason: expect.stringContaining("servers.files.args: expected an array, found a number")
        })
      })
    )

    it.scoped("leaves out disabled servers, and tells the names of the others", () =>
      Effect.gen(function* () {
        const { keyOf, servers } = yield* McpPool.make({
          servers: { a: stdio, b: { ...stdio, disabled: true }, c: { ...http, headers: { X: Redacted.make("y") } } }
        })
        expect(servers.names).toEqual(["a", "c"])
        expect(yield* Effect.flip(keyOf("b"))).toMatchObject({ _tag: "UnknownServer", server: "b", known: ["a", "c"] })
        expect(yield* keyOf("a")).toBe(yield* keyOf("a"))
      }).pipe(Effect.provide(connector({})))
    )
  })

  it.effect("is an Effect KeyedPool by the names of servers", () => {
    const server = new MemoryServer()
    return Effect.gen(function* () {
      const pool = yield* McpPool.keyed
      const get = KeyedPool.get(pool, id("a"))
      const first = yield* Effect.scoped(get)
      expect(first.serverInfo.name).toBe("memory")
      expect(yield* Effect.scoped(get)).toBe(first)
      yield* KeyedPool.invalidate(pool, first)
      yield* TestClock.adjust(0)
      expect(first.isOpen()).toBe(false)
      expect(yield* Effect.scoped(get)).not.toBe(first)
      expect(yield* Effect.flip(Effect.scoped(KeyedPool.get(pool, id("b"))))).toMatchObject({ _tag: "UnknownServer" })
    }).pipe(Effect.provide(poolOf({ a: server }, { a: stdio })))
  })

  it.effect("keeps partitions apart, and never falls back to a shared connection", () => {
    const server = new MemoryServer()
    return Effect.gen(function* () {
      const pool = yield* McpPool.keyed
      const get = Effect.scoped(KeyedPool.get(pool, id("a")))
      expect(yield* Effect.flip(get)).toMatchObject({ _tag: "PartitionMissing", server: "a" })
      expect(yield* Effect.flip(McpClient.withPartition(get, ""))).toMatchObject({ _tag: "PartitionMissing" })
      const ada = yield* get.pipe(McpClient.withPartition("ada"))
      const bob = yield* get.pipe(McpClient.withPartition("bob"))
      expect([ada.key.toString(), bob.key.toString()]).toEqual(["a/ada", "a/bob"])
      expect(yield* get.pipe(McpClient.withPartition("ada"))).toBe(ada)
      expect(server.clients.map(({ key }) => key.partition)).toEqual(["ada", "bob"])
    }).pipe(Effect.provide(poolOf({ a: server }, { a: { ...stdio, isolation: "perPartition" } })))
  })

  it.effect("lends an exclusive connection to one caller at a time", () => {
    const server = new MemoryServer({ on: { "tools/call": () => nothing } })
    const configs = { a: { ...http, max: 1, isolation: "exclusive" as const } }
    return Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const fibers = yield* Effect.forEach([1, 2], () => Effect.fork(mcp.callTool("a", "x")))
      yield* TestClock.adjust(0)
      expect(server.count("tools/call")).toBe(1)
      server.clients[0]?.send({ jsonrpc: "2.0", id: 1_000_000, result: text("") })
      yield* TestClock.adjust(0)
      expect(server.count("tools/call")).toBe(2)
      yield* Effect.forEach(fibers, Fiber.interrupt)
    }).pipe(Effect.provide(client({ a: server }, configs)))
  })

  it.effect("drops a connection the moment it dies, and opens another for the next caller", () => {
    const server = new MemoryServer()
    return Effect.gen(function* () {
      const { pool } = yield* McpPool.McpPool
      const get = Effect.scoped(pool.get(ServerKey.shared("a")))
      const first = yield* get
      server.clients[0]?.close("the process exited")
      yield* TestClock.adjust(0)
      expect((yield* pool.stats).open).toBe(0)
      expect(yield* get).not.toBe(first)
      expect(server.clients).toHaveLength(2)
    }).pipe(Effect.provide(poolOf({ a: server }, { a: stdio })))
  })

  it.effect("does not let callers wait for a server that exits at its start", () => {
    const server = new MemoryServer({
      on: {
        initialize: (_, end) => {
          end.close("the process exited with code 1")
          return nothing
        }
      }
    })
    return Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      expect(yield* Effect.flip(mcp.ping("a"))).toMatchObject({ _tag: "McpConnectError", phase: "handshake" })
      const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.fork(Effect.flip(mcp.ping("a"))))
      // Who comes after a failure waits out the pause before the next attempt, of at most 250 ms.
      yield* TestClock.adjust("500 millis")
      for (const error of yield* Effect.forEach(fibers, Fiber.join)) expect(error._tag).toBe("McpConnectError")
      expect(server.clients).toHaveLength(2)
    }).pipe(Effect.provide(client({ a: server }, { a: stdio })))
  })

  it.effect("connects servers with a min at once, and one that is down holds nobody up", () => {
    const server = new MemoryServer()
    const hangs = new MemoryServer({ on: { initialize: () => nothing } })
    const configs = { a: { ...stdio, min: 1 }, b: { ...http, min: 2 }, c: stdio, d: { ...stdio, min: 1 } }
    return Effect.gen(function* () {
      yield* TestClock.adjust(0)
      const { pool } = yield* McpPool.McpPool
      expect(server.clients.map(({ key }) => key.server).sort()).toEqual(["a", "b", "b"])
      expect(yield* pool.keyStats(ServerKey.shared("a"))).toMatchObject({ open: 1 })
      server.clients[0]?.close("it exited")
      yield* TestClock.adjust("1 seconds")
      expect(yield* pool.keyStats(ServerKey.shared("a"))).toMatchObject({ open: 1 })
    }).pipe(Effect.provide(poolOf({ a: server, b: server, c: server, d: hangs }, configs)))
  })

  describe("a server that cannot be reached", () => {
    const tried: ReadonlyArray<readonly [string, ServerConfig.ServerConfig, number]> = [
      ["remote server", http, 5000],
      ["process", stdio, 30_000]
    ]
    it.effect.each(tried)("if it is a %s, is tried again this long after five failures", ([, config, pauseMs]) => {
      let down = true
      const error = { server: "a", phase: "dial", reason: "nobody listens", retryable: true } as const
      const memory = McpMemory.make({ a: new MemoryServer().serve })
      const sometimes = Layer.succeed(McpConnector.McpConnector, {
        open: (key, server) => (down ? Effect.fail(new McpError.McpConnectError(error)) : memory.open(key, server))
      })
      const layer = McpClient.layer.pipe(
        Layer.provide(McpPool.layer({ servers: { a: config } })),
        Layer.provide(sometimes)
      )
      return Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        const fiber = yield* Effect.fork(Effect.flip(mcp.ping("a")))
        // The four pauses between five attempts last 3.75 seconds at most.
        yield* TestClock.adjust("4 seconds")
        expect(yield* Fiber.join(fiber)).toMatchObject({ _tag: "CircuitOpen", failures: 5, retryAfterMs: pauseMs })
        down = false
        expect((yield* Effect.flip(mcp.ping("a")))._tag).toBe("CircuitOpen")
        yield* TestClock.adjust(pauseMs)
        yield* mcp.ping("a")
      }).pipe(Effect.provide(layer))
    })
  })

  describe("health", () => {
    const after = (config: ServerConfig.ServerConfig, duration: Duration.DurationInput, mute = false) => {
      let silent = false
      const server = new MemoryServer({ on: { ping: () => (silent ? nothing : {}) } })
      return Effect.gen(function* () {
        const { pool } = yield* McpPool.McpPool
        yield* Effect.scoped(pool.get(ServerKey.shared("a")))
        silent = mute
        yield* TestClock.adjust(duration)
        const stats = yield* pool.stats
        return { pings: server.count("ping"), open: stats.open, closed: stats.closed }
      }).pipe(Effect.provide(poolOf({ a: server }, { a: config })))
    }

    it.effect("asks an idle process every 30 seconds, and closes one that has stopped answering", () =>
      Effect.gen(function* () {
        const alive = yield* after(stdio, "4 minutes")
        expect(alive.open).toBe(1)
        expect(alive.pings).toBeGreaterThanOrEqual(6)
        expect(alive.pings).toBeLessThanOrEqual(10)
        const mute = yield* after(stdio, "2 minutes", true)
        expect(mute).toMatchObject({ open: 0, closed: { unhealthy: 1 }, pings: 2 })
      })
    )

    it.effect(
      "asks a server that did not answer a call before the next one, and replaces it if it says nothing",
      () => {
        let mute = true
        const server = new MemoryServer({
          on: { "tools/call": () => (mute ? nothing : text("here")), ping: () => (mute ? nothing : {}) }
        })
        return Effect.gen(function* () {
          const mcp = yield* McpClient.McpClient
          const call = mcp.callTool("a", "x")
          const first = yield* Effect.fork(Effect.flip(call))
          yield* TestClock.adjust("1 seconds")
          expect(yield* Fiber.join(first)).toMatchObject({ _tag: "CallTimeout" })
          const second = yield* Effect.fork(call)
          yield* TestClock.adjust("999 millis")
          expect([server.methods, server.clients.length]).toEqual([
            ["tools/call", "notifications/cancelled", "ping"],
            1
          ])
          mute = false
          yield* TestClock.adjust("1 millis")
          expect((yield* Fiber.join(second)).content).toEqual(text("here").content)
          expect(server.clients).toHaveLength(2)
          const { pool } = yield* McpPool.McpPool
          expect((yield* pool.stats).closed).toEqual({ invalid: 1 })
        }).pipe(Effect.provide(client({ a: server }, { a: { ...stdio, callTimeout: "1 second" } })))
      }
    )

    it.effect("does not ask a remote server over and over that nobody keeps warm", () =>
      Effect.gen(function* () {
        expect(yield* after(http, "9 minutes")).toMatchObject({ pings: 0, open: 1 })
        expect((yield* after({ ...http, min: 1 }, "4 minutes")).pings).toBeGreaterThanOrEqual(6)
      })
    )
  })

  it.effect(
    "tells of each connection that opens before anybody has it, and of those that are open, until it is told not to",
    () => {
      const server = new MemoryServer()
      return Effect.gen(function* () {
        const { onConnection, pool } = yield* McpPool.McpPool
        const told: Array<McpConnection.McpConnection> = []
        const use = (key: ServerKey.ServerKey) =>
          pool.use(key, (connection) => Effect.sync(() => [connection, told.includes(connection)] as const))
        const [early] = yield* use(ServerKey.shared("a"))
        const [gone] = yield* use(ServerKey.shared("b"))
        yield* pool.invalidate(gone)
        yield* TestClock.adjust(0)
        const unhook = onConnection((connection) => void told.push(connection))
        expect(told).toEqual([early])
        const [late, before] = yield* use(ServerKey.shared("b"))
        expect([told, before]).toEqual([[early, late], true])
        unhook()
        yield* use(ServerKey.shared("c"))
        expect(told).toHaveLength(2)
      }).pipe(Effect.provide(poolOf({ a: server, b: server, c: server }, { a: stdio, b: stdio, c: http })))
    }
  )

  it.effect("closes every connection with its layer", () =>
    Effect.gen(function* () {
      const server = new MemoryServer()
      const scope = yield* Scope.make()
      const context = yield* Layer.build(poolOf({ a: server, b: server }, { a: stdio, b: http })).pipe(
        Scope.extend(scope)
      )
      const { pool } = yield* Effect.provide(McpPool.McpPool, context)
      const connections: Array<McpConnection.McpConnection> = []
      for (const name of ["a", "b"]) connections.push(yield* Effect.scoped(pool.get(ServerKey.shared(name))))
      yield* Scope.close(scope, Exit.void)
      expect(connections.map((connection) => connection.isOpen())).toEqual([false, false])
      expect(server.clients.map((end) => end.isOpen())).toEqual([false, false])
    })
  )
})
