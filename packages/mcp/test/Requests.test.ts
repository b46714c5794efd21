import { describe, expect, it } from "@effect/vitest"
import { Limits, McpClient, McpCompletion, type ServerConfig } from "@mooring/mcp"
import { Effect, Fiber, Layer, TestClock } from "effect"
import { client, MemoryServer, nothing, type Options, Refusal, stdio } from "./MemoryServer.js"

const everything = { resources: {}, prompts: {}, completions: {}, tools: {} }

const serving = (on: Options["on"], capabilities: Options["capabilities"] = everything) =>
  new MemoryServer({ capabilities, on })

const withClient = <A, E>(
  server: MemoryServer,
  use: (mcp: McpClient.Service) => Effect.Effect<A, E>,
  config: ServerConfig.ServerConfig = stdio,
  limits: Partial<Limits.Values> = {}
) =>
  Effect.flatMap(McpClient.McpClient, use).pipe(
    Effect.provide(client({ a: server }, { a: config }).pipe(Layer.provide(Limits.layer(limits))))
  )

/** A request, how a server answers it, and what it gives. */
interface Asked {
  readonly answer: object
  readonly needs: string
  readonly gives: unknown
  readonly params: unknown
  readonly ask: (mcp: McpClient.Service) => Effect.Effect<unknown, McpClient.CallError>
}

const requests: Readonly<Record<string, Asked>> = {
  "resources/list": {
    answer: { resources: [{ uri: "file:///a", name: "a", more: 1 }], nextCursor: undefined },
    needs: "resources",
    gives: [{ uri: "file:///a", name: "a", more: 1 }],
    params: undefined,
    ask: (mcp) => mcp.listResources("a")
  },
  "resources/templates/list": {
    answer: { resourceTemplates: [{ uriTemplate: "note://{id}", name: "note" }] },
    needs: "resources",
    gives: [{ uriTemplate: "note://{id}", name: "note" }],
    params: undefined,
    ask: (mcp) => mcp.listResourceTemplates("a")
  },
  "resources/read": {
    answer: { contents: [{ uri: "file:///a", text: "hello" }], later: true },
    needs: "resources",
    gives: { contents: [{ uri: "file:///a", text: "hello" }], later: true },
    params: { uri: "file:///a" },
    ask: (mcp) => mcp.readResource("a", "file:///a")
  },
  "prompts/list": {
    answer: { prompts: [{ name: "greet", arguments: [{ name: "who", required: true }] }] },
    needs: "prompts",
    gives: [{ name: "greet", arguments: [{ name: "who", required: true }] }],
    params: undefined,
    ask: (mcp) => mcp.listPrompts("a")
  },
  "prompts/get": {
    answer: { messages: [{ role: "user", content: { type: "text", text: "hello Ada" } }] },
    needs: "prompts",
    gives: { messages: [{ role: "user", content: { type: "text", text: "hello Ada" } }] },
    params: { name: "greet", arguments: { who: "Ada" } },
    ask: (mcp) => mcp.getPrompt("a", "greet", { who: "Ada" })
  },
  "completion/complete": {
    answer: { completion: { values: ["Ada", "Alan"], total: 2, hasMore: false } },
    needs: "completions",
    gives: { values: ["Ada", "Alan"], total: 2, hasMore: false },
    params: {
      ref: { type: "ref/prompt", name: "greet" },
      argument: { name: "who", value: "A" },
      context: { arguments: { tone: "warm" } }
    },
    ask: (mcp) => mcp.complete("a", McpCompletion.prompt("greet"), { name: "who", value: "A" }, { tone: "warm" })
  }
}

