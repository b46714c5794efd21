import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpHandlers, type ServerConfig } from "@mooring/mcp"
import {
  Context,
  Deferred,
  Effect,
  Fiber,
  HashMap,
  Layer,
  Logger,
  Ref,
  Stream,
  SubscriptionRef,
  TestClock
} from "effect"
import { AskingServer, form, said } from "./AskingServer.js"
import { client, http, Refusal, stdio } from "./MemoryServer.js"

const one = (
  server: AskingServer,
  handlers: Layer.Layer<never> = Layer.empty,
  config: ServerConfig.ServerConfig = http
) => client({ one: server.server }, { one: config }).pipe(Layer.provide(handlers))

/** Of handlers that fail on purpose. */
const silent = Logger.remove(Logger.defaultLogger)

/** What the server was told, as the call has it. */
const ask = (what: string, params?: unknown, options?: McpClient.CallOptions, untied = false) =>
  Effect.flatMap(McpClient.McpClient, (mcp) => mcp.callTool("one", "ask", { what, params, untied }, options)).pipe(
    Effect.map(({ content: [block] }) => (block?.type === "text" ? (JSON.parse(block.text) as unknown) : undefined))
  )

const sample = (what: string, options?: McpClient.CallOptions) => ask("sampling/createMessage", said(what), options)

const echo: McpHandlers.Sampling = {
  createMessage: ({ messages: [message] }) =>
    Effect.succeed(McpHandlers.message("echo", JSON.stringify(message?.content)))
}

const samples = (createMessage: McpHandlers.Sampling["createMessage"], more: Partial<McpHandlers.Handlers> = {}) =>
  McpHandlers.layer({ sampling: { createMessage }, ...more })

const elicits = (form: NonNullable<McpHandlers.Elicitation["form"]>) => McpHandlers.layer({ elicitation: { form } })

describe("what is announced", () => {
  it.effect("is nothing without handlers, and what a server asks is refused as unknown", () => {
    const server = new AskingServer()
    return Effect.gen(function* () {
      expect(yield* sample("x")).toMatchObject({ code: -32601 })
      expect(yield* ask("ping")).toEqual({})
      expect(server.announced).toEqual([{}])
    }).pipe(Effect.provide(one(server)))
  })

  it.effect("is what there are handlers for", () => {
    const server = new AskingServer()
    const handlers = McpHandlers.layer({
      sampling: { ...echo, tools: true, context: true },
      elicitation: { form: () => Effect.succeed(McpHandlers.decline), url: () => Effect.succeed(McpHandlers.cancel) },
      roots: { list: () => Effect.succeed([]) }
    })
    return Effect.gen(function* () {
      yield* sample("x")
      expect(server.announced).toEqual([
        { sampling: { tools: {}, context: {} }, elicitation: { form: {}, url: {} }, roots: { listChanged: true } }
      ])
    }).pipe(Effect.provide(one(server, handlers)))
  })

  it.effect("is only what the server may ask, if its configuration says so", () => {
    const server = new AskingServer()
    const handlers = McpHandlers.layer({ sampling: echo, roots: { list: () => Effect.succeed([]) } })
    return Effect.gen(function* () {
      expect(yield* sample("x")).toMatchObject({ code: -32601 })
      expect(yield* ask("roots/list")).toEqual({ roots: [] })
      expect(server.announced).toEqual([{ roots: { listChanged: true } }])
    }).pipe(Effect.provide(one(server, handlers, { ...http, mayAsk: ["roots"] })))
  })

  it.effect("may be what only callers bring; nobody is asked what nobody brought", () => {
    const server = new AskingServer()
    return Effect.gen(function* () {
      expect(yield* sample("x")).toMatchObject({
        code: -32603,
        message: expect.stringMatching(/^nobody is there to answer sampling\/createMessage: .* has a handler for it$/)
      })
      expect(yield* sample("x", { handlers: { sampling: echo } })).toMatchObject({ model: "echo" })
      expect(server.announced).toEqual([{ sampling: {}, elicitation: { url: {} } }])
    }).pipe(Effect.provide(one(server, Layer.empty, { ...http, mayAsk: ["sampling", "elicitation.url"] })))
  })

  it.effect("names in the configuration that do not fit are refused with their place", () =>
    Effect.gen(function* () {
      const refused = (mayAsk: unknown) =>
        Effect.flip(
          // What is no type of ours may still come from a file.
          Effect.scoped(
            Layer.build(one(new AskingServer(), Layer.empty, { ...http, mayAsk } as ServerConfig.HttpServer))
          )
        )
      expect((yield* refused(["sampling.tools"])).message).toContain("servers.one.mayAsk[0]")
      expect((yield* refused(["roots", "files"])).message).toContain("servers.one.mayAsk[1]")
    })
  )
})

