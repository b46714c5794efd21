/**
 * Where an HTTP server is and what every request to it carries, checked before anything is sent, and how it may be
 * shown: without credentials and query, in which people keep keys. Values only.
 *
 * @since 0.1.0
 */
import { ConfigIssue, McpError, Redaction, ServerCheck, ServerConfig } from "@mooring/mcp"
import * as Effect from "effect/Effect"
import { Buffer } from "node:buffer"

/**
 * @since 0.1.0
 * @category models
 */
export interface HttpAddress {
  /** Without user, password and fragment. */
  readonly url: URL
  /** The configured headers, by lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  /** The URL for people. */
  readonly shown: string
  /** Hides the values of headers, the password and the query's values. */
  readonly redaction: Redaction.Redaction
}

/**
 * Fails with `McpConnectError` in phase `dial`, not to be tried again, when the URL, a header or a setting is not
 * usable. A user and password in the URL become basic authorization, unless a header says otherwise.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  server: string,
  config: ServerConfig.HttpServer
): Effect.Effect<HttpAddress, McpError.McpConnectError> =>
  Effect.suspend(() => {
    // The pool has looked at it already; a connector may be used without one.
    const [wrong] = ServerCheck.rules(config)
    if (wrong !== undefined) {
      const reason = `${ConfigIssue.showPath(wrong.path)}: ${wrong.reason}`
      return Effect.fail(new McpError.McpConnectError({ server, phase: "dial", reason, retryable: false }))
    }
    const url = new URL(config.url)
    const headers = new Map<string, string>()
    const secrets = [...ServerConfig.secrets(config), ...url.searchParams.values()]
    if (url.username !== "" || url.password !== "") {
      const [user, password] = [decode(url.username), decode(url.password)]
      const basic = Buffer.from(`${user}:${password}`).toString("base64")
      headers.set("authorization", `Basic ${basic}`)
      secrets.push(password, basic)
    }
    for (const [name, value] of Object.entries(config.headers ?? {})) {
      headers.set(name.toLowerCase(), ServerConfig.reveal(value))
    }
    url.username = url.password = url.hash = ""
    return Effect.succeed({
      url,
      // `fromEntries` makes `__proto__` a header like any other.
      headers: Object.fromEntries(headers),
      shown: show(url.href),
      redaction: Redaction.make(secrets)
    })
  })

/** A URL without user, password, query and fragment. */
const show = (url: string): string => url.replace(/[?#].*$/s, "").replace(/^([^/]*\/\/)?[^/]*@/, "$1")

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
