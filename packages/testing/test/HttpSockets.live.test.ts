import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpConnection, McpConnector, McpPool, type ServerConfig, ServerKey } from "@mooring/mcp"
import { NodeConnector, SocketSettings } from "@mooring/node"
import { Resources } from "@mooring/testing/node"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import { readFileSync } from "node:fs"
import { connect as connectTo, createServer, type AddressInfo, type Socket } from "node:net"
import { TLSSocket } from "node:tls"
import { inspect } from "node:util"
import { gzipSync } from "node:zlib"
import * as FaultyHttp from "./fixtures/FaultyHttp.js"

const pem = (name: string) => readFileSync(new URL(`fixtures/tls/${name}.pem`, import.meta.url), "utf8")

const connector = (
  settings: Partial<SocketSettings.Settings>,
  variables: ReadonlyArray<readonly [string, string]> = []
) =>
  NodeConnector.layer.pipe(
    Layer.provide([
      Layer.succeed(SocketSettings.SocketSettings, { ...SocketSettings.defaults, ...settings }),
      Layer.setConfigProvider(ConfigProvider.fromMap(new Map(variables)))
    ])
  )

const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (condition() ? Effect.void : Effect.zipRight(Effect.sleep("2 millis"), until(condition))))

const connect = (url: string, config: Partial<ServerConfig.HttpServer> = {}, partition = "shared") =>
  McpConnection.make(new ServerKey.ServerKey({ server: "web", partition }), { url, ...config })

describe("TLS", () => {
  const ca = pem("ca")
  const tls = { cert: pem("server"), key: pem("server.key"), ca, requestCert: true, rejectUnauthorized: false }
  const client = { ca, cert: pem("client"), key: Redacted.make(pem("client.key")) }

  it.live("trusts an authority that the settings name, and nobody that nobody named", () =>
    Effect.gen(function* () {
      const server = yield* FaultyHttp.serve(FaultyHttp.answer, tls)
      const trusting = yield* connect(server.url).pipe(Effect.provide(connector({ tls: { ca } })))
      expect((yield* trusting.callTool("fine")).content).toEqual([{ type: "text", text: "fine" }])
      const refused = yield* Effect.flip(connect(server.url)).pipe(Effect.provide(connector({})))
      expect(refused).toMatchObject({ phase: "dial", retryable: false })
      expect(refused.reason).toContain("the TLS handshake")
    }).pipe(Effect.scoped, Resources.givenBack())
  )

  it.live("shows each key's own certificate, on sockets of its own", () =>
    Effect.gen(function* () {
      const shown: Array<unknown> = []
      const server = yield* FaultyHttp.serve((request, socket) => {
        if (socket instanceof TLSSocket) shown.push(socket.getPeerCertificate().subject?.CN)
        FaultyHttp.answer(request, socket)
      }, tls)
      const plain = { ca }
      const layer = connector({ tls: ({ partition }) => (partition === "known" ? client : plain) })
      yield* Effect.gen(function* () {
        const known = yield* connect(server.url, {}, "known")
        const unknown = yield* connect(server.url, {}, "unknown")
        for (const connection of [known, unknown, known]) yield* connection.callTool("fine")
      }).pipe(Effect.provide(layer))
      expect(shown).toEqual(["client", undefined, "client"])
    }).pipe(Effect.scoped, Resources.givenBack())
  )
})

/** A proxy that tunnels everything to one place, and counts. */
const proxy = (to: () => number) =>
  Effect.acquireRelease(
    Effect.async<{ readonly url: string; readonly asked: Array<string>; readonly close: () => Promise<void> }>(
      (resume) => {
        const asked: Array<string> = []
        const sockets = new Set<Socket>()
        const server = createServer((socket) => {
          sockets.add(socket)
          socket.on("error", () => {})
          socket.once("data", (head: Buffer) => {
            asked.push(head.toString().split("\r\n", 1)[0] ?? "")
            const upstream = connectTo(to(), "127.0.0.1", () => socket.write("HTTP/1.1 200 OK\r\n\r\n"))
            sockets.add(upstream)
            upstream.on("error", () => {})
            upstream.pipe(socket).pipe(upstream)
          })
        })
        const close = () =>
          new Promise<void>((done) => {
            server.close(() => done())
            for (const socket of sockets) socket.destroy()
          })
        server.listen(0, "127.0.0.1", () => {
          // As `listen` was given a port, the address is not that of a pipe.
          const { port } = server.address() as AddressInfo
          resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, asked, close }))
        })
      }
    ),
    ({ close }) => Effect.promise(close)
  )

