import { describe, expect, it } from "@effect/vitest"
import type { ServerConfig } from "@mooring/mcp"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as TestClock from "effect/TestClock"
import type { Flown } from "./FakeCarrier.js"
import { answer, events, initialized, json, opened } from "./OpenedHttp.js"

const note = (text: string) => `data: ${JSON.stringify({ jsonrpc: "2.0", method: "x", params: { text } })}\n\n`
const handshake = { jsonrpc: "2.0", id: 0, method: "initialize" } as const

/** Answers the handshake with a session, and does with anything else what a test says. */
const inSession = (arrived: (flown: Flown) => void, config: Partial<ServerConfig.HttpServer> = {}, id = "session-1") =>
  Effect.tap(
    opened((flown) => {
      if (flown.request.body?.includes('"initialize"') === true) {
        flown.respond(200, { ...json, "mcp-session-id": id }, answer(0)).end()
      } else arrived(flown)
    }, config),
    ({ send }) => send(handshake)
  )

describe("what a status means", () => {
  const refused = (
    status: number,
    headers: Readonly<Record<string, string>> = {},
    config: Partial<ServerConfig.HttpServer> = {},
    session = true
  ) =>
    Effect.gen(function* () {
      const open = session ? inSession : opened
      const { ask, heard } = yield* open((flown) => flown.respond(status, headers, "Bad Request").end(), config)
      yield* TestClock.adjust(0)
      ask(1)
      yield* TestClock.adjust(0)
      expect(heard.failures).toHaveLength(1)
      expect(heard.closed).toHaveLength(heard.failures[0]?.fatal === true ? 1 : 0)
      return heard.failures[0]
    })

  it.scoped("depends on whether the request was in a session", () =>
    Effect.gen(function* () {
      expect(yield* refused(404)).toMatchObject({ fatal: true, status: 404, delivery: "NotSent" })
      expect(yield* refused(404, {}, {}, false)).toMatchObject({ fatal: false, status: 404, delivery: "Unknown" })
      expect(yield* refused(429)).toMatchObject({ fatal: false, status: 429 })
      expect(yield* refused(410)).toMatchObject({ fatal: false, status: 410 })
    })
  )

  it.scoped("depends on whether another request would carry another credential", () =>
    Effect.gen(function* () {
      const asks = { "www-authenticate": 'Bearer error="invalid_token"' }
      expect(yield* refused(401, asks)).toMatchObject({ fatal: true, status: 401, delivery: "NotSent" })
      const headers = () => Effect.succeed({ authorization: "Bearer 1" })
      expect(yield* refused(401, asks, { headers })).toMatchObject({ fatal: false, status: 401, delivery: "NotSent" })
      expect(yield* refused(403, asks)).toMatchObject({ fatal: false, status: 403, delivery: "Unknown" })
    })
  )

  it.scoped("comes with how long to wait, in seconds or until a time of day", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2026, 0, 1))
      const wait = (value: string) => Effect.map(refused(503, { "retry-after": value }), (one) => one?.retryAfterMs)
      expect(yield* wait("7")).toBe(7000)
      expect(yield* wait(" 0 ")).toBe(0)
      expect(yield* wait("Thu, 01 Jan 2026 00:01:30 GMT")).toBe(90_000)
      expect(yield* wait("Thursday, 01-Jan-26 00:01:30 GMT")).toBe(90_000)
      expect(yield* wait("Wed, 31 Dec 2025 00:00:00 GMT")).toBe(0)
      for (const nonsense of ["soon", "-5", "1.5", "7 seconds", "", "NaN"]) {
        expect(yield* wait(nonsense), nonsense).toBeUndefined()
      }
    })
  )

  it.scoped("says where a redirect leads that is not followed, without what may be secret", () =>
    Effect.gen(function* () {
      const reason = (location: string) => Effect.map(refused(307, { location }), (one) => one?.reason)
      const not = "that is not followed; give the final URL; it says: Bad Request"
      const from = "https://mcp.example.org/mcp answered 307: a redirect"
      expect(yield* reason("https://ada:hunter2@login.example.org/in?code=hunter2")).toBe(
        `${from} to https://login.example.org/in ${not}`
      )
      expect(yield* reason("//other.example.org")).toBe(`${from} to https://other.example.org/ ${not}`)
      for (const none of ["data:text/plain,hunter2", "https://"]) expect(yield* reason(none)).toBe(`${from} ${not}`)
    })
  )

  it.scoped("is told without what came compressed with it", () =>
    Effect.gen(function* () {
      const failure = yield* refused(500, { "content-encoding": "gzip" })
      expect(failure?.reason).toBe("https://mcp.example.org/mcp answered 500: the server failed")
    })
  )
})

