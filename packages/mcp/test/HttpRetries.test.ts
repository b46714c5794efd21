import { describe, expect, it } from "@effect/vitest"
import { HttpAddress, HttpTransport, McpClient, McpConnector, McpPool, type ServerConfig } from "@mooring/mcp"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import { FakeCarrier, type Flown } from "./FakeCarrier.js"
import { json } from "./OpenedHttp.js"

const url = "https://mcp.example.org/mcp"

const said = (flown: Flown) => JSON.parse(flown.request.body ?? "{}")
const named = (flown: Flown, method: string) => said(flown)["method"] === method

const result = (flown: Flown, value: object, headers: Readonly<Record<string, string>> = {}) =>
  flown
    .respond(200, { ...json, ...headers }, JSON.stringify({ jsonrpc: "2.0", id: said(flown)["id"], result: value }))
    .end()

const done = (flown: Flown) => result(flown, { content: [{ type: "text", text: "done" }] })

const initialized = (flown: Flown, session: string) =>
  result(
    flown,
    { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "fake", version: "1" } },
    { "mcp-session-id": session }
  )

/** A client of a server in memory: each handshake gets another session, and what becomes of calls, a test says. */
const client = <A, E>(
  config: Partial<ServerConfig.HttpServer>,
  behave: { readonly call: (flown: Flown) => void; readonly handshake?: (flown: Flown) => boolean },
  use: (mcp: McpClient.Service, carrier: FakeCarrier) => Effect.Effect<A, E>
) =>
  Effect.suspend(() => {
    let sessions = 0
    const carrier = new FakeCarrier((flown) => {
      if (flown.request.method === "DELETE") flown.respond(200, {}).end()
      else if (named(flown, "initialize")) {
        if (behave.handshake?.(flown) !== true) initialized(flown, `session-${++sessions}`)
      } else if (named(flown, "tools/call")) behave.call(flown)
      else flown.respond(202, {}).end()
    })
    const connector = Layer.succeed(McpConnector.McpConnector, {
      open: (key, given) =>
        Effect.flatMap(HttpAddress.make("web", given as ServerConfig.HttpServer), (address) =>
          HttpTransport.make({ key, config: given as ServerConfig.HttpServer, address, carrier })
        )
    })
    return Effect.flatMap(McpClient.McpClient, (mcp) => use(mcp, carrier)).pipe(
      Effect.provide(
        McpClient.layer.pipe(
          Layer.provide(McpPool.layer({ servers: { web: { url, ...config } } })),
          Layer.provide(connector)
        )
      )
    )
  })

const count = ({ flown }: FakeCarrier, method: string) => flown.filter((one) => named(one, method)).length