for (const [method, { answer, ask, gives, needs, params }] of Object.entries(requests)) {
  describe(method, () => {
    it.effect("sends what it is given, and gives what the server answers", () => {
      const server = serving({ [method]: () => answer })
      return withClient(server, (mcp) =>
        Effect.gen(function* () {
          expect(yield* ask(mcp)).toEqual(gives)
          expect(server.methods).toEqual([method])
          const sent = server.received.at(-1)
          const { _meta, ...given } = (sent !== undefined && "params" in sent && sent.params) || {}
          expect(given).toEqual(params ?? {})
          expect(yield* mcp.stats).toMatchObject({ leases: 0, open: 1 })
        })
      )
    })

    it.effect("is not sent to a server that did not declare it", () => {
      const server = serving({ [method]: () => answer }, { ...everything, [needs]: undefined })
      return withClient(server, (mcp) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(ask(mcp))
          expect(error).toMatchObject({ _tag: "UnsupportedCapability", server: "a", capability: needs })
          expect(error.message).toBe(`MCP server "a" does not offer "${needs}"`)
          expect(server.methods).toEqual([])
        })
      )
    })

    it.effect("is asked again when its connection was lost, and it may have been heard", () => {
      let crashes = 1
      const server = serving({
        [method]: (_, end) => {
          if (crashes-- <= 0) return answer
          end.close("it crashed")
          return nothing
        }
      })
      return withClient(server, (mcp) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(ask(mcp))
          yield* TestClock.adjust("1 seconds")
          expect(yield* Fiber.join(fiber)).toEqual(gives)
          expect(server.count(method)).toBe(2)
          expect(server.clients).toHaveLength(2)
        })
      )
    })

    it.effect("fails with the server's own error, its secrets hidden", () =>
      withClient(
        serving({ [method]: () => new Refusal(-32002, "nothing at hunter2") }),
        (mcp) =>
          Effect.gen(function* () {
            const error = yield* Effect.flip(ask(mcp))
            expect(error).toMatchObject({
              _tag: "ProtocolError",
              method,
              code: -32002,
              reason: "nothing at «redacted»"
            })
          }),
        { ...stdio, env: { PASSWORD: "hunter2" } }
      )
    )

    it.effect("refuses an answer that is none, by its place and not by its value", () =>
      Effect.forEach([{}, { a: "hunter2" }, { ...answer, _meta: "hunter2" }], (wrong) =>
        withClient(serving({ [method]: () => wrong }), (mcp) =>
          Effect.gen(function* () {
            const error = yield* Effect.flip(ask(mcp))
            expect(error).toMatchObject({ _tag: "ProtocolError", method, code: -32700 })
            expect(error.message).toContain("its answer is not MCP: ")
            expect(error.message).not.toContain("hunter2")
          })
        )
      )
    )

    it.effect("ends at its deadline, and gives the connection back", () =>
      withClient(
        serving({ [method]: () => nothing }),
        (mcp) =>
          Effect.gen(function* () {
            const fiber = yield* Effect.fork(Effect.flip(ask(mcp)))
            yield* TestClock.adjust("2999 millis")
            expect(yield* mcp.stats).toMatchObject({ leases: 1 })
            yield* TestClock.adjust("1 millis")
            expect(yield* Fiber.join(fiber)).toMatchObject({ _tag: "CallTimeout", method, timeoutMs: 3000 })
            expect(yield* mcp.stats).toMatchObject({ leases: 0, open: 1 })
          }),
        { ...stdio, callTimeout: "3 seconds" }
      )
    )

    it.effect("tells the server to cancel when it is interrupted", () => {
      const server = serving({ [method]: () => nothing })
      return withClient(server, (mcp) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(ask(mcp))
          yield* TestClock.adjust(0)
          yield* Fiber.interrupt(fiber)
          yield* mcp.ping("a")
          expect(server.methods).toEqual([method, "notifications/cancelled", "ping"])
          expect(yield* mcp.stats).toMatchObject({ leases: 0, open: 1 })
        })
      )
    })
  })
}

