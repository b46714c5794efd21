/**
 * What belongs to the sockets under HTTP connections: certificates, proxies, compression. A reference: without one
 * provided, the defaults hold.
 *
 * @since 0.1.0
 */
import { McpError, type ServerKey } from "@mooring/mcp"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { X509Certificate } from "node:crypto"
import { createSecureContext } from "node:tls"

/**
 * Certificates, as PEM text: what stands in the files, not their paths.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tls {
  /**
   * Authorities that are trusted besides those that Node brings along. What `NODE_EXTRA_CA_CERTS` names is not trusted then,
   * so name it here, too: Node replaces its list, and versions of it that are supported cannot be asked for all of it.
   */
  readonly ca?: string | ReadonlyArray<string> | undefined
  /** The certificate that this client shows, its chain included. */
  readonly cert?: string | undefined
  /** The key of `cert`, and the passphrase of the key if it has one. */
  readonly key?: Redacted.Redacted<string> | undefined
  readonly passphrase?: Redacted.Redacted<string> | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  /**
   * Certificates for every server, or for the connections of one key: a client certificate is an identity, and
   * connections with different ones never share a socket. A function gives the same object for the same certificates.
   */
  readonly tls: Tls | ((key: ServerKey.ServerKey) => Tls | undefined) | undefined
  /**
   * Whether `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are honoured, read from the current `ConfigProvider` (by default
   * the environment). This machine is never reached through a proxy. Default true.
   */
  readonly proxyFromEnvironment: boolean
  /** Whether responses may be compressed. The limit of a message holds for what was decompressed. Default false. */
  readonly compression: boolean
  /** How old a socket may be when it is used for another request; a name may have moved since. Default: 10 minutes. */
  readonly socketLifetime: Duration.DurationInput
}

/**
 * @since 0.1.0
 * @category constants
 */
export const defaults: Settings = {
  tls: undefined,
  proxyFromEnvironment: true,
  compression: false,
  socketLifetime: "10 minutes"
}

/**
 * Read when a connector is made.
 *
 * @since 0.1.0
 * @category references
 */
export class SocketSettings extends Context.Reference<SocketSettings>()("@mooring/node/SocketSettings", {
  defaultValue: (): Settings => defaults
}) {}

/**
 * Other settings for all that is built on this layer; what is not said is at its default. Fails with a `ConfigError`
 * where `tls` cannot be used (no PEM text, a key of another certificate, a wrong passphrase), which would otherwise be
 * a failed handshake, or not be seen at all. What a function gives for `tls` is not known here, and not looked at.
 *
 * @example
 * ```ts
 * import { FileSystem } from "@effect/platform"
 * import { NodeFileSystem } from "@effect/platform-node"
 * import { NodeMcp, SocketSettings } from "@mooring/node"
 * import { Effect, Layer, Redacted } from "effect"
 *
 * const sockets = Layer.unwrapEffect(
 *   Effect.gen(function* () {
 *     const fs = yield* FileSystem.FileSystem
 *     const ca = yield* fs.readFileString("/etc/ssl/corporate-ca.pem")
 *     const cert = yield* fs.readFileString("/run/secrets/client.pem")
 *     const key = Redacted.make(yield* fs.readFileString("/run/secrets/client.key"))
 *     return SocketSettings.layer({ tls: { ca, cert, key } })
 *   })
 * ).pipe(Layer.provide(NodeFileSystem.layer))
 *
 * export const MainLive = NodeMcp.layerConfigFile("mooring.json").pipe(Layer.provide(sockets))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (settings: Partial<Settings>): Layer.Layer<never, McpError.ConfigError> =>
  Layer.suspend(() => {
    const { tls } = settings
    const wrong = tls === undefined || typeof tls === "function" ? undefined : problem(tls)
    return wrong === undefined
      ? Layer.succeed(SocketSettings, { ...defaults, ...settings })
      : Layer.fail(new McpError.ConfigError({ path: `SocketSettings.tls.${wrong.field}`, reason: wrong.reason }))
  })

interface Problem {
  readonly field: string
  readonly reason: string
}

const problem = (tls: Tls): Problem | undefined => {
  const { ca, cert } = tls
  const authorities =
    typeof ca === "string" ? [["ca", ca] as const] : (ca ?? []).map((one, i) => [`ca[${i}]`, one] as const)
  const field = [...authorities, ["cert", cert] as const].find(
    ([, text]) => text !== undefined && !isCertificate(text)
  )?.[0]
  return field === undefined
    ? unusableKey(tls)
    : { field, reason: "expected a certificate as PEM text (-----BEGIN CERTIFICATE-----), not the path of its file" }
}

/** Node itself passes over what it cannot read among authorities. Of several in one text, this looks at the first. */
const isCertificate = (text: string): boolean => {
  try {
    return new X509Certificate(text).subject !== undefined
  } catch {
    return false
  }
}

const unusableKey = ({ cert, key, passphrase }: Tls): Problem | undefined => {
  if (cert === undefined && key === undefined) return undefined
  if (cert === undefined)
    return { field: "cert", reason: "expected the certificate that the key belongs to, found nothing" }
  if (key === undefined) return { field: "key", reason: "expected the key of the certificate, found nothing" }
  try {
    createSecureContext({
      cert,
      key: Redacted.value(key),
      ...(passphrase === undefined ? {} : { passphrase: Redacted.value(passphrase) })
    })
    return undefined
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined
    if (code === "ERR_OSSL_X509_KEY_VALUES_MISMATCH")
      return { field: "key", reason: "is the key of another certificate than `cert`" }
    if (code === "ERR_OSSL_BAD_DECRYPT")
      return passphrase === undefined
        ? { field: "passphrase", reason: "expected one, since the key is encrypted" }
        : { field: "passphrase", reason: "does not decrypt the key" }
    return {
      field: "key",
      reason: "expected a private key as PEM text (-----BEGIN PRIVATE KEY-----), not the path of its file"
    }
  }
}