describe("a call that a server turns away", () => {
  it.effect("in a session that it lost is made in another, and what is under way there is waited for", () => {
    const held: Array<Flown> = []
    return client(
      {},
      {
        call: (flown) => {
          if (said(flown)["params"]["name"] === "held") held.push(flown.leave())
          else if (flown.header("mcp-session-id") === "session-1") flown.respond(404, {}).end()
          else done(flown)
        }
      },
      (mcp, carrier) =>
        Effect.gen(function* () {
          const before = yield* Effect.fork(mcp.callTool("web", "held"))
          const given = yield* Effect.fork(mcp.callTool("web", "held"))
          yield* TestClock.adjust(0)
          expect((yield* mcp.callTool("web", "next")).content).toEqual([{ type: "text", text: "done" }])
          expect(count(carrier, "initialize")).toBe(2)
          // Nothing new goes to the lost session; what is cancelled there frees its socket.
          yield* Fiber.interrupt(given)
          expect(held.map(({ aborted }) => aborted)).toEqual([false, true])
          const [first] = held
          if (first !== undefined) done(first)
          expect((yield* Fiber.join(before)).content).toEqual([{ type: "text", text: "done" }])
          expect(count(carrier, "tools/call")).toBe(4)
        })
    )
  })

  it.effect("in every session fails after some of them, and certainly did not run", () =>
    client({}, { call: (flown) => flown.respond(404, {}).end() }, (mcp, carrier) =>
      Effect.gen(function* () {
        const call = yield* Effect.fork(Effect.flip(mcp.callTool("web", "x")))
        yield* TestClock.adjust("1 second")
        const error = yield* Fiber.join(call)
        expect(error).toMatchObject({ _tag: "ConnectionLost", delivery: "NotSent", status: 404 })
        expect(error.message).toContain("turned away and did not run")
        expect(count(carrier, "tools/call")).toBe(4)
      })
    )
  )

  it.effect("for a computed credential is made with the next one, once", () => {
    let token = 0
    const headers = () => Effect.sync(() => ({ authorization: `Bearer ${++token}` }))
    const refusing = (times: number) => {
      let refused = 0
      return client(
        { headers },
        { call: (flown) => (refused++ < times ? flown.respond(401, {}).end() : done(flown)) },
        (mcp, carrier) =>
          Effect.map(Effect.either(mcp.callTool("web", "x")), (outcome) => {
            const calls = carrier.flown.filter((one) => named(one, "tools/call"))
            expect(new Set(calls.map((one) => one.header("authorization"))).size).toBe(2)
            expect(calls).toHaveLength(2)
            expect(count(carrier, "initialize")).toBe(1)
            return outcome
          })
      )
    }
    return Effect.gen(function* () {
      expect(yield* refusing(1)).toMatchObject({ _tag: "Right", right: { content: [{ text: "done" }] } })
      expect(yield* refusing(Infinity)).toMatchObject({
        _tag: "Left",
        left: { _tag: "ConnectionLost", delivery: "NotSent", status: 401 }
      })
    })
  })

  it.effect("for a fixed credential is not made again, not even where it may run twice", () =>
    client(
      { headers: { authorization: "Bearer 1" } },
      { call: (flown) => flown.respond(401, {}).end() },
      (mcp, carrier) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(mcp.callTool("web", "x", {}, { mayRunTwice: true }))
          expect(error).toMatchObject({ _tag: "ConnectionLost", delivery: "NotSent", status: 401 })
          expect(count(carrier, "tools/call")).toBe(1)
        })
    )
  )

  it.effect("is not made again before the server wants it, and not at all if there is no time for that", () =>
    client(
      {},
      {
        call: (flown) => {
          const isFirst = flown.header("mcp-session-id") === "session-1" && said(flown)["params"]["name"] === "x"
          if (!isFirst || said(flown)["id"] !== 1_000_000) done(flown)
          else flown.respond(503, { "retry-after": "20" }).end()
        }
      },
      (mcp, carrier) =>
        Effect.gen(function* () {
          const call = yield* Effect.fork(mcp.callTool("web", "x", {}, { mayRunTwice: true }))
          yield* TestClock.adjust("19 seconds")
          expect(count(carrier, "tools/call")).toBe(1)
          yield* TestClock.adjust("1 second")
          expect((yield* Fiber.join(call)).content).toEqual([{ type: "text", text: "done" }])
          expect(count(carrier, "tools/call")).toBe(2)
        })
    )
  )

  it.effect("and wants to wait longer than the call may take is unknown at once", () =>
    client({}, { call: (flown) => flown.respond(503, { "retry-after": "20" }).end() }, (mcp, carrier) =>
      Effect.gen(function* () {
        const options = { mayRunTwice: true, totalTimeout: "10 seconds" } as const
        const error = yield* Effect.flip(mcp.callTool("web", "x", {}, options))
        expect(error).toMatchObject({ _tag: "OutcomeUnknown", status: 503, retryAfterMs: 20_000 })
        expect(count(carrier, "tools/call")).toBe(1)
      })
    )
  )
})

describe("a handshake that a server turns away", () => {
  it.effect("is not made again before the server wants it", () => {
    let refused = 0
    const busy = (flown: Flown) => {
      if (refused++ > 0) return false
      flown.respond(429, { "retry-after": "8" }).end()
      return true
    }
    return client({}, { call: done, handshake: busy }, (mcp, carrier) =>
      Effect.gen(function* () {
        const call = yield* Effect.fork(mcp.callTool("web", "x"))
        yield* TestClock.adjust("7 seconds")
        expect(count(carrier, "initialize")).toBe(1)
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(call)
        expect(count(carrier, "initialize")).toBe(2)
      })
    )
  })

  it.effect("for a computed credential is made with the next one", () => {
    let token = 0
    const headers = () => Effect.sync(() => ({ authorization: `Bearer ${++token}` }))
    const stale = (flown: Flown) => {
      if (flown.header("authorization") !== "Bearer 1") return false
      flown.respond(401, {}).end()
      return true
    }
    return client({ headers }, { call: done, handshake: stale }, (mcp, carrier) =>
      Effect.gen(function* () {
        yield* mcp.callTool("web", "x")
        expect(count(carrier, "initialize")).toBe(2)
      })
    )
  })

  it.effect("or whose headers are not computed in time says so, and that it did not come to the server", () =>
    client({ headers: () => Effect.never }, { call: done }, (mcp, carrier) =>
      Effect.gen(function* () {
        const call = yield* Effect.fork(Effect.flip(mcp.callTool("web", "x")))
        yield* TestClock.adjust("1 minute")
        const error = yield* Fiber.join(call)
        const reason = "its headers were not computed in time"
        expect(error).toMatchObject({ cause: { _tag: "McpConnectError", phase: "dial", reason } })
        expect(carrier.flown).toHaveLength(0)
      })
    )
  )
})
