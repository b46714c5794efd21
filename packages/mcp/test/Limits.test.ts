import { describe, expect, it } from "@effect/vitest"
import {
  Answer,
  JsonRpc,
  Limits,
  McpClient,
  McpConnection,
  type McpTransport,
  ServerKey,
  Session,
  SessionEvent
} from "@mooring/mcp"
import { Effect, Fiber, Layer, Logger, TestClock } from "effect"
import { FakeTransport } from "./FakeTransport.js"
import { client, connector, MemoryServer, nothing, stdio, text } from "./MemoryServer.js"

const options = { timeoutMs: 1000, totalTimeoutMs: 10_000 }

const start = (limits: Partial<Limits.Values> = {}) =>
  Effect.gen(function* () {
    const transport = new FakeTransport()
    const session = yield* Session.make(transport, { server: "fake" })
    const events: Array<SessionEvent.SessionEvent> = []
    const heard: Array<unknown> = []
    session.listen({
      event: (event) => events.push(event),
      message: (message) => heard.push(message),
      closed: (reason, cause) => heard.push({ reason, cause })
    })
    return { transport, session, events, heard }
  }).pipe(Effect.provide(Limits.layer(limits)))

const forked = <A, E>(effect: Effect.Effect<A, E>) => Effect.tap(Effect.fork(effect), () => Effect.yieldNow())

const listChanged = { jsonrpc: "2.0", method: "notifications/tools/list_changed" }

const times = (count: number, run: (n: number) => void) => {
  for (let n = 0; n < count; n++) run(n)
}

