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

// The description belongs to the field; the schema of its value keeps its own, which error messages quote.
const doc = <A, I, R>(schema: Schema.Schema<A, I, R>, description: string) =>
  Schema.optional(schema).annotations({ description })

const required = <A, I, R>(schema: Schema.Schema<A, I, R>, description: string) =>
  Schema.propertySignature(schema).annotations({ description })

const PositiveInt = Schema.Int.pipe(Schema.positive())
const NonNegativeInt = Schema.Int.pipe(Schema.nonNegative())

const settings = {
  isolation: doc(
    Schema.Literal("shared", "perPartition", "exclusive"),
    "Who shares a connection: any caller (`shared`, the default), callers of one partition (`perPartition`), or one lease at a time (`exclusive`)."
  ),
  concurrency: doc(
    PositiveInt,
    "Calls side by side on one connection. Default: stdio 1, since not every server can take calls side by side; HTTP 32."
  ),
  min: doc(NonNegativeInt, "Connections kept ready. Default 0."),
  max: doc(
    PositiveInt,
    "Connections at most. Default: stdio 1, since a stdio connection is a process with a state of its own; HTTP 2."
  ),
  maxIdle: doc(NonNegativeInt, "Idle connections at most; a return above it closes the surplus. Default: `max`."),
  maxWaiters: doc(
    NonNegativeInt,
    "Callers that may wait at once; more fail with PoolSaturated. Default: stdio 256, HTTP 1000."
  ),
  connectTimeout: doc(
    Span,
    "Until a connection must be ready. Default: stdio 60 s (npx, uvx and the like: 180 s, since a cold one installs first), HTTP 10 s."
  ),
  acquireTimeout: doc(
    Span,
    "How long a call waits for a connection. Default 30 s; while no connection is up, at least the connect timeout."
  ),
  callTimeout: doc(Span, "How long a call waits for its answer, or for progress. Default 60 s, as the SDK's."),
  totalTimeout: doc(Span, "How long a call may take in all, progress or not. Default 10 minutes."),
  idleTimeToLive: doc(Span, "An idle connection is closed after this. Default: stdio 5 minutes, HTTP 10 minutes."),
  disabled: doc(Schema.Boolean, "Configured, but not to be used. Default false.")
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
 * it has from where the configuration was made, never from a caller. A request whose headers cannot be computed is not
 * sent.
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
  type: doc(Schema.Literal("stdio"), "May be left out where `command` is given."),
  command: required(Schema.NonEmptyString, "The program; found on PATH. Started without a shell."),
  args: doc(Schema.Array(Schema.String), "Its arguments. Default none."),
  cwd: doc(Schema.String, "Its working folder. Default: that of this process."),
  env: doc(
    Schema.Record({ key: Schema.String, value: Secret }),
    "Variables added to the safe default environment (HOME, PATH, … as the SDK has it)."
  ),
  inheritEnv: doc(Schema.Boolean, "Whether the server gets this process's whole environment. Default false."),
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
  type: doc(Schema.Literal("http"), "May be left out where `url` is given."),
  url: required(Schema.NonEmptyString, "The MCP endpoint, http or https."),
  headers: doc(
    Schema.Union(FixedHeaders, Computed),
    "Headers of every request, or a function of the server key that gives an effect of them, run for each request. Default none."
  ),
  listen: doc(
    Schema.Boolean,
    "Whether to hear what the server says by itself, outside of any call: one more stream (GET) for each connection, where the server offers it. Default false."
  ),
  allowInsecure: doc(
    Schema.Boolean,
    "Whether credentials may go to another machine without TLS (http). Default false: that is refused."
  ),
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
  headers: doc(FixedHeaders, "Headers of every request. Default none.")
}).annotations({ identifier: "HttpServer" })

/**
 * What one server can be given.
 *
 * @since 0.1.0
 * @category models
 */
export const ServerConfig = Schema.Union(StdioServer, HttpServer).annotations({ identifier: "ServerConfig" })

/** @since 0.1.0 @category models */
export type StdioServer = typeof StdioServer.Type
/** @since 0.1.0 @category models */
export type HttpServer = typeof HttpServer.Type
/** @since 0.1.0 @category models */
export type ServerConfig = typeof ServerConfig.Type

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
  readonly idleTimeToLive: number
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
  const max = config.max ?? Math.max(stdio ? 1 : 2, config.min ?? 0)
  return {
    isolation: config.isolation ?? "shared",
    concurrency: config.concurrency ?? (stdio ? 1 : 32),
    min: config.min ?? 0,
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
    idleTimeToLive: ms(config.idleTimeToLive, stdio ? "5 minutes" : "10 minutes")
  }
}

/**
 * Every value of the configuration that must not be shown: of environment variables, of headers, and in the URL of the
 * query and the password, as it is and as HTTP sends it. Headers that are computed are not known here; the transport
 * hides them.
 *
 * @since 0.1.0
 * @category combinators
 */
export const secrets = (config: ServerConfig): ReadonlyArray<string> =>
  isStdio(config)
    ? Object.values(config.env ?? {}).map(reveal)
    : [...Object.values(configuredHeaders(config)).map(reveal), ...secretsOfUrl(config.url)]

const secretsOfUrl = (text: string): ReadonlyArray<string> => {
  if (!URL.canParse(text)) return []
  const url = new URL(text)
  return [...url.searchParams.values(), decoded(url.password), basicCredentials(url) ?? ""].filter(
    (secret) => secret !== ""
  )
}

/**
 * User and password of a URL as the header `authorization` has them behind `Basic`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const basicCredentials = (url: URL): string | undefined => {
  const [user, password] = [decoded(url.username), decoded(url.password)]
  return user === "" && password === "" ? undefined : Encoding.encodeBase64(`${user}:${password}`)
}

const decoded = (text: string): string => {
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
 * The text of a value that may be redacted.
 *
 * @since 0.1.0
 * @category combinators
 */
export const reveal = (value: string | Redacted.Redacted<string>): string =>
  typeof value === "string" ? value : Redacted.value(value)
