import { describe, expect, it } from "@effect/vitest"
import { McpConnector, McpTool, ServerKey } from "@mooring/mcp"
import { Fault, type Ledger, McpTest, type TestServer, Wire } from "@mooring/testing"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import { Clock, Context, Data, Deferred, Effect, Exit, Fiber, Layer, Runtime, Schema, Scope, TestClock } from "effect"

class Zero extends Data.TaggedError("Zero")<{ readonly message: string }> {}

const { ConnectFault, Fault: F } = Fault

const Add = McpTool.make("add", {
  parameters: { a: Schema.Number, b: Schema.NumberFromString },
  success: McpTool.structured(Schema.Struct({ sum: Schema.NumberFromString }))
})
const Now = McpTool.make("now", { parameters: {}, success: McpTool.text })

const add = McpTest.tool(Add, ({ a, b }) => Effect.succeed({ sum: a + b }), {
  description: "Adds.",
  annotations: { readOnlyHint: true }
})

const open = Effect.flatMap(McpConnector.McpConnector, (connector) =>
  connector.open(ServerKey.shared("s"), { command: "in-memory" })
)
const params = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "test", version: "1" } }

/** A connection after its handshake. */
const connect = Effect.gen(function* () {
  const wire = yield* Wire.make(open)
  yield* wire.ask("initialize", params)
  return wire
})
const call = (a: number, b = "1") => ({ name: "add", arguments: { a, b } })

const withServer = <R>(server: TestServer.TestServer<R>) => Effect.provide(McpTest.layerConnector([server]))

const withAdd = (calls: ReadonlyArray<Fault.CallScript> = []) =>
  withServer(McpTest.server("s", { tools: [add], calls }))

const control = McpTest.McpTest
const settle = TestClock.adjust(0)

