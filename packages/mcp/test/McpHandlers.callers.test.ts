import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpHandlers, type McpSession, type ServerConfig } from "@mooring/mcp"
import { Deferred, Effect, Exit, Fiber, Layer, Ref, Scope, TestClock } from "effect"
import { AskingServer, form, said } from "./AskingServer.js"
import { client, http, stdio } from "./MemoryServer.js"

const app = McpHandlers.layer({
  sampling: { createMessage: () => Effect.succeed(McpHandlers.message("app", "")) },
  elicitation: { form: () => Effect.succeed(McpHandlers.decline) }
})

const over = (server: AskingServer, config: ServerConfig.ServerConfig = http, handlers: Layer.Layer<never> = app) =>
  Effect.provide(client({ one: server.server }, { one: config }).pipe(Layer.provide(handlers)))

const by = (model: string): McpHandlers.Handlers => ({
  sampling: { createMessage: () => Effect.succeed(McpHandlers.message(model, "")) }
})

/** A handler that never ends, and what is told of it. */
const hanging = Effect.map(Effect.all([Deferred.make<void>(), Ref.make<ReadonlyArray<string>>([])]), ([begun, log]) => {
  const note = (what: string) => Ref.update(log, (lines) => [...lines, what])
  const handlers: McpHandlers.Handlers = {
    sampling: {
      createMessage: () =>
        Effect.zipRight(Deferred.succeed(begun, undefined), Effect.never).pipe(
          Effect.onInterrupt(() => Effect.delay(note("handler ended"), "3 seconds"))
        )
    }
  }
  return { begun: Deferred.await(begun), note, log: Ref.get(log), handlers }
})

const callTool = (options?: McpClient.CallOptions, args: Readonly<Record<string, unknown>> = {}) =>
  Effect.flatMap(McpClient.McpClient, (mcp) =>
    mcp.callTool("one", "ask", { what: "sampling/createMessage", params: said("x"), ...args }, options)
  )

const told = (result: { readonly content: ReadonlyArray<unknown> }): unknown => {
  const [block] = result.content as ReadonlyArray<{ readonly text: string }>
  return JSON.parse(block?.text ?? "null")
}

const modelOf = (options?: McpClient.CallOptions, args?: Readonly<Record<string, unknown>>) =>
  Effect.map(callTool(options, args), told)

const inSession = (session: McpSession.McpSession, what = "sampling/createMessage", params: unknown = said("x")) =>
  Effect.map(session.callTool("ask", { what, params }), told)

