import { describe, expect, it } from "@effect/vitest"
import type { ServerConfig } from "@mooring/mcp"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import type { FakeCarrier, Flown } from "./FakeCarrier.js"
import { answer, events, initialized, json, opened, settings } from "./OpenedHttp.js"

describe("the first request of a session", () => {
  it.scoped("does not overtake the word that the handshake is over, which travels on another socket", () =>
    Effect.gen(function* () {
      let accept = () => {}
      const { carrier, send } = yield* opened((flown) => {
        if (flown.request.body?.includes("initialized") === true) accept = () => void flown.respond(202, {}).end()
        else flown.respond(200, json, answer(1)).end()
      })
      send(initialized)
      send({ jsonrpc: "2.0", id: 1, method: "tools/list" })
      yield* TestClock.adjust("1 second")
      const asked = () => carrier.flown.filter((flown) => flown.request.body?.includes("tools/list") === true).length
      expect(asked()).toBe(0)
      accept()
      yield* TestClock.adjust(0)
      expect(asked()).toBe(1)
    })
  )

  it.effect("does not leave when the transport closes while it waits for that", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { carrier, send } = yield* Scope.extend(
        opened(() => {}),
        scope
      )
      send(initialized)
      send({ jsonrpc: "2.0", id: 1, method: "tools/list" })
      yield* TestClock.adjust(0)
      yield* Scope.close(scope, Exit.void)
      expect(carrier.flown.map((flown) => flown.request.body?.includes("tools/list"))).toEqual([false])
    })
  )
})

