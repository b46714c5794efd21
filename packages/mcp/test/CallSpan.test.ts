import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpCompletion, McpTool, type ServerConfig, TraceContext } from "@mooring/mcp"
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js"
import { Cause, Effect, Exit, Fiber, Option, Schema, TestClock, Tracer } from "effect"
import { client, http, MemoryServer, nothing, type Options, Refusal, stdio, text } from "./MemoryServer.js"
import { recording } from "./Spans.js"

const serving = (call: NonNullable<Options["on"]>[string], more: Options = {}) =>
  new MemoryServer({ ...more, on: { ...more.on, "tools/call": call } })

const withClient = <A, E>(
  server: MemoryServer,
  use: (mcp: McpClient.Service) => Effect.Effect<A, E>,
  config: ServerConfig.ServerConfig = stdio
) => Effect.flatMap(McpClient.McpClient, use).pipe(Effect.provide(client({ a: server }, { a: config })))

const metaOf = (message: JSONRPCMessage | undefined): unknown =>
  message !== undefined && "params" in message ? message.params?.["_meta"] : undefined

const requests = (server: MemoryServer, method: string) =>
  server.received.filter((message) => "method" in message && message.method === method)

describe("the span of a call", () => {
  it.effect("is named and described by the conventions of OpenTelemetry, as a child of the caller's", () => {
    const { named, tracer } = recording()
    return withClient(
      serving(() => text("done")),
      (mcp) =>
        Effect.gen(function* () {
          yield* mcp.callTool("a", "find", { query: "harbour" }).pipe(Effect.withSpan("caller"))
          const [span] = named("tools/call find")
          const [caller] = named("caller")
          expect(span?.kind).toBe("client")
          expect(Option.getOrUndefined(span?.parent ?? Option.none())).toBe(caller)
          expect(span?.shown).toEqual({
            "mcp.method.name": "tools/call",
            "mcp.server": "a",
            "mcp.connection": 1,
            "mcp.protocol.version": "2025-06-18",
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "find",
            "jsonrpc.request.id": "1000000",
            "server.address": "example.com",
            "server.port": 443
          })
          expect(span?.events).toEqual([["mcp.borrowed", { "mcp.connection": 1 }]])
          expect(span?.exit).toEqual(Exit.void)
        }),
      http
    ).pipe(Effect.withTracer(tracer))
  })

  it.effect("is there for a list and a ping, too", () => {
    const { spans, tracer } = recording()
    const server = new MemoryServer({ on: { "tools/list": () => ({ tools: [] }) } })
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        yield* mcp.listTools("a")
        yield* mcp.ping("a")
        expect(spans.map(({ name }) => name)).toEqual(["tools/list", "initialize", "ping"])
        expect(metaOf(requests(server, "tools/list")[0])).toHaveProperty("traceparent")
        expect(metaOf(requests(server, "ping")[0])).toHaveProperty("traceparent")
      })
    ).pipe(Effect.withTracer(tracer))
  })

  it.effect("tells the prompt in its name, and the resource by a URI that shows no secret", () => {
    const { spans, tracer } = recording()
    const server = new MemoryServer({
      capabilities: { prompts: {}, resources: {}, completions: {} },
      on: {
        "prompts/get": () => ({ messages: [] }),
        "resources/read": () => ({ contents: [] }),
        "completion/complete": () => ({ completion: { values: [] } })
      }
    })
    const uri = "db://ada:geheim@host/hunter2/rows?token=geheim#geheim"
    return withClient(
      server,
      (mcp) =>
        Effect.gen(function* () {
          yield* mcp.getPrompt("a", "greet", { who: "geheim" })
          yield* mcp.readResource("a", uri)
          yield* mcp.complete("a", McpCompletion.prompt("greet"), { name: "who", value: "geheim" })
          const calls = spans.filter(({ name }) => name !== "initialize")
          expect(calls.map(({ name }) => name)).toEqual([
            "prompts/get greet",
            "resources/read",
            "completion/complete greet"
          ])
          expect(calls.map(({ shown }) => [shown["gen_ai.prompt.name"], shown["mcp.resource.uri"]])).toEqual([
            ["greet", undefined],
            [undefined, "db://host/«redacted»/rows"],
            ["greet", undefined]
          ])
          for (const { shown } of calls) expect(JSON.stringify(shown)).not.toMatch(/geheim|hunter2|execute_tool/)
          expect(requests(server, "resources/read")).toMatchObject([{ params: { uri } }])
        }),
      { ...stdio, env: { PASSWORD: "hunter2" } }
    ).pipe(Effect.withTracer(tracer))
  })

  it.effect("tells the server whose child it is, beside the token for progress", () => {
    const { named, tracer } = recording()
    const server = serving(() => text("done"))
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        yield* mcp.callTool("a", "find")
        const [span] = named("tools/call find")
        expect(metaOf(requests(server, "tools/call")[0])).toEqual({
          progressToken: 1_000_000,
          traceparent: `00-${span?.traceId}-${span?.spanId}-01`
        })
      })
    ).pipe(Effect.withTracer(tracer))
  })

  it.effect("carries along what the application said, for its whole request", () => {
    const server = serving(() => text("done"))
    return withClient(server, (mcp) =>
      mcp.callTool("a", "find").pipe(
        TraceContext.withTraceContext({ tracestate: "vendor=1", baggage: "region=north" }),
        Effect.zipRight(
          Effect.sync(() =>
            expect(metaOf(requests(server, "tools/call")[0])).toMatchObject({
              tracestate: "vendor=1",
              baggage: "region=north"
            })
          )
        )
      )
    ).pipe(Effect.withTracer(recording().tracer))
  })

  const failures: ReadonlyArray<readonly [what: string, type: string, call: NonNullable<Options["on"]>[string]]> = [
    ["a result that says isError", "tool_error", () => ({ ...text("no such file"), isError: true })],
    ["a JSON-RPC error, by its code", "-32602", () => new Refusal(-32602, "bad arguments")],
    ["an answer that is not MCP", "-32700", () => ({ content: 1 })],
    [
      "a connection that was lost",
      "OutcomeUnknown",
      (_, end) => {
        end.close("it crashed")
        return nothing
      }
    ]
  ]

  for (const [what, type, call] of failures) {
    it.effect(`has an error for ${what}, and none of its text`, () => {
      const { named, tracer } = recording()
      return withClient(serving(call), (mcp) =>
        Effect.gen(function* () {
          yield* Effect.exit(mcp.callTool("a", "find"))
          const [span] = named("tools/call find")
          expect(span?.shown).toMatchObject({ "error.type": type })
          const exit = span?.exit ?? Exit.void
          const said = Exit.isFailure(exit) ? Cause.prettyErrors(exit.cause) : []
          expect(said.map(({ message }) => message)).toEqual([type])
        })
      ).pipe(Effect.withTracer(tracer))
    })
  }

  it.effect("has an error for what never got a connection, and for what was not answered in time", () => {
    const { named, tracer } = recording()
    const dead = new MemoryServer({ on: { initialize: (_, end) => (end.close("it exits"), nothing) } })
    const mute = serving(() => nothing)
    return Effect.gen(function* () {
      yield* withClient(dead, (mcp) => Effect.exit(mcp.callTool("a", "first")))
      yield* withClient(mute, (mcp) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(Effect.exit(mcp.callTool("a", "second", {}, { timeout: "1 second" })))
          yield* TestClock.adjust("1 second")
          yield* Fiber.join(fiber)
        })
      )
      expect(named("tools/call first")[0]?.shown).toMatchObject({ "error.type": "McpConnectError" })
      expect(named("tools/call second")[0]?.shown).toMatchObject({ "error.type": "CallTimeout" })
    }).pipe(Effect.withTracer(tracer))
  })

  it.effect("ends as interrupted with a caller that is", () => {
    const { named, tracer } = recording()
    return withClient(
      serving(() => nothing),
      (mcp) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(mcp.callTool("a", "find"))
          yield* TestClock.adjust(0)
          const exit = yield* Fiber.interrupt(fiber)
          expect(Exit.isInterrupted(exit)).toBe(true)
          const [span] = named("tools/call find")
          expect(Exit.isInterrupted(span?.exit ?? Exit.void)).toBe(true)
          expect(span?.shown).not.toHaveProperty("error.type")
          expect(yield* mcp.stats).toMatchObject({ leases: 0, waiting: 0 })
        })
    ).pipe(Effect.withTracer(tracer))
  })

  it.effect("is ended, once, at whatever step the caller is interrupted", () => {
    const { spans, tracer } = recording()
    return withClient(
      serving(() => text("done")),
      (mcp) =>
        Effect.gen(function* () {
          yield* mcp.ping("a")
          for (let budget = 10; budget <= 64; budget++) {
            const fiber = yield* Effect.fork(
              Effect.withMaxOpsBeforeYield(Effect.forever(mcp.callTool("a", "x")), budget)
            )
            for (let task = 0; task <= budget % 23; task++) yield* Effect.yieldNow()
            yield* Fiber.interrupt(fiber)
            expect(spans.map(({ ends }) => ends)).toEqual(spans.map(() => 1))
          }
          expect(spans.length).toBeGreaterThan(100)
          expect(yield* mcp.stats).toMatchObject({ leases: 0, waiting: 0 })
        }),
      { ...stdio, concurrency: 4 }
    ).pipe(Effect.withTracer(tracer))
  })

  it.effect("has an event for each connection that the call was tried on", () => {
    const { named, tracer } = recording()
    let left = 2
    const server = serving(() => text("done"), {
      admit: (message, end) => {
        if ("method" in message && message.method === "tools/call" && left-- > 0) end.close("it exited")
        return undefined
      }
    })
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        const call = yield* Effect.fork(mcp.callTool("a", "find"))
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(call)
        expect(named("tools/call find")[0]?.events.map(([, of]) => of)).toEqual([
          { "mcp.connection": 1 },
          { "mcp.connection": 2 },
          { "mcp.connection": 3 }
        ])
      })
    ).pipe(Effect.withTracer(tracer))
  })

  it.effect("shows no argument, no partition, no secret and no word of the server's", () => {
    const { spans, tracer } = recording()
    const canary = "canary"
    const Login = McpTool.make("login", { parameters: { password: Schema.String }, success: McpTool.text })
    const server = serving(({ arguments: args }) => {
      const given = JSON.stringify(args)
      return given.includes("refuse") ? new Refusal(-32000, canary) : { ...text(`${canary} ${given}`), isError: true }
    })
    const config = {
      url: `https://${canary}-user:${canary}-password@example.com/${canary}?key=${canary}`,
      headers: { "X-Token": canary },
      isolation: "perPartition"
    } as const
    return withClient(
      server,
      (mcp) =>
        Effect.gen(function* () {
          const mine = mcp.forPartition(`tenant-${canary}`)
          yield* Effect.exit(mine.call("a", Login, { password: canary }))
          yield* Effect.exit(mine.call("a", Login, { password: `${canary} refuse` }))
          server.clients[0]?.close(canary)
          yield* Effect.exit(mine.callTool("a", "login", { canary }))
          expect(spans.map(({ name }) => name)).toEqual([
            "tools/call login",
            "initialize",
            "tools/call login",
            "tools/call login",
            "initialize"
          ])
          for (const span of spans) {
            const exit = span.exit ?? Exit.void
            const said = Exit.isFailure(exit) ? Cause.pretty(exit.cause) + JSON.stringify(exit) : ""
            expect(JSON.stringify([span.name, span.shown, span.events]) + said).not.toContain(canary)
          }
        }),
      config
    ).pipe(Effect.withTracer(tracer))
  })
})