describe("a server of McpTest", () => {
  it.scoped("greets with the version that was asked for, or with its newest", () =>
    Effect.gen(function* () {
      const wire = yield* Wire.make(open)
      expect(yield* wire.ask("initialize", params)).toEqual({
        protocolVersion: "2025-06-18",
        capabilities: { tools: { listChanged: true } },
        serverInfo: { name: "s", version: "0.1.0" },
        instructions: "be nice"
      })
      const other = yield* Wire.make(open)
      expect(yield* other.ask("initialize", { ...params, protocolVersion: "1066-10-14" })).toMatchObject({
        protocolVersion: "2025-11-25"
      })
    }).pipe(withServer(McpTest.server("s", { instructions: "be nice" })))
  )

  it.scoped("refuses what comes before the handshake, and methods that it does not have", () =>
    Effect.gen(function* () {
      const wire = yield* Wire.make(open)
      expect(yield* wire.ask("tools/list")).toMatchObject({ code: -32600 })
      expect(yield* wire.ask("ping")).toEqual({})
      yield* wire.ask("initialize", params)
      expect(yield* wire.ask("prompts/list")).toMatchObject({ code: -32601 })
    }).pipe(withAdd())
  )

  it.scoped("lists its tools with the JSON Schema of their parameters", () =>
    Effect.gen(function* () {
      const wire = yield* connect
      expect(yield* wire.ask("tools/list")).toMatchObject({
        tools: [
          {
            name: "add",
            description: "Adds.",
            annotations: { readOnlyHint: true },
            inputSchema: { type: "object", required: ["a", "b"], properties: { a: { type: "number" } } }
          },
          { name: "now", inputSchema: { type: "object" } }
        ]
      })
    }).pipe(withServer(McpTest.server("s", { tools: [add, McpTest.tool(Now, () => Effect.succeed(""))] })))
  )

  it.scoped("lists its tools in pages", () =>
    Effect.gen(function* () {
      const wire = yield* connect
      const first = yield* wire.ask("tools/list")
      expect(first).toMatchObject({ tools: [{ name: "add" }], nextCursor: "1" })
      const second = yield* wire.ask("tools/list", { cursor: "1" })
      expect(second).toMatchObject({ tools: [{ name: "now" }] })
      expect(second).not.toHaveProperty("nextCursor")
      expect(yield* wire.ask("tools/list", { cursor: "x" })).toMatchObject({ code: -32602 })
    }).pipe(withServer(McpTest.server("s", { tools: [add, McpTest.tool(Now, () => Effect.succeed(""))], pageSize: 1 })))
  )

  it.scoped("decodes arguments and encodes results by the schemas of the tool", () =>
    Effect.gen(function* () {
      const wire = yield* connect
      expect(yield* wire.ask("tools/call", call(1, "2"))).toEqual({
        content: [{ type: "text", text: '{"sum":"3"}' }],
        structuredContent: { sum: "3" }
      })
      expect(yield* Effect.flatMap(control, (test) => test.calls("s"))).toEqual([
        {
          tool: "add",
          args: { a: 1, b: "2" },
          connection: 1,
          partition: "shared",
          startedAt: 0,
          endedAt: 0,
          outcome: "succeeded"
        }
      ])
    }).pipe(withAdd())
  )

  it.scoped("answers wrong arguments with isError, and an unknown tool with an error", () =>
    Effect.gen(function* () {
      const wire = yield* connect
      expect(yield* wire.ask("tools/call", { name: "add", arguments: { a: "x", b: "1" } })).toMatchObject({
        isError: true,
        content: [{ text: expect.stringContaining('["a"]') }]
      })
      expect(yield* wire.ask("tools/call", { name: "subtract" })).toMatchObject({ code: -32602 })
    }).pipe(withAdd())
  )

  it.scoped("answers a failing handler with isError, and a dying one with an internal error", () => {
    const flaky = McpTest.tool(Add, ({ a }) =>
      a === 0 ? Effect.fail(new Zero({ message: "zero" })) : Effect.dieMessage("bug")
    )
    return Effect.gen(function* () {
      const wire = yield* connect
      expect(yield* wire.ask("tools/call", call(0))).toEqual({
        isError: true,
        content: [{ type: "text", text: "zero" }]
      })
      expect(yield* wire.ask("tools/call", call(1))).toMatchObject({ code: -32603, message: "Internal error: bug" })
      const calls = yield* Effect.flatMap(control, (test) => test.calls("s", "add"))
      expect(calls.map(({ outcome }) => outcome)).toEqual(["failed", "failed"])
    }).pipe(withServer(McpTest.server("s", { tools: [flaky] })))
  })

  it.scoped("handlers have the services and the clock of the layer", () => {
    class Greeting extends Context.Tag("Greeting")<Greeting, string>() {}
    const now = McpTest.tool(Now, () =>
      Effect.gen(function* () {
        yield* Effect.sleep("20 millis")
        return `${yield* Greeting} at ${yield* Clock.currentTimeMillis}`
      })
    )
    return Effect.gen(function* () {
      const wire = yield* connect
      const answer = yield* Effect.fork(wire.ask("tools/call", { name: "now" }))
      yield* TestClock.adjust("20 millis")
      expect(yield* Fiber.join(answer)).toEqual({ content: [{ type: "text", text: "hello at 20" }] })
    }).pipe(
      Effect.provide(
        Layer.provide(McpTest.layerConnector([McpTest.server("s", { tools: [now] })]), Layer.succeed(Greeting, "hello"))
      )
    )
  })

  it.scoped("calls run side by side, and the most that were in flight is counted", () =>
    Effect.gen(function* () {
      const test = yield* control
      const wire = yield* connect
      for (let a = 0; a < 5; a++) wire.request("tools/call", call(a))
      yield* test.until("s", (stats) => stats.inFlight === 5)
      yield* TestClock.adjust("20 millis")
      wire.request("tools/call", call(5))
      yield* settle
      expect(yield* test.stats("s")).toMatchObject({ received: 6, ran: 6, inFlight: 1, maxInFlight: 5 })
    }).pipe(withServer(McpTest.server("s", { tools: [add.pipe(McpTest.withLatency("20 millis"))] })))
  )

  it.scoped("a cancellation interrupts the handler, is counted, and is not answered", () =>
    Effect.gen(function* () {
      const test = yield* control
      const wire = yield* connect
      wire.request("tools/call", call(1), "mine")
      yield* test.until("s", (stats) => stats.ran === 1)
      wire.notify("notifications/cancelled", { requestId: "mine" })
      wire.notify("notifications/cancelled", { requestId: "mine" })
      yield* TestClock.adjust("1 minute")
      expect(yield* test.calls("s")).toMatchObject([{ outcome: "interrupted" }])
      expect(yield* test.stats("s")).toMatchObject({ cancelled: 1, inFlight: 0 })
      expect(wire.heard).toHaveLength(1)
    }).pipe(withServer(McpTest.server("s", { tools: [McpTest.withLatency(add, "1 second")] })))
  )

  it.scoped("a handler's progress reaches the client that asked for it, before the answer", () => {
    const working = McpTest.tool(Add, ({ a }, { progress }) => Effect.as(progress(1, 2, "half"), { sum: a }))
    return Effect.gen(function* () {
      const wire = yield* connect
      yield* wire.ask("tools/call", call(1))
      expect(wire.heard).toHaveLength(2)
      yield* wire.ask("tools/call", { ...call(1), _meta: { progressToken: "p" } })
      expect(wire.heard[2]).toEqual({
        _tag: "Message",
        message: {
          jsonrpc: "2.0",
          method: "notifications/progress",
          params: { progressToken: "p", progress: 1, total: 2, message: "half" }
        }
      })
    }).pipe(withServer(McpTest.server("s", { tools: [working] })))
  })

  it.scoped("killing it ends every connection with the reason and interrupts what runs", () =>
    Effect.gen(function* () {
      const test = yield* control
      const one = yield* connect
      const two = yield* connect
      one.request("tools/call", call(1))
      yield* test.until("s", (stats) => stats.inFlight === 1)
      expect(yield* test.kill("s", "out of memory")).toBe(2)
      expect(yield* Effect.all([one.closed, two.closed])).toEqual(["out of memory", "out of memory"])
      yield* settle
      expect(yield* test.calls("s")).toMatchObject([{ outcome: "interrupted" }])
      yield* connect
      expect(yield* test.stats("s")).toMatchObject({ connects: 3, opened: 3, open: 1, maxOpen: 2, inFlight: 0 })
    }).pipe(withServer(McpTest.server("s", { tools: [McpTest.withLatency(add, "1 second")] })))
  )

  it.effect("closing a connection interrupts what runs on it", () =>
    Effect.gen(function* () {
      const test = yield* control
      const scope = yield* Scope.make()
      const wire = yield* Scope.extend(connect, scope)
      wire.request("tools/call", call(1))
      yield* test.until("s", (stats) => stats.inFlight === 1)
      yield* Scope.close(scope, Exit.void)
      expect(yield* test.calls("s")).toMatchObject([{ outcome: "interrupted" }])
      expect(yield* test.stats("s")).toMatchObject({ open: 0, inFlight: 0 })
    }).pipe(withServer(McpTest.server("s", { tools: [McpTest.withLatency(add, "1 second")] })))
  )

  it.scoped("the SDK's own client takes it for a server", () =>
    Effect.gen(function* () {
      const transport = yield* open
      const runtime = yield* Effect.runtime<never>()
      const sdk: Transport = {
        start: () =>
          Runtime.runPromise(runtime)(
            transport.start({
              message: (message) => sdk.onmessage?.(message),
              junk: (reason) => sdk.onerror?.(new Error(reason)),
              closed: () => sdk.onclose?.()
            })
          ),
        send: (message) => Promise.resolve(transport.send({ message, handedOver: false, failed: () => {} })),
        close: () => Promise.resolve()
      }
      const client = new Client({ name: "sdk", version: "1" })
      yield* Effect.promise(() => client.connect(sdk))
      const { tools } = yield* Effect.promise(() => client.listTools())
      expect(tools.map((tool) => tool.name)).toEqual(["add"])
      const result = yield* Effect.promise(() => client.callTool(call(2, "3")))
      expect(result).toMatchObject({ structuredContent: { sum: "5" } })
    }).pipe(withAdd())
  )
})