describe("the stream of what a server says by itself", () => {
  const listening = (arrived: (flown: Flown) => void) =>
    opened(
      (flown) => {
        if (flown.request.method === "GET") arrived(flown)
        else flown.respond(202, {}).end()
      },
      { listen: true }
    )
  const gets = (carrier: FakeCarrier) => carrier.flown.filter(({ request }) => request.method === "GET")

  it.scoped("is not opened unless it is wanted, nor before the handshake is done, nor twice", () =>
    Effect.gen(function* () {
      const unwanted = yield* opened((flown) => flown.respond(202, {}).end())
      unwanted.send(initialized)
      expect(unwanted.carrier.flown).toHaveLength(1)
      const { carrier, send } = yield* listening((flown) => flown.respond(200, events))
      send({ jsonrpc: "2.0", method: "notifications/other" })
      expect(gets(carrier)).toHaveLength(0)
      send(initialized)
      send(initialized)
      yield* Effect.yieldNow()
      expect(gets(carrier)).toHaveLength(1)
    })
  )

  it.scoped("is not asked for again where the server does not have it", () =>
    Effect.gen(function* () {
      const { carrier, heard, send } = yield* listening((flown) => flown.respond(405, {}).end())
      send(initialized)
      yield* TestClock.adjust("1 hour")
      expect(gets(carrier)).toHaveLength(1)
      expect(heard.closed).toEqual([])
    })
  )

  it.scoped("that is closed at once a thousand times is opened so often and no more, ever more slowly", () =>
    Effect.gen(function* () {
      const { carrier, heard, send, transport } = yield* listening((flown) => flown.respond(200, events).end())
      send(initialized)
      yield* TestClock.adjust("1 minute")
      // Pauses that double, to half a minute, with full jitter.
      const early = gets(carrier).length
      expect(early).toBeGreaterThan(4)
      expect(early).toBeLessThan(30)
      yield* TestClock.adjust("2 days")
      expect(gets(carrier)).toHaveLength(1000)
      expect(heard.closed).toEqual([])
      transport.send({ message: { jsonrpc: "2.0", id: 1, method: "test" }, handedOver: false, failed: () => {} })
      expect(carrier.flown.at(-1)?.request.method).toBe("POST")
    }).pipe(Effect.provide(settings({ reopen: { first: "1 second", longest: "30 seconds", attempts: 1000 } })))
  )

  it.scoped("goes on where it ended, when the server says", () =>
    Effect.gen(function* () {
      const said = `id: e1\nretry: 5000\ndata: ${JSON.stringify({ jsonrpc: "2.0", method: "x" })}\n\n`
      const { carrier, heard, send } = yield* listening((flown) => flown.respond(200, events, said).end())
      send(initialized)
      yield* TestClock.adjust("4 seconds")
      expect(gets(carrier)).toHaveLength(1)
      yield* TestClock.adjust("2 seconds")
      expect(gets(carrier).map((flown) => flown.header("last-event-id"))).toEqual([undefined, "e1"])
      expect(heard.messages).toHaveLength(2)
      expect(heard.origins).toEqual([undefined, undefined])
    })
  )

  /** In a session; each time that the stream is asked for, the next of these is what comes of it. */
  const inSession = (
    streams: ReadonlyArray<(flown: Flown) => void>,
    config: Partial<ServerConfig.HttpServer> = {},
    pinged: (flown: Flown) => void = (flown) => flown.respond(200, json, answer(0)).end()
  ) =>
    Effect.gen(function* () {
      let asked = 0
      const all = yield* opened(
        (flown) => {
          if (flown.request.method === "GET") streams[Math.min(asked++, streams.length - 1)]?.(flown)
          else if (flown.request.body?.includes('initialize"') === true) {
            flown.respond(200, { ...json, "mcp-session-id": "s1" }, answer(0)).end()
          } else if (flown.request.body?.includes('"ping"') === true) pinged(flown)
          else flown.respond(202, {}).end()
        },
        { listen: true, ...config }
      )
      all.send({ jsonrpc: "2.0", id: 0, method: "initialize" })
      all.transport.setProtocolVersion?.("2025-11-25")
      yield* TestClock.adjust(0)
      all.send(initialized)
      yield* TestClock.adjust(0)
      return { ...all, asked: () => asked }
    })
  const says = (status: number) => (flown: Flown) => flown.respond(status, {}).end()

  it.scoped("ends the connection when it finds that the session is lost", () =>
    Effect.gen(function* () {
      const { asked, heard } = yield* inSession([(flown) => flown.respond(200, events).end(), says(404)])
      expect(heard.closed).toEqual([])
      yield* TestClock.adjust("30 seconds")
      expect([heard.closed, asked()]).toEqual([["the server no longer knows the session (404)"], 2])
    })
  )

  it.scoped("that was never there is no sign of a lost session: not every server says 405 where it has none", () =>
    Effect.gen(function* () {
      const { asked, heard } = yield* inSession([says(404)])
      yield* TestClock.adjust("1 hour")
      expect([heard.closed, asked()]).toEqual([[], 1])
    })
  )

  it.scoped("that is not found at first ends the connection when a ping says that the session is lost, too", () =>
    Effect.gen(function* () {
      const { asked, heard } = yield* inSession([says(404)], {}, says(404))
      expect([heard.closed, asked()]).toEqual([["the server no longer knows the session (404)"], 1])
    })
  )

  it.scoped("is asked for once more with a credential that is computed anew, as any message is", () =>
    Effect.gen(function* () {
      let tokens = 0
      const headers = () => Effect.sync(() => ({ "x-token": Redacted.make(`t${++tokens}`) }))
      const streams: Array<Flown> = []
      const taken = (flown: Flown) => flown.respond(200, events)
      const { asked } = yield* inSession(
        [says(401), taken, says(401), taken].map((what) => (flown) => {
          streams.push(flown)
          what(flown)
        }),
        { headers }
      )
      expect(asked()).toBe(2)
      const [first, second] = streams.map((flown) => flown.header("x-token"))
      expect([typeof first, second === first]).toEqual(["string", false])
      streams[1]?.end()
      yield* TestClock.adjust("30 seconds")
      expect(asked()).toBe(4)

      const refusing = yield* inSession([says(401)], { headers })
      yield* TestClock.adjust("1 hour")
      expect([refusing.asked(), refusing.heard.closed]).toEqual([2, []])
      const fixed = yield* inSession([says(401)])
      yield* TestClock.adjust("1 hour")
      expect(fixed.asked()).toBe(1)
    })
  )
})