describe("notifications", () => {
  it.scoped("pass up to ten seconds' worth at once, and then at the rate", () =>
    Effect.gen(function* () {
      const { events, heard, session, transport } = yield* start()
      times(1500, () => transport.deliver(listChanged))
      expect(heard).toHaveLength(1000)
      expect(session.counters.flooded).toBe(500)
      yield* TestClock.adjust("500 millis")
      times(100, () => transport.deliver(listChanged))
      expect(heard).toHaveLength(1050)
      expect(events).toEqual([SessionEvent.Flooded({ what: "notifications" })])
      // Full again, it begins anew.
      yield* TestClock.adjust("10 seconds")
      times(1001, () => transport.deliver(listChanged))
      expect(heard).toHaveLength(2050)
      expect(events).toHaveLength(2)
      expect(session.isOpen()).toBe(true)
    })
  )

  it.scoped("and progress do not silence each other, and dropped progress prolongs nothing", () =>
    Effect.gen(function* () {
      const { events, heard, session, transport } = yield* start({ notificationsPerSecond: 1 })
      const seen: Array<number> = []
      const onProgress = ({ progress }: { readonly progress: number }) => void seen.push(progress)
      const call = session.request("x", undefined, Answer.anything, { ...options, onProgress, resetOnProgress: true })
      const fiber = yield* forked(Effect.flip(call))
      yield* TestClock.adjust("500 millis")
      const params = (progress: number) => ({ progressToken: transport.id(0), progress })
      times(10, (n) => transport.deliver({ jsonrpc: "2.0", method: "notifications/progress", params: params(n) }))
      yield* TestClock.adjust("400 millis")
      times(10, (n) => transport.deliver({ jsonrpc: "2.0", method: "notifications/progress", params: params(10 + n) }))
      expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
      transport.deliver(listChanged)
      expect(heard).toEqual([listChanged])
      expect(session.counters.flooded).toBe(10)
      expect(events).toEqual([SessionEvent.Flooded({ what: "progress" })])
      yield* TestClock.adjust("599 millis")
      expect(session.pending()).toBe(1)
      yield* TestClock.adjust("1 millis")
      expect(yield* Fiber.join(fiber)).toMatchObject({ _tag: "CallTimeout", timeoutMs: 1000 })
    })
  )

  it.scoped("are told once to the log when they are too many", () => {
    const logged: Array<unknown> = []
    const logger = Logger.make(({ logLevel, message }) => logged.push([logLevel.label, message]))
    return Effect.gen(function* () {
      const { transport } = yield* start()
      times(3, () => {
        times(1500, () => transport.deliver(listChanged))
      })
      yield* Effect.yieldNow()
      expect(logged).toEqual([["WARN", [expect.stringContaining("more than 100 notifications a second")]]])
    }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
  })

  const junk = (transport: FakeTransport) => transport.receiver?.junk("a line")
  const flood: ReadonlyArray<readonly [string, (transport: FakeTransport, n: number) => void]> = [
    ["notifications", (transport) => transport.deliver(listChanged)],
    ["junk", junk],
    ["answers to nothing", (transport, n) => transport.answer(2_000_000 + n)],
    ["answers with a text id", (transport) => transport.answer("1000000")],
    ["requests", (transport, n) => transport.deliver({ jsonrpc: "2.0", id: n, method: "ping" })],
    [
      "all of these",
      (transport, n) => {
        if (n % 2 === 0) junk(transport)
        else transport.deliver(listChanged)
      }
    ]
  ]
  for (const [what, send] of flood) {
    it.scoped(`a flood of ${what} ends the connection, with what it is as the cause`, () =>
      Effect.gen(function* () {
        const { heard, session, transport } = yield* start({ notificationsPerSecond: 1 })
        const fiber = yield* forked(Effect.flip(session.request("x", undefined, Answer.anything, options)))
        // A hundred times the rate, for ten seconds' worth at once; the 16 requests that are taken count not.
        times(1000, (n) => send(transport, n))
        yield* TestClock.adjust("100 millis")
        times(10, (n) => send(transport, 1000 + n))
        expect(session.isOpen()).toBe(true)
        times(17, (n) => send(transport, 1010 + n))
        expect(session.isOpen()).toBe(false)
        const cause = { _tag: "ServerFlooding", server: "fake", perSecond: 100 }
        expect(yield* Fiber.join(fiber)).toMatchObject({ _tag: "ConnectionLost", delivery: "Unknown", cause })
        expect(heard.at(-1)).toMatchObject({
          reason: expect.stringContaining("it keeps sending more than 100"),
          cause
        })
        // What is still on its way is not looked at.
        const counters = { ...session.counters }
        times(10, (n) => send(transport, 2000 + n))
        expect(session.counters).toEqual(counters)
      })
    )
  }
})

describe("requests from the server", () => {
  const ask = (id: number) => ({ jsonrpc: "2.0", id, method: "sampling/createMessage", params: {} })

  it.scoped("are refused at once beyond those that may be open, and taken again when one is done", () =>
    Effect.gen(function* () {
      const { events, heard, session, transport } = yield* start()
      times(18, (n) => transport.deliver(ask(n)))
      expect(heard).toHaveLength(16)
      expect(transport.messages).toMatchObject([
        { id: 16, error: { code: -32603, message: "16 requests are open, and no more are taken" } },
        { id: 17, error: { code: -32603 } }
      ])
      const refused = SessionEvent.RequestRefused({ method: "sampling/createMessage", reason: "tooMany" })
      expect(events).toEqual([refused, refused])
      expect(session.counters.refused).toBe(2)

      session.send({ jsonrpc: "2.0", id: 3, result: {} })
      session.send({ jsonrpc: "2.0", id: 4, error: { code: -1, message: "no" } })
      transport.deliver({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 5 } })
      for (const id of [20, 21, 22, 23]) transport.deliver(ask(id))
      expect(heard).toHaveLength(16 + 1 + 3)
      expect(session.counters.refused).toBe(3)
    })
  )

  it.scoped("of the same id are not taken twice at once", () =>
    Effect.gen(function* () {
      const { events, heard, session, transport } = yield* start()
      times(4, () => transport.deliver(ask(1)))
      expect(heard).toEqual([ask(1)])
      expect(transport.messages).toMatchObject([1, 2, 3].map(() => ({ id: 1, error: { code: -32600 } })))
      expect(events).toMatchObject([1, 2, 3].map(() => ({ _tag: "RequestRefused", reason: "sameId" })))
      session.send({ jsonrpc: "2.0", id: 1, result: {} })
      transport.deliver(ask(1))
      expect(heard).toHaveLength(2)
    })
  )

  it.scoped("are told of by their method, made fit to be shown", () =>
    Effect.gen(function* () {
      const { events, transport } = yield* start({ serverRequests: 0 })
      transport.deliver({ jsonrpc: "2.0", id: 1, method: `\u001b[31m${"x".repeat(10_000)}` })
      expect(events).toEqual([SessionEvent.RequestRefused({ method: `${"x".repeat(3999)}…`, reason: "tooMany" })])
    })
  )

  it.scoped("whose answer cannot be sent are told so", () =>
    Effect.gen(function* () {
      const { session, transport } = yield* start()
      transport.onSend = (outgoing) => {
        const text = JsonRpc.write(outgoing.message, 100)
        if (typeof text !== "string") outgoing.failed(text)
      }
      transport.deliver(ask(1))
      session.send({ jsonrpc: "2.0", id: 1, result: { text: "x".repeat(100) } })
      expect(transport.messages.at(-1)).toMatchObject({
        id: 1,
        error: {
          code: -32603,
          message: "the answer cannot be sent: the message is longer than 100 bytes, which Limits.messageBytes allows"
        }
      })
    })
  )
})