describe("handlers of a call", () => {
  it.effect("answer what is asked for it, and for no other call on the same connection", () => {
    const server = new AskingServer()
    return Effect.gen(function* () {
      const answers = yield* Effect.all(
        [modelOf({ handlers: by("ada") }), modelOf(), modelOf({ handlers: by("bob") }), modelOf()],
        { concurrency: "unbounded" }
      )
      expect(answers).toMatchObject([{ model: "ada" }, { model: "app" }, { model: "bob" }, { model: "app" }])
      expect(server.server.clients).toHaveLength(1)
    }).pipe(over(server))
  })

  it.effect("leave the rest to those of the application, also where a tool has settings of its own", () => {
    const server = new AskingServer()
    return Effect.gen(function* () {
      const args = { what: "elicitation/create", params: form({}) }
      expect(yield* modelOf({ handlers: by("ada") }, args)).toEqual({ action: "decline" })
      expect(yield* modelOf({ handlers: by("ada") })).toMatchObject({ model: "ada" })
    }).pipe(over(server, { ...http, tools: { ask: { callTimeout: "1 second" } } }))
  })

  it.effect("hear nothing of what the server asks outside of the call", () => {
    const server = new AskingServer()
    return Effect.gen(function* () {
      expect(yield* modelOf({ handlers: by("ada") }, { untied: true })).toMatchObject({ model: "app" })
    }).pipe(over(server))
  })

  it.effect("are refused, and nothing is sent, where nothing ties a request to a call, in a session too", () => {
    const server = new AskingServer()
    return Effect.gen(function* () {
      const refused = { _tag: "HandlersRefused", server: "one", reason: expect.stringContaining("open a session") }
      expect(yield* Effect.flip(callTool({ handlers: by("ada") }))).toMatchObject(refused)
      const mcp = yield* McpClient.McpClient
      yield* Effect.scoped(
        Effect.flatMap(mcp.session("one"), (session) =>
          Effect.map(Effect.flip(session.callTool("ask", {}, { handlers: by("ada") })), (error) =>
            expect(error).toMatchObject(refused)
          )
        )
      )
      expect(server.server.count("tools/call")).toBe(0)
      expect(yield* mcp.stats).toMatchObject({ leases: 0 })
    }).pipe(over(server, stdio))
  })

  it.effect("are refused where the server was not told that it may ask, with the whole mayAsk that it takes", () => {
    const server = new AskingServer()
    const handlers = { ...by("ada"), roots: { list: () => Effect.succeed([]) } }
    return Effect.gen(function* () {
      expect(yield* Effect.flip(callTool({ handlers }).pipe(over(server)))).toMatchObject({
        _tag: "HandlersRefused",
        reason:
          "the server was not told that it may ask for roots; " +
          'say mayAsk: ["sampling", "elicitation.form", "roots"] in its configuration'
      })
      expect(yield* Effect.flip(callTool({ handlers }).pipe(over(server, http, Layer.empty)))).toMatchObject({
        _tag: "HandlersRefused",
        reason:
          "the server was not told that it may ask for sampling, roots; " +
          'say mayAsk: ["sampling", "roots"] in its configuration'
      })
      expect(yield* Effect.flip(callTool({ handlers: {} }).pipe(over(server, http, Layer.empty)))).toMatchObject({
        _tag: "HandlersRefused",
        reason: expect.stringContaining("there are none")
      })
      expect(server.server.count("tools/call")).toBe(0)
    })
  })

  it.effect("are gone when an interrupted call is, and the server is told both", () => {
    const server = new AskingServer({ answers: false })
    return Effect.gen(function* () {
      const { begun, handlers, log, note } = yield* hanging
      const call = yield* Effect.fork(Effect.onExit(callTool({ handlers }), () => note("call ended")))
      yield* begun
      yield* Effect.fork(Fiber.interrupt(call))
      yield* TestClock.adjust("1 second")
      // Still at its finalizer, and so the call has not ended, either.
      expect(yield* log).toEqual([])
      expect(server.cancelledCalls).toEqual([server.asked[0]?.call])
      expect(server.answers).toMatchObject([{ code: -32603, message: expect.stringContaining("nobody waits") }])
      yield* TestClock.adjust("2 seconds")
      expect(yield* log).toEqual(["handler ended", "call ended"])
    }).pipe(over(server))
  })

  it.effect("are interrupted when the call is answered, or out of time, without them", () => {
    const server = new AskingServer({ answers: false })
    return Effect.gen(function* () {
      const first = yield* hanging
      const answered = yield* Effect.fork(callTool({ handlers: first.handlers }))
      yield* first.begun
      const [asked] = server.asked
      const result = { content: [{ type: "text", text: "done" }] }
      asked?.client.send({ jsonrpc: "2.0", id: asked.call, result })
      yield* TestClock.adjust("3 seconds")
      expect(yield* first.log).toEqual(["handler ended"])
      expect(yield* Fiber.join(answered)).toMatchObject(result)

      const second = yield* hanging
      const late = yield* Effect.fork(Effect.flip(callTool({ handlers: second.handlers, totalTimeout: "2 minutes" })))
      yield* second.begun
      yield* TestClock.adjust("123 seconds")
      expect(yield* Fiber.join(late)).toMatchObject({ _tag: "CallTimeout", timeoutMs: 120_000 })
      expect(yield* second.log).toEqual(["handler ended"])
      expect(server.answers).toMatchObject([{ code: -32603 }, { code: -32603 }])
    }).pipe(over(server))
  })

  it.effect("are not passed over to others: what is asked for a call that has ended is refused", () => {
    const server = new AskingServer()
    return Effect.gen(function* () {
      yield* callTool()
      const [asked] = server.asked
      if (asked === undefined) return expect.fail()
      server.ask(asked.client, "sampling/createMessage", said("late"), asked.call)
      yield* TestClock.adjust("1 second")
      expect(server.answers[1]).toMatchObject({ code: -32603, message: expect.stringContaining("nobody waits") })
    }).pipe(over(server))
  })

  it.effect("come along when a call is sent again", () => {
    const server = new AskingServer({
      on: {
        admit: (message, client) => {
          if ("method" in message && message.method === "tools/call" && server.server.clients.length === 1) {
            client.close("it went away")
          }
          return undefined
        }
      }
    })
    return Effect.gen(function* () {
      const call = yield* Effect.fork(modelOf({ handlers: by("ada") }))
      yield* TestClock.adjust("10 seconds")
      expect(yield* Fiber.join(call)).toMatchObject({ model: "ada" })
      expect(server.server.clients).toHaveLength(2)
    }).pipe(over(server))
  })
})

describe("handlers of an application", () => {
  it.effect("are interrupted when the call that they are asked for has gone, however it went", () => {
    const server = new AskingServer({ answers: false })
    return Effect.gen(function* () {
      const { begun, handlers, log } = yield* hanging
      yield* Effect.gen(function* () {
        const interrupted = yield* Effect.fork(callTool())
        yield* begun
        yield* Fiber.interrupt(interrupted)
        yield* TestClock.adjust("3 seconds")
        expect(yield* log).toEqual(["handler ended"])

        const answered = yield* Effect.fork(callTool())
        yield* TestClock.adjust("1 second")
        const asked = server.asked[1] ?? expect.fail()
        asked.client.send({ jsonrpc: "2.0", id: asked.call, result: { content: [] } })
        // The call does not wait for what is not its own.
        expect(yield* Fiber.join(answered)).toEqual({ content: [] })
        expect(yield* log).toEqual(["handler ended"])
        yield* TestClock.adjust("3 seconds")
        expect(yield* log).toEqual(["handler ended", "handler ended"])
        const told = { code: -32603, message: expect.stringContaining("nobody waits") }
        expect(server.answers).toMatchObject([told, told])
      }).pipe(over(server, http, McpHandlers.layer(handlers)))
    })
  })
})

