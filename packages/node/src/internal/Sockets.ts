/**
 * The sockets of one connector: each origin's are shared by the connections to it that show the same certificate, and
 * closed when the last of these is.
 */
import { type HttpCarrier, McpError, type ServerKey } from "@mooring/mcp"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { rootCertificates } from "node:tls"
import { SocketSettings, type Tls } from "../SocketSettings.js"
import { accepted } from "./Decoder.js"
import { OriginSockets } from "./OriginSockets.js"
import { ProxySockets } from "./ProxySockets.js"
import * as ProxyVariables from "./ProxyVariables.js"

export interface Sockets {
  /**
   * The carrier to an origin, shared with others that ask for the same. `connectTimeout` in milliseconds. Fails when the
   * origin is to be reached through a proxy whose address is none.
   */
  readonly acquire: (
    key: ServerKey.ServerKey,
    origin: string,
    connectTimeout: number
  ) => Effect.Effect<HttpCarrier.HttpCarrier, McpError.McpConnectError, Scope.Scope>
}

/** What carries requests to one origin, and ends all of its sockets. */
interface Carrier {
  readonly send: HttpCarrier.HttpCarrier["send"]
  readonly close: () => Promise<void>
}

interface Shared {
  readonly carrier: Carrier
  users: number
}

export const make: Effect.Effect<Sockets> = Effect.gen(function* () {
  const settings = yield* SocketSettings
  const proxies = settings.proxyFromEnvironment ? yield* ProxyVariables.read : ProxyVariables.none
  const clock = yield* Effect.clock
  const shared = new Map<Tls | undefined, Map<string, Shared>>()
  const now = () => Number(clock.unsafeCurrentTimeNanos())
  const lifetime = Duration.toMillis(settings.socketLifetime) * 1e6

  const acquire = (
    key: ServerKey.ServerKey,
    origin: string,
    timeout: number
  ): Effect.Effect<HttpCarrier.HttpCarrier, McpError.McpConnectError, Scope.Scope> => {
    const found = ProxyVariables.proxyOf(origin, proxies)
    if (found?.address === "") return noProxy(key.toString(), found.variable)
    const proxy = found?.address
    return Effect.acquireRelease(
      Effect.map(proxy === undefined ? Effect.succeed(undefined) : proxyAgent, (ProxyAgent) => {
        const tls = typeof settings.tls === "function" ? settings.tls(key) : settings.tls
        const ofTls = shared.get(tls) ?? new Map<string, Shared>()
        shared.set(tls, ofTls)
        const name = `${origin} ${timeout}`
        const known = ofTls.get(name)
        if (known !== undefined) {
          known.users++
          return { entry: known, ofTls, name, tls }
        }
        const certificates = tls === undefined ? {} : options(tls)
        const decompresses = settings.compression
        const carrier: Carrier =
          proxy === undefined || ProxyAgent === undefined
            ? new OriginSockets({ origin, decompresses, certificates, connectTimeout: timeout, lifetime, now })
            : new ProxySockets({ origin, decompresses, connect: { timeout, ...certificates }, proxy, ProxyAgent })
        const entry: Shared = { carrier, users: 1 }
        ofTls.set(name, entry)
        return { entry, ofTls, name, tls }
      }),
      ({ entry, name, ofTls, tls }) =>
        Effect.suspend(() => {
          entry.users--
          if (entry.users > 0) return Effect.void
          ofTls.delete(name)
          if (ofTls.size === 0 && shared.get(tls) === ofTls) shared.delete(tls)
          return Effect.promise(() => entry.carrier.close())
        })
    ).pipe(
      Effect.map(({ entry }) => ({
        acceptEncoding: settings.compression ? accepted : "identity",
        send: (request, sink) => entry.carrier.send(request, sink)
      }))
    )
  }
  return { acquire }
})

// Loaded when a proxy needs it: everybody else starts a tenth of a second sooner.
const proxyAgent = Effect.map(
  Effect.promise(() => import("undici")),
  ({ ProxyAgent }) => ProxyAgent
)

const options = ({ ca, cert, key, passphrase }: Tls) => ({
  ...(ca === undefined ? {} : { ca: [...rootCertificates, ...(typeof ca === "string" ? [ca] : ca)] }),
  ...(cert === undefined ? {} : { cert }),
  ...(key === undefined ? {} : { key: Redacted.value(key) }),
  ...(passphrase === undefined ? {} : { passphrase: Redacted.value(passphrase) })
})

const noProxy = (server: string, variable: string): Effect.Effect<never, McpError.McpConnectError> => {
  // The address may hold a password.
  const reason = `what ${variable} names is no address of a proxy, such as http://host:port; correct it`
  return Effect.fail(new McpError.McpConnectError({ server, phase: "dial", reason, retryable: false }))
}
