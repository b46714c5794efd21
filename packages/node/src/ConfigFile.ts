/**
 * The files in which people already have their MCP servers: `mcpServers` (Claude Desktop, Claude Code, Cursor) or
 * `servers` and `inputs` (VS Code), as JSON with comments. Reading, parsing and expanding are apart: `parse` is pure,
 * `open` reads a file and its env files and runs nothing, `servers` gives what the pool can use. A file that was merely
 * found names programs to run: ask `Trust` before you use its servers.
 *
 * Our own settings stand in each server's entry under one key, `mooring`:
 * `{ "command": "npx", "args": ["-y", "x"], "mooring": { "concurrency": 8 } }`.
 *
 * @since 0.1.0
 */
import { FileSystem } from "@effect/platform/FileSystem"
import { Path } from "@effect/platform/Path"
import { ConfigIssue, McpError, type ServerConfig } from "@mooring/mcp"
import * as Arr from "effect/Array"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as ConfigEntry from "./internal/ConfigEntry.js"
import * as ConfigExpansion from "./internal/ConfigExpansion.js"
import * as ConfigSource from "./internal/ConfigSource.js"
import * as JsonDocument from "./internal/JsonDocument.js"
import * as Template from "./internal/Template.js"

/**
 * The files that `find` looks for, in the order of preference within one folder.
 *
 * @since 0.1.0
 * @category constants
 */
export const fileNames: ReadonlyArray<string> = ["mooring.json", ".mcp.json", "mcp.json", ".vscode/mcp.json"]

/**
 * A server as it stands in the file: nothing is expanded yet, values of variables and headers are redacted.
 *
 * @since 0.1.0
 * @category models
 */
export type Entry = ConfigEntry.ConfigEntry

/**
 * A configuration file that was read. Nothing in it was run, and no variable of the environment is in it.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConfigFile {
  /** Absolute. */
  readonly path: string
  /** The folder of the project: the file's own, or the one that holds `.vscode` or `.cursor`. */
  readonly folder: string
  /** All text that decides what will run: the file's, followed by that of each env file it names. `Trust` hashes it. */
  readonly content: string
  /** The files that decide it: itself, and each env file that its servers name, whether or not that could be read. */
  readonly sources: ReadonlyArray<string>
  /** The servers by name, in the order of the file, disabled ones and those of a kind that is not supported included. */
  readonly entries: ReadonlyMap<string, Entry>
  /** What is most likely a mistake, though nothing fails by it. */
  readonly warnings: ReadonlyArray<string>
  /** VS Code's inputs by id, with their defaults. */
  readonly inputs: ReadonlyMap<string, string | undefined>
  /** By server, what its env file holds, or why that could not be read. */
  readonly envFiles: ReadonlyMap<string, Either.Either<ReadonlyMap<string, Redacted.Redacted<string>>, string>>
  /** ` (line 3, column 7)` of what stands at a path of the file. */
  readonly positionOf: (path: ReadonlyArray<string | number>) => string
}

/**
 * What can be said when servers are taken from a file.
 *
 * @since 0.1.0
 * @category models
 */
export interface Selection {
  /**
   * Only these servers; what is wrong in others (a variable that is not set) does not matter then. Default: all that
   * are not disabled.
   */
  readonly only?: ReadonlyArray<string> | undefined
}

