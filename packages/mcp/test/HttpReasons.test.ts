import { describe, expect, it } from "@effect/vitest"
import { HttpSettings } from "@mooring/mcp"
import * as Effect from "effect/Effect"
import { opened } from "./OpenedHttp.js"

const handshake = { jsonrpc: "2.0", id: 0, method: "initialize" } as const

describe("a handshake that fails below HTTP", () => {
  const refused = (failure: object, url = "https://mcp.example.org/mcp") =>
    Effect.map(
      Effect.tap(
        opened((flown) => flown.fail(failure), { url }),
        ({ send }) => send(handshake)
      ),
      ({ heard }) => heard.failures[0]?.cause
    )

  it.scoped("says what a code means that people can do something about, and keeps the code", () =>
    Effect.gen(function* () {
      for (const [code, words] of [
        ["CERT_HAS_EXPIRED", "its certificate has expired"],
        ["ERR_TLS_CERT_ALTNAME_INVALID", "is for another name"],
        ["ERR_SSL_WRONG_VERSION_NUMBER", "the port speaks no TLS"],
        ["SELF_SIGNED_CERT_IN_CHAIN", "by `ca` of `SocketSettings.tls`"]
      ] as const) {
        expect(yield* refused({ kind: "tls", sent: false, code })).toMatchObject({
          phase: "dial",
          retryable: false,
          reason: expect.stringMatching(`failed \\(${code}\\): .*${words}`)
        })
      }
      for (const code of ["ERR_SSL_OTHER", "constructor"]) {
        expect(yield* refused({ kind: "tls", sent: false, code })).toMatchObject({
          reason: expect.stringMatching(/failed \(\w+\)$/)
        })
      }
    })
  )

  it.scoped("and is cut off says what that may be; a call that is has shown that it is not", () =>
    Effect.gen(function* () {
      expect(yield* refused({})).toMatchObject({
        reason: expect.stringMatching(/was cut off \(FAKE\); it may want a client certificate/),
        retryable: true
      })
      expect(yield* refused({}, "http://mcp.example.org/mcp")).toMatchObject({
        reason: expect.stringMatching(/was cut off \(FAKE\); if the port speaks TLS/)
      })
      const { ask, heard } = yield* opened((flown) => flown.fail({}))
      ask(1)
      expect(heard.failures).toMatchObject([{ reason: expect.stringMatching(/was cut off \(FAKE\)$/) }])
    })
  )
})

describe("HttpSettings.layer", () => {
  it.effect("has what is not said at its default", () =>
    Effect.gen(function* () {
      expect(yield* HttpSettings.HttpSettings).toEqual({ ...HttpSettings.defaults, sockets: 4 })
    }).pipe(Effect.provide(HttpSettings.layer({ sockets: 4 })))
  )
})
