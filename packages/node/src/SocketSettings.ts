/**
 * What belongs to the sockets under HTTP connections: certificates, proxies, compression. A reference: without one
 * provided, the defaults hold.
 *
 * @since 0.1.0
 */
import type { ServerKey } from "@mooring/mcp"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"

/**
 * Certificates, as PEM text.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tls {
  /** Authorities that are trusted besides those that Node trusts. */
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