describe("what is in flight", () => {
  const sized = (transport: FakeTransport) => {
    transport.onSend = (outgoing: McpTransport.Outgoing) => {
      outgoing.characters = 40
    }
  }

  it.scoped("is bounded: a request beyond it fails at once, and is not sent", () =>
    Effect.gen(function* () {
      const { session, transport } = yield* start({ inFlightBytes: 100 })
      sized(transport)
      const request = session.request("x", undefined, Answer.anything, options)
      const fibers = yield* Effect.forEach([0, 1, 2], () => forked(Effect.either(request)))
      expect(yield* Effect.flip(request)).toMatchObject({
        _tag: "ConnectionSaturated",
        server: "fake",
        method: "x",
        limit: 100
      })
      expect(transport.sent).toHaveLength(3)
      expect(session.counters).toMatchObject({ unanswered: 1 })

      // An answer, an interruption, a deadline, a failure of the transport: each makes room for its like.
      const ends: ReadonlyArray<(id: number, fiber: Fiber.Fiber<unknown>) => Effect.Effect<unknown>> = [
        (id) => Effect.sync(() => transport.answer(id)),
        (_, fiber) => Fiber.interrupt(fiber),
        () => TestClock.adjust("1 seconds"),
        (id) => Effect.sync(() => transport.outgoing(id).failed({ reason: "no", delivery: "Unknown", fatal: false }))
      ]
      for (const end of ends) {
        const at = transport.messages.filter(({ id }) => id !== undefined).length
        for (const [n, fiber] of fibers.splice(0).entries()) yield* end(transport.id(at - 3 + n), fiber)
        expect(session.pending()).toBe(0)
        for (let n = 0; n < 3; n++) fibers.push(yield* forked(Effect.either(request)))
        expect(yield* Effect.flip(request)).toMatchObject({ _tag: "ConnectionSaturated" })
      }
      expect(session.isOpen()).toBe(true)
    })
  )
})

