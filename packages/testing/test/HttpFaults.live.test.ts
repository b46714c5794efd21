import { describe, expect, it } from "@effect/vitest"
import { FetchHttpClient, type HttpClient } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import {
  HttpSettings,
  Limits,
  McpConnection,
  type McpConnector,
  type McpError,
  McpHttp,
  type ServerConfig,
  ServerKey
} from "@mooring/mcp"
import { NodeConnector, SocketSettings } from "@mooring/node"
import { Resources } from "@mooring/testing/node"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Socket } from "node:net"
import { gzipSync } from "node:zlib"
import * as FaultyHttp from "./fixtures/FaultyHttp.js"

const { chunk, event, json, lastChunk, result, status, stream } = FaultyHttp
const key = ServerKey.shared("faulty")
type Settings = Partial<HttpSettings.Settings>

const limited = (settings: Settings) =>
  Layer.mergeAll(
    Layer.succeed(HttpSettings.HttpSettings, {
      ...HttpSettings.defaults,
      endSession: "300 millis",
      streamIdle: "10 seconds",
      resumeDelay: "10 millis",
      ...settings
    }),
    Limits.layer({ messageBytes: 64 * 1024 })
  )

const connector = (settings: Settings = {}, sockets: Partial<SocketSettings.Settings> = {}) =>
  NodeConnector.layer.pipe(
    Layer.provide([
      limited(settings),
      Layer.succeed(SocketSettings.SocketSettings, { ...SocketSettings.defaults, ...sockets })
    ])
  )

const portable = (client: Layer.Layer<HttpClient.HttpClient>, settings: Settings = {}) =>
  McpHttp.layer.pipe(Layer.provide([limited(settings), client]))

const connect = (url: string, config: Partial<ServerConfig.HttpServer> = {}) =>
  McpConnection.make(key, { url, callTimeout: "5 seconds", ...config })

/** Runs, closes all, and wants back whatever was taken. */
const cleanly = <A, E>(
  run: Effect.Effect<A, E, Scope.Scope | McpConnector.McpConnector>,
  layer: Layer.Layer<McpConnector.McpConnector>
): Effect.Effect<A, E | Resources.Leaked> =>
  Effect.scoped(Effect.provide(run, layer)).pipe(
    Effect.timeoutFail({ duration: "20 seconds", onTimeout: () => new Resources.Leaked({ grown: ["time"] }) }),
    Resources.givenBack()
  )

const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (condition() ? Effect.void : Effect.zipRight(Effect.sleep("2 millis"), until(condition))))

/** How a call ends on a server that deals with it so; and that the connection serves the next call, if it should. */
const faultsOn =
  (layer: Layer.Layer<McpConnector.McpConnector>) =>
  (
    title: string,
    behave: FaultyHttp.Behave,
    expected: {
      readonly reason: RegExp
      /** Default: Unknown. */
      readonly delivery?: McpError.Delivery
      readonly status?: number
      readonly retryAfterMs?: number
      readonly open?: boolean
      readonly ran?: number
    }
  ) =>
    it.live(title, () =>
      cleanly(
        Effect.gen(function* () {
          const server = yield* FaultyHttp.serve((request, socket) => {
            if (request.params["name"] === "fine") FaultyHttp.answer(request, socket)
            else behave(request, socket)
          })
          const connection = yield* connect(server.url)
          const error = yield* Effect.flip(connection.callTool("faulty"))
          expect(error).toMatchObject({
            _tag: "ConnectionLost",
            delivery: expected.delivery ?? "Unknown",
            server: "faulty"
          })
          // Checked above.
          const { reason, retryAfterMs, status } = error as McpError.ConnectionLost
          expect(reason).toMatch(expected.reason)
          expect({ status, retryAfterMs }).toEqual({ status: expected.status, retryAfterMs: expected.retryAfterMs })
          expect(server.ran()).toBe(expected.ran ?? 1)
          expect(connection.isOpen()).toBe(expected.open ?? true)
          if (expected.open === false) return
          const { content } = yield* connection.callTool("fine")
          expect(content).toEqual([{ type: "text", text: "fine" }])
          expect(server.ran()).toBe((expected.ran ?? 1) + 1)
          expect(connection.pending()).toBe(0)
        }),
        layer
      )
    )