describe("a session", () => {
  it.scoped("is the one of the handshake, whatever a server says later, and every request has its version", () =>
    Effect.gen(function* () {
      const { ask, carrier, transport } = yield* inSession((flown) =>
        flown.respond(200, { ...json, "mcp-session-id": "another" }, answer(1)).end()
      )
      transport.setProtocolVersion?.("2025-06-18")
      ask(1)
      ask(1)
      const told = carrier.flown.map((flown) => [flown.header("mcp-session-id"), flown.header("mcp-protocol-version")])
      expect(told).toEqual([
        [undefined, undefined],
        ["session-1", "2025-06-18"],
        ["session-1", "2025-06-18"]
      ])
    })
  )

  it.scoped("whose id no header can hold is no session: the handshake fails", () =>
    Effect.gen(function* () {
      for (const id of ["a b", "a\tb", "é", "", "a\u0000b", "a, b"]) {
        const { heard } = yield* inSession(() => {}, {}, id)
        expect(heard.failures).toMatchObject([{ fatal: true, cause: { _tag: "McpConnectError", retryable: false } }])
        expect(heard.failures[0]?.reason).toContain("a session id that no header can hold")
      }
    })
  )

  it.effect("that the server does not let us end is none the less over, and only a failure is worth a word", () =>
    Effect.gen(function* () {
      const logged: Array<string> = []
      const log = Logger.make(({ message }) => logged.push(String(message)))
      for (const status of [200, 405, 500]) {
        const arrived = (flown: Flown) => flown.respond(status, {}).end()
        const { carrier } = yield* Effect.scoped(inSession(arrived)).pipe(
          Effect.provide(Logger.replace(Logger.defaultLogger, log))
        )
        expect(carrier.flown.at(-1)?.request.method).toBe("DELETE")
      }
      expect(logged).toHaveLength(1)
      expect(logged[0]).toContain("was not ended: https://mcp.example.org/mcp answered 500")
    }).pipe(Effect.provide(Logger.minimumLogLevel(LogLevel.All)))
  )
})

describe("an answer", () => {
  it.scoped("may come in a batch, as in the revision of 2025-03-26, and behind a byte order mark", () =>
    Effect.gen(function* () {
      const batch = `\ufeff[${JSON.stringify({ jsonrpc: "2.0", method: "x" })}, ${answer(1, "one")}]`
      const { ask, heard } = yield* opened((flown) => flown.respond(200, json, batch).end())
      ask(1)
      expect(heard.messages).toMatchObject([{ method: "x" }, { id: 1, result: { text: "one" } }])
      expect(heard.origins).toEqual([1, 1])
      expect(heard.failures).toEqual([])
    })
  )

  it.scoped("is taken once, and only to its own request, in JSON and in events", () =>
    Effect.gen(function* () {
      const bodies: ReadonlyArray<readonly [Readonly<Record<string, string>>, string]> = [
        [json, `[${answer(2, "foreign")}, ${answer(1, "first")}, ${answer(1, "second")}]`],
        [events, `data: ${answer(2, "foreign")}\n\ndata: ${answer(1, "first")}\n\ndata: ${answer(1, "second")}\n\n`]
      ]
      for (const [headers, body] of bodies) {
        const { ask, heard } = yield* opened((flown) => {
          if (flown.request.body?.includes('"id":1') === true) flown.respond(200, headers, body).end()
        })
        ask(2)
        ask(1)
        expect(heard.messages).toMatchObject([{ id: 1, result: { text: "first" } }])
        expect(heard.failures).toEqual([])
      }
    })
  )

  it.scoped("is read whole though it comes byte by byte", () =>
    Effect.gen(function* () {
      const text = "é日😀x".repeat(300)
      const bytes = new TextEncoder().encode(answer(1, text))
      const { ask, heard } = yield* opened((flown) =>
        flown.respond(200, json, ...Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))).end()
      )
      ask(1)
      expect(heard.messages).toMatchObject([{ id: 1, result: { text } }])
    })
  )

  it.scoped("to another request only leaves its own without one", () =>
    Effect.gen(function* () {
      const { ask, heard } = yield* opened((flown) => flown.respond(200, json, answer(2)).end())
      ask(1)
      expect(heard.failures).toMatchObject([{ delivery: "Unknown", fatal: false }])
      expect(heard.messages).toEqual([])
    })
  )
})