describe("requests", () => {
  it.effect("have limits of their own", () =>
    withClient(
      serving({ "resources/read": () => nothing, "prompts/list": () => nothing }),
      (mcp) =>
        Effect.gen(function* () {
          const limits = { timeout: "2 seconds" } as const
          const fibers = yield* Effect.forEach(
            [mcp.readResource("a", "file:///a", limits), mcp.listPrompts("a", limits)],
            (call) => Effect.fork(Effect.flip<unknown, McpClient.CallError, never>(call))
          )
          yield* TestClock.adjust("2 seconds")
          for (const fiber of fibers) {
            expect(yield* Fiber.join(fiber)).toMatchObject({ _tag: "CallTimeout", timeoutMs: 2000 })
          }
        }),
      { ...stdio, concurrency: 2 }
    )
  )

  it.effect("ask for progress, which gives them more time", () => {
    const server = serving({
      "resources/read": ({ _meta }, end) => {
        const { progressToken } = _meta as { progressToken: number }
        end.send({ jsonrpc: "2.0", method: "notifications/progress", params: { progressToken, progress: 1 } })
        return nothing
      }
    })
    return withClient(
      server,
      (mcp) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(Effect.flip(mcp.readResource("a", "file:///a")))
          yield* TestClock.adjust(0)
          yield* TestClock.adjust("2 seconds")
          const client = server.clients[0]
          const params = { progressToken: 1_000_000, progress: 2 }
          client?.send({ jsonrpc: "2.0", method: "notifications/progress", params })
          yield* TestClock.adjust("2999 millis")
          expect(yield* mcp.stats).toMatchObject({ leases: 1 })
          yield* TestClock.adjust("1 millis")
          expect(yield* Fiber.join(fiber)).toMatchObject({ _tag: "CallTimeout" })
        }),
      { ...stdio, callTimeout: "3 seconds" }
    )
  })

  it.effect("work in a session on its own connection, which knows what the server said of itself", () => {
    const server = serving({ "resources/read": () => ({ contents: [] }) })
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        const session = yield* mcp.session("a")
        expect(session.info).toMatchObject({ serverInfo: { name: "memory", version: "1.2.3" } })
        expect(yield* session.readResource("file:///a")).toEqual({ contents: [] })
        server.clients[0]?.close("it crashed")
        yield* TestClock.adjust(0)
        expect(yield* Effect.flip(session.readResource("file:///a"))).toMatchObject({ _tag: "SessionLost" })
      }).pipe(Effect.scoped)
    )
  })

  it.effect("of one partition go to no connection of another", () => {
    const server = serving({ "resources/read": ({ uri }, end) => ({ contents: [{ uri, text: end.key.partition }] }) })
    return withClient(
      server,
      (mcp) =>
        Effect.gen(function* () {
          const read = mcp.readResource("a", "file:///a")
          expect(yield* Effect.flip(read)).toMatchObject({ _tag: "PartitionMissing" })
          expect(yield* read.pipe(McpClient.withPartition("ada"))).toMatchObject({ contents: [{ text: "ada" }] })
          expect(yield* mcp.forPartition("bob").readResource("a", "x")).toMatchObject({ contents: [{ text: "bob" }] })
        }),
      { ...stdio, isolation: "perPartition" }
    )
  })

  it.effect("leave names such as __proto__ as they are", () => {
    const hostile = JSON.parse('{"uri":"__proto__","name":"__proto__","__proto__":{"polluted":true}}') as object
    const server = serving({ "resources/list": () => ({ resources: [hostile] }) })
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        const [resource] = yield* mcp.listResources("a")
        expect(resource).toMatchObject({ uri: "__proto__", name: "__proto__" })
        expect(JSON.stringify(resource)).toBe(JSON.stringify(hostile))
        expect("polluted" in {}).toBe(false)
      })
    )
  })
})

describe("info", () => {
  it.effect("is what the server said in the handshake, and asks it nothing", () => {
    const server = serving({
      initialize: () => ({
        protocolVersion: "2025-11-25",
        capabilities: everything,
        serverInfo: { name: "library", version: "7", title: "The library" },
        instructions: "Ask before you take."
      })
    })
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        expect(yield* mcp.info("a")).toEqual({
          serverInfo: { name: "library", version: "7", title: "The library" },
          capabilities: everything,
          instructions: "Ask before you take.",
          protocolVersion: "2025-11-25"
        })
        expect(server.methods).toEqual([])
        expect(yield* mcp.stats).toMatchObject({ leases: 0, open: 1, started: 1 })
        expect(yield* Effect.flip(mcp.info("b"))).toMatchObject({ _tag: "UnknownServer", known: ["a"] })
      })
    )
  })
})