describe("the span of a connect", () => {
  it.effect("is a root, whoever's call it was made for, and fails with the connect", () => {
    const { named, tracer } = recording()
    let works = true
    const server = new MemoryServer({
      on: {
        initialize: (_, end) => {
          if (!works) end.close("it exits")
          const serverInfo = { name: "", version: "" }
          return { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo }
        }
      }
    })
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        yield* mcp.ping("a").pipe(Effect.withSpan("caller"))
        works = false
        server.clients[0]?.close("it crashed")
        yield* Effect.exit(mcp.ping("a"))
        const [first, second] = named("initialize")
        expect(first?.parent).toEqual(Option.none())
        expect(first?.shown).toEqual({
          "mcp.method.name": "initialize",
          "mcp.server": "a",
          "mcp.connection": 1,
          "mcp.protocol.version": "2025-06-18"
        })
        expect(first?.exit).toEqual(Exit.void)
        expect(second?.shown).toMatchObject({ "mcp.connection": 2, "error.type": "McpConnectError" })
      })
    ).pipe(Effect.withSpan("of the layer"), Effect.withTracer(tracer))
  })
})

describe("without a tracer", () => {
  it.effect("nothing is sent along, and no span is made, in a span of Effect's own tracer either", () => {
    const server = serving(() => text("done"))
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        yield* mcp.callTool("a", "find").pipe(Effect.withSpan("in memory"))
        expect(metaOf(requests(server, "tools/call")[0])).toEqual({ progressToken: 1_000_000 })
      })
    )
  })

  it.effect("a trace that came from outside is passed on", () => {
    const server = serving(() => text("done"))
    const traceId = "0af7651916cd43dd8448eb211c80319c"
    const spanId = "b7ad6b7169203331"
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        const from = (span: Partial<Tracer.ExternalSpan>) =>
          Effect.withParentSpan(Tracer.externalSpan({ traceId, spanId, sampled: false, ...span }))
        yield* mcp.callTool("a", "find").pipe(from({}), TraceContext.withTraceContext({ baggage: "a=b" }))
        // Ids that are none of W3C's would be refused by whoever reads them.
        yield* mcp.callTool("a", "find").pipe(from({ traceId: "8448eb211c80319c" }))
        yield* mcp.callTool("a", "find").pipe(from({ spanId: "0".repeat(16) }))
        yield* mcp.callTool("a", "find").pipe(from({}), Effect.withTracerEnabled(false))
        expect(requests(server, "tools/call").map(metaOf)).toEqual([
          { progressToken: 1_000_000, traceparent: `00-${traceId}-${spanId}-00`, baggage: "a=b" },
          { progressToken: 1_000_001 },
          { progressToken: 1_000_002 },
          { progressToken: 1_000_003 }
        ])
      })
    )
  })

  it.effect("nothing is traced where the caller has switched tracing off", () => {
    const { spans, tracer } = recording()
    const server = serving(() => text("done"))
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        yield* mcp.callTool("a", "find").pipe(Effect.withTracerEnabled(false))
        expect(spans.map(({ name }) => name)).toEqual(["initialize"])
        expect(metaOf(requests(server, "tools/call")[0])).toEqual({ progressToken: 1_000_000 })
        // Nor is a trace passed on that came from outside.
        const outside = Tracer.externalSpan({ traceId: "a".repeat(32), spanId: "b".repeat(16) })
        yield* mcp
          .callTool("a", "find")
          .pipe(Effect.withSpan("caller"), Effect.withParentSpan(outside), Effect.withTracerEnabled(false))
        yield* mcp.callTool("a", "find").pipe(Effect.withParentSpan(outside), Effect.withTracerEnabled(false))
        expect(requests(server, "tools/call").slice(1).map(metaOf)).toEqual([
          { progressToken: 1_000_001 },
          { progressToken: 1_000_002 }
        ])
        expect(spans).toHaveLength(1)
      })
    ).pipe(Effect.withTracer(tracer))
  })

  it.effect("a tracer that throws leaves no request behind that nobody waits for", () => {
    const { spans, tracer } = recording((name) => {
      const span = spans.at(-1)
      if (name !== "tools/call find" || span === undefined) return
      span.attribute = (key) => {
        if (key === "jsonrpc.request.id") throw new Error("a bug")
      }
    })
    return withClient(
      serving(() => text("done")),
      (mcp) =>
        Effect.gen(function* () {
          const exit = yield* Effect.exit(mcp.callTool("a", "find"))
          expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toEqual(new Error("a bug"))
          expect(yield* mcp.status("a")).toMatchObject({ connections: [{ pending: 0 }], inFlight: 0 })
        })
    ).pipe(Effect.withTracer(tracer))
  })
})