describe("a handler", () => {
  it.effect("learns for which call it is asked where the transport says it, and else only for which server", () => {
    const server = new AskingServer()
    const seen: Array<McpHandlers.RequestContext> = []
    const handlers = samples((request, context) => {
      seen.push(context)
      return echo.createMessage(request, context)
    })
    const run = (config: ServerConfig.ServerConfig) =>
      sample("x").pipe(McpClient.withPartition("ada"), Effect.provide(one(server, handlers, config)))
    return Effect.gen(function* () {
      yield* run({ ...http, isolation: "perPartition" })
      yield* run(stdio)
      const [tied, untied] = seen
      expect(tied).toMatchObject({ server: "one", connection: 1, origin: { method: "tools/call", tool: "ask" } })
      expect(tied?.origin?.requestId).toBe(server.asked[0]?.call)
      expect(tied?.key.toString()).toBe("one/ada")
      expect(untied).toMatchObject({ server: "one", connection: 1, origin: undefined })
    })
  })

  it.effect("has the services of its layer, and nothing of who calls", () => {
    class Model extends Context.Tag("test/Model")<Model, string>() {}
    class Name extends Context.Reference<Name>()("test/Name", { defaultValue: () => "nobody" }) {}
    const handlers = McpHandlers.layer({
      sampling: {
        createMessage: () => Effect.map(Effect.all([Model, Name]), ([model, name]) => McpHandlers.message(model, name))
      }
    }).pipe(Layer.provide(Layer.succeed(Model, "of the layer")))
    return Effect.gen(function* () {
      const answer = yield* sample("x").pipe(
        Effect.provideService(Model, "of the caller"),
        Effect.provideService(Name, "the caller")
      )
      expect(answer).toMatchObject({ model: "of the layer", content: { text: "nobody" } })
    }).pipe(Effect.provide(one(new AskingServer(), handlers)))
  })

  it.effect("is not run for what is not MCP, which is refused with its place", () => {
    let runs = 0
    const handlers = samples((request, context) => {
      runs++
      return echo.createMessage(request, context)
    })
    const result = (id: string) => ({ role: "user", content: [{ type: "tool_result", toolUseId: id, content: [] }] })
    const use = { role: "assistant", content: [{ type: "tool_use", id: "a", name: "t", input: {} }] }
    const hello = { role: "user", content: { type: "text", text: "x" } }
    const mixed = { role: "user", content: [hello.content, ...result("a").content] }
    const wrong: ReadonlyArray<readonly [unknown, string]> = [
      [undefined, "params.messages"],
      [{ messages: [], maxTokens: "many" }, "params.maxTokens"],
      [{ messages: Array.from({ length: 50_000 }, () => hello), maxTokens: 1 }, "more than 100000 values"],
      [{ messages: [hello], maxTokens: 1, tools: [] }, "sampling.tools"],
      [{ messages: [hello, use, hello], maxTokens: 1 }, "messages.2: tool result missing"],
      [{ messages: [hello, use], maxTokens: 1 }, "tool result missing"],
      [{ messages: [hello, use, mixed], maxTokens: 1 }, "messages.2: tool results mixed"],
      [{ messages: [result("b")], maxTokens: 1 }, "messages.0: tool result missing"]
    ]
    return Effect.gen(function* () {
      for (const [params, place] of wrong) {
        const told = yield* ask("sampling/createMessage", params)
        expect(told).toMatchObject({ code: -32602, message: expect.stringContaining(place) })
      }
      expect(runs).toBe(0)
      expect(yield* ask("sampling/createMessage", { messages: [hello, use, result("a")], maxTokens: 1 })).toMatchObject(
        {
          model: "echo"
        }
      )
    }).pipe(Effect.provide(one(new AskingServer(), handlers)))
  })

  it.effect("lets a model use tools where it says that it can", () => {
    const use = { type: "tool_use" as const, id: "a", name: "t", input: {} }
    const handlers = McpHandlers.layer({
      sampling: {
        tools: true,
        createMessage: () =>
          Effect.succeed({ role: "assistant" as const, model: "m", stopReason: "toolUse", content: [use] })
      }
    })
    const tool = { name: "t", inputSchema: { type: "object" } }
    return Effect.gen(function* () {
      expect(yield* ask("sampling/createMessage", { ...said("x"), tools: [tool] })).toMatchObject({ content: [use] })
      // Not asked for tools, the model must give none.
      expect(yield* sample("x")).toMatchObject({ code: -32603 })
      // A caller's handler that cannot is not passed over for one that can.
      const own = { handlers: { sampling: echo } }
      expect(yield* ask("sampling/createMessage", { ...said("x"), tools: [tool] }, own)).toMatchObject({ code: -32602 })
    }).pipe(Effect.provide(one(new AskingServer(), handlers)))
  })

  it.effect("that refuses is heard as it says; one that dies is logged, and the server learns nothing of it", () => {
    const logged: Array<string> = []
    const logger = Logger.make<unknown, void>(({ annotations, cause, message }) => {
      logged.push(`${String(message)} ${String(HashMap.get(annotations, "mcp.server"))} ${cause.toString()}`)
    })
    const handlers = samples(({ messages: [message] }) => {
      const what = JSON.stringify(message?.content)
      if (what.includes("throw")) throw new Error("s3cret")
      if (what.includes("die")) return Effect.dieMessage("s3cret")
      if (what.includes("data")) return Effect.fail(new McpHandlers.Refused({ code: 7, reason: "no", data: { a: 1 } }))
      if (what.includes("interrupt")) return Effect.interrupt
      // What JavaScript gives need not be of the type.
      if (what.includes("unfit")) return Effect.succeed({ role: "nobody" } as never)
      if (what.includes("bigint")) return Effect.succeed({ ...McpHandlers.message("m", ""), _meta: { n: 1n } })
      return Effect.fail(McpHandlers.rejected)
    })
    return Effect.gen(function* () {
      expect(yield* sample("reject")).toEqual({ code: -1, message: "User rejected sampling request" })
      expect(yield* sample("data")).toEqual({ code: 7, message: "no", data: { a: 1 } })
      expect(logged).toEqual([])
      for (const way of ["throw", "die", "unfit"]) {
        expect(yield* sample(way)).toEqual({ code: -32603, message: "internal error" })
      }
      expect(logged.map((line) => /s3cret|not what MCP has/.test(line))).toEqual([true, true, true])
      expect(logged[0]).toContain("the handler of sampling/createMessage failed")
      expect(yield* sample("interrupt")).toMatchObject({ code: -32603 })
      expect(yield* sample("bigint")).toMatchObject({
        code: -32603,
        message: expect.stringContaining("cannot be sent")
      })
    }).pipe(
      Effect.provide(
        one(new AskingServer(), handlers).pipe(Layer.provideMerge(Logger.replace(Logger.defaultLogger, logger)))
      )
    )
  })

  it.effect("has its time, and not a millisecond more; it is interrupted then, and its late answer not sent", () => {
    const server = new AskingServer()
    const interrupted = Ref.unsafeMake(0)
    const hangs = () => Effect.onInterrupt(Effect.never, () => Ref.update(interrupted, (n) => n + 1))
    return Effect.gen(function* () {
      const fiber = yield* Effect.fork(sample("x"))
      yield* TestClock.adjust("29999 millis")
      expect(server.answers).toEqual([undefined])
      yield* TestClock.adjust("1 millis")
      expect(yield* Fiber.join(fiber)).toEqual({ code: -32001, message: "not answered within 30000 ms" })
      expect(yield* Ref.get(interrupted)).toBe(1)
    }).pipe(Effect.provide(one(server, samples(hangs, { timeout: "30 seconds" }))))
  })

  it.effect("is interrupted when the server takes its request back, and nothing is answered", () => {
    const server = new AskingServer({ answers: false })
    return Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const ended = yield* Deferred.make<void>()
      const handlers = samples(() =>
        Deferred.succeed(begun, undefined).pipe(
          Effect.zipRight(Effect.never),
          Effect.onInterrupt(() => Deferred.succeed(ended, undefined))
        )
      )
      yield* Effect.gen(function* () {
        const call = yield* Effect.fork(sample("x"))
        yield* Deferred.await(begun)
        const [asked] = server.asked
        server.notify(asked?.client ?? expect.fail(), "notifications/cancelled", { requestId: asked?.id })
        yield* Deferred.await(ended)
        yield* TestClock.adjust("20 minutes")
        expect(server.answers).toEqual([undefined])
        yield* Fiber.interrupt(call)
      }).pipe(Effect.provide(one(server, handlers)))
    })
  })

  it.effect("is interrupted when the connection ends, before the layer is closed", () => {
    const server = new AskingServer({ answers: false })
    const running = Ref.unsafeMake(0)
    const handlers = samples(() =>
      Effect.acquireUseRelease(
        Ref.update(running, (n) => n + 1),
        () => Effect.never,
        () => Ref.update(running, (n) => n - 1)
      )
    )
    return Effect.gen(function* () {
      yield* Effect.gen(function* () {
        const call = yield* Effect.fork(Effect.either(sample("x")))
        yield* TestClock.adjust("1 second")
        expect(yield* Ref.get(running)).toBe(1)
        server.server.clients[0]?.close("it died")
        expect(yield* Fiber.join(call)).toMatchObject({ left: { _tag: "OutcomeUnknown" } })
        yield* TestClock.adjust("1 second")
        expect(yield* Ref.get(running)).toBe(0)
        const other = yield* Effect.fork(sample("x"))
        yield* TestClock.adjust("1 second")
        expect(yield* Ref.get(running)).toBe(1)
        yield* Fiber.interrupt(other)
      }).pipe(Effect.provide(one(server, handlers)))
      expect(yield* Ref.get(running)).toBe(0)
      expect(server.asked).toHaveLength(2)
    })
  })

  it.effect("is one of at most sixteen, also while those run whose answers nobody wants any more", () => {
    const server = new AskingServer({ answers: false })
    return Effect.gen(function* () {
      const open = yield* Deferred.make<void>()
      let runs = 0
      const handlers = samples(() => {
        runs++
        return Effect.uninterruptible(Effect.as(Deferred.await(open), McpHandlers.message("m", "")))
      })
      yield* Effect.gen(function* () {
        const calls = yield* Effect.forkAll(Array.from({ length: 16 }, () => sample("x")))
        yield* TestClock.adjust("1 second")
        expect(runs).toBe(16)
        const end = server.server.clients[0] ?? expect.fail()
        for (const { id } of server.asked) server.notify(end, "notifications/cancelled", { requestId: id })
        const more = yield* Effect.fork(sample("x"))
        yield* TestClock.adjust("1 second")
        expect(runs).toBe(16)
        expect(server.answers[16]).toMatchObject({ code: -32603, message: expect.stringContaining("too many") })
        yield* Deferred.succeed(open, undefined)
        yield* TestClock.adjust("1 second")
        server.ask(end, "sampling/createMessage", said("x"), 0, false)
        yield* TestClock.adjust("1 second")
        expect(runs).toBe(17)
        expect(server.answers.slice(0, 16)).toEqual(Array.from({ length: 16 }, () => undefined))
        yield* Fiber.interrupt(Fiber.zip(calls, more))
      }).pipe(Effect.provide(one(server, handlers)))
    })
  })

  it.effect("may take longer than a call waits for an answer, but not longer than the call has in all", () => {
    const slow = (millis: number) => samples(() => Effect.delay(Effect.succeed(McpHandlers.message("m", "")), millis))
    const run = (millis: number, config: ServerConfig.ServerConfig, wait: number) =>
      Effect.gen(function* () {
        const call = yield* Effect.fork(Effect.either(sample("x")))
        yield* TestClock.adjust(wait)
        return yield* Fiber.join(call)
      }).pipe(Effect.provide(one(new AskingServer(), slow(millis), config)))
    return Effect.gen(function* () {
      // The default callTimeout is a minute.
      expect(yield* run(300_000, http, 300_000)).toMatchObject({ right: { model: "m" } })
      expect(yield* run(300_000, stdio, 300_000)).toMatchObject({ right: { model: "m" } })
      expect(yield* run(900_000, http, 600_000)).toMatchObject({ left: { _tag: "CallTimeout", timeoutMs: 600_000 } })
    })
  })

  it.effect("leaves the call its whole time to answer when it is done", () => {
    const server = new AskingServer({ answers: false })
    const handlers = samples(() => Effect.delay(Effect.succeed(McpHandlers.message("m", "")), "59 seconds"))
    return Effect.gen(function* () {
      const call = yield* Effect.fork(Effect.flip(sample("x")))
      yield* TestClock.adjust("118999 millis")
      expect(server.answers).toMatchObject([{ model: "m" }])
      expect(call.unsafePoll()).toBe(null)
      yield* TestClock.adjust("1 millis")
      expect(yield* Fiber.join(call)).toMatchObject({ _tag: "CallTimeout", timeoutMs: 60_000 })
    }).pipe(Effect.provide(one(server, handlers)))
  })
})

