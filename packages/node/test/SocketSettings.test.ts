import { describe, expect, it } from "@effect/vitest"
import { SocketSettings, StdioSettings } from "@mooring/node"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { createPrivateKey } from "node:crypto"
import { readFileSync } from "node:fs"

const pem = (name: string) =>
  readFileSync(new URL(`../../testing/test/fixtures/tls/${name}.pem`, import.meta.url), "utf8")

const ca = pem("ca")
const cert = pem("client")
const plainKey = pem("client.key")
const encrypted = createPrivateKey(plainKey)
  .export({ type: "pkcs8", format: "pem", cipher: "aes-128-cbc", passphrase: "hush" })
  .toString()
const secret = (text: string) => Redacted.make(text)

describe("SocketSettings.layer", () => {
  const given = (tls: SocketSettings.Settings["tls"]) =>
    Effect.provide(SocketSettings.SocketSettings, SocketSettings.layer({ tls }))

  it.effect("changes what is said, and keeps the defaults of all else", () =>
    Effect.gen(function* () {
      const { compression, ...others } = yield* Effect.provide(
        SocketSettings.SocketSettings,
        SocketSettings.layer({ compression: true })
      )
      expect(compression).toBe(true)
      expect({ ...others, compression: false }).toEqual(SocketSettings.defaults)
    })
  )

  const usable: ReadonlyArray<readonly [string, SocketSettings.Settings["tls"]]> = [
    ["an authority", { ca }],
    ["several authorities", { ca: [ca, `${pem("server")}${ca}`] }],
    ["a certificate and its key", { cert, key: secret(plainKey) }],
    ["a key with its passphrase", { ca, cert, key: secret(encrypted), passphrase: secret("hush") }],
    ["a function, whatever it gives", () => ({ ca: "no PEM" })]
  ]
  it.effect.each(usable)("takes %s", ([, tls]) => Effect.map(given(tls), (settings) => expect(settings.tls).toBe(tls)))

  const refused: ReadonlyArray<readonly [string, SocketSettings.Tls, string]> = [
    ["the path of an authority", { ca: "/etc/ssl/ca.pem" }, "ca: expected a certificate as PEM text"],
    ["one bad authority among others", { ca: [ca, ca.slice(0, 100)] }, "ca[1]: expected a certificate as PEM text"],
    ["a key as the authority", { ca: plainKey }, "ca: expected a certificate as PEM text"],
    ["the path of a certificate", { cert: "c.pem", key: secret(plainKey) }, "cert: expected a certificate as PEM text"],
    ["a certificate without a key", { cert }, "key: expected the key of the certificate, found nothing"],
    [
      "a key without a certificate",
      { key: secret(plainKey) },
      "cert: expected the certificate that the key belongs to"
    ],
    ["the path of a key", { cert, key: secret("/run/key.pem") }, "key: expected a private key as PEM text"],
    ["another certificate's key", { cert, key: secret(pem("server.key")) }, "key: is the key of another certificate"],
    [
      "an encrypted key alone",
      { cert, key: secret(encrypted) },
      "passphrase: expected one, since the key is encrypted"
    ],
    [
      "a wrong passphrase",
      { cert, key: secret(encrypted), passphrase: secret("hash") },
      "passphrase: does not decrypt the key"
    ]
  ]
  it.effect.each(refused)("refuses %s, by its place and without its text", ([, tls, message]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(given(tls))
      expect(error.message).toContain(`SocketSettings.tls.${message}`)
      expect(error.message).not.toMatch(/hash|\.pem/)
    })
  )
})

describe("StdioSettings.layer", () => {
  it.effect("changes what is said, and keeps the defaults of all else", () =>
    Effect.gen(function* () {
      const settings = yield* Effect.provide(
        StdioSettings.StdioSettings,
        StdioSettings.layer({ exitGrace: "1 second" })
      )
      expect(settings).toEqual({ ...StdioSettings.defaults, exitGrace: "1 second" })
    })
  )
})