/**
 * Parses the text of a configuration file. Env files are not looked at, `open` does that.
 *
 * Fails with one `ConfigError` that names the first problem by its path and lists the others: not JSON (with line and
 * column), a name twice, a field of the wrong type, an unknown setting under `mooring`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const parse = (source: {
  readonly path: string
  readonly folder: string
  readonly text: string
}): Either.Either<ConfigFile, McpError.ConfigError> =>
  Either.gen(function* () {
    const file = source.path
    const document = yield* Either.mapLeft(JsonDocument.parse(source.text), (issues) =>
      ConfigIssue.toError(issues, { file })
    )
    const refuse = (...issues: Arr.NonEmptyReadonlyArray<ConfigIssue.ConfigIssue>) =>
      Either.left(ConfigIssue.toError(issues, { file, positionOf: document.positionOf }))

    const root = document.value
    if (!Predicate.isRecord(root))
      return yield* refuse({ path: [], reason: `expected an object, found ${ConfigIssue.found(root)}` })
    const [key, other] = ["mcpServers", "servers"].filter((name) => Object.hasOwn(root, name))
    if (key === undefined) return yield* refuse({ path: [], reason: noServers(root) })
    if (other !== undefined) {
      return yield* refuse({ path: [other], reason: `expected "mcpServers" or "servers", found both; keep one` })
    }
    const listed = root[key]
    if (!Predicate.isRecord(listed)) {
      return yield* refuse({
        path: [key],
        reason: `expected an object of servers by name, found ${ConfigIssue.found(listed)}`
      })
    }
    const inputs = yield* Either.mapLeft(parseInputs(root["inputs"]), (issue) =>
      ConfigIssue.toError([issue], { file, positionOf: document.positionOf })
    )
    const [issues, parsed] = Arr.separate(
      Object.entries(listed).map(([name, value]) => ConfigEntry.parse(name, value, [key, name]))
    )
    const [first, ...rest] = issues.flat()
    if (first !== undefined) return yield* refuse(first, ...rest)
    return {
      path: source.path,
      folder: source.folder,
      content: source.text,
      sources: [source.path],
      entries: new Map(parsed.map(({ entry }) => [entry.name, entry])),
      warnings: parsed.flatMap(({ warnings }) =>
        warnings.map(
          (issue) => `${file}: ${ConfigIssue.showPath(issue.path)}: ${issue.reason}${document.positionOf(issue.path)}`
        )
      ),
      inputs,
      envFiles: new Map(),
      positionOf: document.positionOf
    }
  })

/**
 * Reads and parses a configuration file, and the env files that its servers name. Runs nothing.
 *
 * Fails with a `ConfigError` when the file cannot be read (it is missing, not readable, not a file, larger than 1 MiB,
 * not UTF-8), and as `parse` does. An env file that cannot be read fails only when its server is used.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (path: string): Effect.Effect<ConfigFile, McpError.ConfigError, FileSystem | Path> =>
  Effect.gen(function* () {
    const paths = yield* Path
    const absolute = paths.resolve(path)
    const text = yield* Effect.mapError(
      ConfigSource.read(absolute),
      (reason) => new McpError.ConfigError({ file: absolute, reason })
    )
    const file = yield* parse({ path: absolute, folder: projectFolder(absolute, paths), text })
    const envFiles = new Map<string, Either.Either<ReadonlyMap<string, Redacted.Redacted<string>>, string>>()
    let content = file.content
    const sources = [...file.sources]
    for (const entry of file.entries.values()) {
      if (entry._tag !== "Stdio" || entry.envFile === undefined || entry.disabled) continue
      const scope = yield* makeScope(file, [entry.envFile])
      const place = envPath(entry.envFile, scope)
      if (Either.isRight(place)) sources.push(place.right)
      const read = yield* Effect.either(readEnvFile(place))
      if (Either.isRight(read)) content += `\0${read.right.path}\0${read.right.text}`
      envFiles.set(entry.name, Either.flatMap(read, parseEnvFile))
    }
    return { ...file, content, sources, envFiles }
  })

/**
 * The servers of a file, ready for the pool: `${…}` replaced by what the current `ConfigProvider` has (by default the
 * environment of this process), env files merged in, every variable and header redacted. Disabled servers are left
 * out. The working folder is the project's unless the file says another: a file means the same from wherever it is used.
 *
 * Fails with a `ConfigError` when a variable is not set, an env file cannot be read, an address is none, a kind of
 * server is not supported, an input has no default, or `only` names a server that the file does not have.
 *
 * @since 0.1.0
 * @category combinators
 */
export const servers = (
  file: ConfigFile,
  selection?: Selection
): Effect.Effect<ReadonlyMap<string, ServerConfig.ServerConfig>, McpError.ConfigError, Path> =>
  Effect.gen(function* () {
    const known = [...file.entries.keys()]
    const missing = selection?.only?.find((name) => !file.entries.has(name))
    if (missing !== undefined) {
      const has = known.length === 0 ? "it has none" : `it has ${known.map((name) => `"${name}"`).join(", ")}`
      const reason = `there is no server "${missing}" in this file${ConfigIssue.didYouMean(missing, known)} (${has})`
      return yield* new McpError.ConfigError({ file: file.path, reason })
    }
    const wanted = [...file.entries.values()].filter(
      (entry) => !entry.disabled && (selection?.only?.includes(entry.name) ?? true)
    )
    const scope = yield* makeScope(file, wanted.flatMap(ConfigExpansion.texts))
    const [issues, configs] = Arr.separate(
      wanted.map((entry) => Either.map(ConfigExpansion.expand(entry, scope), (config) => [entry.name, config] as const))
    )
    const [first, ...rest] = issues.flat()
    if (first !== undefined) {
      return yield* ConfigIssue.toError([first, ...rest], { file: file.path, positionOf: file.positionOf })
    }
    return new Map(configs)
  })

/**
 * Opens a file and takes its servers. For a file that the application or its user named; one that was merely found
 * goes through `Trust` between `open` and `servers`. Warnings are logged.
 *
 * @since 0.1.0
 * @category constructors
 */
export const load = (
  path: string,
  selection?: Selection
): Effect.Effect<ReadonlyMap<string, ServerConfig.ServerConfig>, McpError.ConfigError, FileSystem | Path> =>
  open(path).pipe(
    Effect.tap(warn),
    Effect.flatMap((file) => servers(file, selection))
  )

