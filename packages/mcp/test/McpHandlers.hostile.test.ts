/** What servers ask that should not, and what handlers do that they should not. */
import { describe, expect, it } from "@effect/vitest"
import {
  McpClient,
  McpConnector,
  McpHandlers,
  McpMemory,
  McpPool,
  type McpSession,
  type McpTransport,
  type ServerConfig
} from "@mooring/mcp"
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js"
import { Deferred, Effect, Exit, Fiber, Layer, Logger, Scope, Stream, TestClock } from "effect"
import { AskingServer, form, said } from "./AskingServer.js"
import { client, http, MemoryServer, nothing, Refusal, stdio } from "./MemoryServer.js"

/** Handlers fail on purpose here. */
const silent = Logger.remove(Logger.defaultLogger)

const over = (server: MemoryServer, config: ServerConfig.ServerConfig, handlers: McpHandlers.Handlers = {}) =>
  Effect.provide(
    client({ one: server }, { one: config }).pipe(
      Layer.provide(McpHandlers.layer(handlers)),
      Layer.provideMerge(silent)
    )
  )

const samples = (createMessage: McpHandlers.Sampling["createMessage"]): McpHandlers.Handlers => ({
  sampling: { createMessage }
})

const by = (model: string) => samples(() => Effect.succeed(McpHandlers.message(model, "")))

const sample = { what: "sampling/createMessage", params: said("x") }

/** What the server was told, as the call of its tool has it. */
const ask = (args: Readonly<Record<string, unknown>> = sample, options?: McpClient.CallOptions) =>
  Effect.flatMap(McpClient.McpClient, (mcp) => mcp.callTool("one", "ask", args, options)).pipe(
    Effect.map(({ content: [block] }) => (block?.type === "text" ? (JSON.parse(block.text) as unknown) : undefined))
  )

const endOf = ({ clients: [end] }: MemoryServer) => end ?? expect.fail("nobody has connected")

const settle = TestClock.adjust("1 second")

