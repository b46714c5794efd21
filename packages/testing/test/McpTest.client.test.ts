import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpTool } from "@mooring/mcp"
import { Fault, McpTest, type TestServer, VirtualTime } from "@mooring/testing"
import { Clock, Effect, Exit, Fiber, Layer, Option, Schema, Scope, TestClock } from "effect"

const { ConnectFault, Fault: F } = Fault

const Search = McpTool.make("search", {
  parameters: { query: Schema.String },
  success: McpTool.structured(Schema.Struct({ hits: Schema.Array(Schema.String) }))
})
const search = McpTest.tool(Search, ({ query }) => Effect.succeed({ hits: [`about ${query}`] }))
const slow = McpTest.withLatency(search, "1 second")

const servers = <R>(...servers: ReadonlyArray<TestServer.TestServer<R>>) => Effect.provide(McpTest.layer({ servers }))

/** One server called "web" whose calls and connections go as scripted. */
const web = (options: Omit<TestServer.ServerOptions<never>, "tools">) =>
  servers(McpTest.server("web", { tools: [search], ...options }))

const ask = (query: string, options?: McpClient.CallOptions) =>
  Effect.flatMap(McpClient.McpClient, (mcp) => mcp.call("web", Search, { query }, options))
const answer = (query: string) => ({ hits: [`about ${query}`] })

const stats = Effect.flatMap(McpTest.McpTest, (test) => test.stats("web"))
const outcomes = Effect.map(
  Effect.flatMap(McpTest.McpTest, (test) => test.calls("web", "search")),
  (calls) => calls.map(({ outcome }) => outcome)
)