/**
 * Logs what is most likely a mistake in it.
 *
 * @since 0.1.0
 * @category combinators
 */
export const warn = ({ warnings }: ConfigFile): Effect.Effect<void> =>
  Effect.forEach(warnings, (warning) => Effect.logWarning(warning), { discard: true })

/**
 * The nearest configuration file: the first of `fileNames` in the folder, else in the one above, and so on.
 *
 * @since 0.1.0
 * @category constructors
 */
export const find = (folder: string): Effect.Effect<Option.Option<string>, never, FileSystem | Path> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem
    const paths = yield* Path
    let current = paths.resolve(folder)
    while (true) {
      for (const name of fileNames) {
        const candidate = paths.join(current, name)
        // What cannot be looked at is not there for us.
        const info = yield* Effect.option(fs.stat(candidate))
        if (Option.isSome(info) && info.value.type === "File") return Option.some(candidate)
      }
      const above = paths.dirname(current)
      if (above === current) return Option.none()
      current = above
    }
  })

/**
 * What a server runs or where it is, as the file has it: a line for a list. Variables are not expanded.
 *
 * @since 0.1.0
 * @category combinators
 */
export const target = (entry: Entry): string =>
  entry._tag === "Stdio" ? [entry.command, ...entry.args].join(" ") : (entry.url ?? "")

const noServers = (root: Readonly<Record<string, unknown>>): string => {
  const hint = Object.keys(root).map((name) => ConfigIssue.didYouMean(name, ["mcpServers", "servers"]))
  return `expected ${ConfigIssue.oneOf(["mcpServers", "servers"])}, found neither${hint.find((text) => text !== "") ?? ""}`
}

const parseInputs = (
  value: unknown
): Either.Either<ReadonlyMap<string, string | undefined>, ConfigIssue.ConfigIssue> => {
  if (value === undefined) return Either.right(new Map())
  if (!Array.isArray(value))
    return Either.left({ path: ["inputs"], reason: `expected an array, found ${ConfigIssue.found(value)}` })
  return Either.right(
    new Map(
      value.flatMap((input: unknown): ReadonlyArray<readonly [string, string | undefined]> => {
        if (!Predicate.isRecord(input) || typeof input["id"] !== "string") return []
        return [[input["id"], typeof input["default"] === "string" ? input["default"] : undefined]]
      })
    )
  )
}

const projectFolder = (file: string, paths: Path): string => {
  const folder = paths.dirname(file)
  return [".vscode", ".cursor"].includes(paths.basename(folder)) ? paths.dirname(folder) : folder
}

type Scope = ConfigExpansion.ExpansionScope

const makeScope = (file: ConfigFile, texts: ReadonlyArray<string>): Effect.Effect<Scope, never, Path> =>
  Effect.gen(function* () {
    const paths = yield* Path
    const variables = new Map<string, string>()
    for (const name of new Set(["HOME", "USERPROFILE", ...texts.flatMap(Template.variablesIn)])) {
      const value = yield* Effect.option(Config.string(name))
      if (Option.isSome(value)) variables.set(name, value.value)
    }
    const home = variables.get("HOME") ?? variables.get("USERPROFILE")
    return {
      variables,
      inputs: file.inputs,
      places: new Map([
        ["workspaceFolder", file.folder],
        ["workspaceFolderBasename", paths.basename(file.folder)],
        ["pathSeparator", paths.sep],
        ["/", paths.sep],
        ...(home === undefined ? [] : [["userHome", home] as const])
      ]),
      folder: file.folder,
      resolve: (folder, path) => paths.resolve(folder, path),
      envFile: (entry) =>
        Either.map(file.envFiles.get(entry.name) ?? Either.left("was not read"), (read) => {
          return new Map([...read].map(([name, value]) => [name, Redacted.value(value)]))
        })
    }
  })

interface EnvFile {
  readonly path: string
  readonly text: string
}

const envPath = (written: string, scope: Scope): Either.Either<string, string> =>
  Either.map(Template.expand(written, scope), (expanded) => scope.resolve(scope.folder, expanded))

const readEnvFile = (place: Either.Either<string, string>): Effect.Effect<EnvFile, string, FileSystem> =>
  Effect.gen(function* () {
    const path = yield* place
    const text = yield* Effect.mapError(ConfigSource.read(path), (reason) => `${path}: ${reason}`)
    return { path, text }
  })

const parseEnvFile = (file: EnvFile) =>
  ConfigSource.parseEnvFile(file.text).pipe(
    Either.map((variables) => new Map([...variables].map(([name, value]) => [name, Redacted.make(value)]))),
    Either.mapLeft((reason) => `${file.path}: ${reason}`)
  )
