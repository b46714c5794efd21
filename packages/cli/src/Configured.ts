/**
 * Which configuration the command works with: the file that was named, or the nearest one going up from the working
 * folder. What was merely found may be looked at, but gives no servers to run before its content was accepted.
 *
 * @since 0.1.0
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import { McpError, type ServerConfig } from "@mooring/mcp"
import { ConfigFile, Trust } from "@mooring/node"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { NoConfig, NotTrusted, UsageError } from "./CliError.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Configured {
  readonly file: ConfigFile.ConfigFile
  /** `Named`: by its user, which is as good as trusted. Else what is known of the content that was found. */
  readonly trust: Trust.Status | "Named"
}

/**
 * Finds and reads the configuration; runs nothing.
 *
 * @since 0.1.0
 * @category constructors
 */
export const locate = (
  named: Option.Option<string>
): Effect.Effect<Configured, NoConfig | McpError.ConfigError, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function* () {
    if (Option.isSome(named)) return { file: yield* ConfigFile.open(named.value), trust: "Named" as const }
    const path = yield* Path.Path
    const folder = path.resolve(".")
    const found = yield* ConfigFile.find(folder)
    if (Option.isNone(found)) return yield* new NoConfig({ folder, names: ConfigFile.fileNames })
    const file = yield* ConfigFile.open(found.value)
    const trust = yield* Trust.make
    return { file, trust: yield* trust.status(file.path, file.content) }
  })

/**
 * The servers that may be run: all that are not disabled, or only the one that is named. What is wrong in the
 * configuration of others does not matter then.
 *
 * @since 0.1.0
 * @category combinators
 */
export const runnable = (
  configured: Configured,
  only: Option.Option<string>
): Effect.Effect<
  ReadonlyMap<string, ServerConfig.ServerConfig>,
  NotTrusted | UsageError | McpError.ConfigError | McpError.UnknownServer,
  Path.Path
> =>
  Effect.gen(function* () {
    const { file, trust } = configured
    if (trust !== "Named" && trust !== "Trusted")
      return yield* new NotTrusted({ file: file.path, changed: trust === "Changed" })
    yield* Effect.forEach(file.warnings, (warning) => Effect.logWarning(warning), { discard: true })
    if (Option.isNone(only)) return yield* ConfigFile.servers(file)
    const entry = file.entries.get(only.value)
    if (entry === undefined) {
      return yield* new McpError.UnknownServer({ server: only.value, known: [...file.entries.keys()] })
    }
    if (entry.disabled) {
      return yield* new UsageError({
        reason: `MCP server "${only.value}" is disabled in ${file.path}.`,
        hint: 'Take out its "disabled" to use it.'
      })
    }
    return yield* ConfigFile.servers(file, { only: [only.value] })
  })