describe("a request of a server", () => {
  /** A server that asks what it is told to, and remembers the answers by their ids. */
  const free = () => {
    const answers = new Map<unknown, Array<unknown>>()
    const server = new MemoryServer({
      heard: (message) => {
        if ("method" in message) return
        const told = answers.get(message.id) ?? []
        answers.set(message.id, [...told, "result" in message ? message.result : message.error])
      },
      on: { "tools/call": () => nothing }
    })
    // What a hostile server sends need not be MCP.
    const send = (message: object) => endOf(server).send({ jsonrpc: "2.0", ...message } as JSONRPCMessage)
    return { answers, server, send }
  }
  const connected = Effect.flatMap(McpClient.McpClient, (mcp) => mcp.ping("one"))

  it.effect("is answered once, however many come at once, and however odd its id", () => {
    const { answers, send, server } = free()
    let running = 0
    let most = 0
    const slow = samples(() =>
      Effect.acquireUseRelease(
        Effect.sync(() => (most = Math.max(most, ++running))),
        () => Effect.sleep("100 millis"),
        () => Effect.sync(() => running--)
      ).pipe(Effect.as(McpHandlers.message("m", "")))
    )
    return Effect.gen(function* () {
      yield* connected
      const odd = ["__proto__", "constructor", "", -1, 1.5, 1_000_000, "1000000", Number.MAX_SAFE_INTEGER]
      for (const id of odd) send({ id, method: "sampling/createMessage", params: said("x") })
      yield* settle
      for (const id of odd) expect(answers.get(id)).toMatchObject([{ model: "m" }])
      for (let id = 0; id < 10_000; id++) send({ id, method: "sampling/createMessage", params: said("x") })
      yield* settle
      expect(most).toBe(16)
      expect(running).toBe(0)
      const told = Array.from({ length: 10_000 }, (_, id) => answers.get(id) ?? [])
      expect(told.filter((each) => each.length !== 1)).toEqual([])
      expect(told.slice(16).filter(([each]) => (each as { code?: number }).code !== -32603)).toEqual([])
      // All places are free again.
      for (let id = 20_000; id < 20_016; id++) send({ id, method: "sampling/createMessage", params: said("x") })
      yield* settle
      for (let id = 20_000; id < 20_016; id++) expect(answers.get(id)).toMatchObject([{ model: "m" }])
    }).pipe(over(server, stdio, slow))
  })

  it.effect(
    "counts as what a server sends unasked, also where it is answered at once: a flood of them ends the connection",
    () => {
      const { send, server } = free()
      return Effect.gen(function* () {
        yield* connected
        for (let id = 0; id < 110_000 && endOf(server).isOpen(); id++) {
          send({ id, method: id % 2 === 0 ? "ping" : "elicitation/create" })
          if (id % 100 === 0) yield* Effect.yieldNow()
        }
        yield* settle
        expect(endOf(server).isOpen()).toBe(false)
        // Those before it were answered.
        expect(server.received.length).toBeGreaterThan(99_000)
      }).pipe(over(server, stdio, { elicitation: { form: () => Effect.succeed(McpHandlers.decline) } }))
    }
  )

  it.effect("that is none is refused, so that it does not hold the place of one for ever", () => {
    const { answers, send, server } = free()
    return Effect.gen(function* () {
      yield* connected
      for (let id = 0; id < 40; id++) {
        send({ id, method: "ping", params: { _meta: 5 } })
        send({ id: id + 0.5, method: "ping" })
        send({ id: `${id}`, method: "x", params: { _meta: { progressToken: {} } } })
        yield* TestClock.adjust("1 millis")
      }
      for (let id = 0; id < 40; id++) {
        for (const each of [id, id + 0.5, `${id}`]) expect(answers.get(each)).toMatchObject([{ code: -32600 }])
      }
      send({ id: 100, method: "sampling/createMessage", params: said("x") })
      yield* settle
      expect(answers.get(100)).toMatchObject([{ model: "m" }])
    }).pipe(over(server, stdio, by("m")))
  })

  it.effect("that is taken back before, while and after it is answered frees its place once", () => {
    const { answers, send, server } = free()
    const cancel = (requestId: unknown) => send({ method: "notifications/cancelled", params: { requestId } })
    const slow = samples(() => Effect.delay(Effect.succeed(McpHandlers.message("m", "")), "100 millis"))
    return Effect.gen(function* () {
      yield* connected
      for (let round = 0; round < 20; round++) {
        for (const requestId of [1, "1", 1_000_000, null, {}, [1], "__proto__", undefined]) cancel(requestId)
        send({ id: 1, method: "sampling/createMessage", params: said("x") })
        if (round % 2 === 0) cancel(1)
        // The same id again, as soon as it is free.
        send({ id: 1, method: "sampling/createMessage", params: said("x") })
        yield* settle
        cancel(1)
      }
      // In every other round the first is open when the second comes, which is refused; the first is answered then.
      const told = answers.get(1) ?? []
      expect(told).toHaveLength(10 + 2 * 10)
      expect(told.filter((each) => (each as { code?: number }).code === -32600)).toHaveLength(10)
      for (let id = 10; id < 26; id++) send({ id, method: "sampling/createMessage", params: said("x") })
      yield* settle
      for (let id = 10; id < 26; id++) expect(answers.get(id)).toMatchObject([{ model: "m" }])
    }).pipe(over(server, stdio, slow))
  })

  it.effect("may come before the handshake is over; when that fails, what was asked is over as well", () => {
    let answer = () => {}
    let refuses = false
    let running = 0
    const server = new MemoryServer({
      heard: (message) => {
        if (!("method" in message) && message.id === "early") answer()
      },
      on: {
        initialize: (_, end, id) => {
          const result = { protocolVersion: "2025-06-18", capabilities: {}, serverInfo: { name: "x", version: "1" } }
          answer = () => end.send({ jsonrpc: "2.0", id, result })
          end.send({ jsonrpc: "2.0", id: "early", method: "sampling/createMessage", params: said("x") })
          return refuses ? new Refusal(-32602, "no") : nothing
        }
      }
    })
    const slow = samples(() =>
      Effect.acquireUseRelease(
        Effect.sync(() => running++),
        () => Effect.as(Effect.sleep("5 seconds"), McpHandlers.message("m", "")),
        () => Effect.sync(() => running--)
      )
    )
    const open = Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const ping = yield* Effect.fork(Effect.either(mcp.ping("one")))
      yield* TestClock.adjust("5 seconds")
      return yield* Fiber.join(ping)
    }).pipe(over(server, stdio, slow))
    return Effect.gen(function* () {
      expect(yield* open).toMatchObject({ _tag: "Right" })
      refuses = true
      expect(yield* open).toMatchObject({ _tag: "Left", left: { _tag: "McpConnectError", phase: "handshake" } })
      expect(running).toBe(0)
    })
  })

  it.effect("is not put to anybody when its connection takes no answer any more", () => {
    const { answers, send, server } = free()
    const memory = McpMemory.make({ one: server.serve })
    const receivers: Array<McpTransport.Receiver> = []
    const kept = Layer.succeed(McpConnector.McpConnector, {
      open: (key, config) =>
        Effect.map(memory.open(key, config), (transport) => ({
          ...transport,
          start: (receiver: McpTransport.Receiver) => {
            receivers.push(receiver)
            return transport.start(receiver)
          }
        }))
    })
    let runs = 0
    const counts = samples(() => Effect.sync(() => (runs++, McpHandlers.message("m", ""))))
    const layer = McpClient.layer.pipe(
      Layer.provide(McpPool.layer({ servers: { one: stdio } })),
      Layer.provide(Layer.merge(kept, McpHandlers.layer(counts)))
    )
    return Effect.gen(function* () {
      yield* connected
      send({ id: 1, method: "sampling/createMessage", params: said("x") })
      yield* settle
      expect(runs).toBe(1)
      // While it is waited for, the connection goes on.
      const call = yield* Effect.fork(ask({}))
      yield* settle
      for (const receiver of receivers) receiver.draining?.("its session is gone")
      send({ id: 2, method: "sampling/createMessage", params: said("x") })
      yield* settle
      expect(endOf(server).isOpen()).toBe(true)
      expect(runs).toBe(1)
      expect([...answers.keys()]).toEqual([1])
      yield* Fiber.interrupt(call)
    }).pipe(Effect.provide(layer))
  })

  it.effect("has nothing of its own prototype: what is called __proto__ is left out", () => {
    const seen: Array<unknown> = []
    const handlers: McpHandlers.Handlers = {
      ...samples((request) => {
        seen.push(request.systemPrompt, Object.getPrototypeOf(request) === Object.prototype)
        return Effect.succeed(McpHandlers.message("m", ""))
      }),
      elicitation: {
        form: (request) => {
          seen.push(Object.keys(request.requestedSchema.properties), Reflect.get(request, "evil"))
          return Effect.succeed(McpHandlers.accept())
        }
      }
    }
    const server = new AskingServer()
    const params = JSON.stringify({ ...said("x"), _: 1 }).replace('"_":1', '"__proto__":{"systemPrompt":5,"tools":[]}')
    const asked = JSON.stringify({
      ...form({ _: { type: "string" }, constructor: { type: "string", default: "z" } }),
      _: 1
    })
      .replace('"_":1', '"__proto__":{"evil":1}')
      .replace('"_":', '"__proto__":')
    return Effect.gen(function* () {
      expect(yield* ask({ ...sample, params: JSON.parse(params) as unknown })).toMatchObject({ model: "m" })
      expect(yield* ask({ what: "elicitation/create", params: JSON.parse(asked) as unknown })).toEqual({
        action: "accept",
        content: { constructor: "z" }
      })
      expect(seen).toEqual([undefined, true, ["constructor"], undefined])
    }).pipe(over(server.server, http, handlers))
  })
})

