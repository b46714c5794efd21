/**
 * What a server can be given: how to reach it, and how its connections are pooled. One schema for programs and for
 * files; each field says its unit and default. Defaults depend on the transport and are filled in by `resolve`.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Encoding from "effect/Encoding"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type { ServerKey } from "./ServerKey.js"

const Secret = Schema.Union(Schema.String, Schema.RedactedFromSelf(Schema.String))

// `Duration.decodeUnknown` turns NaN and negative input silently into zero, which is never what was meant.
const isNegative = (input: unknown): boolean =>
  typeof input === "number"
    ? !(input >= 0)
    : typeof input === "bigint"
      ? input < 0n
      : typeof input === "string" && input.startsWith("-")

const Span = Schema.declare(
  (input): input is Duration.DurationInput =>
    Predicate.isNotNullable(input) &&
    !isNegative(input) &&
    Duration.decodeUnknown(input).pipe((option) => option._tag === "Some"),
  {
    identifier: "Duration",
    description: 'a duration (milliseconds, or text like "30 seconds")'
  }
)

const Timetable = Schema.declare((input): input is Schedule.Schedule<unknown> => Schedule.isSchedule(input), {
  identifier: "Schedule",
  description: "a Schedule"
})

const PositiveInt = Schema.Int.pipe(Schema.positive())
const NonNegativeInt = Schema.Int.pipe(Schema.nonNegative())

/**
 * What one tool of a server can be given. A call and the tool's own `McpTool` may say otherwise.
 *
 * @since 0.1.0
 * @category models
 */
export const ToolConfig = Schema.Struct({
  /** As the server's `callTimeout`, for this tool. Default: the server's. */
  callTimeout: Schema.optional(Span),
  /** As the server's `totalTimeout`, for this tool. Default: the server's. */
  totalTimeout: Schema.optional(Span),
  /** Whether a call that was lost and may have run is run again. Default: as `trustHints` has it. */
  mayRunTwice: Schema.optional(Schema.Boolean)
}).annotations({ identifier: "ToolConfig" })

/** @since 0.1.0 @category models */
export type ToolConfig = typeof ToolConfig.Type

/**
 * How often a server is called at most. Each call of a tool counts once, when its turn comes, whatever becomes of it.
 *
 * @since 0.1.0
 * @category models
 */
export const RateLimit = Schema.Struct({
  /** So many calls … */
  calls: PositiveInt,
  /** … in this time, evenly spread but for `burst`. */
  per: Span,
  /** So many may come at once, after a time without any. Default: `calls`. */
  burst: Schema.optional(PositiveInt),
  /**
   * Whether a call that comes too early waits for its turn, as long as that comes within `acquireTimeout` (`wait`, the
   * default), or fails at once (`fail`); both with `RateLimited`.
   */
  mode: Schema.optional(Schema.Literal("wait", "fail"))
}).annotations({ identifier: "RateLimit" })

/** @since 0.1.0 @category models */
export type RateLimit = typeof RateLimit.Type

/**
 * What a server may ask of us: text of a language model (`sampling`, with tools that the model may use, with context of
 * its own), what a person fills in (`elicitation.form`) or does at an address (`elicitation.url`), the folders that are
 * worked in (`roots`).
 *
 * @since 0.1.0
 * @category models
 */
export const Question = Schema.Literal(
  "sampling",
  "sampling.tools",
  "sampling.context",
  "elicitation.form",
  "elicitation.url",
  "roots"
)

/** @since 0.1.0 @category models */
export type Question = typeof Question.Type