describe("a message over HTTP", () => {
  it.scoped("whose response has requests of the server brings them with the request that they belong to", () =>
    Effect.gen(function* () {
      const ask = (id: number) =>
        `data: ${JSON.stringify({ jsonrpc: "2.0", id, method: "sampling/createMessage" })}\n\n`
      const held: Array<Flown> = []
      const { ask: send, heard } = yield* opened((flown) => held.push(flown))
      send(7)
      send(8)
      held[1]?.respond(200, events, ask(1), `data: ${answer(8)}\n\n`).end()
      held[0]?.respond(200, events, ask(2), `data: ${answer(7)}\n\n`).end()
      expect(heard.origins).toEqual([8, 8, 7, 7])
    })
  )

  it.scoped("waits for its turn, and does not leave when it was given up meanwhile", () =>
    Effect.gen(function* () {
      const { ask, carrier, heard, send } = yield* opened(() => {})
      const first = ask(1)
      const second = ask(2)
      const third = ask(3)
      expect(carrier.flown).toHaveLength(1)
      Object.assign(second, { abandoned: true })
      // What must not wait behind requests does not.
      send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } })
      expect(carrier.flown[0]?.aborted).toBe(true)
      const bodies = carrier.flown.map(({ request }) => JSON.parse(request.body ?? "").id)
      expect(bodies).toEqual([1, 3, undefined])
      carrier.flown[1]?.respond(200, json, answer(3)).end()
      expect([first, second, third].map(({ handedOver }) => handedOver)).toEqual([false, false, true])
      expect(heard.failures).toEqual([])
      expect(heard.messages).toHaveLength(1)
    }).pipe(Effect.provide(settings({ sockets: 1 })))
  )

  it.scoped("that is not accepted in time fails, and leaves room for others", () =>
    Effect.gen(function* () {
      const { carrier, heard, send } = yield* opened(() => {})
      for (let n = 0; n < 3; n++) send({ jsonrpc: "2.0", method: "notifications/x", params: { n } })
      expect(carrier.flown).toHaveLength(2)
      yield* TestClock.adjust("11 seconds")
      expect(heard.failures.map(({ delivery, fatal }) => ({ delivery, fatal }))).toEqual([
        { delivery: "NotSent", fatal: false },
        { delivery: "NotSent", fatal: false }
      ])
      expect(carrier.flown.map(({ aborted }) => aborted)).toEqual([true, true, false])
    })
  )

  it.scoped("that needs no answer is dropped, unsent, when thousands wait that the server does not accept", () =>
    Effect.gen(function* () {
      const { ask, carrier, heard, send } = yield* opened(() => {})
      for (let n = 0; n < 10_010; n++) send({ jsonrpc: "2.0", id: n, error: { code: -32601, message: "no" } })
      expect(heard.failures).toHaveLength(8)
      expect(heard.failures[0]).toMatchObject({ delivery: "NotSent", fatal: false })
      expect(carrier.flown).toHaveLength(2)
      // Requests have sockets of their own; and when the server accepts one message, there is room for another.
      ask(1)
      expect(carrier.flown).toHaveLength(3)
      carrier.flown[0]?.respond(202, {}).end()
      send({ jsonrpc: "2.0", id: "last", error: { code: -32601, message: "no" } })
      expect(heard.failures).toHaveLength(8)
    })
  )

  it.scoped("whose stream is cut is taken up at its last event, so often and no more", () =>
    Effect.gen(function* () {
      const progress = `id: e1\ndata: ${JSON.stringify({ jsonrpc: "2.0", method: "x" })}\n\n`
      const { ask, carrier, heard } = yield* opened((flown) => {
        if (flown.request.method === "POST") flown.respond(200, events, progress).fail({})
        else flown.respond(503, { "retry-after": "1" }).end()
      })
      ask(1)
      yield* TestClock.adjust("10 seconds")
      expect(carrier.flown.map(({ request }) => request.method)).toEqual(["POST", "GET", "GET", "GET"])
      expect(heard.failures).toMatchObject([{ delivery: "Unknown", fatal: false, status: 503, retryAfterMs: 1000 }])
    })
  )

  it.scoped.prop(
    "is answered by the same messages wherever the bytes are cut",
    [
      FastCheck.array(FastCheck.fullUnicodeString(), { maxLength: 4 }),
      FastCheck.infiniteStream(FastCheck.integer({ min: 1, max: 40 })),
      FastCheck.boolean()
    ],
    ([texts, cuts, crlf]) =>
      Effect.gen(function* () {
        const held: Array<Flown> = []
        const { ask, heard } = yield* opened((flown) => held.push(flown))
        ask(1)
        const newline = crlf ? "\r\n" : "\n"
        const said = texts.map((text) => ({ jsonrpc: "2.0", method: "x", params: { text } }))
        const lines = [...said.map((one) => JSON.stringify(one)), answer(1, "end")]
        const bytes = new TextEncoder().encode(
          `\ufeff${lines.map((line) => `data: ${line}${newline}${newline}`).join("")}`
        )
        const chunks: Array<Uint8Array> = []
        for (let at = 0; at < bytes.length;) {
          const size = cuts.next().value
          chunks.push(bytes.subarray(at, at + size))
          at += size
        }
        held[0]?.respond(200, events, ...chunks).end()
        expect(heard.messages).toEqual(lines.map((line) => JSON.parse(line)))
        expect(heard.failures).toEqual([])
      })
  )
})

