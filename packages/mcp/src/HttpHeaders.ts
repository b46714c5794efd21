/**
 * What every request of one connection carries in its headers, and which of it must not be shown. The lists are made
 * once and shared by requests until the handshake adds to them; only those that the configuration computes are made
 * for each request. Owns nothing.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redaction from "./Redaction.js"
import * as ServerCheck from "./ServerCheck.js"
import * as ServerConfig from "./ServerConfig.js"
import type { ServerKey } from "./ServerKey.js"

/**
 * What a request is for. `post` sends a message, `listen` asks for events, `end` ends the session.
 *
 * @since 0.1.0
 * @category models
 */
export type Purpose = "post" | "listen" | "end"

/**
 * @since 0.1.0
 * @category models
 */
export class HttpHeaders {
  /** Hides the values of headers, the password and the query's values. */
  redaction: Redaction.Redaction
  private session: string | undefined
  private version: string | undefined
  private readonly configured: ReadonlyArray<string> | undefined
  private readonly basic: ReadonlyArray<string>
  private readonly secrets: ReadonlyArray<string>
  private readonly made = new Map<Purpose, ReadonlyArray<string>>()
  private last = ""

  constructor(
    private readonly key: ServerKey,
    private readonly config: ServerConfig.HttpServer,
    url: URL,
    private readonly acceptEncoding: string
  ) {
    const basic = ServerConfig.basicCredentials(url)
    this.basic = basic === undefined ? [] : ["authorization", `Basic ${basic}`]
    this.secrets = ServerConfig.secrets(config)
    this.redaction = Redaction.make(this.secrets)
    this.configured = typeof config.headers === "function" ? undefined : this.list(config.headers ?? {})
  }

  /** Whether headers are computed for each request, so that a credential may change. */
  get computes(): boolean {
    return this.configured === undefined
  }

  /** Told to the connection by the answer to its handshake. */
  get sessionId(): string | undefined {
    return this.session
  }

  set sessionId(id: string | undefined) {
    this.session = id
    this.made.clear()
  }

  set protocolVersion(version: string) {
    this.version = version
    this.made.clear()
  }

  /** The headers, if they need not be computed. */
  fixed(purpose: Purpose): ReadonlyArray<string> | undefined {
    if (this.configured === undefined) return undefined
    const made = this.made.get(purpose)
    if (made !== undefined) return made
    const headers = this.all(purpose, this.configured)
    this.made.set(purpose, headers)
    return headers
  }

  /** The headers, computed. Fails with why they cannot be. */
  compute(purpose: Purpose, withinNanos: number): Effect.Effect<ReadonlyArray<string>, string> {
    const { headers } = this.config
    if (typeof headers !== "function") return Effect.sync(() => this.fixed(purpose) ?? [])
    return Effect.suspend(() => headers(this.key)).pipe(
      Effect.timeout(Duration.nanos(BigInt(withinNanos))),
      Effect.catchAllCause((cause) =>
        // What it failed with may quote a credential that is not known here.
        Effect.zipRight(
          Effect.logWarning(`The headers for MCP server "${this.key.toString()}" could not be computed`, cause),
          Effect.fail("its headers could not be computed; the log says why")
        )
      ),
      Effect.flatMap((values) => {
        const [wrong] = ServerCheck.headers(values)
        if (wrong !== undefined) return Effect.fail(`a computed header is not usable: ${wrong.reason}`)
        this.hide(Object.values(values).map(ServerConfig.reveal))
        return Effect.succeed(this.all(purpose, this.list(values)))
      })
    )
  }

  /** What was computed before may still be on its way back in a server's words: the last two are hidden. */
  private hide(values: ReadonlyArray<string>): void {
    const now = values.join("\n")
    if (now === this.last) return
    this.redaction = Redaction.make([...this.secrets, ...values, ...this.last.split("\n")])
    this.last = now
  }

  private list(values: ServerConfig.HeaderValues): ReadonlyArray<string> {
    const entries = Object.entries(values).map(([name, value]) => [name.toLowerCase(), ServerConfig.reveal(value)])
    const own = entries.filter(([name]) => name !== undefined && !ours.has(name))
    return own.some(([name]) => name === "authorization") ? own.flat() : [...this.basic, ...own.flat()]
  }

  private all(purpose: Purpose, configured: ReadonlyArray<string>): ReadonlyArray<string> {
    return [
      ...configured,
      ...(purpose === "post" ? ["content-type", "application/json"] : []),
      "accept",
      purpose === "post" ? "application/json, text/event-stream" : purpose === "listen" ? "text/event-stream" : "*/*",
      "accept-encoding",
      this.acceptEncoding,
      ...(this.session === undefined ? [] : ["mcp-session-id", this.session]),
      ...(this.version === undefined ? [] : ["mcp-protocol-version", this.version])
    ]
  }
}

/** What the protocol sets, or HTTP: a configuration that did would break either. */
const ours = new Set([
  "content-type",
  "accept",
  "accept-encoding",
  "mcp-session-id",
  "mcp-protocol-version",
  "last-event-id",
  "connection",
  "keep-alive",
  "upgrade",
  "content-length",
  "transfer-encoding",
  "expect"
])