const settings = {
  /**
   * Who shares a connection: any caller (`shared`, the default), callers of one partition (`perPartition`), or one
   * lease at a time (`exclusive`).
   */
  isolation: Schema.optional(Schema.Literal("shared", "perPartition", "exclusive")),
  /** Calls side by side on one connection. Default: stdio 1, since not every server can take that; HTTP 32. */
  concurrency: Schema.optional(PositiveInt),
  /** Connections kept ready. Default 0; 1 for a server that is `required`. */
  min: Schema.optional(NonNegativeInt),
  /** Connections at most. Default: stdio 1, since a stdio connection is a process with a state of its own; HTTP 2. */
  max: Schema.optional(PositiveInt),
  /** Idle connections at most; a return above it closes the surplus. Default: `max`. */
  maxIdle: Schema.optional(NonNegativeInt),
  /** Callers that may wait at once; more fail with PoolSaturated. Default: stdio 256, HTTP 1000. */
  maxWaiters: Schema.optional(NonNegativeInt),
  /**
   * Until a connection must be ready. Default: stdio 60 s (npx, uvx and the like: 180 s, since a cold one installs
   * first), HTTP 10 s.
   */
  connectTimeout: Schema.optional(Span),
  /** How long a call waits for a connection. Default 30 s; while no connection is up, at least the connect timeout. */
  acquireTimeout: Schema.optional(Span),
  /** How long a call waits for its answer, or for progress. Default 60 s, as the SDK's. */
  callTimeout: Schema.optional(Span),
  /** How long a call may take in all, progress or not. Default 10 minutes. */
  totalTimeout: Schema.optional(Span),
  /** Settings of single tools, by their names: `callTimeout`, `totalTimeout`, `mayRunTwice`. Default none. */
  tools: Schema.optional(Schema.Record({ key: Schema.String, value: ToolConfig })),
  /**
   * Whether a tool that the server calls read-only or idempotent may run twice. Default false: the specification has
   * hints untrusted.
   */
  trustHints: Schema.optional(Schema.Boolean),
  /** An idle connection is closed after this. Default: stdio 5 minutes, HTTP 10 minutes. */
  idleTimeToLive: Schema.optional(Span),
  /** The tools that may be listed and called, by name; * stands for any text. Default: all that `denyTools` does not name. */
  allowTools: Schema.optional(Schema.Array(Schema.NonEmptyString)),
  /**
   * Tools that are not listed, and may not be called, even where `allowTools` names them; * stands for any text. Default
   * none.
   */
  denyTools: Schema.optional(Schema.Array(Schema.NonEmptyString)),
  /**
   * Whether `structuredContent` is checked against the `outputSchema` that the server declares for the tool; a call may
   * say otherwise. Default false.
   */
  checkOutput: Schema.optional(Schema.Boolean),
  /**
   * How many tool calls a server is given in a time, over all its connections, for each partition apart. Default: as
   * many as come.
   */
  rateLimit: Schema.optional(RateLimit),
  /**
   * How often the list of tools is asked for again while its server is in use; in a program also a `Schedule`. Default
   * 15 minutes; `Infinity` for never.
   */
  catalogueRefresh: Schema.optional(Schema.Union(Span, Timetable)),
  /**
   * What the server is told in the handshake that it may ask, whoever answers: the application's handlers
   * (`McpHandlers.layer`), or those that a session or a call brings, which must be named here if the application has none
   * of their kind. What nobody is there to answer is refused. None: `[]`. Default: what the application's handlers answer.
   */
  mayAsk: Schema.optional(Schema.Array(Question)),
  /**
   * Whether nothing starts without this server: it is connected before the layer is ready, which else fails. It then has
   * a `min` of at least 1. Default false.
   */
  required: Schema.optional(Schema.Boolean),
  /** Configured, but not to be used. Default false. */
  disabled: Schema.optional(Schema.Boolean)
}

/**
 * Headers by name.
 *
 * @since 0.1.0
 * @category models
 */
export type HeaderValues = Readonly<Record<string, string | Redacted.Redacted<string>>>

/**
 * Headers that are computed for each request, so that a token that was renewed is used at once. What the effect needs
 * it has from where the configuration was made, never from a caller. The key says for whom: its `partition`, which is
 * "shared" unless the server's isolation is `perPartition`. A request whose headers cannot be computed is not sent.
 * What the effect fails with may quote a credential, so no error and no log shows more of it than its tag or name: an
 * effect that should say more logs it itself.
 *
 * @since 0.1.0
 * @category models
 */
export type ComputedHeaders = (key: ServerKey) => Effect.Effect<HeaderValues, unknown>

const Computed = Schema.declare((input): input is ComputedHeaders => typeof input === "function", {
  identifier: "ComputedHeaders",
  description: "a function that gives an effect of headers"
})

/**
 * A server that is a child process, spoken to over its stdin and stdout.
 *
 * @since 0.1.0
 * @category models
 */