describe("a form", () => {
  const fields = {
    name: { type: "string", minLength: 2 },
    age: { type: "integer", minimum: 0, default: 42 },
    fish: { type: "array", items: { type: "string", enum: ["tuna", "trout"] }, default: ["tuna"] },
    mail: { type: "string", format: "email" }
  }

  it.effect("gets the defaults of what was left out", () =>
    Effect.gen(function* () {
      expect(yield* ask("elicitation/create", form(fields, ["name"]))).toEqual({
        action: "accept",
        content: { name: "Ada", age: 42, fish: ["trout"] }
      })
    }).pipe(
      Effect.provide(
        one(
          new AskingServer(),
          elicits(() => Effect.succeed(McpHandlers.accept({ name: "Ada", fish: ["trout"] })))
        )
      )
    )
  )

  it.effect("that is not filled in as it should be is not sent", () => {
    const given = Ref.unsafeMake<McpHandlers.Elicited>(McpHandlers.decline)
    const wrong = [
      undefined,
      { name: "A" },
      { name: "Ada", age: -1 },
      { name: "Ada", fish: ["cod"] },
      { name: "Ada", mail: "ada" },
      { name: "Ada", other: "s3cret" }
    ]
    return Effect.gen(function* () {
      for (const content of wrong) {
        yield* Ref.set(given, McpHandlers.accept(content))
        const told = yield* ask("elicitation/create", form(fields, ["name"]))
        expect(told).toEqual({ code: -32603, message: "internal error" })
      }
      for (const answer of [McpHandlers.decline, McpHandlers.cancel]) {
        yield* Ref.set(given, answer)
        expect(yield* ask("elicitation/create", form(fields, ["name"]))).toEqual(answer)
      }
      // No answer at all, as JavaScript may give it.
      yield* Ref.set(given, { action: "agree" } as never)
      expect(yield* ask("elicitation/create", form({}))).toMatchObject({ code: -32603 })
    }).pipe(
      Effect.provide(
        one(
          new AskingServer(),
          elicits(() => Ref.get(given))
        ).pipe(Layer.provideMerge(silent))
      )
    )
  })

  it.effect("comes without what could deceive in its message, and not at all if it is none", () => {
    const messages: Array<string> = []
    const handlers = elicits(({ message }) => {
      messages.push(message)
      return Effect.succeed(McpHandlers.accept())
    })
    return Effect.gen(function* () {
      const params = { ...form({}), message: "Hello\u001b[2J\u0007 there, t0ken" }
      expect(yield* ask("elicitation/create", params)).toEqual({ action: "accept", content: {} })
      expect(messages).toEqual(["Hello there, «redacted»"])
      const nested = form({ a: { type: "object", properties: {} } })
      expect(yield* ask("elicitation/create", nested)).toMatchObject({ code: -32602 })
      expect(yield* ask("elicitation/create", { ...params, mode: "url" })).toMatchObject({
        code: -32602,
        message: expect.stringContaining('mode "url"')
      })
      expect(messages).toHaveLength(1)
    }).pipe(Effect.provide(one(new AskingServer(), handlers, { ...http, headers: { "X-Token": "t0ken" } })))
  })
})