describe("proxies of the environment", () => {
  it.live("are gone through, but not to this machine, nor to what NO_PROXY excepts", () =>
    Effect.gen(function* () {
      const server = yield* FaultyHttp.serve(FaultyHttp.answer)
      const port = Number(new URL(server.url).port)
      const { asked, url } = yield* proxy(() => port)
      const call = (to: string, except = "") =>
        Effect.scoped(
          Effect.flatMap(connect(to, { connectTimeout: "5 seconds" }), (connection) =>
            connection.callTool("fine")
          ).pipe(
            Effect.provide(
              connector({}, [
                ["http_proxy", url],
                ["NO_PROXY", except]
              ])
            )
          )
        )
      yield* call(server.url)
      expect(asked).toEqual([])
      expect((yield* call("http://mcp.invalid/mcp")).content).toEqual([{ type: "text", text: "fine" }])
      expect(new Set(asked)).toEqual(new Set(["CONNECT mcp.invalid:80 HTTP/1.1"]))
      const before = asked.length
      expect((yield* Effect.flip(call("http://mcp.invalid/mcp", "invalid")))._tag).toBe("McpConnectError")
      expect(asked).toHaveLength(before)
    }).pipe(Effect.scoped, Resources.givenBack())
  )

  it.live("tunnel https, so that the server's certificate counts and the proxy learns nothing", () =>
    Effect.gen(function* () {
      const cert = pem("proxied")
      let most = 0
      const server = yield* FaultyHttp.serve(
        (request, socket) => {
          most = Math.max(most, sockets().size)
          FaultyHttp.answer(request, socket)
        },
        { cert, key: pem("proxied.key") }
      )
      const sockets = () => server.sockets
      const { asked, url } = yield* proxy(() => Number(new URL(server.url).port))
      const headers = { authorization: "Bearer hunter22" }
      const through = (tls: SocketSettings.Tls | undefined) => connector({ tls }, [["HTTPS_PROXY", url]])
      yield* Effect.gen(function* () {
        const connection = yield* connect("https://mcp.invalid/mcp", { headers })
        yield* Effect.forEach(Array.from({ length: 60 }), () => connection.callTool("fine"), { concurrency: 32 })
        const tokens = server.requests.map((request) => request.headers.get("authorization"))
        expect(new Set(tokens)).toEqual(new Set(["Bearer hunter22"]))
        expect(new Set(asked)).toEqual(new Set(["CONNECT mcp.invalid:443 HTTP/1.1"]))
        expect(most).toBeLessThanOrEqual(18)
      }).pipe(Effect.scoped, Effect.provide(through({ ca: cert })))
      const before = server.requests.length
      const refused = yield* Effect.flip(connect("https://mcp.invalid/mcp", { headers })).pipe(
        Effect.provide(through(undefined))
      )
      expect(refused).toMatchObject({ phase: "dial", retryable: false })
      expect(refused.reason).toContain("the TLS handshake")
      expect(server.requests).toHaveLength(before)
    }).pipe(Effect.scoped, Resources.givenBack())
  )

  it.live("are understood without a scheme, as by other programs", () =>
    Effect.gen(function* () {
      const server = yield* FaultyHttp.serve(FaultyHttp.answer)
      const { asked, url } = yield* proxy(() => Number(new URL(server.url).port))
      const connection = yield* connect("http://mcp.invalid/mcp").pipe(
        Effect.provide(connector({}, [["HTTP_PROXY", url.replace("http://", "")]]))
      )
      expect((yield* connection.callTool("fine")).content).toEqual([{ type: "text", text: "fine" }])
      expect(asked).toContain("CONNECT mcp.invalid:80 HTTP/1.1")
    }).pipe(Effect.scoped, Resources.givenBack())
  )

  it.live("that are none fail what would go through them, and show no password", () =>
    Effect.gen(function* () {
      for (const wrong of ["http://ada:hunter22@pro xy:80", "ftp://ada:hunter22@proxy", "ada:hunter22@:80"]) {
        const layer = connector({}, [["HTTP_PROXY", wrong]])
        const error = yield* Effect.flip(connect("http://mcp.invalid/mcp")).pipe(Effect.provide(layer))
        expect(error).toMatchObject({ _tag: "McpConnectError", phase: "dial", retryable: false })
        expect(error.reason).toContain("HTTP_PROXY")
        expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("hunter22")
        // Who does not go through it does not mind.
        const server = yield* FaultyHttp.serve(FaultyHttp.answer)
        yield* connect(server.url).pipe(Effect.provide(layer))
      }
    }).pipe(Effect.scoped, Resources.givenBack())
  )

  it.live("that are down are named as such, and the call did not run", () =>
    Effect.gen(function* () {
      const { close, url } = yield* proxy(() => 1)
      yield* Effect.promise(close)
      const error = yield* Effect.flip(connect("http://mcp.invalid/mcp")).pipe(
        Effect.provide(connector({}, [["HTTP_PROXY", url]]))
      )
      expect(error).toMatchObject({ phase: "dial", retryable: true })
      expect(error.reason).toContain("by way of the proxy")
    }).pipe(Effect.scoped, Resources.givenBack())
  )
})

