import { describe, expect, it } from "@effect/vitest"
import { McpConnection, ServerKey } from "@mooring/mcp"
import { NodeConnector, SocketSettings } from "@mooring/node"
import { Resources } from "@mooring/testing/node"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { readFileSync } from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import { inspect } from "node:util"
import * as FaultyHttp from "./fixtures/FaultyHttp.js"

const pem = (name: string) => readFileSync(new URL(`fixtures/tls/${name}.pem`, import.meta.url), "utf8")

/** How a connect fails. */
const refusal = (url: string, tls?: SocketSettings.Tls, variables: Readonly<Record<string, string>> = {}) =>
  McpConnection.make(ServerKey.shared("web"), { url }).pipe(
    Effect.flip,
    Effect.scoped,
    Effect.provide(
      NodeConnector.layer.pipe(
        Layer.provide([
          Layer.succeed(SocketSettings.SocketSettings, { ...SocketSettings.defaults, tls }),
          Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables))))
        ])
      )
    )
  )

describe("a TLS handshake that fails says in words why, with the code, and is not made again", () => {
  const ca = pem("ca")
  const server = { cert: pem("server"), key: pem("server.key") }
  const other = { cert: pem("proxied"), key: pem("proxied.key") }
  const trust = "trust its authority by `ca` of `SocketSettings.tls`"

  for (const [title, tls, trusted, code, words] of [
    ["an authority that nobody trusts", server, undefined, "UNABLE_TO_VERIFY_LEAF_SIGNATURE", trust],
    [
      "an authority that only the server shows",
      { ...server, cert: server.cert + ca },
      undefined,
      "SELF_SIGNED_CERT_IN_CHAIN",
      trust
    ],
    ["a certificate signed by itself", other, undefined, "DEPTH_ZERO_SELF_SIGNED_CERT", "is signed by itself"],
    ["a certificate of another name", other, other.cert, "ERR_TLS_CERT_ALTNAME_INVALID", "is for another name"]
  ] as const) {
    it.live(title, () =>
      Effect.gen(function* () {
        const { url } = yield* FaultyHttp.serve(FaultyHttp.answer, tls)
        const error = yield* refusal(url, trusted === undefined ? undefined : { ca: trusted })
        expect(error).toMatchObject({ phase: "dial", retryable: false })
        expect(error.reason).toContain(`the TLS handshake with ${url} failed (${code})`)
        expect(error.reason).toContain(words)
      }).pipe(Effect.scoped, Resources.givenBack())
    )
  }

  it.live("a port that speaks plain HTTP", () =>
    Effect.gen(function* () {
      const plain = yield* FaultyHttp.serve(FaultyHttp.answer)
      plain.server.on("connection", (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))
      const error = yield* refusal(plain.url.replace("http:", "https:"))
      expect(error).toMatchObject({ phase: "dial", retryable: false })
      expect(error.reason).toContain("the port speaks no TLS")
    }).pipe(Effect.scoped, Resources.givenBack())
  )

  it.live("a client certificate that is missing", () =>
    Effect.gen(function* () {
      for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
        const strict = { ...server, ca, requestCert: true, rejectUnauthorized: true, maxVersion }
        const { url } = yield* FaultyHttp.serve(FaultyHttp.answer, strict)
        expect((yield* refusal(url, { ca })).reason, maxVersion).toMatch(
          /want(s)? a client certificate: `cert` and `key` of `SocketSettings\.tls`$/
        )
      }
    }).pipe(Effect.scoped, Resources.givenBack())
  )

  it.live("but http:// to a port that speaks TLS is cut off, and may be just that", () =>
    Effect.gen(function* () {
      const { url } = yield* FaultyHttp.serve(FaultyHttp.answer, server)
      const { reason } = yield* refusal(url.replace("https:", "http:"))
      expect(reason).toMatch(/was cut off \(.*\); if the port speaks TLS, the URL has to begin with https:\/\/$/)
    }).pipe(Effect.scoped, Resources.givenBack())
  )
})

/** A proxy that answers every CONNECT with one status. */
const refusing = (status: number) =>
  Effect.acquireRelease(
    Effect.async<{ readonly host: string; readonly close: () => Promise<void> }>((resume) => {
      const server = createServer((socket) => {
        socket.on("error", () => {})
        socket.once("data", () => socket.end(FaultyHttp.status(status)))
      })
      const close = () => new Promise<void>((done) => void server.close(() => done()))
      server.listen(0, "127.0.0.1", () => {
        // As `listen` was given a port, the address is not that of a pipe.
        const { port } = server.address() as AddressInfo
        resume(Effect.succeed({ host: `127.0.0.1:${port}`, close }))
      })
    }),
    ({ close }) => Effect.promise(close)
  )

describe("a proxy", () => {
  it.live("that refuses is named with its status and without its credentials", () =>
    Effect.gen(function* () {
      for (const [status, words, retryable] of [
        [407, ", it wants a user and password", false],
        [403, "", false],
        [502, "", true]
      ] as const) {
        const { host } = yield* refusing(status)
        for (const url of ["http://mcp.invalid/mcp", "https://mcp.invalid/mcp"]) {
          const error = yield* refusal(url, undefined, { HTTP_PROXY: `http://ada:hunter22@${host}` })
          expect(error).toMatchObject({
            phase: "dial",
            retryable,
            reason: `${url} cannot be reached (the proxy http://${host} answered ${status}${words})`
          })
          expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("hunter22")
        }
      }
    }).pipe(Effect.scoped, Resources.givenBack())
  )

  it.live("is not named for a host that it is not used for", () =>
    Effect.gen(function* () {
      const gone = yield* Effect.scoped(refusing(502))
      for (const NO_PROXY of ["mcp.invalid", ".invalid:80", "a.example, *.invalid", "*"]) {
        const { reason } = yield* refusal("http://mcp.invalid/mcp", undefined, { HTTP_PROXY: gone.host, NO_PROXY })
        expect(reason).not.toContain("proxy")
      }
      for (const NO_PROXY of ["cp.invalid", "mcp.invalid:8080", "x.mcp.invalid", ""]) {
        const { reason } = yield* refusal("http://mcp.invalid/mcp", undefined, { HTTP_PROXY: gone.host, NO_PROXY })
        expect(reason).toContain(`by way of the proxy http://${gone.host}`)
      }
    }).pipe(Effect.scoped, Resources.givenBack())
  )

  it.live("whose address is nonsense is told by the variable that names it", () =>
    Effect.gen(function* () {
      const reason = (variables: Readonly<Record<string, string>>) =>
        Effect.map(refusal("https://mcp.invalid/mcp", undefined, variables), (error) => error.reason)
      expect(yield* reason({ HTTPS_PROXY: "no such thing" })).toMatch(/^what HTTPS_PROXY names is no address/)
      expect(yield* reason({ https_proxy: "ftp://127.0.0.1" })).toMatch(/^what HTTPS_PROXY names is no address/)
      expect(yield* reason({ HTTP_PROXY: "::::" })).toMatch(/^what HTTP_PROXY names is no address/)
      const { host } = yield* refusing(502)
      expect(yield* reason({ HTTPS_PROXY: host })).toContain(`the proxy http://${host} answered 502`)
    }).pipe(Effect.scoped, Resources.givenBack())
  )
})
