/**
 * One server as it stands in a configuration file, checked but with nothing expanded yet: what a list of servers shows,
 * and what `ConfigExpansion` makes a `ServerConfig` of. Variables and headers are redacted from here on.
 */
import { ConfigIssue, ServerCheck, ServerConfig } from "@mooring/mcp"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Struct from "effect/Struct"

const StdioSettings = Schema.Struct(
  Struct.omit(ServerConfig.StdioServer.fields, "type", "command", "args", "cwd", "env")
)
const HttpSettings = Schema.Struct(Struct.omit(ServerConfig.HttpServer.fields, "type", "url", "headers"))

export type StdioSettings = typeof StdioSettings.Type
export type HttpSettings = typeof HttpSettings.Type

const hostFields = {
  type: Schema.optional(Schema.String),
  disabled: Schema.optional(Schema.Boolean),
  timeout: Schema.optional(Schema.Number.pipe(Schema.positive({ description: "a positive number of milliseconds" })))
}

const StdioFields = Schema.Struct({
  ...hostFields,
  command: Schema.NonEmptyString,
  args: Schema.optional(Schema.Array(Schema.String)),
  cwd: Schema.optional(Schema.NonEmptyString),
  env: Schema.optional(
    Schema.Record({ key: Schema.String, value: Schema.Union(Schema.String, Schema.Number, Schema.Null) })
  ),
  envFile: Schema.optional(Schema.NonEmptyString),
  mooring: Schema.optional(StdioSettings)
})

const urlKeys = ["url", "serverUrl", "httpUrl"] as const

const HttpFields = Schema.Struct({
  ...hostFields,
  url: Schema.optional(Schema.NonEmptyString),
  serverUrl: Schema.optional(Schema.NonEmptyString),
  httpUrl: Schema.optional(Schema.NonEmptyString),
  headers: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.String })),
  mooring: Schema.optional(HttpSettings)
})

interface Common {
  readonly name: string
  /** From the root of the file, for messages. */
  readonly path: ConfigIssue.ConfigPath
  readonly disabled: boolean
  /** What hosts call `timeout`. Milliseconds. */
  readonly timeout: number | undefined
}

export interface StdioEntry extends Common {
  readonly _tag: "Stdio"
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly cwd: string | undefined
  /** A `null` leaves the variable out, also where the `envFile` has it. */
  readonly env: ReadonlyMap<string, Redacted.Redacted<string> | null>
  readonly envFile: string | undefined
  readonly settings: StdioSettings
}

export interface HttpEntry extends Common {
  readonly _tag: "Http"
  readonly url: string
  /** The name that the file has for `url`. */
  readonly urlKey: string
  readonly headers: ReadonlyMap<string, Redacted.Redacted<string>>
  readonly settings: HttpSettings
}

/** A disabled server that is not well-formed: it is listed as far as it can be. */
export interface MalformedEntry extends Common {
  readonly _tag: "Malformed"
  readonly type: string
  readonly url: string | undefined
}

export type ConfigEntry = StdioEntry | HttpEntry | MalformedEntry

export interface Parsed {
  readonly entry: ConfigEntry
  readonly warnings: ReadonlyArray<ConfigIssue.ConfigIssue>
}

// An old server (`sse`) is known by how it answers.
const kinds = ["stdio", "http", "streamable-http", "streamableHttp", "streamable_http", "sse"]

/** Nothing that stands in a disabled server matters: where it is not well-formed, it is listed as far as it can be. */
export const parse = (name: string, value: unknown, path: ConfigIssue.ConfigPath): Either.Either<Parsed, Issues> =>
  Either.orElse(parseUsed(name, value, path), (issues) =>
    name !== "" && Predicate.isRecord(value) && isDisabled(value)
      ? Either.right({ entry: malformed(name, value, path), warnings: [] })
      : Either.left(issues)
  )

const isDisabled = ({ disabled, mooring }: Fields): boolean =>
  ((Predicate.isRecord(mooring) ? mooring["disabled"] : undefined) ?? disabled) === true

const malformed = (name: string, value: Fields, path: ConfigIssue.ConfigPath): MalformedEntry => {
  const { type } = value
  const implied = Object.hasOwn(value, "command") ? "stdio" : "http"
  const url = urlKeys.map((key) => value[key]).find(Predicate.isString)
  return {
    _tag: "Malformed",
    name,
    path,
    disabled: true,
    timeout: undefined,
    type: Predicate.isString(type) ? type : implied,
    url
  }
}

