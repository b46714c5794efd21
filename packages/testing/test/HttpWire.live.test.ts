import { describe, expect, it } from "@effect/vitest"
import { FetchHttpClient } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import {
  HttpSettings,
  Limits,
  McpConnection,
  type McpConnector,
  McpHttp,
  type ServerConfig,
  ServerKey
} from "@mooring/mcp"
import { NodeConnector, SocketSettings } from "@mooring/node"
import { Resources } from "@mooring/testing/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { networkInterfaces } from "node:os"
import type { Socket } from "node:net"
import { gzipSync } from "node:zlib"
import * as FaultyHttp from "./fixtures/FaultyHttp.js"

const { chunk, json, lastChunk, result } = FaultyHttp

const few = (settings: Partial<HttpSettings.Settings>) =>
  Layer.mergeAll(
    Layer.succeed(HttpSettings.HttpSettings, { ...HttpSettings.defaults, ...settings }),
    Limits.layer({ messageBytes: 64 * 1024 })
  )

/** One socket for requests: what holds it for longer than it may is seen by the next call. */
const narrow = few({ sockets: 1 })
const carriers: Readonly<Record<string, Layer.Layer<McpConnector.McpConnector>>> = {
  sockets: NodeConnector.layer.pipe(Layer.provide(narrow)),
  fetch: McpHttp.layer.pipe(Layer.provide([narrow, FetchHttpClient.layer])),
  "node:http": McpHttp.layer.pipe(Layer.provide([narrow, NodeHttpClient.layer]))
}

const connect = (url: string, config: Partial<ServerConfig.HttpServer> = {}) =>
  McpConnection.make(ServerKey.shared("wire"), { url, callTimeout: "5 seconds", ...config })

/** Runs, closes all, and wants back whatever was taken. */
const clean = <A, E>(
  run: Effect.Effect<A, E, Scope.Scope | McpConnector.McpConnector>,
  layer: Layer.Layer<McpConnector.McpConnector>
) =>
  Effect.scoped(Effect.provide(run, layer)).pipe(
    Effect.timeoutFail({ duration: "20 seconds", onTimeout: () => new Resources.Leaked({ grown: ["time"] }) }),
    Resources.givenBack()
  )

/** `answered` with its own name, or what the error says. */
const told = (connection: McpConnection.McpConnection, name: string) =>
  Effect.match(connection.callTool(name), {
    onSuccess: ({ content }) => (JSON.stringify(content).includes(`"${name}"`) ? "answered" : "answered for another"),
    onFailure: (error) => ("reason" in error ? error.reason : error._tag)
  })

const body = (id: number | undefined, name: string) => JSON.stringify(result(id, name))
const head = (headers: string, first = "HTTP/1.1 200 OK") =>
  `${first}\r\ncontent-type: application/json\r\n${headers}\r\n`

type Write = (request: FaultyHttp.Request, socket: Socket, own: string) => void