describe("a stream of events", () => {
  const read = (...chunks: ReadonlyArray<string>) =>
    Effect.gen(function* () {
      const held: Array<Flown> = []
      const opening = yield* opened((flown) => held.push(flown))
      opening.ask(1)
      const [flown] = held
      flown?.respond(200, events, ...chunks)
      return { ...opening, flown }
    })
  const gets = (carrier: { readonly flown: ReadonlyArray<Flown> }) =>
    carrier.flown.filter(({ request }) => request.method === "GET")

  it.scoped("is read whatever ends its lines, at once, and whatever stands between its events", () =>
    Effect.gen(function* () {
      const between =
        ": comment\n\n\nevent: ping\ndata: not for us\n\ndata\n\nid: only\n\nretry: soon\nretry: -1\nfoo: bar\n\n"
      for (const newline of ["\n", "\r\n", "\r"]) {
        const text = `${between}${note("a")}${between}event: message\ndata:${answer(1)}\n\n`.replaceAll("\n", newline)
        for (const chunks of [[text], [...text]]) {
          const { heard } = yield* read(...chunks)
          expect(heard.messages).toMatchObject([{ method: "x" }, { id: 1 }])
          expect(heard.failures).toEqual([])
        }
      }
    })
  )

  it.scoped("that is nonsense without end fails its request long before it has cost much", () =>
    Effect.gen(function* () {
      const { flown, heard } = yield* read("nonsense\n: comment\n".repeat(10_000))
      expect(heard.failures).toMatchObject([{ delivery: "Unknown", fatal: false }])
      expect(heard.failures[0]?.reason).toContain("a stream of events that is none")
      expect(flown?.aborted).toBe(true)
    })
  )

  it.scoped("that was cut is not resumed for ever, if all that comes is junk", () =>
    Effect.gen(function* () {
      const { ask, carrier, heard } = yield* opened((flown) =>
        flown.respond(200, events, "id: e1\ndata: junk\n\n").end()
      )
      ask(1)
      yield* TestClock.adjust("1 minute")
      expect(carrier.flown.map(({ request }) => request.method)).toEqual(["POST", "GET", "GET", "GET"])
      expect(heard.failures).toMatchObject([{ delivery: "Unknown", fatal: false }])
    })
  )

  it.scoped("may go on as long as it says something, up to an hour in all", () =>
    Effect.gen(function* () {
      const { flown, heard } = yield* read(": here\n\n")
      for (let minute = 1; minute < 60; minute++) {
        yield* TestClock.adjust("1 minute")
        flown?.say(": still here\n\n")
      }
      expect(heard.failures).toEqual([])
      yield* TestClock.adjust("1 minute")
      expect(heard.failures).toMatchObject([{ delivery: "Unknown", fatal: false }])
      expect(heard.failures[0]?.reason).toContain("was not whole within 3600000 ms")
      expect(flown?.aborted).toBe(true)
      const silent = yield* read(": here\n\n")
      yield* TestClock.adjust("299 seconds")
      expect(silent.heard.failures).toEqual([])
      yield* TestClock.adjust("1 second")
      expect(silent.heard.failures[0]?.reason).toContain("said nothing for 300000 ms")
      expect(silent.flown?.aborted).toBe(true)
    })
  )

  it.scoped("is resumed with the id of its last event in UTF-8, where a header can hold it", () =>
    Effect.gen(function* () {
      const resumed = (id: string) =>
        Effect.gen(function* () {
          const { ask, carrier, heard } = yield* opened((flown) => {
            if (flown.request.method === "POST") flown.respond(200, events, `id: ${id}\n${note("a")}`).end()
            else flown.respond(200, events, `data: ${answer(1)}\n\n`).end()
          })
          ask(1)
          yield* TestClock.adjust("2 seconds")
          return { ids: gets(carrier).map((flown) => flown.header("last-event-id")), heard }
        })
      expect((yield* resumed("e 1")).ids).toEqual(["e 1"])
      expect((yield* resumed("é日")).ids).toEqual([Buffer.from("é日").toString("latin1")])
      for (const id of ["", "a\u0001b", "x".repeat(10_000)]) {
        const { heard, ids } = yield* resumed(id)
        expect(ids).toEqual([])
        expect(heard.failures).toMatchObject([{ delivery: "Unknown", fatal: false }])
        expect(heard.failures[0]?.reason).toMatch(/ended without the answer$/)
      }
      // The parser ignores what has a NUL.
      expect((yield* resumed("a\u0000b")).ids).toEqual([])
    })
  )

  it.scoped("is resumed when the server says, within reason", () =>
    Effect.gen(function* () {
      for (const [retry, atLeast, atMost] of [
        ["retry: 0\n", 0.1, 0.2],
        ["retry: 99999999999999999999\n", 299, 301]
      ] as const) {
        const { ask, carrier } = yield* opened((flown) => {
          if (flown.request.method === "POST") flown.respond(200, events, `${retry}id: e1\n${note("a")}`).end()
        })
        ask(1)
        yield* TestClock.adjust(`${Math.round(atLeast * 1000) - 10} millis`)
        expect(gets(carrier)).toHaveLength(0)
        yield* TestClock.adjust(`${Math.round((atMost - atLeast) * 1000) + 10} millis`)
        expect(gets(carrier)).toHaveLength(1)
      }
      // As a server that is being started again says it.
      const { ask, carrier } = yield* opened((flown) => {
        if (flown.request.method === "POST") flown.respond(200, events, `id: e1\n${note("a")}`).end()
        else flown.respond(503, { "retry-after": "20" }).end()
      })
      ask(1)
      yield* TestClock.adjust("19 seconds")
      expect(gets(carrier)).toHaveLength(1)
      yield* TestClock.adjust("3 seconds")
      expect(gets(carrier)).toHaveLength(2)
    })
  )

  it.scoped(
    "of what a server says by itself is opened again within the hour, and not with an id that none can send",
    () =>
      Effect.gen(function* () {
        let asked = 0
        const { carrier, send } = yield* opened(
          (flown) => {
            if (flown.request.method !== "GET") flown.respond(202, {}).end()
            else if (++asked === 1) flown.respond(503, { "retry-after": "999999999" }).end()
            else flown.respond(200, events, `id: a\u0001b\n${note("a")}`).end()
          },
          { listen: true }
        )
        send(initialized)
        yield* TestClock.adjust("59 minutes")
        expect(gets(carrier)).toHaveLength(1)
        yield* TestClock.adjust("2 minutes")
        expect(gets(carrier).length).toBeGreaterThan(2)
        expect(gets(carrier).map((flown) => flown.header("last-event-id"))).not.toContain("a\u0001b")
      })
  )
})

