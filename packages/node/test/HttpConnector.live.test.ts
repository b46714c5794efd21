import { describe, expect, it } from "@effect/vitest"
import {
  HttpSettings,
  Limits,
  McpConnector,
  McpError,
  type McpTransport,
  type ServerConfig,
  ServerKey
} from "@mooring/mcp"
import { NodeConnector } from "@mooring/node"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Recorder } from "./fixtures/Recorder.js"

const key = ServerKey.shared("web")

const quick = Layer.succeed(HttpSettings.HttpSettings, {
  ...HttpSettings.defaults,
  endSession: "200 millis",
  resumeDelay: "10 millis"
})
const ConnectorTest = NodeConnector.layer.pipe(Layer.provide([quick, Limits.layer({ messageBytes: 64 * 1024 })]))

interface Request {
  readonly method: string
  readonly headers: IncomingMessage["headers"]
  readonly rawHeaders: ReadonlyArray<string>
  readonly message: { readonly id?: number; readonly method?: string }
}
type Handler = (request: Request, response: ServerResponse) => void

interface Web {
  readonly url: string
  readonly server: Server
  readonly requests: Array<Request>
  readonly sockets: () => Promise<number>
}

/** A server on this machine that does what `handler` says. */
const web = (handler: Handler): Effect.Effect<Web, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<Web>((resume) => {
      const requests: Array<Request> = []
      const server = createServer((request, response) => {
        let body = ""
        request.on("data", (chunk) => (body += String(chunk)))
        request.on("end", () => {
          const message: Request["message"] = body === "" ? {} : JSON.parse(body)
          const seen = {
            method: request.method ?? "",
            headers: request.headers,
            rawHeaders: request.rawHeaders,
            message
          }
          requests.push(seen)
          handler(seen, response)
        })
      })
      const sockets = () => new Promise<number>((done) => server.getConnections((_, count) => done(count)))
      server.listen(0, "127.0.0.1", () => {
        // As `listen` was given a port, the address is not that of a pipe.
        const { port } = server.address() as AddressInfo
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}/mcp`, server, requests, sockets }))
      })
    }),
    ({ server }) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )

interface Opened {
  readonly transport: McpTransport.McpTransport
  readonly recorder: Recorder
  readonly close: Effect.Effect<void>
}

const opened = (
  url: string,
  more?: Partial<ServerConfig.HttpServer>
): Effect.Effect<Opened, McpError.McpConnectError, Scope.Scope> =>
  Effect.gen(function* () {
    const connector = yield* McpConnector.McpConnector
    const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
    const transport = yield* Scope.extend(connector.open(key, { url, ...more }), scope)
    const recorder = new Recorder()
    yield* transport.start(recorder)
    return { transport, recorder, close: Scope.close(scope, Exit.void) }
  }).pipe(Effect.provide(ConnectorTest))

const handshake = { jsonrpc: "2.0", id: 0, method: "initialize" } as const
const json = (response: ServerResponse, id: unknown, headers: Record<string, string> = {}) =>
  response
    .writeHead(200, { "content-type": "application/json", ...headers })
    .end(JSON.stringify({ jsonrpc: "2.0", id, result: { ok: true } }))
const event = (message: object, id?: string) =>
  `${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify({ jsonrpc: "2.0", ...message })}\n\n`
const sse = (response: ServerResponse) => response.writeHead(200, { "content-type": "text/event-stream" })

/** What a handshake fails with. */
const refusal = (url: string, more?: Partial<ServerConfig.HttpServer>) =>
  Effect.gen(function* () {
    const { recorder, transport } = yield* opened(url, more)
    const outgoing = recorder.outgoing(handshake)
    transport.send(outgoing)
    const { cause, delivery, fatal } = yield* recorder.untilFailed(0)
    expect(cause).toBeInstanceOf(McpError.McpConnectError)
    expect(fatal).toBe(true)
    expect(outgoing.handedOver).toBe(delivery === "Unknown")
    // Checked above.
    const { phase, reason, retryable, server } = cause as McpError.McpConnectError
    expect(server).toBe("web")
    return { phase, reason, retryable, delivery }
  })

describe("an HTTP transport", () => {
  it.scopedLive("keeps the session of its handshake, carries the headers, and ends the session when it is closed", () =>
    Effect.gen(function* () {
      const { requests, sockets, url } = yield* web(({ message, method }, response) => {
        if (method === "DELETE") response.writeHead(200).end()
        else if (message.id === undefined) response.writeHead(202).end()
        else json(response, message.id, message.method === "initialize" ? { "mcp-session-id": "s1" } : {})
      })
      const { close, recorder, transport } = yield* opened(url, { headers: { "X-Key": "k1", ["__proto__"]: "k2" } })
      transport.send(recorder.outgoing(handshake))
      yield* recorder.untilAnswered(0)
      transport.setProtocolVersion?.("2025-11-25")
      transport.send(recorder.outgoing({ jsonrpc: "2.0", method: "notifications/initialized" }))
      transport.send(recorder.request(1))
      expect(yield* recorder.untilAnswered(1)).toEqual({ ok: true })
      yield* close
      const seen = requests.map(({ headers, method }) => [
        method,
        headers["x-key"],
        headers["mcp-session-id"],
        headers["mcp-protocol-version"]
      ])
      expect(seen[0]).toEqual(["POST", "k1", undefined, undefined])
      expect(requests[0]?.rawHeaders).toEqual(expect.arrayContaining(["__proto__", "k2"]))
      expect(seen.slice(1).sort()).toEqual([
        ["DELETE", "k1", "s1", "2025-11-25"],
        ["POST", "k1", "s1", "2025-11-25"],
        ["POST", "k1", "s1", "2025-11-25"]
      ])
      expect(requests.at(-1)?.method).toBe("DELETE")
      expect(recorder.told.at(-1)).toEqual({ kind: "closed", reason: "closed by this side" })
      while ((yield* Effect.promise(sockets)) > 0) yield* Effect.sleep("5 millis")
    })
  )

  it.scopedLive("closes in time though the server neither answers nor ends the session, and frees every socket", () =>
    Effect.gen(function* () {
      const { requests, sockets, url } = yield* web(({ message }, response) => {
        if (message.method === "initialize") json(response, 0, { "mcp-session-id": "s1" })
      })
      const { close, recorder, transport } = yield* opened(url)
      transport.send(recorder.outgoing(handshake))
      yield* recorder.untilAnswered(0)
      for (let id = 1; id <= 40; id++) transport.send(recorder.request(id))
      while (requests.length < 17) yield* Effect.sleep("5 millis")
      // Requests hold their sockets and no more; what ends one of them gets through.
      transport.send(recorder.outgoing({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } }))
      while (!requests.some(({ message }) => message.method === "notifications/cancelled")) {
        yield* Effect.sleep("5 millis")
      }
      expect(yield* Effect.promise(sockets)).toBeLessThanOrEqual(18)
      yield* close
      expect(recorder.told.filter(({ kind }) => kind !== "message")).toEqual([
        { kind: "closed", reason: "closed by this side" }
      ])
      while ((yield* Effect.promise(sockets)) > 0) yield* Effect.sleep("5 millis")
    })
  )

  it.scopedLive(
    "reads events, takes an answer only on the stream of its request, and resumes a stream that was cut",
    () =>
      Effect.gen(function* () {
        const { requests, url } = yield* web(({ headers, message, method }, response) => {
          if (method === "GET") {
            expect(headers["last-event-id"]).toBe("e2")
            sse(response).end(event({ id: 2, result: { text: "é" } }))
          } else if (message.id === 1) {
            const bytes = Buffer.from(
              event({ method: "notifications/progress", params: {} }) +
                event({ id: 99, result: {} }) +
                "data: oops\n\n" +
                event({ id: 1, result: { text: "é" } })
            )
            sse(response)
            for (const byte of bytes) response.write(Buffer.of(byte))
            response.end()
          } else sse(response).end("retry: 10\n\n" + event({ method: "notifications/message", params: {} }, "e2"))
        })
        const { recorder, transport } = yield* opened(url)
        transport.send(recorder.request(1))
        expect(yield* recorder.untilAnswered(1)).toEqual({ text: "é" })
        expect(recorder.told.map((told) => ("reason" in told ? told.reason : told.kind))).toEqual([
          "message",
          'an answer to another request: {"jsonrpc":"2.0","id":99,"result":{}}',
          "text that is not JSON: oops",
          "message"
        ])
        transport.send(recorder.request(2))
        expect(yield* recorder.untilAnswered(2)).toEqual({ text: "é" })
        expect(requests).toHaveLength(3)
      })
  )

  it.scopedLive("fails the one request whose response does not hold its answer, and goes on", () =>
    Effect.gen(function* () {
      const { requests, url } = yield* web(({ message, method }, response) => {
        if (method === "GET") sse(response).end()
        else if (message.id === 1) sse(response).end(": hello\n\n")
        else if (message.id === 2) sse(response).end(event({ method: "notifications/message", params: {} }, "e1"))
        else if (message.id === 3) sse(response).write(`data: ${"x".repeat(80_000)}`)
        else if (message.id === 4) response.destroy()
        else if (message.id === 5) response.writeHead(503).end("busy")
        else json(response, message.id)
      })
      const shown = url
      const { recorder, transport } = yield* opened(`${url}?key=hunter22`)
      const failure = (id: number) => {
        transport.send(recorder.request(id))
        return Effect.map(recorder.untilFailed(id), ({ delivery, fatal, reason }) => ({ delivery, fatal, reason }))
      }
      const lost = (reason: string) => ({ delivery: "Unknown", fatal: false, reason })
      expect(yield* failure(1)).toEqual(lost(`the stream from ${shown} ended without the answer`))
      expect(yield* failure(2)).toEqual(lost(`the stream from ${shown} ended without the answer`))
      expect(requests.filter(({ method }) => method === "GET")).toHaveLength(3)
      expect(yield* failure(3)).toEqual(
        lost(`${shown} sent a message of more than 65536 bytes, which Limits.messageBytes allows`)
      )
      expect(yield* failure(4)).toEqual(
        lost(`the exchange with ${shown} was cut off (the other side closed the connection)`)
      )
      expect(yield* failure(5)).toEqual(lost(`${shown} answered 503: the server failed; it says: busy`))
      transport.send(recorder.request(6))
      expect(yield* recorder.untilAnswered(6)).toEqual({ ok: true })
    })
  )

  it.scopedLive("ends when the session is lost: what found it out fails, and nothing is heard after the end", () =>
    Effect.gen(function* () {
      const { requests, url } = yield* web(({ message }, response) => {
        if (message.method === "initialize") json(response, 0, { "mcp-session-id": "s1" })
        else
          response.writeHead(404).end(JSON.stringify({ jsonrpc: "2.0", id: null, error: { code: 1, message: "gone" } }))
      })
      const { recorder, transport } = yield* opened(url)
      transport.send(recorder.outgoing(handshake))
      yield* recorder.untilAnswered(0)
      const reason = "the server no longer knows the session (404); it says: gone"
      transport.send(recorder.request(1))
      expect(yield* recorder.untilFailed(1)).toMatchObject({ delivery: "NotSent", fatal: true, status: 404, reason })
      expect(yield* recorder.untilClosed).toBe(reason)
      const late = recorder.request(2)
      transport.send(late)
      expect(late.handedOver).toBe(false)
      expect(recorder.told.map(({ kind }) => kind)).toEqual(["message", "failed", "closed"])
      expect(requests).toHaveLength(2)
    })
  )

  it.scopedLive("ends when nobody listens any more, with a request that certainly did not run", () =>
    Effect.gen(function* () {
      const { server, url } = yield* web(({ message }, response) => json(response, message.id))
      const { recorder, transport } = yield* opened(url)
      transport.send(recorder.request(1))
      yield* recorder.untilAnswered(1)
      yield* Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
      // The first may still find the socket of the one before.
      transport.send(recorder.request(2))
      yield* recorder.until((told) => (told.kind === "failed" && told.id === 2 ? true : undefined))
      const refused = recorder.request(3)
      transport.send(refused)
      const reason = `nobody listens at ${url} (connection refused)`
      expect(yield* recorder.untilClosed).toBe(reason)
      const failures = recorder.told.flatMap((told) => (told.kind === "failed" ? [told.failure] : []))
      expect(failures.at(-1)).toMatchObject({ delivery: "NotSent", fatal: true, reason })
      expect(refused.handedOver).toBe(false)
    })
  )

  it.scopedLive(
    "says at once that the connection is of no use when a cut stream cannot be resumed, and that it may have run",
    () =>
      Effect.gen(function* () {
        const { requests, url } = yield* web(({ message, method }, response) => {
          if (message.method === "initialize") json(response, 0, { "mcp-session-id": "s1" })
          else if (method === "GET") response.writeHead(404).end()
          else sse(response).end(event({ method: "notifications/message", params: {} }, "e1"))
        })
        const { recorder, transport } = yield* opened(url)
        transport.send(recorder.outgoing(handshake))
        yield* recorder.untilAnswered(0)
        transport.send(recorder.request(1))
        expect(yield* recorder.untilFailed(1)).toMatchObject({
          delivery: "Unknown",
          fatal: true,
          reason: `the stream from ${url} ended without the answer: the server no longer knows the session (404)`
        })
        expect(requests.filter(({ method }) => method === "GET")).toHaveLength(1)
      })
  )

  it.scopedLive("follows a redirect within the origin, and never one to another", () =>
    Effect.gen(function* () {
      const other = yield* web(({ message }, response) => json(response, message.id))
      const { url } = yield* web(({ message }, response) => {
        if (message.id === 0) response.writeHead(307, { location: other.url }).end()
        else if (response.req.url === "/mcp") response.writeHead(308, { location: "/mcp/" }).end()
        else json(response, message.id)
      })
      const { recorder, transport } = yield* opened(url)
      transport.send(recorder.request(1))
      expect(yield* recorder.untilAnswered(1)).toEqual({ ok: true })
      expect((yield* refusal(url)).reason).toBe(
        `${url} answered 307: a redirect to ${other.url} that is not followed; give the final URL`
      )
      expect(other.requests).toHaveLength(0)
    })
  )
})

describe("a handshake over HTTP that fails", () => {
  it.scopedLive("says why, and whether trying again may help", () =>
    Effect.gen(function* () {
      const answers: Array<(response: ServerResponse) => void> = []
      const { server, url } = yield* web(({ method }, response) => {
        // It is no old server, either.
        if (method === "GET") response.writeHead(405).end()
        else answers.shift()?.(response)
      })
      const status = (status: number, body = "") => {
        answers.push((response) => response.writeHead(status).end(body))
        return refusal(`${url.replace("//", "//user:hunter22@")}?key=hunter33`, {
          headers: { "x-api-key": "hunter44" }
        })
      }
      const dial = (reason: string, retryable: boolean, delivery = "Unknown") => ({
        phase: "dial",
        reason,
        retryable,
        delivery
      })
      expect(yield* status(401, "no: hunter22 hunter33 hunter44")).toEqual(
        dial(
          `${url} answered 401 (unauthorized): it wants a credential, or does not take the configured one; ` +
            "check `headers`; it says: no: «redacted» «redacted» «redacted»",
          false,
          "NotSent"
        )
      )
      expect((yield* status(403)).retryable).toBe(false)
      expect((yield* status(404, "<html>Not found</html>")).reason).toBe(
        `${url} answered 404 (not found): no MCP endpoint is there; check the path of the URL`
      )
      expect((yield* status(405)).retryable).toBe(false)
      expect(yield* status(500, "oh no")).toEqual(dial(`${url} answered 500: the server failed; it says: oh no`, true))
      expect((yield* status(429)).retryable).toBe(true)

      answers.push((response) => response.writeHead(200, { "content-type": "text/html; charset=x" }).end("<html>"))
      expect(yield* refusal(url)).toEqual(dial(`${url} answered with text/html instead of MCP; check the URL`, false))
      answers.push((response) => response.writeHead(200, { "content-type": "application/json" }).end("{}"))
      expect(yield* refusal(url)).toEqual(dial(`${url} answered with JSON that is not MCP; check the URL`, false))
      answers.push((response) => sse(response).end())
      expect(yield* refusal(url)).toEqual({
        phase: "handshake",
        reason: `the stream from ${url} ended without the answer`,
        retryable: true,
        delivery: "Unknown"
      })
      server.close()
      server.closeAllConnections()
      expect(yield* refusal(url)).toEqual({
        phase: "dial",
        reason: `nobody listens at ${url} (connection refused)`,
        retryable: true,
        delivery: "NotSent"
      })
      expect(yield* refusal(url.replace("http:", "https:"))).toMatchObject({ delivery: "NotSent" })
    })
  )

  it.scopedLive("refuses a URL or a header that cannot be used, and shows no secret", () =>
    Effect.gen(function* () {
      const refused = (url: string, more?: Partial<ServerConfig.HttpServer>) =>
        Effect.map(Effect.flip(opened(url, more)), ({ phase, reason, retryable }) => {
          expect(phase).toBe("dial")
          expect(retryable).toBe(false)
          return reason
        })
      expect(yield* refused("user:hunter22@host/mcp?key=hunter22")).not.toContain("hunter22")
      expect(yield* refused("ftp://host/")).toBe(
        "url: expected an address that begins with http:// or https://, found one that begins with ftp:"
      )
      expect(yield* refused("http://host/", { headers: { "x y": "1" } })).toBe(
        'headers["x y"]: is not the name of a header'
      )
      expect(yield* refused("http://host/", { headers: { key: "hunter\n22" } })).toBe(
        "headers.key: expected text without line breaks and other characters that no header can hold"
      )
    })
  )
})