for (const [carrier, layer] of Object.entries(carriers)) {
  /** A call on a server that writes so ends like this, and so does another one; the one after them is answered. */
  const case_ = (title: string, write: Write, expected: RegExp) =>
    it.live(title, () =>
      clean(
        Effect.gen(function* () {
          const server = yield* FaultyHttp.serve((request, socket) => {
            const name = String(request.params["name"])
            if (name === "fine") FaultyHttp.answer(request, socket)
            else write(request, socket, body(request.id, name))
          })
          const connection = yield* connect(server.url)
          expect(yield* told(connection, "first")).toMatch(expected)
          expect(yield* told(connection, "second")).toMatch(expected)
          expect(yield* told(connection, "fine")).toBe("answered")
          expect(server.ran()).toBe(3)
          expect(connection.pending()).toBe(0)
        }),
        layer
      )
    )
  const answered = /^answered$/
  const unasked = carrier === "node:http" ? /cannot be parsed$/ : carrier === "fetch" ? answered : /answered compressed/

  describe(`what is on the wire, on ${carrier}`, () => {
    case_(
      "a body in chunks",
      (_, socket, own) =>
        socket.write(head("transfer-encoding: chunked\r\n") + chunk(own.slice(0, 7)) + chunk(own.slice(7)) + lastChunk),
      answered
    )
    case_(
      "HTTP/1.0, whose body ends with the connection",
      (_, socket, own) => socket.end(head("", "HTTP/1.0 200 OK") + own),
      answered
    )
    case_(
      "a body that ends with the connection",
      (_, socket, own) => socket.end(head("connection: close\r\n") + own),
      answered
    )
    case_(
      "early hints before the answer",
      (_, socket, own) =>
        socket.write(
          `HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${head(`content-length: ${own.length}\r\n`)}${own}`
        ),
      answered
    )
    case_(
      "a 100 that nobody asked for",
      (_, socket, own) =>
        socket.write(`HTTP/1.1 100 Continue\r\n\r\n${head(`content-length: ${own.length}\r\n`)}${own}`),
      // The parser under `fetch` takes it for a broken rule. What may have run is not run again.
      carrier === "fetch" ? /was cut off/ : answered
    )
    case_(
      "an upgrade that nobody asked for",
      (_, socket) => socket.end("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
      /was cut off|answered 101/
    )
    case_(
      "a length that is too short",
      (_, socket, own) => socket.write(head("content-length: 9\r\n") + own),
      /cannot be parsed$/
    )
    case_(
      "a length that is too long",
      (_, socket, own) => socket.end(head(`content-length: ${own.length + 9}\r\n`) + own),
      /was cut off/
    )
    case_(
      "two lengths",
      (_, socket, own) => socket.end(head(`content-length: 9\r\ncontent-length: ${own.length}\r\n`) + own),
      /was cut off/
    )
    case_(
      "chunks that are none",
      (_, socket) => socket.end(`${head("transfer-encoding: chunked\r\n")}zz\r\noops\r\n`),
      /was cut off/
    )
    case_(
      "a second answer behind the first",
      (_, socket, own) => socket.write(json(JSON.parse(own)) + json(JSON.parse(own))),
      answered
    )
    case_(
      "headers that come twice",
      (_, socket, own) =>
        socket.write(
          head(
            `content-type: application/json\r\nmcp-session-id: a\r\nmcp-session-id: b\r\ncontent-length: ${own.length}\r\n`
          ) + own
        ),
      answered
    )
    case_(
      "headers that are names of JavaScript",
      (_, socket, own) =>
        socket.write(head(`__proto__: 1\r\nconstructor: 1\r\ncontent-length: ${own.length}\r\n`) + own),
      answered
    )
    case_(
      "headers without end",
      (_, socket) => socket.end(`HTTP/1.1 200 OK\r\n${"x-filler: 12345678\r\n".repeat(10_000)}`),
      /was cut off/
    )
    case_(
      "a stream that does not end with its answer",
      (_, socket, own) => socket.write(FaultyHttp.stream + FaultyHttp.event(JSON.parse(own))),
      answered
    )
    case_(
      "no content",
      (_, socket) => socket.write("HTTP/1.1 204 No Content\r\n\r\n"),
      /answered with nothing that is MCP/
    )
    case_(
      "a session that comes late",
      (_, socket, own) => socket.write(head(`mcp-session-id: other\r\ncontent-length: ${own.length}\r\n`) + own),
      answered
    )
    case_(
      "what is compressed without being asked for",
      (_, socket, own) => {
        const packed = gzipSync(own)
        socket.write(
          Buffer.concat([Buffer.from(head(`content-encoding: gzip\r\ncontent-length: ${packed.length}\r\n`)), packed])
        )
      },
      unasked
    )
    case_(
      "a bomb that nobody asked for",
      (_, socket) => void socket.write(bomb),
      carrier === "fetch" ? /more than 65536 bytes/ : unasked
    )

    it.live("a socket that ends as the next request is written loses no call, and runs none twice", () =>
      clean(
        Effect.gen(function* () {
          let n = 0
          const server = yield* FaultyHttp.serve((request, socket) => {
            FaultyHttp.answer(request, socket)
            const end = [() => socket.end(), () => socket.destroy(), () => FaultyHttp.reset(socket), () => {}][n++ % 4]
            // At some step of the client's way to the next request.
            setTimeout(() => end?.(), n % 3)
          })
          const connection = yield* connect(server.url)
          for (let call = 0; call < 60; call++) {
            const name = `call-${call}`
            const outcome = yield* Effect.match(connection.callTool(name), {
              onSuccess: () => "answered",
              onFailure: (error) => ("delivery" in error ? error.delivery : error._tag)
            })
            const ran = server.requests.filter(({ params }) => params["name"] === name).length
            expect([outcome, ran]).toEqual(
              outcome === "answered"
                ? ["answered", 1]
                : outcome === "NotSent"
                  ? ["NotSent", 0]
                  : ["Unknown", Math.min(ran, 1)]
            )
          }
          expect(connection.isOpen()).toBe(true)
        }),
        layer
      )
    )

    it.live("a redirect within the origin is followed, and every request asks for no compression", () =>
      clean(
        Effect.gen(function* () {
          const server = yield* FaultyHttp.serve((request, socket) => {
            if (request.path === "/mcp") socket.write(FaultyHttp.status(308, "location: /new?x=1\r\n", "moved"))
            else FaultyHttp.answer(request, socket)
          })
          const connection = yield* connect(server.url)
          expect(yield* told(connection, "first")).toBe("answered")
          const calls = server.requests.filter(({ method }) => method === "tools/call")
          expect(calls.map(({ path, verb }) => [verb, path])).toEqual([
            ["POST", "/mcp"],
            ["POST", "/new?x=1"]
          ])
          expect(calls[1]?.params).toEqual(calls[0]?.params)
          expect(calls[1]?.headers.get("mcp-session-id")).toBe(FaultyHttp.session)
          const encodings = server.requests.map(({ headers }) => headers.get("accept-encoding"))
          expect(new Set(encodings)).toEqual(new Set(["identity"]))
        }),
        layer
      )
    )

    it.live("this machine is reached by every name that it has", () =>
      clean(
        Effect.gen(function* () {
          const server = yield* FaultyHttp.serve(FaultyHttp.answer)
          const { port } = new URL(server.url)
          const headers = { authorization: "Bearer hunter22" }
          for (const host of ["127.0.0.1", "localhost", "127.1"]) {
            const connection = yield* connect(`http://${host}:${port}/mcp`, { headers })
            expect(yield* told(connection, host)).toBe("answered")
          }
          if (!Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"))) return
          const six = yield* FaultyHttp.serve(FaultyHttp.answer, undefined, "::1")
          const connection = yield* connect(six.url, { headers })
          expect(new URL(six.url).hostname).toBe("[::1]")
          expect(yield* told(connection, "six")).toBe("answered")
        }),
        layer
      )
    )

    it.live("calls and interruptions by the hundred leave no listener too many", () =>
      clean(
        Effect.gen(function* () {
          const server = yield* FaultyHttp.serve((request, socket) => {
            if (request.params["name"] !== "held") FaultyHttp.answer(request, socket)
          })
          const connection = yield* connect(server.url)
          yield* Effect.forEach(
            Array.from({ length: 300 }, (_, n) => n),
            (n) =>
              n % 5 === 0
                ? Effect.timeoutOption(connection.callTool("held"), "5 millis")
                : Effect.flatMap(told(connection, `n${n}`), (outcome) =>
                    Effect.sync(() => expect(outcome).toBe("answered"))
                  ),
            { concurrency: 64 }
          )
          expect(connection.pending()).toBe(0)
          expect(connection.isOpen()).toBe(true)
        }),
        carrier === "sockets"
          ? NodeConnector.layer
          : McpHttp.layer.pipe(Layer.provide(carrier === "fetch" ? FetchHttpClient.layer : NodeHttpClient.layer))
      )
    )
  })
}

const packed = gzipSync(Buffer.alloc(10 * 1024 * 1024, 32))
const bomb = Buffer.concat([
  Buffer.from(head(`content-encoding: gzip\r\ncontent-length: ${packed.length}\r\n`)),
  packed
])

describe("what is compressed, where that is wanted", () => {
  it.live("gives its socket back though it is given up before it is decompressed", () =>
    clean(
      Effect.gen(function* () {
        const server = yield* FaultyHttp.serve((request, socket) => {
          if (request.params["name"] === "bomb") socket.write(bomb)
          else FaultyHttp.answer(request, socket)
        })
        const connection = yield* connect(server.url)
        for (let n = 0; n < 3; n++) {
          expect(yield* told(connection, "bomb")).toMatch(/more than 65536 bytes/)
          expect(yield* told(connection, "fine")).toBe("answered")
        }
      }),
      NodeConnector.layer.pipe(
        Layer.provide([
          narrow,
          Layer.succeed(SocketSettings.SocketSettings, { ...SocketSettings.defaults, compression: true })
        ])
      )
    )
  )
})