describe("a call on an old server", () => {
  it.scoped("that is cancelled frees the socket of its message, too", () =>
    Effect.gen(function* () {
      const { ask, carrier, send } = yield* opened((flown) => {
        if (flown.request.method === "GET") flown.respond(200, events, "event: endpoint\ndata: /m\n\n")
        else if (flown.request.path === "/mcp") flown.respond(405, {}).end()
      })
      send(handshake)
      ask(7)
      send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 7 } })
      const posts = carrier.flown.filter(({ request }) => request.path === "/m")
      expect(posts.map(({ aborted }) => aborted)).toEqual([false, true, false])
    })
  )
})

describe("cancelling", () => {
  it.scoped("ends the very call that it names, of any number, whatever its id", () =>
    Effect.gen(function* () {
      const { carrier, send } = yield* opened(() => {})
      const ids: ReadonlyArray<string | number> = [1, "1", 65, 129, "a", -1, 0.5, 2]
      for (const id of ids) send({ jsonrpc: "2.0", id, method: "test" })
      for (const id of [65, "1", 0.5, -1]) {
        send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id } })
      }
      const ended = carrier.flown
        .filter(({ aborted }) => aborted)
        .map(({ request }) => JSON.parse(request.body ?? "").id)
      expect(ended).toEqual(["1", 65, -1, 0.5])
    })
  )
})
