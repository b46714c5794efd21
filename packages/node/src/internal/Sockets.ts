/**
 * The sockets of one connector: each origin's are shared by the connections to it that show the same certificate, and
 * closed when the last of these is.
 */
import { type HttpCarrier, McpError, ServerCheck, type ServerKey } from "@mooring/mcp"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { rootCertificates } from "node:tls"
import { SocketSettings, type Tls } from "../SocketSettings.js"
import { accepted } from "./Decoder.js"
import { OriginSockets } from "./OriginSockets.js"
import { ProxySockets } from "./ProxySockets.js"

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

/** Addresses of proxies, by the scheme that goes through them, and the hosts that do not. */
interface Proxies {
  readonly http: string | undefined
  readonly https: string | undefined
  readonly except: string
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
  const proxies = settings.proxyFromEnvironment ? yield* fromEnvironment : noProxies
  const clock = yield* Effect.clock
  const shared = new Map<Tls | undefined, Map<string, Shared>>()
  const lifetime = Duration.toMillis(settings.socketLifetime) * 1e6

  const acquire = (
    key: ServerKey.ServerKey,
    origin: string,
    timeout: number
  ): Effect.Effect<HttpCarrier.HttpCarrier, McpError.McpConnectError, Scope.Scope> => {
    const proxy = proxyOf(origin, proxies)
    if (proxy !== undefined && !isProxy.test(proxy)) return noProxy(key.toString())
    return Effect.acquireRelease(
      // Loaded when it is first needed: a program that speaks stdio alone starts a tenth of a second sooner.
      Effect.map(
        Effect.promise(() => import("undici")),
        ({ buildConnector, Client, EnvHttpProxyAgent }) => {
          const tls = typeof settings.tls === "function" ? settings.tls(key) : settings.tls
          const ofTls = shared.get(tls) ?? new Map<string, Shared>()
          shared.set(tls, ofTls)
          const name = `${origin} ${timeout}`
          const known = ofTls.get(name)
          if (known !== undefined) {
            known.users++
            return { entry: known, ofTls, name, tls }
          }
          const connect = { timeout, ...(tls === undefined ? {} : options(tls)) }
          const decompresses = settings.compression
          const carrier: Carrier =
            proxy === undefined
              ? new OriginSockets({
                  origin,
                  decompresses,
                  lifetime,
                  now: () => Number(clock.unsafeCurrentTimeNanos()),
                  Client,
                  connector: buildConnector(connect)
                })
              : new ProxySockets({ origin, decompresses, connect, proxy, except: proxies.except, EnvHttpProxyAgent })
          const entry: Shared = { carrier, users: 1 }
          ofTls.set(name, entry)
          return { entry, ofTls, name, tls }
        }
      ),
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

const options = ({ ca, cert, key, passphrase }: Tls) => ({
  ...(ca === undefined ? {} : { ca: [...rootCertificates, ...(typeof ca === "string" ? [ca] : ca)] }),
  ...(cert === undefined ? {} : { cert }),
  ...(key === undefined ? {} : { key: Redacted.value(key) }),
  ...(passphrase === undefined ? {} : { passphrase: Redacted.value(passphrase) })
})

const noProxies: Proxies = { http: undefined, https: undefined, except: "" }

/** As every command-line program reads them: the names in small letters win. */
const fromEnvironment: Effect.Effect<Proxies> = Effect.gen(function* () {
  const variable = (name: string) =>
    Config.option(Config.orElse(Config.string(name.toLowerCase()), () => Config.string(name))).pipe(
      Effect.map(Option.getOrUndefined),
      // A provider that cannot read at all has no proxy to say.
      Effect.orElseSucceed(() => undefined)
    )
  const http = yield* variable("HTTP_PROXY")
  return { http, https: (yield* variable("HTTPS_PROXY")) ?? http, except: (yield* variable("NO_PROXY")) ?? "" }
})

const proxyOf = (origin: string, proxies: Proxies): string | undefined => {
  const url = new URL(origin)
  const named = url.protocol === "https:" ? proxies.https : proxies.http
  if (named === undefined || named === "" || ServerCheck.isLoopback(url.hostname)) return undefined
  // Other programs take it without a scheme, and so do people write it.
  const address = named.includes("://") ? named : `http://${named}`
  return URL.canParse(address) ? new URL(address).href : ""
}

const isProxy = /^(https?|socks5?):/

const noProxy = (server: string): Effect.Effect<never, McpError.McpConnectError> => {
  // The address may hold a password.
  const reason = "what HTTPS_PROXY or HTTP_PROXY names is no address of a proxy, such as http://host:port; correct it"
  return Effect.fail(new McpError.McpConnectError({ server, phase: "dial", reason, retryable: false }))
}