describe("an address to be visited", () => {
  const visit = (url: string, elicitationId = "e1") => ({ mode: "url", message: "Log in", url, elicitationId })
  const recording = () => {
    const urls: Array<string> = []
    const done: Array<string> = []
    const elicitation: McpHandlers.Elicitation = {
      url: ({ url }) => {
        urls.push(url)
        return Effect.succeed(McpHandlers.accept({ not: "sent" }))
      },
      completed: (id) => Effect.sync(() => void done.push(id))
    }
    return { urls, done, elicitation }
  }

  it.effect("reaches a handler if it is http or https, without what could hide a part of it", () => {
    const { elicitation, urls } = recording()
    return Effect.gen(function* () {
      for (const url of ["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "ssh://h", "here"]) {
        expect(yield* ask("elicitation/create", visit(url))).toMatchObject({ code: -32602 })
      }
      expect(yield* ask("elicitation/create", visit("https://example.org/a\u202e?q=1"))).toEqual({ action: "accept" })
      expect(yield* ask("elicitation/create", form({}))).toMatchObject({ code: -32602 })
      expect(urls).toEqual(["https://example.org/a%E2%80%AE?q=1"])
    }).pipe(Effect.provide(one(new AskingServer(), McpHandlers.layer({ elicitation }))))
  })

  it.effect("is told to have been visited, once, and only if it is known", () => {
    const server = new AskingServer()
    const { done, elicitation } = recording()
    return Effect.gen(function* () {
      yield* ask("elicitation/create", visit("https://example.org"))
      const end = server.server.clients[0] ?? expect.fail()
      for (const elicitationId of ["other", "e1", "e1", undefined]) {
        server.notify(end, "notifications/elicitation/complete", { elicitationId })
      }
      yield* TestClock.adjust("1 second")
      expect(done).toEqual(["e1"])
    }).pipe(Effect.provide(one(server, McpHandlers.layer({ elicitation }))))
  })

  it.effect("can be what a call needs first: its error has it, and the handlers hear when it was visited", () => {
    const { done, elicitation } = recording()
    const needed = (elicitations: unknown) =>
      new AskingServer({ on: { on: { "tools/call": () => new Refusal(-32042, "log in first", { elicitations }) } } })
    const failure = (elicitations: unknown) =>
      Effect.flip(ask("x")).pipe(Effect.provide(one(needed(elicitations), McpHandlers.layer({ elicitation }))))
    return Effect.gen(function* () {
      const server = needed([visit("https://example.org/log\u0007in", "e2")])
      yield* Effect.gen(function* () {
        const error = yield* Effect.flip(ask("x"))
        expect(error).toMatchObject({
          _tag: "UrlElicitationRequired",
          server: "one",
          tool: "ask",
          reason: "log in first",
          elicitations: [{ elicitationId: "e2", url: "https://example.org/log%07in", message: "Log in" }]
        })
        expect(error.message).toContain("https://example.org/log%07in (Log in)")
        const end = server.server.clients[0] ?? expect.fail()
        server.notify(end, "notifications/elicitation/complete", { elicitationId: "e2" })
        yield* TestClock.adjust("1 second")
        expect(done).toEqual(["e2"])
      }).pipe(Effect.provide(one(server, McpHandlers.layer({ elicitation }))))
      for (const none of [undefined, [], [visit("file:///x")], ["x"], [{ ...visit("https://a.b"), mode: "form" }]]) {
        expect(yield* failure(none)).toMatchObject({ _tag: "ProtocolError", code: -32042 })
      }
    })
  })
})

describe("roots", () => {
  const root = (name: string) => ({ uri: `file:///${name}` })
  const changes = (server: AskingServer) => server.server.count("notifications/roots/list_changed")

  it.effect("are told as they are now, and every connection that may ask hears of a change", () => {
    const servers = [new AskingServer(), new AskingServer(), new AskingServer()] as const
    return Effect.gen(function* () {
      const ref = yield* SubscriptionRef.make<ReadonlyArray<{ uri: string }>>([root("a")])
      const handlers = McpHandlers.layer({ roots: McpHandlers.roots(ref) })
      const [one, two, three] = servers
      const layer = client(
        { one: one.server, two: two.server, three: three.server },
        { one: http, two: stdio, three: { ...stdio, mayAsk: [] } }
      ).pipe(Layer.provide(handlers))
      yield* Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        expect(yield* ask("roots/list")).toEqual({ roots: [root("a")] })
        yield* mcp.callTool("two", "ask", { what: "roots/list" })
        yield* mcp.callTool("three", "ask", { what: "roots/list" })
        yield* SubscriptionRef.set(ref, [root("b")])
        yield* TestClock.adjust("1 second")
        expect(servers.map(changes)).toEqual([1, 1, 0])
        expect(yield* ask("roots/list")).toEqual({ roots: [root("b")] })
      }).pipe(Effect.provide(layer))
    })
  })

  it.effect("that are none are not told", () =>
    Effect.gen(function* () {
      expect(yield* ask("roots/list")).toEqual({ code: -32603, message: "internal error" })
    }).pipe(
      Effect.provide(
        one(
          new AskingServer(),
          McpHandlers.layer({ roots: { list: () => Effect.succeed([{ uri: "https://x" }]) } })
        ).pipe(Layer.provideMerge(silent))
      )
    )
  )

  it.effect("of a session are all that the server sees while it lasts", () => {
    const server = new AskingServer()
    return Effect.gen(function* () {
      const ref = yield* SubscriptionRef.make<ReadonlyArray<{ uri: string }>>([root("a")])
      const own = yield* SubscriptionRef.make<ReadonlyArray<{ uri: string }>>([root("mine")])
      yield* Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        yield* Effect.scoped(
          Effect.gen(function* () {
            const session = yield* mcp.session("one", { handlers: { roots: McpHandlers.roots(own) } })
            yield* TestClock.adjust("1 second")
            expect(changes(server)).toBe(1)
            const { content } = yield* session.callTool("ask", { what: "roots/list" })
            expect(content).toMatchObject([{ text: JSON.stringify({ roots: [root("mine")] }) }])
            yield* SubscriptionRef.set(ref, [root("b")])
            yield* TestClock.adjust("1 second")
            expect(changes(server)).toBe(1)
            yield* SubscriptionRef.set(own, [root("other")])
            yield* TestClock.adjust("1 second")
            expect(changes(server)).toBe(2)
          })
        )
        yield* TestClock.adjust("1 second")
        expect(changes(server)).toBe(3)
        expect(yield* ask("roots/list")).toEqual({ roots: [root("b")] })
        yield* SubscriptionRef.set(own, [])
        yield* TestClock.adjust("1 second")
        expect(changes(server)).toBe(3)
      }).pipe(Effect.provide(one(server, McpHandlers.layer({ roots: McpHandlers.roots(ref) }), stdio)))
    })
  })

  it.effect("are told of by any stream, with services of the layer", () => {
    class Ticks extends Context.Tag("test/Ticks")<Ticks, Stream.Stream<number>>() {}
    const server = new AskingServer()
    const handlers = McpHandlers.layer({
      roots: { list: () => Effect.succeed([]), changes: Stream.unwrap(Ticks) }
    }).pipe(Layer.provide(Layer.succeed(Ticks, Stream.tick("10 seconds").pipe(Stream.drop(1), Stream.as(1)))))
    return Effect.gen(function* () {
      yield* ask("roots/list")
      yield* TestClock.adjust("35 seconds")
      expect(changes(server)).toBe(3)
    }).pipe(Effect.provide(one(server, handlers)))
  })
})