describe("a scripted call", () => {
  const scripted = (fault: Fault.Fault) => withAdd([{ fault }])
  /** What was heard after the handshake, in short. */
  const heard = (wire: Wire.Wire) =>
    wire.heard.slice(1).map((what) => {
      if (what._tag !== "Message") return what._tag
      return "result" in what.message ? "result" : "error" in what.message ? "error" : "notification"
    })
  /** Sends one call and lets an hour pass. */
  const once = Effect.gen(function* () {
    const wire = yield* connect
    const sent = wire.request("tools/call", call(1), "mine")
    yield* TestClock.adjust("1 hour")
    const test = yield* control
    return {
      heard: heard(wire),
      handedOver: sent.handedOver,
      failures: sent.failures.length,
      outcomes: (yield* test.calls("s")).map(({ outcome }) => outcome),
      inFlight: (yield* test.stats("s")).inFlight
    }
  })
  const runs: Array<Ledger.Call["outcome"]> = ["succeeded"]
  const cases: ReadonlyArray<
    readonly [title: string, fault: Fault.Fault, expected: Partial<Effect.Effect.Success<typeof once>>]
  > = [
    [
      "without a fault is run and answered",
      F.None(),
      { heard: ["result"], outcomes: runs, handedOver: true, inFlight: 0 }
    ],
    [
      "that is refused is not handed over, and only its sender is told",
      F.Refuse(),
      { heard: [], outcomes: [], handedOver: false, failures: 1 }
    ],
    [
      "before which it crashes is not handed over",
      F.CrashBefore(),
      { heard: ["Closed"], outcomes: [], handedOver: false, failures: 0 }
    ],
    [
      "on which it crashes unrun is handed over and does not run",
      F.CrashUnrun(),
      { heard: ["Closed"], outcomes: [], handedOver: true, inFlight: 0 }
    ],
    [
      "during which it crashes has begun",
      F.CrashDuring({ after: "5 seconds" }),
      { heard: ["Closed"], outcomes: runs, handedOver: true }
    ],
    [
      "after which it crashes has run and is not answered",
      F.CrashAfter(),
      { heard: ["Closed"], outcomes: runs, handedOver: true }
    ],
    [
      "that is answered before it crashes is answered first",
      F.CrashAnswered(),
      { heard: ["result", "Closed"], outcomes: runs }
    ],
    ["that hangs neither runs nor is answered", F.Hang(), { heard: [], outcomes: [], handedOver: true, inFlight: 1 }],
    ["that is not answered has run", F.NoAnswer(), { heard: [], outcomes: runs, inFlight: 1 }],
    ["that is answered late is answered", F.AnswerLate({ by: "90 seconds" }), { heard: ["result"], outcomes: runs }],
    ["that is answered twice runs once", F.AnswerTwice(), { heard: ["result", "result"], outcomes: runs, inFlight: 0 }],
    ["that is answered under another id stays open", F.WrongId(), { heard: ["result"], outcomes: runs, inFlight: 1 }],
    ["that fails does not run", F.IsError({ text: "no" }), { heard: ["result"], outcomes: [], inFlight: 0 }],
    [
      "that ends in an error does not run",
      F.ErrorResponse({ code: 1, reason: "no" }),
      { heard: ["error"], outcomes: [] }
    ]
  ]
  for (const [title, fault, expected] of cases) {
    it.scoped(title, () =>
      Effect.gen(function* () {
        expect(yield* once).toMatchObject(expected)
      }).pipe(scripted(fault))
    )
  }

  it.scoped("that is answered late is answered even when it was cancelled", () =>
    Effect.gen(function* () {
      const wire = yield* connect
      wire.request("tools/call", call(1), 7)
      yield* settle
      wire.notify("notifications/cancelled", { requestId: 7 })
      yield* TestClock.adjust("89 seconds")
      expect(heard(wire)).toEqual([])
      yield* TestClock.adjust("1 second")
      expect(heard(wire)).toEqual(["result"])
      expect(yield* Effect.flatMap(control, (test) => test.stats("s"))).toMatchObject({ cancelled: 1, inFlight: 0 })
    }).pipe(scripted(F.AnswerLate({ by: "90 seconds" })))
  )

  it.scoped("that is cut off in the middle is interrupted", () =>
    Effect.gen(function* () {
      const test = yield* control
      const wire = yield* connect
      wire.request("tools/call", call(1))
      yield* TestClock.adjust("5 seconds")
      expect(heard(wire)).toEqual(["Closed"])
      expect(yield* test.calls("s")).toMatchObject([{ outcome: "interrupted", startedAt: 0, endedAt: 5000 }])
    }).pipe(
      withServer(
        McpTest.server("s", {
          tools: [McpTest.withLatency(add, "1 minute")],
          calls: [{ fault: F.CrashDuring({ after: "5 seconds" }) }]
        })
      )
    )
  )

  it.scoped("may take its time, and scripts are used up over all connections", () =>
    Effect.gen(function* () {
      const test = yield* control
      const one = yield* connect
      const two = yield* connect
      yield* test.nextCalls("s", { fault: F.IsError({ text: "third" }) })
      const first = yield* Effect.fork(one.ask("tools/call", call(1)))
      yield* settle
      expect(yield* two.ask("tools/call", call(2))).toMatchObject({ isError: true, content: [{ text: "second" }] })
      expect(yield* one.ask("tools/call", call(3))).toMatchObject({ isError: true, content: [{ text: "third" }] })
      expect(yield* one.ask("tools/call", call(4))).not.toHaveProperty("isError")
      yield* TestClock.adjust("999 millis")
      expect(yield* Fiber.poll(first)).toMatchObject({ _tag: "None" })
      yield* TestClock.adjust("1 millis")
      expect(yield* Fiber.join(first)).toMatchObject({ structuredContent: { sum: "2" } })
    }).pipe(withAdd([{ latency: "1 second" }, { fault: F.IsError({ text: "second" }) }]))
  )
})