describe("a message of the server's", () => {
  it.effect("that is nested too deep fails its call at once, and the connection goes on", () => {
    const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)])
    const server = new MemoryServer({
      on: { "tools/call": () => ({ ...text("ok"), structuredContent: { a: deep(600) } }) }
    })
    return Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const error = yield* Effect.flip(mcp.callTool("a", "x"))
      expect(error).toMatchObject({
        _tag: "ProtocolError",
        code: -32700,
        reason: "the server's answer is nested deeper than 512 levels"
      })
      expect(error.message).toContain("may have run")
      expect(server.count("tools/call")).toBe(1)
      expect(yield* mcp.ping("a")).toBeDefined()
      expect(server.clients).toHaveLength(1)
    }).pipe(Effect.provide(client({ a: server }, { a: stdio })))
  })

  it.scoped("that is too long ends a connection in memory, as it does over a pipe", () =>
    Effect.gen(function* () {
      const server = new MemoryServer({ on: { "tools/call": () => text("x".repeat(1000)) } })
      const layer = Layer.provideMerge(connector({ a: server }), Limits.layer({ messageBytes: 1000 }))
      const connection = yield* Effect.provide(McpConnection.make(ServerKey.shared("a"), stdio), layer)
      expect(yield* Effect.flip(connection.callTool("x"))).toMatchObject({
        _tag: "ConnectionLost",
        reason: expect.stringContaining("longer than 1000 bytes")
      })
    })
  )

  it.scoped("and what was dropped of it are told by the connection", () =>
    Effect.gen(function* () {
      const server = new MemoryServer({ on: { "tools/call": () => nothing } })
      const connection = yield* McpConnection.make(ServerKey.shared("a"), stdio).pipe(
        Effect.provide(connector({ a: server }))
      )
      const events: Array<SessionEvent.SessionEvent> = []
      connection.onEvent((event) => events.push(event))
      server.clients[0]?.junk("\u001b[31mready!")
      server.clients[0]?.send({ jsonrpc: "2.0", id: "1000000", result: {} })
      yield* TestClock.adjust(0)
      expect(events).toEqual([SessionEvent.Junk({ reason: "ready!" }), SessionEvent.TextId({ id: "1000000" })])
      expect(connection.counters).toMatchObject({ junk: 1, textId: 1 })
    })
  )
})

describe("arguments that cannot be sent", () => {
  const cyclic: Record<string, unknown> = {}
  cyclic["self"] = cyclic
  const cases: ReadonlyArray<readonly [string, Readonly<Record<string, unknown>>, RegExp]> = [
    ["hold a BigInt", { n: 1n }, /cannot be written as JSON/],
    ["hold themselves", cyclic, /cannot be written as JSON/],
    ["are too long", { text: "x".repeat(1000) }, /is longer than 1000 bytes/]
  ]
  for (const [title, args, reason] of cases) {
    it.effect(`because they ${title} fail at once, with nothing sent, and are not tried again`, () => {
      const server = new MemoryServer({ on: { "tools/call": () => text("ok") } })
      return Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        expect(yield* Effect.flip(mcp.callTool("a", "save", args))).toMatchObject({
          _tag: "InvalidArguments",
          server: "a",
          method: "tools/call",
          tool: "save",
          reason: expect.stringMatching(reason)
        })
        expect(server.methods).toEqual([])
        expect(yield* mcp.callTool("a", "save", {})).toEqual(text("ok"))
        // One borrow for each call, both of one connection.
        expect(yield* mcp.stats).toMatchObject({ started: 2 })
        expect(server.clients).toHaveLength(1)
      }).pipe(
        Effect.provide(client({ a: server }, { a: stdio }).pipe(Layer.provide(Limits.layer({ messageBytes: 1000 }))))
      )
    })
  }
})

describe("Limits", () => {
  it.effect("are those of the layer, and never those of a caller", () => {
    const tools = Array.from({ length: 3 }, (_, n) => ({ name: `t${n}`, inputSchema: { type: "object" } }))
    const server = new MemoryServer({
      on: { "tools/list": () => ({ tools }), "tools/call": () => text("x".repeat(500)) }
    })
    const other = Limits.layer({ tools: 3, messageBytes: 100 })
    return Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      expect(yield* Effect.flip(Effect.provide(mcp.listTools("a"), other))).toMatchObject({
        _tag: "ProtocolError",
        reason: "it has more than 2 tools"
      })
      expect(yield* Effect.provide(mcp.callTool("a", "x"), other)).toEqual(text("x".repeat(500)))
      expect(server.clients).toHaveLength(1)
    }).pipe(Effect.provide(client({ a: server }, { a: stdio }).pipe(Layer.provide(Limits.layer({ tools: 2 })))))
  })
})
