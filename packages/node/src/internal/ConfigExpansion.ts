/**
 * From a server as it stands in a file to the `ServerConfig` that it means: `${…}` replaced, the env file merged in,
 * folders made absolute. Pure: variables and env files were read before.
 */
import { type ConfigIssue, ServerCheck, type ServerConfig } from "@mooring/mcp"
import { isNonEmptyReadonlyArray, type NonEmptyReadonlyArray } from "effect/Array"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import type { ConfigEntry, HttpEntry, StdioEntry } from "./ConfigEntry.js"
import * as Template from "./Template.js"

export interface ExpansionScope extends Template.Scope {
  /** The folder of the project that the file belongs to, absolute. */
  readonly folder: string
  /** Joins a folder and a path that may be absolute. */
  readonly resolve: (folder: string, path: string) => string
  /** What an env file holds, or why it could not be read. */
  readonly envFile: (entry: StdioEntry) => Either.Either<ReadonlyMap<string, string>, string>
}

/** Every text of an entry in which references are replaced. */
export const texts = (entry: ConfigEntry): ReadonlyArray<string> => {
  switch (entry._tag) {
    case "Stdio": {
      const env = [...entry.env.values()].flatMap((value) => (value === null ? [] : [Redacted.value(value)]))
      return [entry.command, ...entry.args, entry.cwd ?? "", entry.envFile ?? "", ...env]
    }
    case "Http":
      return [entry.url, ...[...entry.headers.values()].map(Redacted.value)]
    case "Malformed":
      return []
  }
}

export const expand = (
  entry: ConfigEntry,
  scope: ExpansionScope
): Either.Either<ServerConfig.ServerConfig, NonEmptyReadonlyArray<ConfigIssue.ConfigIssue>> => {
  const issues: Array<ConfigIssue.ConfigIssue> = []
  const replace = (text: string, ...path: ConfigIssue.ConfigPath): string =>
    Either.getOrElse(Template.expand(text, scope), (reason) => {
      issues.push({ path: [...entry.path, ...path], reason })
      return ""
    })
  if (entry._tag === "Malformed") {
    return Either.left([{ path: entry.path, reason: "is disabled, and not well-formed" }])
  }
  const config = entry._tag === "Stdio" ? stdio(entry, scope, replace, issues) : http(entry, replace)
  if (isNonEmptyReadonlyArray(issues)) return Either.left(issues)
  const broken = ServerCheck.rules(config).map((issue) => ({
    ...issue,
    path: [...entry.path, ...inFile(entry, issue.path)]
  }))
  return isNonEmptyReadonlyArray(broken) ? Either.left(broken) : Either.right(config)
}

type Replace = (text: string, ...path: ConfigIssue.ConfigPath) => string

const stdio = (
  entry: StdioEntry,
  scope: ExpansionScope,
  replace: Replace,
  issues: Array<ConfigIssue.ConfigIssue>
): ServerConfig.StdioServer => {
  const env = new Map<string, Redacted.Redacted<string>>()
  if (entry.envFile !== undefined) {
    Either.match(scope.envFile(entry), {
      onLeft: (reason) => void issues.push({ path: [...entry.path, "envFile"], reason }),
      onRight: (variables) => variables.forEach((value, name) => env.set(name, Redacted.make(value)))
    })
  }
  for (const [name, value] of entry.env) {
    if (value === null) env.delete(name)
    else env.set(name, Redacted.make(replace(Redacted.value(value), "env", name)))
  }
  return {
    command: replace(entry.command, "command"),
    args: entry.args.map((argument, index) => replace(argument, "args", index)),
    cwd: entry.cwd === undefined ? scope.folder : scope.resolve(scope.folder, replace(entry.cwd, "cwd")),
    // `fromEntries` makes `__proto__` a key like any other.
    env: Object.fromEntries(env),
    ...timeout(entry),
    ...entry.settings
  }
}

const http = (entry: HttpEntry, replace: Replace): ServerConfig.HttpServer => ({
  url: replace(entry.url, entry.urlKey),
  headers: Object.fromEntries(
    [...entry.headers].map(([name, value]) => [name, Redacted.make(replace(Redacted.value(value), "headers", name))])
  ),
  ...timeout(entry),
  ...entry.settings
})

const timeout = (entry: ConfigEntry) => (entry.timeout === undefined ? {} : { callTimeout: entry.timeout })

/** Where a field of a `ServerConfig` stands in the file. */
const inFile = (entry: StdioEntry | HttpEntry, path: ConfigIssue.ConfigPath): ConfigIssue.ConfigPath => {
  const [field] = path
  if (entry._tag === "Http" && field === "url") return [entry.urlKey]
  return typeof field === "string" && Object.hasOwn(entry.settings, field) ? ["mooring", ...path] : path
}