describe("a form that nobody could fill in", () => {
  it.effect("is shown to nobody", () => {
    const server = new AskingServer()
    let shown = 0
    const accepting: McpHandlers.Handlers = {
      elicitation: { form: () => Effect.sync(() => (shown++, McpHandlers.accept({ name: "Ada" }))) }
    }
    const fill = (required: ReadonlyArray<string>) =>
      ask({ what: "elicitation/create", params: form({ name: { type: "string" } }, required) })
    const place = { code: -32602, message: expect.stringContaining("requestedSchema.required") }
    return Effect.gen(function* () {
      for (const name of ["other", "__proto__", "constructor"]) expect(yield* fill(["name", name])).toMatchObject(place)
      expect(shown).toBe(0)
      expect(yield* fill(["name"])).toEqual({ action: "accept", content: { name: "Ada" } })
    }).pipe(over(server.server, http, accepting))
  })
})

describe("a handler that does what it should not", () => {
  it.effect("is answered for, though what it refuses with cannot be sent", () => {
    const server = new AskingServer()
    const refuses = samples(() => Effect.fail(new McpHandlers.Refused({ code: 7, reason: "no", data: 10n })))
    return Effect.gen(function* () {
      expect(yield* ask()).toEqual({ code: 7, message: "no" })
    }).pipe(over(server.server, http, refuses))
  })

  it.effect("fails to say that its roots change: that is logged, and it answers as before", () => {
    const logged: Array<unknown> = []
    const logger = Logger.make<unknown, void>(({ message }) => void logged.push(message))
    const server = new AskingServer()
    const roots = { list: () => Effect.succeed([{ uri: "file:///a" }]), changes: Stream.dieMessage("a defect") }
    return Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      yield* settle
      yield* Effect.scoped(Effect.zipRight(mcp.session("one", { handlers: { roots } }), settle))
      expect(logged.map((line) => String(line).includes("roots change"))).toEqual([true, true])
      expect(yield* ask({ what: "roots/list" })).toEqual({ roots: [{ uri: "file:///a" }] })
    }).pipe(
      Effect.provide(
        client({ one: server.server }, { one: http }).pipe(
          Layer.provide(McpHandlers.layer({ roots })),
          Layer.provideMerge(Logger.replace(Logger.defaultLogger, logger))
        )
      )
    )
  })

  it.effect("gives no effect, or nothing", () => {
    const server = new AskingServer()
    const handlers: McpHandlers.Handlers = {
      // What JavaScript gives need not be of the type.
      ...samples(() => undefined as never),
      roots: { list: () => Effect.succeed(undefined as never) },
      elicitation: { form: () => Effect.succeed(null as never), url: () => Effect.succeed({} as never) }
    }
    return Effect.gen(function* () {
      const url = { mode: "url", message: "", url: "https://a.b", elicitationId: "e" }
      const asked = [
        sample,
        { what: "roots/list" },
        { what: "elicitation/create", params: form({}) },
        { what: "elicitation/create", params: url }
      ]
      for (const args of asked) expect(yield* ask(args)).toEqual({ code: -32603, message: "internal error" })
    }).pipe(over(server.server, http, handlers))
  })

  it.effect("calls the server that waits for it: where that has no room, it is told so, and the call goes on", () => {
    const server = new AskingServer()
    return Effect.gen(function* () {
      const mcp = yield* Deferred.make<McpClient.Service>()
      const calls = samples(() =>
        Effect.flatMap(Deferred.await(mcp), (known) => known.ping("one")).pipe(
          Effect.as(McpHandlers.message("m", "")),
          Effect.catchAll(({ _tag }) => Effect.fail(new McpHandlers.Refused({ code: 1, reason: _tag })))
        )
      )
      yield* Effect.gen(function* () {
        yield* Deferred.succeed(mcp, yield* McpClient.McpClient)
        const call = yield* Effect.fork(ask())
        yield* TestClock.adjust("30 seconds")
        expect(yield* Fiber.join(call)).toEqual({ code: 1, message: "AcquireTimeout" })
        expect(yield* (yield* Deferred.await(mcp)).stats).toMatchObject({ leases: 0, waiting: 0 })
      }).pipe(over(server.server, { ...stdio, max: 1, concurrency: 1 }, calls))
    })
  })

  for (const [how, wrap] of Object.entries({
    "on a fiber of its own": (close: Effect.Effect<void>) => Effect.orDie(Effect.timeout(close, "1 minute")),
    "beside something else": (close: Effect.Effect<void>) =>
      Effect.all([close, Effect.never], { concurrency: "unbounded", discard: true }),
    itself: (close: Effect.Effect<void>) => close
  })) {
    it.effect(`closes its own session, ${how}`, () => {
      const server = new AskingServer()
      return Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        const scope = yield* Scope.make()
        const closes = samples(() => Effect.as(wrap(Scope.close(scope, Exit.void)), McpHandlers.message("closed", "")))
        yield* Scope.extend(mcp.session("one", { handlers: closes }), scope)
        const asked = server.ask(endOf(server.server), sample.what, sample.params, -1, false)
        yield* settle
        expect(asked.answer).toMatchObject({ code: -32603, message: expect.stringContaining("nobody waits") })
        expect(yield* mcp.stats).toMatchObject({ leases: 0 })
      }).pipe(over(server.server, { ...stdio, mayAsk: ["sampling"] }))
    })
  }

  it.effect(
    "never ends, for a call whose time for an answer is next to nothing: that is not looked at over and over",
    () => {
      const server = new AskingServer({ answers: false })
      return Effect.gen(function* () {
        const call = yield* Effect.fork(Effect.flip(ask(sample, { timeout: "1 micros", totalTimeout: "1 minute" })))
        yield* TestClock.adjust("1 minute")
        expect(yield* Fiber.join(call)).toMatchObject({ _tag: "CallTimeout", timeoutMs: 60_000 })
      }).pipe(
        over(
          server.server,
          http,
          samples(() => Effect.never)
        )
      )
    }
  )

  it.effect("leaves nothing, at whatever step its call or its session is interrupted", () => {
    let running = 0
    const counts = samples(() =>
      Effect.acquireUseRelease(
        Effect.sync(() => running++),
        () => Effect.zipRight(Effect.yieldNow(), Effect.succeed(McpHandlers.message("m", ""))),
        () =>
          Effect.zipRight(
            Effect.yieldNow(),
            Effect.sync(() => running--)
          )
      )
    )
    const server = new AskingServer()
    const config: ServerConfig.ServerConfig = { ...http, mayAsk: ["sampling"], max: 1, concurrency: 2 }
    return Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const inSession = Effect.scoped(
        Effect.flatMap(mcp.session("one", { handlers: counts }), (session) => session.callTool("ask", sample))
      )
      const ways = [ask(sample, { handlers: counts }), inSession, ask(sample)]
      const most = 50
      let ended = 0
      for (const way of ways) {
        for (let steps = 0; steps < most; steps++) {
          const fiber = yield* Effect.fork(Effect.withMaxOpsBeforeYield(way, 12))
          for (let step = 0; step < steps; step++) yield* Effect.yieldNow()
          const exit = yield* Fiber.interrupt(fiber)
          if (Exit.isSuccess(exit)) ended++
          // What was asked of the application, nobody waits for.
          if (way !== ways[2]) expect(running).toBe(0)
          yield* TestClock.adjust("1 millis")
          expect(running).toBe(0)
          expect(yield* mcp.stats).toMatchObject({ leases: 0, waiting: 0 })
        }
      }
      // Some of them ran to their end, and some did not.
      expect(ended).toBeGreaterThan(0)
      expect(ended).toBeLessThan(3 * 120)
      expect(yield* ask(sample, { handlers: by("after all") })).toMatchObject({ model: "after all" })
    }).pipe(over(server.server, config, counts))
  })
})