const write =
  (text: string, then: (socket: Socket) => void = () => {}): FaultyHttp.Behave =>
  (_, socket) => {
    socket.write(text, () => then(socket))
  }
const { reset } = FaultyHttp
const bomb = gzipSync(Buffer.alloc(10 * 1024 * 1024, 32))
const compressed = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n\r\n`

const kinds: Readonly<Record<string, (settings?: Settings) => Layer.Layer<McpConnector.McpConnector>>> = {
  sockets: (settings) => connector(settings),
  fetch: (settings) => portable(FetchHttpClient.layer, settings),
  "node:http": (settings) => portable(NodeHttpClient.layer, settings)
}

for (const [name, on] of Object.entries(kinds)) {
  describe(`a call over HTTP, on ${name}, fails with what happened, and what may have run`, () => {
    const fault = faultsOn(on())
    const silence = faultsOn(on({ streamIdle: "1 second" }))
    const cutOff = /was cut off \(/
    fault("reset before any header", (_, socket) => reset(socket), { reason: cutOff })
    fault("reset within the headers", write("HTTP/1.1 200 OK\r\ncontent-ty", reset), { reason: cutOff })
    fault(
      "reset after the headers",
      write("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n", reset),
      { reason: cutOff }
    )
    fault("reset within the body", write(json(result(1)).slice(0, -5), reset), { reason: cutOff })
    fault("closed before any header", (_, socket) => void socket.end(), { reason: cutOff })
    fault(
      "closed within the body",
      write(json(result(1)).slice(0, -5), (socket) => socket.end()),
      { reason: /was cut off/ }
    )
    fault(
      "closed within a stream",
      write(stream + event({ method: "notifications/x" }), (socket) => socket.end()),
      { reason: /was cut off/ }
    )
    fault("what is not HTTP", write("220 smtp.example.org\r\n\r\n"), {
      reason: cutOff
    })
    silence("headers that never come", () => {}, { reason: /said nothing for 1000 ms$/ })
    silence("headers that drip", (_, socket) => drip(socket, [..."HTTP/1.1 200 OK\r\n", ..."x: y\r\n".repeat(20)]), {
      reason: /said nothing for 1000 ms$/
    })
    silence("a body that stops", write(json(result(1)).slice(0, -5)), { reason: /said nothing for 1000 ms$/ })
    silence("a stream that falls silent", write(stream + event({ method: "notifications/x" })), {
      reason: /said nothing for 1000 ms$/
    })
    fault("JSON that is none", write(json({}).replace("{}", "{]")), {
      reason: /answered with JSON that cannot be parsed$/
    })
    fault("JSON that is no answer", write(json({ jsonrpc: "2.0" })), {
      reason: /answered with JSON that is not MCP; check the URL$/
    })
    fault("a page", write(status(200, "content-type: text/html\r\n", "<html>")), {
      reason: /answered with text\/html instead of MCP/
    })
    fault("accepted, but not answered", write(status(202)), { reason: /answered with nothing that is MCP/ })
    fault("events that are none", write(`${stream}${chunk("nonsense\n\ndata: {oops\n\n: \nid\n\n")}${lastChunk}`), {
      reason: /ended without the answer$/
    })
    fault("a stream that ends without the answer", write(stream + lastChunk), { reason: /ended without the answer$/ })
    fault("an event over the limit", write(stream + chunk(`data: ${"x".repeat(70_000)}`)), {
      reason: /sent a message of more than 65536 bytes, which Limits\.messageBytes allows$/
    })
    fault("JSON over the limit", write(json(result(1, "x".repeat(70_000)))), {
      reason: /sent a message of more than 65536 bytes, which Limits\.messageBytes allows$/
    })

    fault("400", write(status(400, "", "bad thing")), { reason: /answered 400.*it says: bad thing$/, status: 400 })
    fault("401", write(status(401)), {
      reason: /answered 401 \(unauthorized\)/,
      status: 401,
      delivery: "NotSent",
      open: false
    })
    fault("403", write(status(403)), { reason: /answered 403 \(forbidden\)/, status: 403 })
    fault("404 with a session", write(status(404)), {
      reason: /no longer knows the session \(404\)/,
      status: 404,
      delivery: "NotSent",
      open: false
    })
    fault("405", write(status(405)), { reason: /answered 405/, status: 405 })
    fault("406", write(status(406)), { reason: /answered 406/, status: 406 })
    fault("413", write(status(413)), { reason: /answered 413/, status: 413 })
    fault("415", write(status(415)), { reason: /answered 415/, status: 415 })
    fault("429 that says when", write(status(429, "retry-after: 7\r\n")), {
      reason: /answered 429/,
      status: 429,
      retryAfterMs: 7000
    })
    fault("500", write(status(500)), { reason: /answered 500: the server failed/, status: 500 })
    fault("503 whose text never ends", write("HTTP/1.1 503 Busy\r\ncontent-length: 99\r\n\r\nbusy"), {
      reason: /answered 503.*it says: busy$/,
      status: 503
    })
    fault("a redirect to another origin", write(status(307, "location: http://127.0.0.1:1/mcp\r\n")), {
      reason: /answered 307: a redirect to http:\/\/127\.0\.0\.1:1\/mcp that is not followed/,
      status: 307
    })
    fault("redirects in a circle", write(status(308, "location: /mcp\r\n")), {
      reason: /answered 308/,
      status: 308,
      ran: 6
    })
  })
}

describe("what is compressed, on our own sockets", () => {
  const unasked = faultsOn(connector())
  const fault = faultsOn(connector({}, { compression: true }))
  unasked(
    "compressed without being asked",
    (_, socket) => void socket.write(Buffer.concat([Buffer.from(compressed), bomb])),
    { reason: /answered compressed/ }
  )
  fault(
    "a compressed bomb, where compression is wanted",
    (_, socket) => void socket.write(Buffer.concat([Buffer.from(compressed), bomb])),
    { reason: /sent a message of more than 65536 bytes, which Limits\.messageBytes allows$/ }
  )
  fault(
    "what is said to be compressed and is not",
    (_, socket) => void socket.write(`${compressed.replace(String(bomb.length), "4")}oops`),
    { reason: /was cut off \(Z_DATA_ERROR\)$/ }
  )
})

const drip = (socket: Socket, pieces: ReadonlyArray<string>): void => {
  let next = 0
  const timer = setInterval(() => {
    const piece = pieces[next++]
    if (socket.destroyed || piece === undefined) clearInterval(timer)
    else socket.write(piece)
  }, 20)
}

/** How a connect ends. */
const refusal = (url: string) =>
  Effect.map(Effect.flip(connect(url)), ({ phase, reason, retryable }) => ({ phase, reason, retryable }))

for (const [name, on] of Object.entries(kinds)) {
  const clean = <A, E>(
    run: Effect.Effect<A, E, Scope.Scope | McpConnector.McpConnector>,
    settings?: Settings
  ): Effect.Effect<A, E | Resources.Leaked> => cleanly(run, on(settings))

  describe(`an HTTP connection, on ${name}`, () => {
    it.live("that nobody takes, for a name that is none, or without TLS where it should be, was not made", () =>
      clean(
        Effect.gen(function* () {
          const server = yield* FaultyHttp.serve(FaultyHttp.answer)
          server.server.on("connection", (socket) => socket.end("no TLS here\r\n"))
          expect(yield* refusal(server.url.replace("http:", "https:"))).toMatchObject({
            phase: "dial",
            retryable: false,
            reason: expect.stringContaining("the TLS handshake")
          })
          yield* FaultyHttp.close(server)
          expect(yield* refusal(server.url)).toMatchObject({
            phase: "dial",
            retryable: true,
            reason: expect.stringMatching(/refused/)
          })
          expect(yield* refusal("http://nowhere.invalid/mcp")).toMatchObject({
            phase: "dial",
            reason: expect.stringMatching(/is unknown; correct the URL$|could not be looked up for now$/)
          })
        })
      )
    )

    it.live("whose server is gone says so, and that the call certainly did not run", () =>
      clean(
        Effect.gen(function* () {
          const server = yield* FaultyHttp.serve(FaultyHttp.answer)
          const connection = yield* connect(server.url)
          yield* until(() => server.requests.some(({ method }) => method === "notifications/initialized"))
          yield* FaultyHttp.close(server)
          // The sockets of the handshake may not know yet that they are closed.
          const last = yield* Effect.repeat(Effect.flip(connection.callTool("call")), {
            until: () => !connection.isOpen()
          })
          expect(last).toMatchObject({
            _tag: "ConnectionLost",
            delivery: "NotSent",
            reason: expect.stringMatching(/connection refused/)
          })
          expect(connection.isOpen()).toBe(false)
          expect(server.ran()).toBe(0)
        })
      )
    )

    it.live("whose session is lost with 64 calls in flight takes no other, and each has its own answer", () =>
      clean(
        Effect.gen(function* () {
          const held: Array<() => void> = []
          const server = yield* FaultyHttp.serve((request, socket) => {
            if (request.params["name"] === "lost") socket.write(status(404))
            else held.push(() => (held.length % 2 === 0 ? FaultyHttp.answer(request, socket) : reset(socket)))
          })
          const connection = yield* connect(server.url)
          const calls = yield* Effect.forEach(Array.from({ length: 64 }), () =>
            Effect.fork(Effect.either(connection.callTool("held")))
          )
          yield* until(() => server.ran() === 64)
          const lost = yield* Effect.flip(connection.callTool("lost"))
          expect(lost).toMatchObject({ _tag: "ConnectionLost", delivery: "NotSent", status: 404 })
          expect(connection.isOpen()).toBe(false)
          expect(yield* Effect.flip(connection.callTool("late"))).toMatchObject({ delivery: "NotSent" })
          for (let end = held.pop(); end !== undefined; end = held.pop()) end()
          const ended = yield* Fiber.join(Fiber.all(calls))
          expect(ended.filter(Either.isRight)).toHaveLength(32)
          for (const one of ended.filter(Either.isLeft)) {
            expect(one.left).toMatchObject({ _tag: "ConnectionLost", delivery: "Unknown" })
            expect(one.left.message).toContain("was cut off")
          }
          expect(server.ran()).toBe(65)
        }),
        { sockets: 65 }
      )
    )

    it.live("has calls wait for a socket, and what never left did certainly not run", () =>
      clean(
        Effect.gen(function* () {
          const server = yield* FaultyHttp.serve(({ params }, socket) => {
            if (params["name"] === "lost") socket.write(status(404))
          })
          const connection = yield* connect(server.url)
          const call = (name: string) => Effect.fork(Effect.flip(connection.callTool(name)))
          const held = yield* call("held")
          const last = yield* call("lost")
          yield* until(() => server.ran() === 1)
          const waiting = yield* call("waiting")
          yield* until(() => connection.pending() === 3)
          yield* Fiber.interrupt(held)
          expect(yield* Fiber.join(last)).toMatchObject({ delivery: "NotSent", status: 404 })
          expect(yield* Fiber.join(waiting)).toMatchObject({ delivery: "NotSent" })
          expect(server.ran()).toBe(2)
        }),
        { sockets: 1 }
      )
    )

    it.live("cancels an interrupted call at the server, and frees its socket", () =>
      clean(
        Effect.gen(function* () {
          const server = yield* FaultyHttp.serve(({ params }, socket) => {
            if (params["name"] === "fine") socket.write(json(result(undefined)))
          })
          const connection = yield* connect(server.url)
          const call = yield* Effect.fork(connection.callTool("held"))
          yield* until(() => server.ran() === 1)
          const id = server.requests.find(({ method }) => method === "tools/call")?.id
          const open = server.sockets.size
          yield* Fiber.interrupt(call)
          yield* until(() => server.requests.some(({ method }) => method === "notifications/cancelled"))
          const cancelled = server.requests.find(({ method }) => method === "notifications/cancelled")
          expect(cancelled?.params).toMatchObject({ requestId: id })
          yield* until(() => server.sockets.size <= open)
          expect(connection.isOpen()).toBe(true)
        })
      )
    )

    it.live("ends a call whose body drips at the call's own deadline", () =>
      clean(
        Effect.gen(function* () {
          const server = yield* FaultyHttp.serve((_, socket) => {
            socket.write(stream)
            drip(
              socket,
              Array.from({ length: 1000 }, () => chunk(": still here\n"))
            )
          })
          const connection = yield* connect(server.url, { callTimeout: "400 millis" })
          const error = yield* Effect.flip(connection.callTool("slow"))
          expect(error).toMatchObject({ _tag: "CallTimeout", delivery: "Unknown" })
          yield* until(() => server.requests.some(({ method }) => method === "notifications/cancelled"))
        })
      )
    )

    it.live("takes no answer on another call's stream", () =>
      clean(
        Effect.gen(function* () {
          const held: Array<{ readonly request: FaultyHttp.Request; readonly socket: Socket }> = []
          const server = yield* FaultyHttp.serve((request, socket) => {
            held.push({ request, socket })
            const [first, second] = held
            if (first === undefined || second === undefined) return
            first.socket.write(stream + event(result(second.request.id, "stolen")) + lastChunk)
            second.socket.write(json(result(second.request.id, "own")))
          })
          const connection = yield* connect(server.url)
          const first = yield* Effect.fork(Effect.flip(connection.callTool("first")))
          yield* until(() => held.length === 1)
          const second = yield* connection.callTool("second")
          expect(second.content).toEqual([{ type: "text", text: "own" }])
          expect(yield* Fiber.join(first)).toMatchObject({
            _tag: "ConnectionLost",
            reason: expect.stringMatching(/without the answer$/)
          })
        })
      )
    )

    it.live("goes on over sockets that the server closed between calls", () =>
      clean(
        Effect.gen(function* () {
          const server = yield* FaultyHttp.serve((request, socket) => {
            FaultyHttp.answer(request, socket)
            // Half-closed right behind the answer.
            socket.end()
          })
          const connection = yield* connect(server.url)
          for (let n = 0; n < 20; n++) {
            const { content } = yield* connection.callTool(`n${n}`)
            expect(content).toEqual([{ type: "text", text: `n${n}` }])
            yield* until(() => server.sockets.size === 0)
          }
          expect(server.ran()).toBe(20)
        })
      )
    )

    it.live("gives up a stream of events that the server keeps closing, and serves calls all the same", () =>
      clean(
        Effect.gen(function* () {
          const server = yield* FaultyHttp.serve((request, socket) => {
            if (request.verb === "GET") socket.write(stream + lastChunk)
            else FaultyHttp.answer(request, socket)
          })
          const connection = yield* connect(server.url, { listen: true })
          const opened = () => server.requests.filter(({ verb }) => verb === "GET").length
          yield* until(() => opened() === 3)
          yield* Effect.sleep("300 millis")
          expect(opened()).toBe(3)
          expect((yield* connection.callTool("fine")).content).toEqual([{ type: "text", text: "fine" }])
        }),
        { reopen: { first: "1 millis", longest: "10 seconds", attempts: 3 } }
      )
    )
  })
}