const parseUsed = (name: string, value: unknown, path: ConfigIssue.ConfigPath): Either.Either<Parsed, Issues> => {
  if (name === "") return Either.left([{ path, reason: "expected a server's name that is not empty" }])
  if (!Predicate.isRecord(value)) {
    return Either.left([{ path, reason: `expected an object, found ${ConfigIssue.found(value)}` }])
  }
  const { type } = value
  if (type !== undefined && (typeof type !== "string" || !kinds.includes(type))) {
    const hint = typeof type === "string" ? ConfigIssue.didYouMean(type, kinds) : ""
    const reason = `expected ${ConfigIssue.oneOf(["stdio", "http", "sse"])}, found ${ConfigIssue.found(type)}${hint}`
    return Either.left([{ path: [...path, "type"], reason }])
  }
  const remote = urlKeys.filter((key) => Object.hasOwn(value, key))
  const local = Object.hasOwn(value, "command")
  if (type === "stdio" || (type === undefined && local && remote.length === 0)) return stdio(name, value, path)
  const [urlKey] = remote
  if (urlKey !== undefined && remote.length === 1 && (type !== undefined || !local)) {
    return http(name, value, path, urlKey)
  }
  if (type !== undefined && remote.length === 0) {
    return Either.left([{ path: [...path, "url"], reason: "expected a string that is not empty, found nothing" }])
  }
  return Either.left([{ path, reason: ServerCheck.reach(value, ["command", ...urlKeys]) }])
}

type Fields = Readonly<Record<string, unknown>>
type Issues = NonEmptyReadonlyArray<ConfigIssue.ConfigIssue>

const stdio = (name: string, value: Fields, path: ConfigIssue.ConfigPath) =>
  Either.map(checkEntry(StdioFields, StdioSettings, value, path), (fields): Parsed => ({
    entry: {
      _tag: "Stdio",
      ...common(name, path, fields),
      command: fields.command,
      args: fields.args ?? [],
      cwd: fields.cwd,
      env: new Map(
        Object.entries(fields.env ?? {}).map(([key, text]) => [key, text === null ? null : Redacted.make(String(text))])
      ),
      envFile: fields.envFile,
      settings: fields.mooring ?? {}
    },
    warnings: misplaced(value, path, StdioSettings)
  }))

const http = (name: string, value: Fields, path: ConfigIssue.ConfigPath, urlKey: (typeof urlKeys)[number]) =>
  Either.map(checkEntry(HttpFields, HttpSettings, value, path), (fields): Parsed => ({
    entry: {
      _tag: "Http",
      ...common(name, path, fields),
      // `urlKey` is one that the object has, and the schema has checked it to be a string.
      url: fields[urlKey] ?? "",
      urlKey,
      headers: new Map(Object.entries(fields.headers ?? {}).map(([key, text]) => [key, Redacted.make(text)])),
      settings: fields.mooring ?? {}
    },
    warnings: misplaced(value, path, HttpSettings)
  }))

const common = (
  name: string,
  path: ConfigIssue.ConfigPath,
  fields: {
    readonly disabled?: boolean | undefined
    readonly timeout?: number | undefined
    readonly mooring?: { readonly disabled?: boolean | undefined } | undefined
  }
): Common => ({
  name,
  path,
  disabled: fields.mooring?.disabled ?? fields.disabled ?? false,
  timeout: fields.timeout
})

/** Keys of a host's own are kept as they are; those under `mooring` are all ours, so one that is not known is wrong. */
const checkEntry = <A, I, S, J>(
  fields: Schema.Schema<A, I>,
  settings: Schema.Schema<S, J>,
  value: Fields,
  path: ConfigIssue.ConfigPath
): Either.Either<A, Issues> => {
  const { mooring, ...host } = value
  const [first, ...rest] = [
    ...issuesOf(ConfigIssue.check(fields, host, path, { unknownKeys: "keep" })),
    ...(mooring === undefined
      ? []
      : issuesOf(ConfigIssue.check(settings, mooring, [...path, "mooring"], { unknownKeys: "refuse" })))
  ]
  // Both parts were checked; the schema of `fields` names the type of the whole.
  return first === undefined ? Either.right(value as A) : Either.left([first, ...rest])
}

const issuesOf = <A>(checked: Either.Either<A, Issues>): ReadonlyArray<ConfigIssue.ConfigIssue> =>
  Either.match(checked, { onLeft: (issues) => issues, onRight: () => [] })

const misplaced = (
  value: Fields,
  path: ConfigIssue.ConfigPath,
  settings: { readonly fields: object }
): ReadonlyArray<ConfigIssue.ConfigIssue> =>
  Object.keys(value)
    .filter((key) => key !== "disabled" && Object.hasOwn(settings.fields, key))
    .map((key) => ({ path: [...path, key], reason: `has no effect here; move it into "mooring": { "${key}": … }` }))