describe("handlers of any request", () => {
  const asking = (): AskingServer => {
    const asks = (_: unknown, end: Parameters<AskingServer["ask"]>[0], id: string | number) => {
      server.ask(end, sample.what, sample.params, id)
      return nothing
    }
    const on = { "prompts/get": asks, "resources/read": asks, "completion/complete": asks, "resources/list": asks }
    const server = new AskingServer({
      answers: false,
      on: { capabilities: { tools: {}, prompts: {}, resources: {}, completions: {} }, on }
    })
    return server
  }
  const ways: Readonly<
    Record<
      string,
      (mcp: McpClient.Service, limits: McpClient.CallOptions) => Effect.Effect<unknown, McpClient.CallError>
    >
  > = {
    getPrompt: (mcp, limits) => mcp.getPrompt("one", "p", {}, limits),
    readResource: (mcp, limits) => mcp.readResource("one", "file:///x", limits),
    complete: (mcp, limits) =>
      mcp.complete("one", { type: "ref/prompt", name: "p" }, { name: "a", value: "" }, undefined, limits),
    listResources: (mcp, limits) => mcp.listResources("one", limits)
  }

  it.effect("answer what is asked for it, as those of the call of a tool, and end with it", () =>
    Effect.forEach(Object.values(ways), (way) => {
      const server = asking()
      return Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        const call = yield* Effect.fork(way(mcp, { handlers: by("ada") }))
        yield* settle
        expect(server.answers).toMatchObject([{ model: "ada" }])
        yield* Fiber.interrupt(call)
        const hangs = yield* Effect.fork(way(mcp, { handlers: samples(() => Effect.never) }))
        yield* settle
        yield* Fiber.interrupt(hangs)
        yield* settle
        expect(server.answers[1]).toMatchObject({ message: expect.stringContaining("nobody waits") })
      }).pipe(over(server.server, http, by("app")))
    })
  )

  it.effect("are refused, and nothing is sent, where nothing ties a request to it", () =>
    Effect.forEach(Object.values(ways), (way) => {
      const server = asking()
      return Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        expect(yield* Effect.flip(way(mcp, { handlers: by("ada") }))).toMatchObject({ _tag: "HandlersRefused" })
        expect(server.asked).toEqual([])
      }).pipe(over(server.server, stdio, by("app")))
    })
  )
})

