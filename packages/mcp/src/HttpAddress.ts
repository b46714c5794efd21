/**
 * Where an HTTP server is, checked before anything is sent, and how that may be shown: without credentials and query,
 * in which people keep keys. Values only.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as ConfigIssue from "./ConfigIssue.js"
import { McpConnectError } from "./McpError.js"
import * as ServerCheck from "./ServerCheck.js"
import type { HttpServer } from "./ServerConfig.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface HttpAddress {
  /** As configured, user and password included. */
  readonly configured: URL
  readonly origin: string
  /** Path and query. */
  readonly path: string
  /** The URL for people. */
  readonly shown: string
}

/**
 * Fails with `McpConnectError` in phase `dial`, not to be tried again, when the URL, a header or a setting is not
 * usable.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (server: string, config: HttpServer): Effect.Effect<HttpAddress, McpConnectError> =>
  Effect.suspend(() => {
    // The pool has looked at it already; a connector may be used without one.
    const [wrong] = ServerCheck.rules(config)
    if (wrong !== undefined) {
      const reason = `${ConfigIssue.showPath(wrong.path)}: ${wrong.reason}`
      return Effect.fail(new McpConnectError({ server, phase: "dial", reason, retryable: false }))
    }
    const url = new URL(config.url)
    return Effect.succeed({
      configured: url,
      origin: url.origin,
      path: url.pathname + url.search,
      // Of the parts, and not cut out of the text: that can be written in ways which only a parser understands.
      shown: url.origin + url.pathname
    })
  })

/**
 * Where a redirect leads, as a path: only within the origin, since no other may see what a request carries, and only
 * one that keeps the method.
 *
 * @since 0.1.0
 * @category combinators
 */
export const redirect = (
  address: HttpAddress,
  from: string,
  status: number,
  location: string | undefined
): string | undefined => {
  if ((status !== 307 && status !== 308) || location === undefined) return undefined
  return within(address, from, location)
}

/**
 * A reference as it may be shown: without credentials and query.
 *
 * @since 0.1.0
 * @category accessors
 */
export const shownFrom = (address: HttpAddress, from: string, reference: string | undefined): string => {
  const base = address.origin + from
  if (reference === undefined || !URL.canParse(reference, base)) return ""
  const { host, pathname, protocol } = new URL(reference, base)
  return host === "" ? "" : `${protocol}//${host}${pathname}`
}

/**
 * The path of a reference, if it stays within the origin and brings no credential of its own.
 *
 * @since 0.1.0
 * @category combinators
 */
export const within = (address: HttpAddress, from: string, reference: string): string | undefined => {
  const base = address.origin + from
  if (!URL.canParse(reference, base)) return undefined
  const target = new URL(reference, base)
  const same =
    target.origin === address.origin &&
    target.username === "" &&
    target.password === "" &&
    // A `blob:` has the origin of the address within it, and a path that is no path.
    target.pathname.startsWith("/")
  return same ? target.pathname + target.search : undefined
}
