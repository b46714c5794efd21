import { describe, expect, it } from "@effect/vitest"
import { Answer, type McpError, Session, SessionEvent } from "@mooring/mcp"
import { Cause, Effect, Exit, Fiber, Option, Scope, TestClock } from "effect"
import { FakeTransport } from "./FakeTransport.js"

const limits = { timeoutMs: 1000, totalTimeoutMs: 10_000 }

const start = (auto = true) =>
  Effect.gen(function* () {
    const transport = new FakeTransport(auto)
    const session = yield* Session.make(transport, { server: "fake" })
    return { transport, session }
  })

const request = (session: Session.Session, options: Partial<Parameters<Session.Session["request"]>[3]> = {}) =>
  session.request("tools/call", { name: "t" }, Answer.anything, { ...limits, ...options })

/** Forks, and waits until the request is out. */
const forked = <A, E>(effect: Effect.Effect<A, E>) => Effect.tap(Effect.fork(effect), () => Effect.yieldNow())

const failure = <A, E>(fiber: Fiber.Fiber<A, E>) => Effect.flip(Fiber.join(fiber))

const isDone = (fiber: Fiber.Fiber<unknown, unknown>) => Effect.map(Fiber.poll(fiber), Option.isSome)

describe("Session", () => {
  it.scoped("gives each answer to its request, whatever their order", () =>
    Effect.gen(function* () {
      const { session, transport } = yield* start()
      const fibers = yield* Effect.forEach([0, 1, 2], () => forked(request(session)))
      for (const n of [2, 0, 1]) transport.answer(transport.id(n), { n })
      expect(yield* Effect.forEach(fibers, Fiber.join)).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }])
      expect(transport.id(0)).toBe(Session.firstId)
      expect(session.counters).toMatchObject({ answered: 3, unanswered: 0, late: 0, unknown: 0 })
      expect(session.pending()).toBe(0)
    })
  )

  it.scoped("takes an answer that comes while the request is being sent", () =>
    Effect.gen(function* () {
      const { session, transport } = yield* start()
      transport.onSend = ({ message }) => transport.answer("id" in message ? message.id : undefined, { at: "once" })
      expect(yield* request(session)).toEqual({ at: "once" })
    })
  )

  it.scoped("counts, reports and drops answers with a text id, an id twice, an unknown id", () =>
    Effect.gen(function* () {
      const { session, transport } = yield* start()
      const events: Array<SessionEvent.SessionEvent> = []
      session.listen({ event: (event) => events.push(event) })
      const fiber = yield* forked(request(session))
      const id = transport.id(0)
      transport.answer(String(id), { wrong: "text" })
      transport.answer(id + 1, { wrong: "unknown" })
      transport.answer(id + 0.5, { wrong: "fraction" })
      transport.answer(5, { wrong: "of the SDK" })
      transport.deliver({ jsonrpc: "2.0", error: { code: -32700, message: "what was that?" } })
      transport.deliver(null)
      expect(yield* isDone(fiber)).toBe(false)
      transport.answer(id, { right: true })
      transport.answer(id, { wrong: "twice" })
      expect(yield* Fiber.join(fiber)).toEqual({ right: true })
      expect(session.counters).toMatchObject({ answered: 1, textId: 1, unknown: 4, late: 1, junk: 1 })
      const { Junk, Late, TextId, Unknown } = SessionEvent
      expect(events).toEqual([
        TextId({ id: String(id) }),
        Unknown({ id: id + 1 }),
        Unknown({ id: id + 0.5 }),
        Unknown({ id: 5 }),
        Unknown({ id: undefined }),
        Junk({ reason: "a message that is no object" }),
        Late({ id })
      ])
    })
  )

  it.scoped("fails with the server's error, and with malformedCode for what is no answer", () =>
    Effect.gen(function* () {
      const { session, transport } = yield* start()
      const ask = (answer: Record<string, unknown>) =>
        Effect.gen(function* () {
          const fiber = yield* forked(request(session))
          transport.deliver({ jsonrpc: "2.0", id: transport.id(transport.messages.length - 1), ...answer })
          return yield* failure(fiber)
        })
      expect(yield* ask({ error: { code: -32602, message: "no such tool", data: { a: 1 } } })).toMatchObject({
        _tag: "ProtocolError",
        server: "fake",
        method: "tools/call",
        code: -32602,
        reason: "no such tool",
        data: { a: 1 }
      })
      const malformed = [
        { result: 5 },
        { result: null },
        { result: { _meta: 1 } },
        { result: {}, error: { code: 1, message: "" } },
        { error: "text" },
        { error: { code: "1", message: "" } },
        { error: { code: 1 } },
        { jsonrpc: "1.0", result: {} }
      ]
      for (const answer of malformed) {
        expect(yield* ask(answer)).toMatchObject({ _tag: "ProtocolError", code: -32700 })
      }
      expect(session.counters).toMatchObject({ answered: 9, unanswered: 0 })
    })
  )

  it.scoped("cleans all that the server's error says, and keeps a measure of it", () =>
    Effect.gen(function* () {
      const transport = new FakeTransport(true)
      const clean = (text: string) => text.replaceAll(/hunter22|1234567/g, "*")
      const session = yield* Session.make(transport, { server: "fake", clean })
      const dataOf = (data: unknown) =>
        Effect.gen(function* () {
          const fiber = yield* forked(request(session))
          const id = transport.id(transport.messages.length - 1)
          transport.deliver({ jsonrpc: "2.0", id, error: { code: 1, message: "no", data } })
          const error = yield* failure(fiber)
          return error._tag === "ProtocolError" ? error.data : error
        })
      expect(yield* dataOf({ env: ["KEY=hunter22", { hunter22: 1234567 }], line: 7, ok: false, none: null })).toEqual({
        env: ["KEY=*", { "*": "*" }],
        line: 7,
        ok: false,
        none: null
      })
      expect(Object.entries(Object(yield* dataOf(JSON.parse('{"__proto__":"hunter22"}'))))).toEqual([
        ["__proto__", "*"]
      ])
      expect(yield* dataOf(undefined)).toBeUndefined()
      const wide = yield* dataOf(Array.from({ length: 100_000 }, () => "hunter22"))
      expect(wide).toEqual([...Array.from({ length: 999 }, () => "*"), "…"])
      const deep = JSON.stringify(yield* dataOf(JSON.parse(`${"[".repeat(5000)}"hunter22"${"]".repeat(5000)}`)))
      expect(deep).toBe(`${"[".repeat(16)}"…"${"]".repeat(16)}`)
    })
  )

  it.scoped("fails a request whose result runs its reader out of stack, and goes on", () =>
    Effect.gen(function* () {
      const { session, transport } = yield* start()
      const deep: Answer.Answer<never> = () => {
        throw new RangeError("Maximum call stack size exceeded")
      }
      const fiber = yield* forked(session.request("x", undefined, deep, limits))
      transport.answer(transport.id(0))
      expect(yield* failure(fiber)).toMatchObject({ _tag: "ProtocolError", code: -32700 })
      expect(session.isOpen()).toBe(true)
    })
  )

  it.scoped("keeps nothing of a request whose time is no number", () =>
    Effect.gen(function* () {
      const { session, transport } = yield* start()
      for (const wrong of [{ timeoutMs: Number.NaN }, { totalTimeoutMs: Number.NaN }]) {
        const exit = yield* Effect.exit(session.request("x", undefined, Answer.anything, { ...limits, ...wrong }))
        expect(Exit.isFailure(exit) && Cause.isDie(exit.cause)).toBe(true)
      }
      expect(session.pending()).toBe(0)
      expect(transport.sent).toEqual([])
    })
  )

  describe("cancellation", () => {
    it.scoped("tells the server once the request was handed over, and drops the late answer", () =>
      Effect.gen(function* () {
        const { session, transport } = yield* start()
        const fiber = yield* forked(request(session))
        yield* Fiber.interrupt(fiber)
        expect(transport.cancelled).toEqual([transport.id(0)])
        expect(session.pending()).toBe(0)
        transport.answer(transport.id(0))
        expect(session.counters).toMatchObject({ answered: 0, unanswered: 1, late: 1 })
        expect(transport.cancelled).toHaveLength(1)
      })
    )

    it.scoped("takes back what was not handed over, and cancels it should it be sent after all", () =>
      Effect.gen(function* () {
        const { session, transport } = yield* start(false)
        const fiber = yield* forked(request(session))
        const outgoing = transport.outgoing(transport.id(0))
        yield* Fiber.interrupt(fiber)
        expect(outgoing.abandoned).toBe(true)
        expect(transport.cancelled).toEqual([])
        outgoing.handedOver = true
        expect(transport.cancelled).toEqual([transport.id(0)])
      })
    )

    it.scoped("sends nothing for a request that has its answer already", () =>
      Effect.gen(function* () {
        const { session, transport } = yield* start()
        const fiber = yield* forked(request(session))
        transport.answer(transport.id(0))
        yield* Fiber.interrupt(fiber)
        expect(transport.cancelled).toEqual([])
      })
    )

    it.scoped("leaves nothing pending, at whatever step the interruption comes", () =>
      Effect.gen(function* () {
        for (let budget = 10; budget <= 64; budget++) {
          const { session, transport } = yield* start()
          const fibers = yield* Effect.forEach(Array.from({ length: 8 }), () =>
            Effect.fork(Effect.withMaxOpsBeforeYield(Effect.forever(request(session)), budget))
          )
          for (let step = 0; step < fibers.length; step++) {
            for (const id of transport.messages.flatMap(({ id }) => (typeof id === "number" ? [id] : []))) {
              if (id % 2 === 0) transport.answer(id)
            }
            yield* Fiber.interrupt(fibers[step] ?? Fiber.void)
            yield* Effect.yieldNow()
          }
          expect(session.pending()).toBe(0)
          const requests = transport.messages.filter((message) => "id" in message)
          expect(session.counters.answered + session.counters.unanswered).toBe(requests.length)
          expect(transport.cancelled).toHaveLength(session.counters.unanswered)
        }
      })
    )
  })

  describe("deadlines", () => {
    it.scoped("fails exactly when the timeout has passed, tells the server, and says that it may have run", () =>
      Effect.gen(function* () {
        const { session, transport } = yield* start()
        const fiber = yield* forked(request(session))
        yield* TestClock.adjust("999 millis")
        expect(yield* isDone(fiber)).toBe(false)
        yield* TestClock.adjust("1 millis")
        expect(yield* failure(fiber)).toMatchObject({ _tag: "CallTimeout", timeoutMs: 1000, delivery: "Unknown" })
        expect(transport.cancelled).toEqual([transport.id(0)])
        expect(session.pending()).toBe(0)
      })
    )

    it.scoped("takes back what was not handed over in time: it was not sent", () =>
      Effect.gen(function* () {
        const { session, transport } = yield* start(false)
        const fiber = yield* forked(request(session))
        yield* TestClock.adjust("1 seconds")
        expect(yield* failure(fiber)).toMatchObject({ _tag: "CallTimeout", delivery: "NotSent" })
        expect(transport.outgoing(transport.id(0)).abandoned).toBe(true)
        expect(transport.cancelled).toEqual([])
      })
    )

    it.scoped("starts the timeout anew at progress, up to the time in all", () =>
      Effect.gen(function* () {
        const { session, transport } = yield* start()
        const fiber = yield* forked(request(session, { resetOnProgress: true }))
        const progressToken = transport.id(0)
        expect(transport.messages[0]).toMatchObject({ params: { name: "t", _meta: { progressToken } } })
        for (let progress = 0; progress < 12; progress++) {
          yield* TestClock.adjust("800 millis")
          transport.deliver({ jsonrpc: "2.0", method: "notifications/progress", params: { progressToken, progress } })
        }
        expect(yield* isDone(fiber)).toBe(false)
        yield* TestClock.adjust("399 millis")
        expect(yield* isDone(fiber)).toBe(false)
        yield* TestClock.adjust("1 millis")
        expect(yield* failure(fiber)).toMatchObject({ _tag: "CallTimeout", timeoutMs: 10_000 })
      })
    )

    it.scoped("times out the given time after the last progress", () =>
      Effect.gen(function* () {
        const { session, transport } = yield* start()
        const fiber = yield* forked(request(session, { resetOnProgress: true }))
        yield* TestClock.adjust("600 millis")
        const progressToken = transport.id(0)
        transport.deliver({ jsonrpc: "2.0", method: "notifications/progress", params: { progressToken, progress: 1 } })
        yield* TestClock.adjust("999 millis")
        expect(yield* isDone(fiber)).toBe(false)
        yield* TestClock.adjust("1 millis")
        expect(yield* failure(fiber)).toMatchObject({ _tag: "CallTimeout", timeoutMs: 1000 })
      })
    )

    it.scoped("does not ask for progress unless somebody wants it", () =>
      Effect.gen(function* () {
        const { session, transport } = yield* start()
        yield* forked(request(session))
        yield* forked(request(session, { resetOnProgress: true, timeoutMs: 10_000 }))
        expect(transport.messages.map(({ params }) => params)).toEqual([{ name: "t" }, { name: "t" }])
      })
    )

    it.scoped(
      "tells progress to who asked, also when it comes together with the answer, and resets nothing unasked",
      () =>
        Effect.gen(function* () {
          const { session, transport } = yield* start()
          const seen: Array<number> = []
          const fiber = yield* forked(request(session, { onProgress: ({ progress }) => seen.push(progress) }))
          const progressToken = transport.id(0)
          const tell = (progress: unknown, token: unknown = progressToken) =>
            transport.deliver({
              jsonrpc: "2.0",
              method: "notifications/progress",
              params: { progressToken: token, progress }
            })
          yield* TestClock.adjust("500 millis")
          tell(1)
          tell("2")
          tell(3, Session.firstId + 7)
          yield* TestClock.adjust("499 millis")
          tell(4)
          transport.answer(progressToken)
          tell(5)
          yield* Fiber.join(fiber)
          expect(seen).toEqual([1, 4])
          expect(session.counters.strayProgress).toBe(3)
          const late = yield* forked(request(session, { onProgress: () => {} }))
          yield* TestClock.adjust("500 millis")
          tell(1, transport.id(1))
          yield* TestClock.adjust("500 millis")
          expect(yield* failure(late)).toMatchObject({ _tag: "CallTimeout", timeoutMs: 1000 })
        })
    )
  })

  describe("delivery and closing", () => {
    it.scoped("says of each pending request whether it can have run when the connection ends", () =>
      Effect.gen(function* () {
        const { session, transport } = yield* start(false)
        const heard: Array<string> = []
        session.listen({ closed: (reason) => heard.push(reason) })
        transport.stderr = "out of memory"
        const fibers = yield* Effect.forEach([0, 1], () => forked(request(session)))
        transport.outgoing(transport.id(1)).handedOver = true
        const cause = new Error("SIGKILL")
        transport.close("the process was killed", cause)
        const errors = yield* Effect.forEach(fibers, failure)
        expect(errors).toMatchObject([
          { _tag: "ConnectionLost", delivery: "NotSent", cause },
          { _tag: "ConnectionLost", delivery: "Unknown", cause }
        ])
        // It is sure not to be sent any more: whoever was told `NotSent` may send it elsewhere.
        expect(transport.outgoing(transport.id(0)).abandoned).toBe(true)
        expect(errors[0]?.message).toContain("the process was killed\nIts last words on stderr:\nout of memory")
        expect(heard).toEqual(["the process was killed"])
        expect(session.isOpen()).toBe(false)
        const after = yield* Effect.flip(request(session))
        expect(after).toMatchObject({ _tag: "ConnectionLost", delivery: "NotSent" })
        expect(transport.sent).toHaveLength(2)
        transport.close("again")
        transport.answer(transport.id(1))
        expect(heard).toHaveLength(1)
        expect(session.counters).toMatchObject({ answered: 0, unanswered: 3 })
        session.listen({ closed: (reason) => heard.push(`late: ${reason}`) })
        expect(heard[1]).toBe("late: the process was killed")
      })
    )

    it.scoped("fails one request with what the transport knows of it, and goes on", () =>
      Effect.gen(function* () {
        const { session, transport } = yield* start(false)
        const fibers = yield* Effect.forEach([0, 1, 2], () => forked(request(session)))
        const failed = (n: number, delivery: McpError.Delivery, fatal = false) =>
          transport.outgoing(transport.id(n)).failed({ reason: "refused", delivery, fatal })
        failed(0, "NotSent")
        failed(1, "Unknown")
        failed(1, "NotSent")
        expect(session.isOpen()).toBe(true)
        expect(yield* isDone(fibers[2] ?? Fiber.void)).toBe(false)
        failed(2, "NotSent", true)
        expect(session.isOpen()).toBe(false)
        expect(yield* Effect.forEach(fibers, failure)).toMatchObject([
          { delivery: "NotSent" },
          { delivery: "Unknown" },
          { delivery: "NotSent" }
        ])
        expect(session.counters.unanswered).toBe(3)
      })
    )

    it.scoped("ends with a transport that throws, which it must not", () =>
      Effect.gen(function* () {
        const { session, transport } = yield* start(false)
        transport.onSend = () => {
          throw new Error("not allowed")
        }
        expect(yield* Effect.flip(request(session))).toMatchObject({ _tag: "ConnectionLost", delivery: "NotSent" })
        expect(session.isOpen()).toBe(false)
      })
    )

    it.scoped("fails everything pending though its transport cannot say why it ended", () =>
      Effect.gen(function* () {
        const { session, transport } = yield* start()
        const diagnostics = () => {
          throw new Error("not allowed")
        }
        Object.assign(transport, { diagnostics })
        const fiber = yield* forked(request(session))
        transport.close("gone")
        expect(yield* failure(fiber)).toMatchObject({ _tag: "ConnectionLost", reason: "gone" })
      })
    )

    it.effect("fails everything pending when its scope closes", () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const { session, transport } = yield* Scope.extend(start(), scope)
        const fiber = yield* forked(request(session))
        yield* Scope.close(scope, Exit.void)
        expect(yield* failure(fiber)).toMatchObject({ _tag: "ConnectionLost", delivery: "Unknown" })
        expect(transport.cancelled).toEqual([])
      })
    )
  })

  it.scoped("hands everything else on, and outlives those who listen and throw", () =>
    Effect.gen(function* () {
      const { session, transport } = yield* start()
      const heard: Array<unknown> = []
      const boom = () => {
        throw new Error("boom")
      }
      session.listen({ message: boom, notification: boom, alive: boom, event: boom })
      session.listen({
        message: (message) => heard.push(message),
        notification: ({ method }) => heard.push(method),
        alive: () => heard.push("alive"),
        event: (event) => heard.push(event)
      })
      const listChanged = { jsonrpc: "2.0", method: "notifications/tools/list_changed" }
      const sampling = { jsonrpc: "2.0", id: Session.firstId, method: "sampling/createMessage" }
      const fiber = yield* forked(request(session))
      transport.deliver(listChanged)
      transport.deliver(sampling)
      transport.receiver?.junk("a line")
      transport.answer(transport.id(0))
      yield* Fiber.join(fiber)
      expect(heard).toEqual([
        listChanged,
        "notifications/tools/list_changed",
        sampling,
        SessionEvent.Junk({ reason: "a line" }),
        "alive"
      ])
    })
  )
})