export const StdioServer = Schema.Struct({
  /** May be left out where `command` is given. */
  type: Schema.optional(Schema.Literal("stdio")),
  /** The program; found on PATH. Started without a shell. */
  command: Schema.NonEmptyString,
  /** Its arguments. Default none. */
  args: Schema.optional(Schema.Array(Schema.String)),
  /** Its working folder. Default: that of this process. */
  cwd: Schema.optional(Schema.String),
  /** Variables added to the safe default environment (HOME, PATH, … as the SDK has it). */
  env: Schema.optional(Schema.Record({ key: Schema.String, value: Secret })),
  /** Whether the server gets this process's whole environment. Default false. */
  inheritEnv: Schema.optional(Schema.Boolean),
  ...settings
}).annotations({ identifier: "StdioServer" })

const FixedHeaders = Schema.Record({ key: Schema.String, value: Secret })

/**
 * A server reached over Streamable HTTP.
 *
 * @since 0.1.0
 * @category models
 */
export const HttpServer = Schema.Struct({
  /** May be left out where `url` is given. The same for old servers (HTTP+SSE): they are known by how they answer. */
  type: Schema.optional(Schema.Literal("http")),
  /** The MCP endpoint, http or https. No place for secrets: it is shown where servers are listed. */
  url: Schema.NonEmptyString,
  /**
   * Headers of every request, or a function of the server key that gives an effect of them, run for each request. What
   * the protocol sets by itself (`Accept`, `Content-Type`, `Mcp-Session-Id` and the like) is left out. Default none.
   */
  headers: Schema.optional(Schema.Union(FixedHeaders, Computed)),
  /**
   * Whether to hear what the server says by itself, outside of any call: one more stream (GET) for each connection,
   * where the server offers it. Default false: only while somebody reads what it tells (`McpClient.resourceUpdates`,
   * `listChanges`, `logs`).
   */
  listen: Schema.optional(Schema.Boolean),
  /**
   * Whether credentials may go to another machine without TLS (http). Default false: that is refused. Headers that are
   * redacted, computed or named like a credential count as one, and so do a password in the `url` and values of its query
   * that are named so.
   */
  allowInsecure: Schema.optional(Schema.Boolean),
  ...settings
}).annotations({ identifier: "HttpServer" })

/**
 * A server reached over Streamable HTTP, whose headers are written down, as they are in files.
 *
 * @since 0.1.0
 * @category models
 */
export const FixedHttpServer = Schema.Struct({
  ...HttpServer.fields,
  /**
   * Headers of every request. What the protocol sets by itself (`Accept`, `Content-Type`, `Mcp-Session-Id` and the
   * like) is left out. Default none.
   */
  headers: Schema.optional(FixedHeaders)
}).annotations({ identifier: "HttpServer" })

/**
 * What one server can be given.
 *
 * @since 0.1.0
 * @category models
 */
export const ServerConfig = Schema.Union(StdioServer, HttpServer).annotations({ identifier: "ServerConfig" })

// Interfaces, since what the compiler and an editor say of one has its name, and not all of its fields.
/** @since 0.1.0 @category models */
export interface StdioServer extends Schema.Schema.Type<typeof StdioServer> {}
/** @since 0.1.0 @category models */
export interface HttpServer extends Schema.Schema.Type<typeof HttpServer> {}
/** @since 0.1.0 @category models */
export interface FixedHttpServer extends Schema.Schema.Type<typeof FixedHttpServer> {}
/** @since 0.1.0 @category models */
export type ServerConfig = StdioServer | HttpServer

/**
 * Whether the server is a child process.
 *
 * @since 0.1.0
 * @category refinements
 */
export const isStdio = (config: ServerConfig): config is StdioServer => "command" in config

/**
 * A server's pool settings with every default filled in. Durations in milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  readonly isolation: "shared" | "perPartition" | "exclusive"
  readonly concurrency: number
  readonly min: number
  readonly max: number
  readonly maxIdle: number
  readonly maxWaiters: number
  readonly connectTimeout: number
  readonly acquireTimeout: number
  readonly callTimeout: number
  readonly totalTimeout: number
  readonly trustHints: boolean
  readonly idleTimeToLive: number
  readonly checkOutput: boolean
  /** `undefined` for none. */
  readonly rateLimit: RateLimit | undefined
  /** `undefined` for never. */
  readonly catalogueRefresh: Schedule.Schedule<unknown> | undefined
}

