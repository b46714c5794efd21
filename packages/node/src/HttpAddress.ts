/**
 * Where an HTTP server is and what every request to it carries, checked before anything is sent, and how it may be
 * shown: without credentials and query, in which people keep keys. Values only.
 *
 * @since 0.1.0
 */
import { McpError, ServerConfig } from "@mooring/mcp"
import * as Effect from "effect/Effect"
import { Buffer } from "node:buffer"
import { validateHeaderName, validateHeaderValue } from "node:http"
import * as Redaction from "./Redaction.js"

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
 * Fails with `McpConnectError` in phase `dial`, not to be tried again, when the URL or a header is not usable. A user
 * and password in the URL become basic authorization, unless a header says otherwise.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  server: string,
  config: ServerConfig.HttpServer
): Effect.Effect<HttpAddress, McpError.McpConnectError> =>
  Effect.suspend(() => {
    const refuse = (reason: string) =>
      Effect.fail(new McpError.McpConnectError({ server, phase: "dial", reason, retryable: false }))
    if (!URL.canParse(config.url)) return refuse(`${JSON.stringify(show(config.url))} is not a URL; correct \`url\``)
    const url = new URL(config.url)
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      return refuse(`a URL of an MCP server begins with http or https, not with "${url.protocol}"; correct \`url\``)
    }
    const headers: Record<string, string> = {}
    const secrets = [...ServerConfig.secrets(config), ...url.searchParams.values()]
    if (url.username !== "" || url.password !== "") {
      const [user, password] = [decode(url.username), decode(url.password)]
      const basic = Buffer.from(`${user}:${password}`).toString("base64")
      headers["authorization"] = `Basic ${basic}`
      secrets.push(password, basic)
    }
    for (const [name, value] of Object.entries(config.headers ?? {})) {
      const wrong = wrongHeader(name, ServerConfig.reveal(value))
      if (wrong !== undefined) return refuse(wrong)
      headers[name.toLowerCase()] = ServerConfig.reveal(value)
    }
    url.username = url.password = url.hash = ""
    return Effect.succeed({ url, headers, shown: show(url.href), redaction: Redaction.make(secrets) })
  })

/**
 * A URL, or what was meant to be one, without user, password, query and fragment.
 *
 * @since 0.1.0
 * @category combinators
 */
export const show = (url: string): string => url.replace(/[?#].*$/s, "").replace(/^([^/]*\/\/)?[^/]*@/, "$1")

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

// The errors of Node's own checks are not passed on: they quote the value.
const wrongHeader = (name: string, value: string): string | undefined => {
  try {
    validateHeaderName(name)
  } catch {
    return `${JSON.stringify(name)} is not a name that a header may have; correct \`headers\``
  }
  try {
    validateHeaderValue(name, value)
    return undefined
  } catch {
    return `the value of header ${JSON.stringify(name)} has characters that a header may not have; correct \`headers\``
  }
}