class Token extends Context.Tag("test/Token")<Token, Ref.Ref<string>>() {}

describe("headers", () => {
  it.live("are computed for each request, from the layer's services, so that a renewed token is used at once", () =>
    Effect.gen(function* () {
      const server = yield* FaultyHttp.serve((request, socket) => {
        const token = request.headers.get("authorization")
        if (token === "Bearer renewed-1") socket.write(FaultyHttp.status(401, "", `${token} is not known`))
        else FaultyHttp.answer(request, socket)
      })
      const token = yield* Ref.make("first-one")
      const pool = Layer.unwrapEffect(
        Effect.map(Token, (ref) =>
          McpPool.layer({
            servers: {
              web: {
                url: server.url,
                headers: ({ partition }) =>
                  Effect.flatMap(Ref.get(ref), (text) =>
                    text === ""
                      ? Effect.fail("no token")
                      : Effect.succeed({ Authorization: Redacted.make(`Bearer ${text}`), "X-For": partition })
                  )
              }
            }
          })
        )
      ).pipe(Layer.provide([Layer.succeed(Token, token), connector({})]))
      yield* Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        yield* mcp.callTool("web", "fine")
        yield* Ref.set(token, "second-one")
        yield* mcp.callTool("web", "fine")
        const shown = server.requests
          .filter(({ method }) => method === "tools/call")
          .map(({ headers }) => [headers.get("authorization"), headers.get("x-for")])
        expect(shown).toEqual([
          ["Bearer first-one", "shared"],
          ["Bearer second-one", "shared"]
        ])
        expect(server.requests.filter(({ method }) => method === "initialize")).toHaveLength(1)
        // Refused, with the token hidden where the server repeats it; the connection waits for a better one.
        yield* Ref.set(token, "renewed-1")
        const refused = yield* Effect.flip(mcp.callTool("web", "fine"))
        expect(refused.message).toContain("401")
        expect(refused.message).toContain("«redacted» is not known")
        expect(refused.message).not.toContain("renewed-1")
        yield* Ref.set(token, "third-one")
        yield* mcp.callTool("web", "fine")
        expect(server.requests.filter(({ method }) => method === "initialize")).toHaveLength(1)
        // One that cannot be computed: nothing is sent.
        const before = server.ran()
        yield* Ref.set(token, "")
        const failed = yield* Effect.flip(mcp.callTool("web", "fine"))
        expect(failed).toMatchObject({ _tag: "ConnectionLost", delivery: "NotSent" })
        expect(failed.message).toContain("its headers could not be computed")
        expect(server.ran()).toBe(before)
      }).pipe(Effect.provide(McpClient.layer.pipe(Layer.provide(pool))))
    }).pipe(Effect.scoped)
  )

  it.live("with a credential do not go to another machine in the open, unless that is allowed by name", () =>
    Effect.gen(function* () {
      const open = (config: ServerConfig.HttpServer) =>
        Effect.flatMap(McpConnector.McpConnector, (to) =>
          Effect.either(Effect.scoped(to.open(ServerKey.shared("web"), config)))
        )
      const url = "http://mcp.invalid/mcp"
      const headers = { Authorization: "Bearer 1" }
      const refused = yield* open({ url, headers })
      expect(refused).toMatchObject({ _tag: "Left", left: { phase: "dial", retryable: false } })
      expect(String(refused)).toContain("allowInsecure: true")
      expect((yield* open({ url: "http://ada:secret@mcp.invalid/mcp" }))._tag).toBe("Left")
      expect((yield* open({ url, headers: () => Effect.succeed({}) }))._tag).toBe("Left")
      expect((yield* open({ url, headers, allowInsecure: true }))._tag).toBe("Right")
      expect((yield* open({ url, headers: { "X-Trace": "1" } }))._tag).toBe("Right")
      expect((yield* open({ url: "http://localhost/mcp", headers }))._tag).toBe("Right")
      expect((yield* open({ url: "https://mcp.invalid/mcp", headers }))._tag).toBe("Right")
    }).pipe(Effect.provide(connector({})))
  )
})