const installers = /(^|[\\/])(npx|npm|pnpx|pnpm|bunx|uvx|uv|pipx|docker|podman)(\.cmd|\.exe)?$/

/**
 * Fills in the defaults of the server's transport. The reason for each stands with its field.
 *
 * @since 0.1.0
 * @category combinators
 */
export const resolve = (config: ServerConfig): Settings => {
  const ms = (input: Duration.DurationInput | undefined, otherwise: Duration.DurationInput) =>
    Duration.toMillis(input ?? otherwise)
  const stdio = isStdio(config)
  const min = config.min ?? (config.required === true ? 1 : 0)
  const max = config.max ?? Math.max(stdio ? 1 : 2, min)
  return {
    isolation: config.isolation ?? "shared",
    concurrency: config.concurrency ?? (stdio ? 1 : 32),
    min,
    max,
    maxIdle: config.maxIdle ?? max,
    maxWaiters: config.maxWaiters ?? (stdio ? 256 : 1000),
    connectTimeout: ms(
      config.connectTimeout,
      stdio ? (installers.test(config.command) ? "180 seconds" : "60 seconds") : "10 seconds"
    ),
    acquireTimeout: ms(config.acquireTimeout, "30 seconds"),
    callTimeout: ms(config.callTimeout, "60 seconds"),
    totalTimeout: ms(config.totalTimeout, "10 minutes"),
    trustHints: config.trustHints ?? false,
    idleTimeToLive: ms(config.idleTimeToLive, stdio ? "5 minutes" : "10 minutes"),
    checkOutput: config.checkOutput ?? false,
    rateLimit: config.rateLimit,
    catalogueRefresh: timetable(config.catalogueRefresh ?? "15 minutes")
  }
}

const timetable = (input: NonNullable<ServerConfig["catalogueRefresh"]>): Settings["catalogueRefresh"] => {
  if (Schedule.isSchedule(input)) return input
  const pause = Duration.decode(input)
  return Duration.isFinite(pause) ? Schedule.spaced(pause) : undefined
}

/**
 * Every value of the configuration that must not be shown: of environment variables, of headers, and of the URL what
 * people keep keys in. Headers that are computed are not known here; the transport hides them.
 *
 * @since 0.1.0
 * @category combinators
 */
export const secrets = (config: ServerConfig): ReadonlyArray<string> =>
  isStdio(config)
    ? Object.values(config.env ?? {}).map(reveal)
    : [...Object.values(configuredHeaders(config)).map(reveal), ...secretsOf(config.url)]

/** The password, or a name that stands without one, and the values of the query. */
const secretsOf = (address: string): ReadonlyArray<string> => {
  if (!URL.canParse(address)) return []
  const url = new URL(address)
  const { basic, password, user } = credentialOf(url)
  const query = [...url.searchParams].map(([name, value]) => (value === "" ? name : value))
  return [password === "" ? user : password, basic, ...query].filter((secret) => secret !== "")
}

/**
 * The user and the password of a URL, and both as HTTP's basic authentication writes them; each `""` if there is none.
 *
 * @since 0.1.0
 * @category accessors
 */
export const credentialOf = (
  url: URL
): { readonly user: string; readonly password: string; readonly basic: string } => {
  const [user, password] = [decode(url.username), decode(url.password)]
  const basic = user === "" && password === "" ? "" : Encoding.encodeBase64(`${user}:${password}`)
  return { user, password, basic }
}

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/**
 * The headers that stand in the configuration; none when they are computed.
 *
 * @since 0.1.0
 * @category combinators
 */
export const configuredHeaders = (config: HttpServer): HeaderValues =>
  typeof config.headers === "function" ? {} : (config.headers ?? {})

/**
 * The header `Authorization` of a bearer token, redacted: `headers: { Authorization: ServerConfig.bearer(token) }`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const bearer = (token: string | Redacted.Redacted<string>): Redacted.Redacted<string> =>
  Redacted.make(`Bearer ${reveal(token)}`)

/**
 * The text of a value that may be redacted.
 *
 * @since 0.1.0
 * @category combinators
 */
export const reveal = (value: string | Redacted.Redacted<string>): string =>
  typeof value === "string" ? value : Redacted.value(value)