describe("the client over servers of McpTest", () => {
  it.effect("calls typed and untyped, lists, pings, and counts, without any time passing", () =>
    Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      expect(mcp.servers).toEqual(["web"])
      expect(yield* ask("effect")).toEqual(answer("effect"))
      expect(yield* mcp.callTool("web", "search", { query: "mcp" })).toMatchObject({ structuredContent: answer("mcp") })
      expect((yield* mcp.listTools("web")).map(({ name }) => name)).toEqual(["search"])
      yield* mcp.ping("web")
      expect(yield* stats).toMatchObject({ connects: 1, open: 1, ran: 2, pings: 1, inFlight: 0 })
      expect(yield* Clock.currentTimeMillis).toBe(0)
    }).pipe(web({}))
  )

  it.effect("at most concurrency × max calls are in flight, and no place is left empty", () =>
    Effect.gen(function* () {
      const queries = Array.from({ length: 20 }, (_, n) => `q${n}`)
      const all = Effect.forEach(queries, (query) => ask(query), { concurrency: "unbounded" })
      expect(yield* VirtualTime.run(all)).toEqual(queries.map(answer))
      expect(yield* stats).toMatchObject({ ran: 20, maxInFlight: 6, opened: 2 })
      // Six at a time, a second each.
      expect(yield* Clock.currentTimeMillis).toBe(4000)
    }).pipe(servers(McpTest.server("web", { tools: [slow], config: { concurrency: 3, max: 2 } })))
  )

  it.effect("a call whose connection dies is not run twice: its outcome is unknown", () =>
    Effect.gen(function* () {
      const test = yield* McpTest.McpTest
      const call = yield* Effect.fork(Effect.flip(ask("x")))
      yield* test.until("web", ({ ran }) => ran === 1)
      yield* test.kill("web", "out of memory")
      expect(yield* VirtualTime.run(Fiber.join(call))).toMatchObject({
        _tag: "OutcomeUnknown",
        tool: "search",
        cause: { _tag: "ConnectionLost", delivery: "Unknown", reason: expect.stringContaining("out of memory") }
      })
      expect(yield* outcomes).toEqual(["interrupted"])
    }).pipe(servers(McpTest.server("web", { tools: [slow] })))
  )

  for (const [title, fault, ran] of [
    ["before it ran", F.CrashUnrun(), 0],
    ["while it runs", F.CrashDuring({ after: "10 millis" }), 1],
    ["after it has run", F.CrashAfter(), 1]
  ] as const) {
    it.effect(`a crash ${title} leaves the outcome unknown, and the next call gets a new connection`, () =>
      Effect.gen(function* () {
        const error = yield* VirtualTime.run(Effect.flip(ask("x")))
        expect(error).toMatchObject({ _tag: "OutcomeUnknown" })
        expect(yield* stats).toMatchObject({ ran, connects: 1 })
        expect(yield* VirtualTime.run(ask("y"))).toEqual(answer("y"))
        expect(yield* stats).toMatchObject({ ran: ran + 1, connects: 2 })
      }).pipe(web({ calls: [{ fault }] }))
    )
  }

  it.effect("a call that was not sent is sent again on a new connection, and runs once", () =>
    Effect.gen(function* () {
      expect(yield* VirtualTime.run(ask("x"))).toEqual(answer("x"))
      expect(yield* stats).toMatchObject({ connects: 2, ran: 1, received: 1 })
    }).pipe(web({ calls: [{ fault: F.CrashBefore() }] }))
  )

  it.effect("a message that was refused is sent again, and runs once", () =>
    Effect.gen(function* () {
      expect(yield* VirtualTime.run(ask("x"))).toEqual(answer("x"))
      expect(yield* stats).toMatchObject({ ran: 1, received: 1 })
    }).pipe(web({ calls: [{ fault: F.Refuse() }] }))
  )

  it.effect("only a call that may run twice does", () =>
    Effect.gen(function* () {
      expect(yield* VirtualTime.run(ask("x", { mayRunTwice: true }))).toEqual(answer("x"))
      expect(yield* outcomes).toEqual(["succeeded", "succeeded"])
    }).pipe(web({ calls: [{ fault: F.CrashAfter() }] }))
  )

  it.effect("a slow server times out exactly at the call's timeout, and sees the cancellation", () =>
    Effect.gen(function* () {
      const call = yield* Effect.fork(Effect.flip(ask("x")))
      yield* TestClock.adjust("2999 millis")
      expect(Option.isNone(yield* Fiber.poll(call))).toBe(true)
      expect(yield* stats).toMatchObject({ inFlight: 1, cancelled: 0 })
      yield* TestClock.adjust("1 millis")
      expect(yield* Fiber.join(call)).toMatchObject({ _tag: "CallTimeout", timeoutMs: 3000 })
      yield* TestClock.adjust(0)
      expect(yield* stats).toMatchObject({ inFlight: 0, cancelled: 1, ran: 1 })
      expect(yield* outcomes).toEqual(["interrupted"])
    }).pipe(
      servers(
        McpTest.server("web", {
          tools: [McpTest.withLatency(search, "1 minute")],
          config: { callTimeout: "3 seconds" }
        })
      )
    )
  )

  it.effect("interrupting a call cancels it at the server", () =>
    Effect.gen(function* () {
      const test = yield* McpTest.McpTest
      const call = yield* Effect.fork(ask("x"))
      yield* test.until("web", ({ ran }) => ran === 1)
      yield* Fiber.interrupt(call)
      yield* test.until("web", ({ cancelled }) => cancelled === 1)
      yield* TestClock.adjust(0)
      expect(yield* outcomes).toEqual(["interrupted"])
      expect(yield* VirtualTime.run(ask("y"))).toEqual(answer("y"))
      expect(yield* stats).toMatchObject({ connects: 1 })
    }).pipe(servers(McpTest.server("web", { tools: [slow] })))
  )

  it.effect("an answer that comes too late, twice, or under another id is nobody else's", () =>
    Effect.gen(function* () {
      const queries = ["late", "twice", "astray", "a", "b", "c"]
      const exits = yield* VirtualTime.run(
        Effect.forEach(queries, (query) => Effect.exit(ask(query, { timeout: "5 seconds" })), {
          concurrency: "unbounded"
        })
      )
      expect(exits.map(Exit.isSuccess)).toEqual([false, true, false, true, true, true])
      for (const query of ["more", "and more"]) expect(yield* VirtualTime.run(ask(query))).toEqual(answer(query))
      yield* TestClock.adjust("1 minute")
      expect(yield* VirtualTime.run(ask("last"))).toEqual(answer("last"))
      expect(yield* stats).toMatchObject({ connects: 1, ran: 9, cancelled: 2 })
    }).pipe(
      web({
        config: { concurrency: 8 },
        calls: [{ fault: F.AnswerLate({ by: "30 seconds" }) }, { fault: F.AnswerTwice() }, { fault: F.WrongId() }]
      })
    )
  )

  it.effect("isError is ToolFailed, and a JSON-RPC error is ProtocolError", () =>
    Effect.gen(function* () {
      expect(yield* Effect.flip(ask("x"))).toMatchObject({ _tag: "ToolFailed", content: "no such page" })
      expect(yield* Effect.flip(ask("y"))).toMatchObject({ _tag: "ProtocolError", code: -32001, reason: "overloaded" })
      expect(yield* stats).toMatchObject({ connects: 1, ran: 0, received: 2 })
    }).pipe(
      web({
        calls: [
          { fault: F.IsError({ text: "no such page" }) },
          { fault: F.ErrorResponse({ code: -32001, reason: "overloaded" }) }
        ]
      })
    )
  )

  it.effect("refused connections are tried again until one is accepted", () =>
    Effect.gen(function* () {
      expect(yield* VirtualTime.run(ask("x"))).toEqual(answer("x"))
      expect(yield* stats).toMatchObject({ connects: 4, opened: 1, ran: 1 })
      expect(yield* Clock.currentTimeMillis).toBeGreaterThan(0)
    }).pipe(web({ connects: McpTest.refusedConnects(3) }))
  )

  it.effect("a run can be repeated: the same seed gives the same pauses, another seed others", () =>
    Effect.gen(function* () {
      const web = McpTest.server("web", { tools: [search], connects: McpTest.refusedConnects(3) })
      const took = (seed?: number) =>
        Effect.gen(function* () {
          const before = yield* Clock.currentTimeMillis
          yield* VirtualTime.run(ask("x"))
          return (yield* Clock.currentTimeMillis) - before
        }).pipe(Effect.provide(McpTest.layer({ servers: [web], seed })))
      const first = yield* took()
      expect(first).toBeGreaterThan(0)
      expect(yield* took()).toBe(first)
      expect(yield* took(1)).not.toBe(first)
    })
  )

  it.effect("a connection that is refused for good fails the call at once", () =>
    Effect.gen(function* () {
      expect(yield* Effect.flip(ask("x"))).toMatchObject({ _tag: "McpConnectError", reason: "401" })
      expect(yield* Clock.currentTimeMillis).toBe(0)
    }).pipe(web({ connects: McpTest.refusedConnects(1, { reason: "401", retryable: false }) }))
  )

  it.effect("a handshake that hangs fails at the connect timeout", () =>
    Effect.gen(function* () {
      const error = yield* VirtualTime.run(Effect.flip(ask("x")))
      expect(error).toMatchObject({ _tag: "McpConnectError", phase: "handshake" })
      expect(yield* Clock.currentTimeMillis).toBe(2000)
      yield* TestClock.adjust(0)
      expect(yield* stats).toMatchObject({ opened: 1, open: 0 })
    }).pipe(web({ config: { connectTimeout: "2 seconds" }, connects: [{ fault: ConnectFault.HangHandshake() }] }))
  )

  it.effect("partitions never share a connection", () =>
    Effect.gen(function* () {
      for (const user of ["ada", "bob", "ada"]) yield* ask(user).pipe(McpClient.withPartition(user))
      const calls = yield* Effect.flatMap(McpTest.McpTest, (test) => test.calls("web"))
      expect(calls.map(({ args, connection, partition }) => [args["query"], partition, connection])).toEqual([
        ["ada", "ada", 1],
        ["bob", "bob", 2],
        ["ada", "ada", 1]
      ])
      expect(yield* Effect.flip(ask("nobody"))).toMatchObject({ _tag: "PartitionMissing" })
    }).pipe(web({ config: { isolation: "perPartition" } }))
  )

  it.effect("closing the layer ends the connections and what runs on them", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(
        McpTest.layer({ servers: [McpTest.server("web", { tools: [slow] })], shutdownTimeout: "100 millis" }),
        scope
      )
      const call = yield* Effect.fork(Effect.provide(Effect.exit(ask("x")), context))
      yield* Effect.flatMap(McpTest.McpTest, (test) => test.until("web", ({ ran }) => ran === 1)).pipe(
        Effect.provide(context)
      )
      yield* VirtualTime.run(Scope.close(scope, Exit.void))
      expect(Exit.isFailure(yield* VirtualTime.run(Fiber.join(call)))).toBe(true)
      expect(yield* Effect.provide(outcomes, context)).toEqual(["interrupted"])
      expect(yield* Effect.provide(stats, context)).toMatchObject({ open: 0, inFlight: 0 })
      expect(yield* Clock.currentTimeMillis).toBe(100)
    })
  )

  it.effect("wrong settings of a server fail the layer with the path to them", () =>
    Effect.gen(function* () {
      const layer = McpTest.layer({ servers: [McpTest.server("web", { config: { max: 0 } })] })
      const error = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
      expect(error).toMatchObject({ _tag: "ConfigError" })
      expect(error.message).toContain("web")
    })
  )
})