describe("sockets", () => {
  it.live("ask for no compression, or take it where that is wanted", () =>
    Effect.gen(function* () {
      const server = yield* FaultyHttp.serve((request, socket) => {
        if (request.headers.get("accept-encoding") === "identity") return FaultyHttp.answer(request, socket)
        const body = gzipSync(JSON.stringify(FaultyHttp.result(request.id, "small")))
        const head = `content-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: ${body.length}`
        socket.write(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n`), body]))
      })
      for (const compression of [false, true]) {
        yield* Effect.gen(function* () {
          const connection = yield* connect(server.url)
          for (let n = 0; n < 3; n++) {
            const { content } = yield* connection.callTool("plain")
            expect(content).toEqual([{ type: "text", text: compression ? "small" : "plain" }])
          }
        }).pipe(Effect.scoped, Effect.provide(connector({ compression })))
      }
    }).pipe(Effect.scoped, Resources.givenBack())
  )

  it.live("are bounded for each connection, and one that has no more to spare holds up no other", () =>
    Effect.gen(function* () {
      const server = yield* FaultyHttp.serve((request, socket) => {
        if (request.params["name"] !== "held") FaultyHttp.answer(request, socket)
      })
      yield* Effect.gen(function* () {
        const connections = yield* Effect.forEach(["a", "b", "c"], (partition) => connect(server.url, {}, partition))
        const held = yield* Effect.forEach(connections, (connection) =>
          Effect.forEach(Array.from({ length: 40 }), () => Effect.fork(connection.callTool("held")))
        )
        yield* until(() => server.ran() === 3 * 16)
        const other = yield* connect(server.url, {}, "d")
        expect((yield* other.callTool("fine")).content).toEqual([{ type: "text", text: "fine" }])
        expect(server.ran()).toBe(3 * 16 + 1)
        expect(server.sockets.size).toBeLessThanOrEqual(3 * 18 + 3)
        yield* Fiber.interruptAll(held.flat())
        // Cancelling freed them all, also for the calls that had waited.
        for (const connection of connections) {
          expect((yield* connection.callTool("fine")).content).toEqual([{ type: "text", text: "fine" }])
        }
        expect(server.ran()).toBe(3 * 16 + 4)
      }).pipe(Effect.scoped, Effect.provide(connector({})))
      yield* until(() => server.sockets.size === 0)
    }).pipe(Effect.scoped, Resources.givenBack())
  )

  it.live("are bounded for each connection, shared by connections, and not one too many is opened", () =>
    Effect.gen(function* () {
      let most = 0
      const server = yield* FaultyHttp.serve((request, socket) => {
        most = Math.max(most, sockets().size)
        FaultyHttp.answer(request, socket)
      })
      const sockets = () => server.sockets
      yield* Effect.gen(function* () {
        const connection = yield* connect(server.url)
        yield* Effect.forEach(Array.from({ length: 500 }), () => connection.callTool("fine"), { concurrency: 64 })
        // 16 for requests, two for what must not wait behind them.
        expect(most).toBeLessThanOrEqual(18)
        // What one has opened serves the other.
        const before = server.sockets.size
        const again = yield* connect(server.url)
        yield* Effect.forEach(Array.from({ length: 10 }), () => again.callTool("fine"))
        expect(server.sockets.size).toBe(before)
      }).pipe(Effect.scoped, Effect.provide(connector({})))
    }).pipe(Effect.scoped, Resources.givenBack())
  )
})
