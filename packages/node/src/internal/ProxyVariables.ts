/**
 * Which proxy leads to a server, by the variables that every command-line program reads. Values only, but for the
 * reading.
 */
import { ServerCheck } from "@mooring/mcp"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** What one variable says; `name` as it is written in large letters. */
interface Variable {
  readonly name: string
  readonly value: string | undefined
}

/** What names proxies, by the scheme that goes through them, and the hosts that do not. */
export interface Proxies {
  readonly http: Variable
  readonly https: Variable
  readonly except: string
}

export interface Proxy {
  /** The variable that names it. */
  readonly variable: string
  /** Empty where it is no address of a proxy. */
  readonly address: string
}

export const none: Proxies = {
  http: { name: "HTTP_PROXY", value: undefined },
  https: { name: "HTTPS_PROXY", value: undefined },
  except: ""
}

/** From the current `ConfigProvider`. The names in small letters win. */
export const read: Effect.Effect<Proxies> = Effect.gen(function* () {
  const variable = (name: string): Effect.Effect<Variable> =>
    Config.option(Config.orElse(Config.string(name.toLowerCase()), () => Config.string(name))).pipe(
      Effect.map((value) => ({ name, value: Option.getOrUndefined(value) })),
      // A provider that cannot read at all has no proxy to say.
      Effect.orElseSucceed(() => ({ name, value: undefined }))
    )
  const http = yield* variable("HTTP_PROXY")
  const https = yield* variable("HTTPS_PROXY")
  return { http, https: https.value === undefined ? http : https, except: (yield* variable("NO_PROXY")).value ?? "" }
})

/** The proxy that leads to an origin; none for this machine, and for hosts that are excepted. */
export const proxyOf = (origin: string, proxies: Proxies): Proxy | undefined => {
  const url = new URL(origin)
  const { name, value } = url.protocol === "https:" ? proxies.https : proxies.http
  if (value === undefined || value === "" || ServerCheck.isLoopback(url.hostname)) return undefined
  if (isExcepted(url, proxies.except)) return undefined
  // Other programs take it without a scheme, and so do people write it.
  const address = value.includes("://") ? value : `http://${value}`
  const usable = URL.canParse(address) && isProxy.test(address)
  return { variable: name, address: usable ? new URL(address).href : "" }
}

const isProxy = /^(https?|socks5?):/i

/**
 * Whether `NO_PROXY` names the host: itself or a domain above it, with or without `.` or `*.` before it, for all ports or
 * one; `*` names all.
 */
const isExcepted = ({ hostname, port, protocol }: URL, except: string): boolean => {
  const own = port === "" ? (protocol === "https:" ? "443" : "80") : port
  return except
    .toLowerCase()
    .split(/[,\s]+/)
    .filter((entry) => entry !== "")
    .some((entry) => {
      const [, host = entry, only] = /^(.+):(\d+)$/.exec(entry) ?? []
      const name = host.replace(/^\*?\./, "")
      if (only !== undefined && only !== own) return false
      return name === "*" || hostname === name || hostname.endsWith(`.${name}`)
    })
}