describe("headers that are computed", () => {
  it.scoped("and do not come in time let nothing leave, and leave room for others", () =>
    Effect.gen(function* () {
      let asked = 0
      const headers = () =>
        Effect.suspend(() => (++asked === 1 ? Effect.never : Effect.succeed({ "x-token": `t${asked}` })))
      const { ask, carrier, heard } = yield* opened(() => {}, { headers })
      ask(1)
      ask(2)
      expect(carrier.flown).toHaveLength(0)
      yield* TestClock.adjust("11 seconds")
      expect(heard.failures).toMatchObject([{ delivery: "NotSent", fatal: false }])
      expect(carrier.flown.map((flown) => flown.header("x-token"))).toEqual(["t2"])
    }).pipe(Effect.provide(settings({ sockets: 1 })))
  )

  it.scoped("cannot set what the protocol sets", () =>
    Effect.gen(function* () {
      const headers = { "Content-Type": "text/plain", "MCP-Session-Id": "theirs", "X-Mine": "1" }
      const { ask, carrier } = yield* opened(() => {}, { headers })
      ask(1)
      const [flown] = carrier.flown
      expect(flown?.header("content-type")).toBe("application/json")
      expect(flown?.header("mcp-session-id")).toBeUndefined()
      expect(flown?.header("x-mine")).toBe("1")
    })
  )
})

describe("a handshake that is refused as old servers do", () => {
  const refused = (onGet: (flown: Flown) => void) =>
    Effect.gen(function* () {
      const opening = yield* opened((flown) => {
        if (flown.request.method === "GET") onGet(flown)
        else flown.respond(flown.request.path === "/mcp" ? 405 : 202, {}).end()
      })
      opening.send({ jsonrpc: "2.0", id: 0, method: "initialize" })
      return opening
    })
  const endpoint = (where: string) => `event: endpoint\ndata: ${where}\n\n`

  it.scoped("goes on where the server says, and the stream's end is the connection's", () =>
    Effect.gen(function* () {
      const held: Array<Flown> = []
      const { ask, carrier, heard } = yield* refused((flown) =>
        held.push(flown.respond(200, events, endpoint("/m?s=1")))
      )
      expect(carrier.flown.map(({ request }) => [request.method, request.path])).toEqual([
        ["POST", "/mcp"],
        ["GET", "/mcp"],
        ["POST", "/m?s=1"]
      ])
      ask(1)
      held[0]?.say(`data: ${answer(0)}\n\ndata: ${answer(1)}\n\n`)
      expect(heard.messages).toHaveLength(2)
      yield* TestClock.adjust("2 hours")
      expect(heard.closed).toEqual([])
      held[0]?.end()
      expect(heard.closed).toEqual(["https://mcp.example.org/mcp ended its stream of events"])
    })
  )

  it.scoped("fails as it was refused when there is no such stream, or it says nothing", () =>
    Effect.gen(function* () {
      const silent = yield* refused((flown) => flown.respond(200, events, ": hello\n\n"))
      expect(silent.heard.failures).toEqual([])
      yield* TestClock.adjust("6 seconds")
      const missing = yield* refused((flown) => flown.respond(404, {}).end())
      for (const { heard } of [silent, missing]) {
        expect(heard.failures).toMatchObject([{ fatal: true, cause: { phase: "dial", status: 405 } }])
      }
    })
  )

  it.scoped("fails when messages are to be sent to another origin, and nothing is", () =>
    Effect.gen(function* () {
      for (const where of ["https://evil.example.org/m", "//evil.example.org/m", "https://a:b@mcp.example.org/m"]) {
        const { carrier, heard } = yield* refused((flown) => flown.respond(200, events, endpoint(where)))
        expect(heard.failures).toMatchObject([{ reason: expect.stringContaining("another origin"), fatal: true }])
        expect(carrier.flown).toHaveLength(2)
        expect(carrier.flown[1]?.aborted).toBe(true)
      }
    })
  )
})

describe("closing a transport", () => {
  it.effect("cancels what is in flight, tells its end once, and ends the session in bounded time", () =>
    Effect.gen(function* () {
      const flown: Array<Flown> = []
      const heard = yield* Effect.scoped(
        Effect.gen(function* () {
          const opening = yield* opened((one) => {
            flown.push(one)
            if (one.request.body?.includes("initialize") === true) {
              one.respond(200, { ...json, "mcp-session-id": "s1" }, answer(0)).end()
            }
          })
          opening.send({ jsonrpc: "2.0", id: 0, method: "initialize" })
          opening.ask(1)
          return opening.heard
        })
      ).pipe(
        Effect.fork,
        Effect.tap(() => TestClock.adjust("3 seconds")),
        Effect.flatMap((fiber) => fiber.await),
        Effect.flatten
      )
      expect(heard.closed).toEqual(["closed by this side"])
      expect(heard.failures).toEqual([])
      expect(flown.map(({ aborted, request }) => [request.method, aborted])).toEqual([
        ["POST", false],
        ["POST", true],
        ["DELETE", true]
      ])
    })
  )
})
