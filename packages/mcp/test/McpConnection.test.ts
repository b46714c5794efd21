import { describe, expect, it } from "@effect/vitest"
import {
  ClientInfo,
  McpConnection,
  McpConnector,
  McpError,
  McpMemory,
  type McpTransport,
  type ServerConfig,
  ServerKey
} from "@mooring/mcp"
import { Duration, Effect, Exit, Fiber, Option, Scope, TestClock } from "effect"
import { FakeTransport } from "./FakeTransport.js"
import { connector, http, MemoryServer, nothing, Refusal, stdio, text } from "./MemoryServer.js"

const key = ServerKey.shared("fake")

const connect = (server: MemoryServer, config: ServerConfig.ServerConfig = stdio) =>
  McpConnection.make(key, config).pipe(Effect.provide(connector({ fake: server })))

const refusal = (server: MemoryServer, config?: ServerConfig.ServerConfig) => Effect.flip(connect(server, config))

const over = (transport: McpTransport.McpTransport, config: ServerConfig.ServerConfig = stdio) =>
  McpConnection.make(key, config).pipe(
    Effect.provideService(McpConnector.McpConnector, { open: () => Effect.succeed(transport) })
  )

describe("McpConnection", () => {
  describe("the handshake", () => {
    it.scoped("gives what the server said of itself, and says who calls", () =>
      Effect.gen(function* () {
        const server = new MemoryServer({ capabilities: { tools: { listChanged: true }, logging: {} } })
        const connection = yield* connect(server).pipe(
          Effect.provideService(ClientInfo.ClientInfo, { name: "my app", version: "7" })
        )
        expect(connection).toMatchObject({
          key,
          capabilities: { tools: { listChanged: true }, logging: {} },
          serverInfo: { name: "memory", version: "1.2.3" },
          protocolVersion: "2025-06-18",
          network: "memory"
        })
        expect(connection.isOpen()).toBe(true)
        expect(server.received).toMatchObject([
          { method: "initialize", id: 0, params: { clientInfo: { name: "my app", version: "7" } } },
          { method: "notifications/initialized" }
        ])
      })
    )

    it.scoped("tells the transport the protocol's revision", () =>
      Effect.gen(function* () {
        const told: Array<string> = []
        const transport = new FakeTransport()
        transport.onSend = ({ message }) => {
          if (!("id" in message)) return
          const serverInfo = { name: "fake", version: "1" }
          transport.answer(message.id, { protocolVersion: "2025-03-26", capabilities: {}, serverInfo })
        }
        const connection = yield* over(Object.assign(transport, { setProtocolVersion: (v: string) => told.push(v) }))
        expect(told).toEqual(["2025-03-26"])
        expect(connection.protocolVersion).toBe("2025-03-26")
      })
    )

    it.effect("ends exactly at the connect timeout, says what came instead, and never cancels initialize", () =>
      Effect.gen(function* () {
        const server = new MemoryServer({
          on: {
            initialize: (_, client) => {
              client.junk("not JSON: Starting up…")
              return nothing
            }
          }
        })
        const fiber = yield* Effect.fork(Effect.scoped(refusal(server, { ...stdio, connectTimeout: "3 seconds" })))
        yield* TestClock.adjust("2999 millis")
        expect(Option.isNone(yield* Fiber.poll(fiber))).toBe(true)
        yield* TestClock.adjust("1 millis")
        const error = yield* Fiber.join(fiber)
        expect(error).toMatchObject({ _tag: "McpConnectError", phase: "handshake", retryable: false })
        expect(error.message).toContain("initialize was not answered within 3000 ms")
        expect(error.message).toContain("not JSON: Starting up…")
        expect(error.message).toContain("raise connectTimeout")
        expect(server.received).toMatchObject([{ method: "initialize" }])
      })
    )

    it.effect("is not waited for when the transport itself does not open", () =>
      Effect.gen(function* () {
        const make = McpConnection.make(key, { ...http, connectTimeout: 50 }).pipe(
          Effect.provideService(McpConnector.McpConnector, { open: () => Effect.never })
        )
        const fiber = yield* Effect.fork(Effect.scoped(Effect.flip(make)))
        yield* TestClock.adjust("50 millis")
        expect(yield* Fiber.join(fiber)).toMatchObject({ phase: "dial", retryable: false })
      })
    )

    it.effect("says at which address nothing answers, without what may be secret in it", () =>
      Effect.gen(function* () {
        const url = "https://ada:pw12@mcp.example.org/mcp?key=k3y"
        const silent = over(new FakeTransport(), { url, connectTimeout: "3 seconds" })
        const fiber = yield* Effect.fork(Effect.scoped(Effect.flip(silent)))
        yield* TestClock.adjust("3 seconds")
        const error = yield* Fiber.join(fiber)
        expect(error.message).toContain("initialize was not answered by https://mcp.example.org/mcp within 3000 ms")
        expect(error.message).not.toMatch(/ada|pw12|k3y/)
      })
    )

    it.scoped("fails at once, with the last words, when the server exits", () =>
      Effect.gen(function* () {
        const transport = new FakeTransport()
        transport.stderr = "Error: no API key"
        transport.onSend = () => transport.close("the process exited with code 1")
        const error = yield* Effect.flip(over(transport))
        expect(error).toMatchObject({ phase: "handshake", reason: "the process exited with code 1", retryable: false })
        expect(error.stderr).toBe("Error: no API key")
        expect(error.message.split("no API key")).toHaveLength(2)
      })
    )

    it.scoped("says so when the server exits without a word on stderr", () =>
      Effect.gen(function* () {
        const transport = new FakeTransport()
        transport.onSend = () => transport.close("its process exited with code 0")
        const error = yield* Effect.flip(over(transport))
        expect(error.message).toMatch(/exited with code 0\. It wrote nothing to stderr\b/)
      })
    )

    it.scoped("fails at once when the server refuses, answers something else, or speaks another revision", () =>
      Effect.gen(function* () {
        const fails = (answer: unknown) =>
          Effect.map(refusal(new MemoryServer({ on: { initialize: () => answer } })), (error) => {
            expect(error).toMatchObject({ _tag: "McpConnectError", phase: "handshake", retryable: false })
            return error.reason
          })
        expect(yield* fails(new Refusal(-32000, "the licence has expired"))).toContain("the licence has expired")
        expect(yield* fails({ capabilities: {} })).toContain("protocolVersion")
        expect(yield* fails("yes")).toContain("result is not an object")
        const future = { protocolVersion: "2099-01-01", capabilities: {}, serverInfo: { name: "", version: "" } }
        expect(yield* fails(future)).toContain("2099-01-01")
      })
    )

    it.scoped("fails at once when the answer to initialize is too large to be checked", () =>
      Effect.gen(function* () {
        const icons = Array.from({ length: 1_000_000 }, () => 1)
        const serverInfo = { name: "large", version: "1", icons }
        const server = new MemoryServer({
          on: { initialize: () => ({ protocolVersion: "2025-06-18", capabilities: {}, serverInfo }) }
        })
        expect(yield* refusal(server)).toMatchObject({
          phase: "handshake",
          retryable: false,
          reason: expect.stringContaining("more than 100000 values")
        })
      })
    )

    it.scoped("hands on the connector's own error, and retries only what was not reached", () =>
      Effect.gen(function* () {
        const unauthorized = new McpError.McpConnectError({
          server: "fake",
          phase: "dial",
          reason: "401: log in first",
          retryable: false
        })
        const failing = (cause: unknown, delivery: McpError.Delivery) =>
          new MemoryServer({ admit: () => ({ reason: "refused", delivery, fatal: false, cause }) })
        expect(yield* refusal(failing(unauthorized, "Unknown"), http)).toBe(unauthorized)
        expect(yield* refusal(failing(undefined, "NotSent"), http)).toMatchObject({ phase: "dial", retryable: true })
        expect(yield* refusal(failing(undefined, "Unknown"), http)).toMatchObject({
          phase: "handshake",
          retryable: false
        })
        expect(yield* refusal(failing(undefined, "NotSent"), stdio)).toMatchObject({ retryable: false })
      })
    )

    it.scoped("hides configured secrets in what the server says", () =>
      Effect.gen(function* () {
        const config: ServerConfig.ServerConfig = { ...stdio, env: { TOKEN: "hunter2-and-more" } }
        const say = new Refusal(1, "bad token \u001b[31mhunter2-and-more\u001b[0m")
        const error = yield* refusal(new MemoryServer({ on: { initialize: () => say } }), config)
        expect(JSON.stringify(error)).not.toContain("hunter2")
        expect(String(error.cause)).not.toContain("hunter2")
        expect(error.reason).toContain("bad token «redacted»")
        const connection = yield* connect(new MemoryServer({ on: { "tools/call": () => say } }), config)
        const refused = yield* Effect.flip(connection.callTool("any"))
        expect(refused).toMatchObject({ _tag: "ProtocolError", reason: "bad token «redacted»" })
      })
    )
  })

  it.scoped("calls tools, and asks for progress", () =>
    Effect.gen(function* () {
      const server = new MemoryServer({ on: { "tools/call": ({ arguments: args }) => text(JSON.stringify(args)) } })
      const connection = yield* connect(server)
      expect(yield* connection.callTool("echo", { a: 1 })).toEqual(text('{"a":1}'))
      expect(server.received.at(-1)).toMatchObject({
        method: "tools/call",
        params: { name: "echo", arguments: { a: 1 }, _meta: { progressToken: 1_000_000 } }
      })
      expect(connection.pending()).toBe(0)
    })
  )

  it.scoped("refuses tools without a round trip when the server has none", () =>
    Effect.gen(function* () {
      const server = new MemoryServer({ capabilities: { prompts: {} } })
      const connection = yield* connect(server)
      const unsupported = { _tag: "UnsupportedCapability", server: "fake", capability: "tools" }
      expect(yield* Effect.flip(connection.callTool("x"))).toMatchObject(unsupported)
      expect(yield* Effect.flip(connection.listTools)).toMatchObject(unsupported)
      expect(server.methods).toEqual([])
    })
  )

  describe("listTools", () => {
    const tool = (name: string) => ({ name, inputSchema: { type: "object" } })
    const listing = (page: (cursor: unknown) => unknown) =>
      Effect.flatMap(connect(new MemoryServer({ on: { "tools/list": ({ cursor }) => page(cursor) } })), (connection) =>
        Effect.either(connection.listTools)
      )

    it.scoped("gives the tools of all pages", () =>
      Effect.gen(function* () {
        const pages = yield* listing((cursor) =>
          cursor === undefined ? { tools: [tool("a")], nextCursor: "2" } : { tools: [tool("b"), tool("c")] }
        )
        expect(pages).toMatchObject({ right: [{ name: "a" }, { name: "b" }, { name: "c" }] })
      })
    )

    it.scoped("refuses lists without end, and lists without measure", () =>
      Effect.gen(function* () {
        const refused = (reason: string) => ({ left: { _tag: "ProtocolError", code: -32700, reason } })
        expect(yield* listing(() => ({ tools: [], nextCursor: "again" }))).toMatchObject(
          refused("it gave the same cursor twice, so its list has no end")
        )
        let page = 0
        expect(yield* listing(() => ({ tools: [], nextCursor: String(page++) }))).toMatchObject(
          refused("its tools fill more than 100 pages")
        )
        expect(page).toBe(100)
        const many = Array.from({ length: 1001 }, (_, n) => tool(`t${n}`))
        expect(yield* listing(() => ({ tools: many }))).toMatchObject(refused("it has more than 1000 tools"))
        expect(yield* listing(() => ({ tools: many.slice(1) }))).toMatchObject({ _tag: "Right" })
        const more = Array.from({ length: 150_000 }, () => ({ name: "", inputSchema: { type: "object" } }))
        expect(yield* listing(() => ({ tools: more }))).toMatchObject(refused("it has more than 1000 tools"))
        expect(yield* listing(() => ({ tools: [{ name: 5 }] }))).toMatchObject({ left: { code: -32700 } })
      })
    )

    it.scoped("hides configured secrets in the names of what is wrong, and shows them as text", () =>
      Effect.gen(function* () {
        const properties = { "\u001b[31mhunter22": 1 }
        const page = { tools: [{ ...tool("a"), inputSchema: { type: "object", properties } }] }
        const server = new MemoryServer({ on: { "tools/list": () => page } })
        const connection = yield* connect(server, { ...stdio, env: { TOKEN: "hunter22" } })
        const { message } = yield* Effect.flip(connection.listTools)
        expect(message).toContain("tools.0.inputSchema.properties.«redacted»: ")
      })
    )
  })

  it.scoped("takes any well-formed answer to ping as a sign of life, and nothing else", () =>
    Effect.gen(function* () {
      const ping = (answer: unknown) =>
        Effect.flatMap(connect(new MemoryServer({ on: { ping: () => answer } })), ({ ping }) => Effect.either(ping))
      expect(yield* ping({})).toMatchObject({ right: Duration.zero })
      expect(yield* ping(new Refusal(-32601, "Method not found"))).toMatchObject({ right: Duration.zero })
      expect(yield* ping(5)).toMatchObject({ left: { _tag: "ProtocolError", code: -32700 } })
    })
  )

  it.scoped("measures the round trip of a ping", () =>
    Effect.gen(function* () {
      const server = new MemoryServer({ on: { ping: () => nothing } })
      const connection = yield* connect(server)
      const fiber = yield* Effect.fork(connection.ping)
      yield* TestClock.adjust("7 millis")
      server.clients[0]?.send({ jsonrpc: "2.0", id: 1_000_000, result: {} })
      expect(yield* Fiber.join(fiber)).toEqual(Duration.millis(7))
    })
  )

  it.scoped("answers the server's pings and refuses what nobody handles", () =>
    Effect.gen(function* () {
      const server = new MemoryServer()
      yield* connect(server)
      server.clients[0]?.send({ jsonrpc: "2.0", id: "p", method: "ping" })
      server.clients[0]?.send({ jsonrpc: "2.0", id: 1_000_000, method: "sampling/createMessage", params: {} })
      yield* TestClock.adjust(0)
      expect(server.received.slice(2)).toMatchObject([
        { id: 1_000_000, error: { code: -32601 } },
        { id: "p", result: {} }
      ])
    })
  )

  it.effect("tells those who asked when it has ended, once, and fails what was pending", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const server = new MemoryServer({ on: { "tools/call": () => nothing } })
      const connection = yield* Scope.extend(connect(server), scope)
      const heard: Array<string> = []
      connection.onClosed((reason) => heard.push(reason))
      const fiber = yield* Effect.fork(Effect.flip(connection.callTool("x")))
      yield* TestClock.adjust(0)
      server.clients[0]?.close("the process exited with code 137")
      expect(yield* Fiber.join(fiber)).toMatchObject({
        _tag: "ConnectionLost",
        reason: "the process exited with code 137",
        delivery: "Unknown"
      })
      expect(connection.isOpen()).toBe(false)
      yield* Scope.close(scope, Exit.void)
      expect(heard).toEqual(["the process exited with code 137"])
    })
  )

  it.scoped("hands notifications to those who asked", () =>
    Effect.gen(function* () {
      const server = new MemoryServer()
      const connection = yield* connect(server)
      const heard: Array<string> = []
      connection.onNotification(({ method }) => heard.push(method))
      server.clients[0]?.send({ jsonrpc: "2.0", method: "notifications/tools/list_changed" })
      yield* TestClock.adjust(0)
      expect(heard).toEqual(["notifications/tools/list_changed"])
    })
  )

  it.effect("closes the transport when its scope closes during the handshake", () =>
    Effect.gen(function* () {
      let closed = 0
      const serve: McpMemory.Serve = () =>
        Effect.succeed({
          message: () => {},
          closed: () => {
            closed++
          }
        })
      const make = McpConnection.make(key, stdio).pipe(Effect.provide(McpMemory.layer({ fake: serve })), Effect.scoped)
      const fiber = yield* Effect.fork(make)
      yield* TestClock.adjust(0)
      yield* Fiber.interrupt(fiber)
      expect(closed).toBe(1)
    })
  )
})