describe("a session that does not open", () => {
  it.effect(
    "gives the connection back at once, so that whoever was refused may try otherwise in the same scope",
    () => {
      const server = new AskingServer()
      return Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        const roots: McpHandlers.Handlers = { roots: { list: () => Effect.succeed([]) } }
        const session: McpSession.McpSession = yield* Effect.catchTag(
          mcp.session("one", { handlers: roots }),
          "HandlersRefused",
          () => mcp.session("one", { handlers: by("ada") })
        )
        expect(yield* session.callTool("ask", sample)).toMatchObject({
          content: [{ text: expect.stringContaining("ada") }]
        })
        expect(yield* mcp.stats).toMatchObject({ leases: 1, open: 1 })
      }).pipe(Effect.scoped, over(server.server, { ...stdio, max: 1, mayAsk: ["sampling"] }))
    }
  )
})

describe("an address to be visited", () => {
  const visit = (elicitationId: string) => ({ mode: "url", message: "Log in", url: "https://a.b", elicitationId })
  const recording = () => {
    const done: Array<string> = []
    const of = (who: string, url: NonNullable<McpHandlers.Elicitation["url"]>): McpHandlers.Handlers => ({
      elicitation: { url, completed: (id) => Effect.sync(() => void done.push(`${who} ${id}`)) }
    })
    return { done, of }
  }
  const accepts = () => Effect.succeed(McpHandlers.accept())
  const complete = (server: AskingServer, elicitationId: string) =>
    server.notify(endOf(server.server), "notifications/elicitation/complete", { elicitationId })
  const asks = (id: string) => ({ what: "elicitation/create", params: visit(id) })

  it.effect("is told of to whoever has agreed to it, and to nobody who has the connection after him", () => {
    const server = new AskingServer()
    const { done, of } = recording()
    return Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const session = (who: string, then: Effect.Effect<unknown>) =>
        Effect.scoped(
          Effect.flatMap(mcp.session("one", { handlers: of(who, accepts) }), (own) =>
            Effect.zipRight(own.callTool("ask", asks(who)), Effect.zipRight(then, settle))
          )
        )
      yield* ask(asks("app"))
      yield* session("ada", Effect.void)
      yield* session(
        "bob",
        Effect.sync(() => ["ada", "bob", "app", "bob"].forEach((id) => complete(server, id)))
      )
      expect(done).toEqual(["bob bob", "app app"])
    }).pipe(over(server.server, stdio, of("app", accepts)))
  })

  it.effect("is not told to have been visited before somebody has agreed, nor when nobody has", () => {
    const server = new AskingServer({ answers: false })
    const { done, of } = recording()
    return Effect.gen(function* () {
      const agreed = yield* Deferred.make<McpHandlers.Elicited, McpHandlers.Refused>()
      const handlers = of("app", ({ elicitationId }) =>
        elicitationId === "later"
          ? Deferred.await(agreed)
          : elicitationId === "no"
            ? Effect.succeed(McpHandlers.decline)
            : Effect.fail(McpHandlers.rejected)
      )
      yield* Effect.gen(function* () {
        const calls = yield* Effect.forkAll(["no", "refused", "later"].map((id) => ask(asks(id))))
        yield* settle
        for (const id of ["no", "refused", "later"]) complete(server, id)
        yield* settle
        expect(done).toEqual([])
        yield* Deferred.succeed(agreed, McpHandlers.accept())
        yield* settle
        expect(done).toEqual(["app later"])
        yield* Fiber.interrupt(calls)
      }).pipe(over(server.server, http, handlers))
    })
  })

  it.effect("that a call needs first is not told of to a session that began after it", () => {
    const server = new AskingServer({
      on: { on: { "tools/call": () => new Refusal(-32042, "log in", { elicitations: [visit("e")] }) } }
    })
    const { done, of } = recording()
    return Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      expect(yield* Effect.flip(ask())).toMatchObject({ _tag: "UrlElicitationRequired" })
      yield* Effect.scoped(
        Effect.flatMap(mcp.session("one", { handlers: of("ada", accepts) }), () =>
          Effect.zipRight(
            Effect.sync(() => complete(server, "e")),
            settle
          )
        )
      )
      expect(done).toEqual(["app e"])
    }).pipe(over(server.server, stdio, of("app", accepts)))
  })
})
