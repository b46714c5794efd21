/**
 * What every request of one connection carries in its headers, and which of it must not be shown. The lists are made
 * once and shared by requests until the handshake adds to them; only those that the configuration computes are made
 * for each request. Owns nothing.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
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
  private session: string | undefined
  private version: string | undefined
  private readonly configured: ReadonlyArray<string> | undefined
  private readonly basic: ReadonlyArray<string>
  private readonly secrets: ReadonlyArray<string>
  private readonly made = new Map<Purpose, ReadonlyArray<string>>()
  /** Values of computed headers, those of one request together, the newest last. */
  private readonly recent: Array<string> = []
  private hides: Redaction.Redaction | undefined

  constructor(
    private readonly key: ServerKey,
    private readonly config: ServerConfig.HttpServer,
    url: URL,
    private readonly acceptEncoding: string
  ) {
    const { basic } = ServerConfig.credentialOf(url)
    this.basic = basic === "" ? [] : ["authorization", `Basic ${basic}`]
    this.secrets = ServerConfig.secrets(config)
    this.configured = typeof config.headers === "function" ? undefined : this.list(config.headers ?? {})
  }

  /** Whether headers are computed for each request, so that a credential may change. */
  get computes(): boolean {
    return this.configured === undefined
  }

  /**
   * Hides what the configuration keeps secret, the values of computed headers, and the id of the session, which is all
   * that others need to speak in it. Made when it is needed, which is when something went wrong.
   */
  get redaction(): Redaction.Redaction {
    return (this.hides ??= Redaction.make([
      ...this.secrets,
      ...(this.session === undefined ? [] : [this.session]),
      ...this.recent.flatMap((values) => values.split("\n"))
    ]))
  }

  /** Told to the connection by the answer to its handshake. */
  get sessionId(): string | undefined {
    return this.session
  }

  set sessionId(id: string | undefined) {
    this.session = id
    this.hides = undefined
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
      Effect.timeoutFail({
        duration: Duration.nanos(BigInt(Math.ceil(withinNanos))),
        onTimeout: () => new Unusable("its headers were not computed in time")
      }),
      Effect.flatMap((values) => {
        const [wrong] = ServerCheck.headers(values)
        if (wrong !== undefined) return Effect.fail(new Unusable(`a computed header is not usable: ${wrong.reason}`))
        this.hide(Object.values(values).map(ServerConfig.reveal))
        return Effect.succeed(this.all(purpose, this.list(values)))
      }),
      // Values that are no headers at all end here, too: types do not reach what is written in JavaScript.
      Effect.catchAllCause((cause) => Effect.fail(whyNot(Cause.squash(cause))))
    )
  }

  /** What was computed before may still be on its way back in a server's words. */
  private hide(values: ReadonlyArray<string>): void {
    const now = values.join("\n")
    if (now === this.recent.at(-1)) return
    const before = this.recent.indexOf(now)
    if (before >= 0 || this.recent.length === remembered) this.recent.splice(Math.max(before, 0), 1)
    this.recent.push(now)
    this.hides = undefined
  }

  private list(values: ServerConfig.HeaderValues): ReadonlyArray<string> {
    // One of each: HTTP does not look at the case of names.
    const own = new Map<string, string>()
    for (const [given, value] of Object.entries(values)) {
      const name = given.toLowerCase()
      if (!ours.has(name)) own.set(name, ServerConfig.reveal(value))
    }
    return own.has("authorization") ? [...own].flat() : [...this.basic, ...[...own].flat()]
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

/** The values of so many requests are hidden: more than are under way at once, should each have a token of its own. */
const remembered = 64

class Unusable {
  constructor(readonly reason: string) {}
}

/** Shows the tag or the name of an error. What it says may quote a credential that is not known here. */
const whyNot = (error: unknown): string => {
  if (error instanceof Unusable) return error.reason
  const kind = Predicate.hasProperty(error, "_tag") ? error._tag : error instanceof Error ? error.name : typeof error
  const shown = typeof kind === "string" && /^[\w@/.-]{1,80}$/.test(kind) ? kind : "error"
  return `its headers could not be computed (${shown})`
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