describe("handlers of a session", () => {
  for (const [name, config] of Object.entries({ stdio, http })) {
    it.effect(`answer all that is asked while it lasts, and the application's are back after it: ${name}`, () => {
      const server = new AskingServer()
      return Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        expect(yield* modelOf()).toMatchObject({ model: "app" })
        yield* Effect.scoped(
          Effect.gen(function* () {
            const session = yield* mcp.session("one", { handlers: by("ada") })
            expect(yield* inSession(session)).toMatchObject({ model: "ada" })
            expect(yield* inSession(session, "elicitation/create", form({}))).toEqual({ action: "decline" })
            // Asked at no call's behest, it is asked of whoever has the connection.
            const end = server.server.clients[0] ?? expect.fail()
            const asked = server.ask(end, "sampling/createMessage", said("x"), -1, false)
            yield* TestClock.adjust("1 second")
            expect(asked.answer).toMatchObject({ model: "ada" })
          })
        )
        expect(yield* modelOf()).toMatchObject({ model: "app" })
        expect(server.server.clients).toHaveLength(1)
      }).pipe(over(server, config))
    })
  }

  it.effect("are refused where the server was not told that it may ask, and the connection is given back", () => {
    const server = new AskingServer()
    return Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const open = mcp.session("one", { handlers: { roots: { list: () => Effect.succeed([]) } } })
      expect(yield* Effect.flip(Effect.scoped(open))).toMatchObject({ _tag: "HandlersRefused" })
      expect(yield* mcp.stats).toMatchObject({ leases: 0, open: 1 })
      expect(yield* modelOf()).toMatchObject({ model: "app" })
    }).pipe(over(server, stdio))
  })

  it.effect("are gone when it is, before anybody else has the connection", () => {
    const server = new AskingServer()
    return Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const { begun, handlers, log, note } = yield* hanging
      const scope = yield* Scope.make()
      const session = yield* Scope.extend(mcp.session("one", { handlers }), scope)
      // Not a call of the session's: one of those under way would have the connection closed.
      const end = server.server.clients[0] ?? expect.fail()
      const asked = server.ask(end, "sampling/createMessage", said("x"), -1, false)
      yield* begun
      const next = yield* Effect.fork(Effect.tap(modelOf(), () => note("next call ended")))
      yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("2 seconds")
      expect(yield* log).toEqual([])
      expect(asked.answer).toMatchObject({ code: -32603, message: expect.stringContaining("nobody waits") })
      yield* TestClock.adjust("2 seconds")
      expect(yield* log).toEqual(["handler ended", "next call ended"])
      expect(yield* Fiber.join(next)).toMatchObject({ model: "app" })
      expect(yield* Effect.flip(session.ping)).toMatchObject({ _tag: "SessionLost" })
    }).pipe(over(server, stdio))
  })

  it.effect("are not asked what the server has sent for somebody who had the connection before", () => {
    const server = new AskingServer({ answers: false })
    const seen: Array<string> = []
    const record = (owner: string): McpHandlers.Handlers => ({
      sampling: {
        createMessage: ({ messages }) => {
          seen.push(`${owner} ${JSON.stringify(messages)}`)
          return Effect.succeed(McpHandlers.message(owner, ""))
        }
      }
    })
    return Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const before = yield* Effect.fork(callTool())
      yield* TestClock.adjust("1 second")
      const end = server.server.clients[0] ?? expect.fail()
      yield* Fiber.interrupt(before)
      // On its way when the session is opened.
      server.ask(end, "sampling/createMessage", said("of another"), -1, false)
      yield* Effect.scoped(mcp.session("one", { handlers: record("ada") }))
      expect(seen.filter((line) => line.startsWith("ada"))).toEqual([])
      expect(seen.filter((line) => line.includes("of another"))).toHaveLength(1)
    }).pipe(over(server, stdio, McpHandlers.layer(record("app"))))
  })

  it.effect("may close their own session", () => {
    const server = new AskingServer()
    return Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const scope = yield* Scope.make()
      const closes: McpHandlers.Handlers = {
        sampling: {
          createMessage: () => Effect.as(Scope.close(scope, Exit.void), McpHandlers.message("closed", ""))
        }
      }
      yield* Scope.extend(mcp.session("one", { handlers: closes }), scope)
      const end = server.server.clients[0] ?? expect.fail()
      const asked = server.ask(end, "sampling/createMessage", said("x"), -1, false)
      yield* TestClock.adjust("1 second")
      expect(asked.answer).toMatchObject({ code: -32603, message: expect.stringContaining("nobody waits") })
      expect(yield* mcp.stats).toMatchObject({ leases: 0 })
      expect(yield* modelOf()).toMatchObject({ model: "app" })
    }).pipe(over(server, stdio))
  })
})