describe("a scripted connection", () => {
  const scripted = (...connects: ReadonlyArray<Fault.ConnectScript>) => withServer(McpTest.server("s", { connects }))

  it.scoped("is refused as often as the script says", () =>
    Effect.gen(function* () {
      const refused = { _tag: "McpConnectError", phase: "dial", reason: "closed for lunch", retryable: true }
      expect(yield* Effect.flip(open)).toMatchObject(refused)
      expect(yield* Effect.flip(open)).toMatchObject(refused)
      yield* connect
      expect(yield* Effect.flatMap(control, (test) => test.stats("s"))).toMatchObject({
        connects: 3,
        opened: 1,
        open: 1
      })
    }).pipe(scripted(...McpTest.refusedConnects(2, { reason: "closed for lunch" })))
  )

  it.scoped("hangs until the dial is interrupted", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(Effect.scoped(open))
      yield* TestClock.adjust("1 day")
      expect(yield* Fiber.poll(fiber)).toMatchObject({ _tag: "None" })
      expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
      expect(yield* Effect.flatMap(control, (test) => test.stats("s"))).toMatchObject({
        connects: 1,
        opened: 0,
        open: 0
      })
    }).pipe(scripted({ fault: ConnectFault.Hang() }))
  )

  it.scoped("takes its time", () =>
    Effect.gen(function* () {
      const opened = yield* Deferred.make<number>()
      yield* Effect.forkScoped(
        Effect.flatMap(open, () => Effect.flatMap(Clock.currentTimeMillis, (now) => Deferred.succeed(opened, now)))
      )
      yield* TestClock.adjust("1 minute")
      expect(yield* Deferred.await(opened)).toBe(3000)
    }).pipe(scripted({ latency: "3 seconds" }))
  )

  it.scoped("can hang, crash, reject or garble its handshake", () =>
    Effect.gen(function* () {
      const hung = yield* Wire.make(open)
      hung.request("initialize", params)
      yield* TestClock.adjust("1 hour")
      expect(hung.heard).toEqual([])
      const crashed = yield* Wire.make(open)
      crashed.request("initialize", params)
      expect(yield* crashed.closed).toBe("the server crashed")
      const rejected = yield* Wire.make(open)
      expect(yield* rejected.ask("initialize", params)).toMatchObject({ code: -32603 })
      const garbled = yield* Wire.make(open)
      expect(yield* garbled.ask("initialize", params)).toMatchObject({ protocolVersion: "1999-12-31" })
    }).pipe(
      scripted(
        { fault: ConnectFault.HangHandshake() },
        { fault: ConnectFault.CrashHandshake() },
        { fault: ConnectFault.RejectHandshake() },
        { fault: ConnectFault.WrongVersion() }
      )
    )
  )
})

describe("McpTest", () => {
  it.effect("a name that no server has is a defect", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Effect.flatMap(control, (test) => test.stats("nobody")))
      expect(String(exit)).toContain('there is no server \\"nobody\\"')
    }).pipe(withAdd())
  )

  it.effect("a name that no tool of the server has is a defect, where its calls are asked for", () =>
    Effect.gen(function* () {
      const test = yield* control
      expect(yield* test.calls("s", "add")).toEqual([])
      expect(String(yield* Effect.exit(test.calls("s", "ad")))).toContain('has no tool \\"ad\\"')
    }).pipe(withAdd())
  )

  it.effect("two servers of one name are a defect", () =>
    Effect.gen(function* () {
      const layer = McpTest.layerConnector([McpTest.server("s"), McpTest.server("s")])
      expect(String(yield* Effect.exit(Layer.build(layer).pipe(Effect.scoped)))).toContain("two servers")
    })
  )

  it("a server takes the settings of a pool, or a whole configuration", () => {
    expect(McpTest.server("s", { config: { concurrency: 4 } }).config).toEqual({ command: "in-memory", concurrency: 4 })
    const http = { url: "https://mcp.example/mcp", max: 3 }
    expect(McpTest.server("s", { config: http }).config).toBe(http)
  })
})
