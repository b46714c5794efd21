import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { TLSSocket } from "node:tls"
import { ResponseReader } from "../src/internal/ResponseReader.js"
import * as Asking from "./fixtures/Asking.js"
import * as RawServer from "./fixtures/RawServer.js"

const pem = (name: string) =>
  readFileSync(new URL(`../../testing/test/fixtures/tls/${name}.pem`, import.meta.url), "utf8")
const ca = pem("ca")
const own = { cert: pem("server"), key: pem("server.key") }
const trusting = { certificates: { ca } }
const { answer } = RawServer

const echo = (more: RawServer.Behaviour = {}) => RawServer.echo({ tls: own, ...more })

const named = ({ origin }: RawServer.RawServer) => origin.replace("127.0.0.1", "localhost")

describe("sockets by TLS", () => {
  it.scopedLive(
    "are used again, by no more than are under way at once, and fail nothing when the server ends them",
    () =>
      Effect.gen(function* () {
        const server = yield* echo()
        const sockets = yield* Asking.open(server.origin, trusting)
        yield* Asking.again(sockets, server)
        const ending = yield* echo({ request: ({ body }, socket) => void socket.end(answer(body)) })
        expect(yield* Asking.inTurn(yield* Asking.open(ending.origin, trusting), 30)).toEqual(Asking.numbers(30))
      })
  )

  it.scopedLive.each(["TLSv1.2", "TLSv1.3"] as const)("take up the session of the one before, by %s", (version) =>
    Effect.gen(function* () {
      const resumed: Array<boolean> = []
      const names: Array<unknown> = []
      const server = yield* echo({
        tls: { ...own, minVersion: version, maxVersion: version },
        accept: (socket) => {
          if (!(socket instanceof TLSSocket)) return
          resumed.push(socket.isSessionReused())
          // Its types do not say that it is told.
          names.push("servername" in socket ? socket.servername : undefined)
        },
        request: ({ body }, socket) => void socket.write(answer(body, "connection: close\r\n"))
      })
      const sockets = yield* Asking.open(named(server), trusting)
      expect(yield* Asking.inTurn(sockets, 4)).toEqual(Asking.numbers(4))
      expect(resumed).toEqual([false, true, true, true])
      // An address is no name.
      expect(yield* Asking.inTurn(yield* Asking.open(server.origin, trusting), 1)).toEqual(["0"])
      // Of a session that it takes up by 1.2, the server does not say it again.
      expect([names[0], names[4]]).toEqual(["localhost", false])
    })
  )

  it.scopedLive("are made to nobody who is not who was asked for, or whom nobody trusts: nothing is sent", () =>
    Effect.gen(function* () {
      const server = yield* echo()
      const six = yield* echo({ host: "::1" })
      expect(yield* Asking.outcome(yield* Asking.open(server.origin), "a")).toBe("tls")
      // What is trusted is that it is another.
      for (let n = 0; n < 2; n++)
        expect(yield* Asking.outcome(yield* Asking.open(six.origin, trusting), "a")).toBe("tls")
      const sockets = yield* Asking.open(six.origin, trusting)
      expect(yield* Asking.inTurn(sockets, 3)).toEqual(["tls", "tls", "tls"])
      expect([...server.requests, ...six.requests]).toEqual([])
    })
  )

  it.scopedLive.each(["TLSv1.2", "TLSv1.3"] as const)(
    "show a certificate, and fail as TLS does without, by %s",
    (version) =>
      Effect.gen(function* () {
        const server = yield* echo({ tls: { ...own, ca, requestCert: true, minVersion: version, maxVersion: version } })
        const shown = { certificates: { ca, cert: pem("client"), key: pem("client.key") } }
        expect(yield* Asking.inTurn(yield* Asking.open(server.origin, shown), 2)).toEqual(["0", "1"])
        // By 1.3, the server looks at it when the client is done.
        expect(yield* Asking.outcome(yield* Asking.open(server.origin, trusting), "a")).toBe(
          version === "TLSv1.2" ? "tls" : "tls once sent"
        )
        expect(server.requests).toHaveLength(2)
      })
  )

  it.scopedLive("fail their requests where a certificate is none, and throw nothing", () =>
    Effect.gen(function* () {
      const server = yield* echo()
      const sockets = yield* Asking.open(server.origin, { certificates: { cert: "none", key: "none" } })
      expect(yield* Asking.inTurn(sockets, 2)).toEqual(["tls", "tls"])
    })
  )

  it.scopedLive("are not made to what does not speak TLS, and nothing is understood of it without", () =>
    Effect.gen(function* () {
      const plain = yield* RawServer.open({ accept: (socket) => void socket.write("220 mail\r\n"), head: () => true })
      expect(yield* Asking.outcome(yield* Asking.open(plain.origin.replace("http", "https")), "a")).toBe("tls")
      const secure = yield* echo()
      const sockets = yield* Asking.open(secure.origin.replace("https", "http"))
      expect(yield* Asking.outcome(sockets, "a")).toBe("cutOff once sent")
      expect(yield* Asking.outcome(yield* Asking.open(plain.origin), "a")).toBe("cutOff once sent")
      // Nor to what ends before all is agreed on.
      for (const end of ["end", "destroy", "resetAndDestroy"] as const) {
        const ends = yield* RawServer.open({ accept: (socket) => void socket[end]() })
        const outcome = yield* Asking.outcome(yield* Asking.open(ends.origin.replace("http", "https")), "a")
        expect(outcome).toBe("unreachable")
      }
    })
  )

  it.scopedLive("read one after the other, whatever is done in between: one place is enough to read all into", () =>
    Effect.gen(function* () {
      let depth = 0
      let deepest = 0
      const { read } = ResponseReader.prototype
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          ResponseReader.prototype.read = function (bytes, length) {
            deepest = Math.max(deepest, ++depth)
            try {
              return read.call(this, bytes, length)
            } finally {
              depth--
            }
          }
        }),
        () => Effect.sync(() => (ResponseReader.prototype.read = read))
      )
      const big = (body: string) => `${body} `.repeat(50_000)
      const server = yield* echo({ request: ({ body }, socket) => void socket.write(answer(big(body))) })
      const sockets = yield* Asking.open(server.origin, trusting)
      const others: Array<Asking.Asked> = []
      const meddling = (asked: Asking.Asked) => {
        if (asked.told.length % 5 === 0 && others.length < 60) others.push(Asking.ask(sockets, "other"))
        if (asked.told.length % 7 === 0) others.findLast(({ told }) => told.includes("data"))?.abort()
      }
      const all = Asking.numbers(40).map((body) =>
        Asking.ask(sockets, body, { head: meddling, data: meddling, end: meddling })
      )
      for (const [n, asked] of all.entries()) {
        yield* Effect.promise(() => asked.isGone)
        expect(asked.wrong).toEqual([])
        expect(asked.body === big(`${n}`)).toBe(true)
      }
      for (const other of others) {
        const { outcome } = yield* Effect.promise(() => other.isGone)
        expect(outcome === "nothing" || outcome === big("other")).toBe(true)
      }
      expect(others.length).toBeGreaterThan(10)
      expect(deepest).toBe(1)
    })
  )
})
