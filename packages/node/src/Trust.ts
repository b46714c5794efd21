/**
 * Which configuration files may run. A file that was merely found names programs, so it is code that somebody else may
 * have written: its servers are not used before a person accepted exactly this content. `Trust` remembers the SHA-256
 * of what was accepted, by the file's real path, in one file of the user's own. Nothing is held open.
 *
 * The store is `trusted.json` in `$MOORING_STATE_DIR`, else `$XDG_STATE_HOME/mooring`, else (Windows)
 * `%LOCALAPPDATA%\mooring`, else `~/.local/state/mooring`.
 *
 * @example
 * ```ts
 * import { ConfigFile, Trust } from "@mooring/node"
 * import { Effect, Option } from "effect"
 *
 * export const serversOf = (folder: string) =>
 *   Effect.gen(function* () {
 *     const trust = yield* Trust.Trust
 *     const found = yield* ConfigFile.find(folder)
 *     if (Option.isNone(found)) return yield* Effect.fail("no configuration file" as const)
 *     const file = yield* ConfigFile.open(found.value)
 *     if (!(yield* trust.isTrusted(file.path, file.content))) return yield* Effect.fail("not trusted" as const)
 *     return yield* ConfigFile.servers(file)
 *   })
 * ```
 *
 * @since 0.1.0
 */
import * as FS from "@effect/platform/FileSystem"
import type { PlatformError } from "@effect/platform/Error"
import { Path } from "@effect/platform/Path"
import { McpError } from "@mooring/mcp"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import { reasonOf, read } from "./internal/ConfigSource.js"

/**
 * A file that was accepted.
 *
 * @since 0.1.0
 * @category models
 */
export const TrustedFile = Schema.Struct({
  /** Absolute, without symbolic links. */
  path: Schema.String,
  /** Of the content that was accepted, in hexadecimal. */
  sha256: Schema.String.pipe(Schema.pattern(/^[0-9a-f]{64}$/)),
  /** When, in milliseconds since 1970. */
  at: Schema.Number
})

/**
 * @since 0.1.0
 * @category models
 */
export type TrustedFile = typeof TrustedFile.Type

/**
 * `Trusted`: exactly this content was accepted. `Changed`: another content of this file was. `Unknown`: none was.
 *
 * @since 0.1.0
 * @category models
 */
export type Status = "Trusted" | "Changed" | "Unknown"

/**
 * The methods of `Trust`. `content` is `ConfigFile.content`, which covers the env files too. Each fails with a
 * `ConfigError` when the store cannot be read or written, when it is damaged, or when others may write to it: then
 * nothing counts as trusted, and nothing is overwritten.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** What is known of this file with this content. */
  readonly status: (path: string, content: string) => Effect.Effect<Status, McpError.ConfigError>
  /** Whether exactly this content of this file was accepted. */
  readonly isTrusted: (path: string, content: string) => Effect.Effect<boolean, McpError.ConfigError>
  /** Accepts this content of this file, in place of what was accepted of it before. */
  readonly trust: (path: string, content: string) => Effect.Effect<void, McpError.ConfigError>
  /** Takes it back. Gives whether there was something to take back. */
  readonly revoke: (path: string) => Effect.Effect<boolean, McpError.ConfigError>
  /** All that was accepted, in the order in which it was. */
  readonly list: Effect.Effect<ReadonlyArray<TrustedFile>, McpError.ConfigError>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class Trust extends Context.Tag("@mooring/node/Trust")<Trust, Service>() {}

/**
 * Makes the service; where the store is comes from the current `ConfigProvider`. Fails with a `ConfigError` when that
 * does not say it, or with a path that is not absolute: a store that moves with the working folder could be planted.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Service, McpError.ConfigError, FS.FileSystem | Path> = Effect.gen(function* () {
  const fs = yield* FS.FileSystem
  const paths = yield* Path
  const folder = yield* stateFolder
  const file = paths.join(folder, "trusted.json")
  const refuse = (reason: string) => new McpError.ConfigError({ file, reason })
  const fails = (error: PlatformError) => refuse(reasonOf(error))
  // Two changes at once would each write back what they read before.
  const oneAtATime = yield* Effect.makeSemaphore(1)

  const load: Effect.Effect<ReadonlyArray<TrustedFile>, McpError.ConfigError> = Effect.gen(function* () {
    const info = yield* fs.stat(file).pipe(
      Effect.asSome,
      Effect.catchIf(
        (error) => error._tag === "SystemError" && error.reason === "NotFound",
        () => Effect.succeedNone
      ),
      Effect.mapError(fails)
    )
    if (Option.isNone(info)) return []
    if (paths.sep === "/" && (info.value.mode & 0o022) !== 0) {
      return yield* refuse("others may write to it, so nothing in it is trusted; look at it, then run chmod 600 on it")
    }
    const text = yield* read(file).pipe(Effect.provideService(FS.FileSystem, fs), Effect.mapError(refuse))
    const store = yield* Effect.mapError(decodeStore(text), () =>
      refuse("is damaged, so nothing in it is trusted; delete it, and trust your files again")
    )
    return store.trusted
  })

  const save = (trusted: ReadonlyArray<TrustedFile>): Effect.Effect<void, McpError.ConfigError> =>
    Effect.gen(function* () {
      yield* fs.makeDirectory(folder, { recursive: true, mode: 0o700 })
      // Written whole beside the store and then moved onto it: whoever reads sees the old or the new.
      const beside = yield* fs.makeTempDirectoryScoped({ directory: folder, prefix: "write-" })
      const written = paths.join(beside, "trusted.json")
      const out = yield* fs.open(written, { flag: "wx", mode: 0o600 })
      yield* out.writeAll(new TextEncoder().encode(`${encodeStore({ version: 1, trusted })}\n`))
      yield* out.sync
      yield* fs.rename(written, file)
    }).pipe(Effect.scoped, Effect.mapError(fails))

  // A file that is gone can still be taken back by the path it had.
  const realPath = (path: string) => Effect.orElseSucceed(fs.realPath(path), () => paths.resolve(path))
  const without = (trusted: ReadonlyArray<TrustedFile>, path: string) => trusted.filter((each) => each.path !== path)

  const status: Service["status"] = (path, content) =>
    Effect.gen(function* () {
      const real = yield* realPath(path)
      const accepted = (yield* load).find((each) => each.path === real)
      if (accepted === undefined) return "Unknown"
      return accepted.sha256 === hash(content) ? "Trusted" : "Changed"
    })

  return {
    status,
    isTrusted: (path, content) => Effect.map(status(path, content), (known) => known === "Trusted"),
    trust: (path, content) =>
      Effect.gen(function* () {
        const real = yield* realPath(path)
        const at = yield* Clock.currentTimeMillis
        yield* save([...without(yield* load, real), { path: real, sha256: hash(content), at }])
      }).pipe(oneAtATime.withPermits(1)),
    revoke: (path) =>
      Effect.gen(function* () {
        const real = yield* realPath(path)
        const trusted = yield* load
        const left = without(trusted, real)
        if (left.length === trusted.length) return false
        yield* save(left)
        return true
      }).pipe(oneAtATime.withPermits(1)),
    list: load
  }
})

/**
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Trust, McpError.ConfigError, FS.FileSystem | Path> = Layer.effect(Trust, make)

const Store = Schema.parseJson(Schema.Struct({ version: Schema.Literal(1), trusted: Schema.Array(TrustedFile) }), {
  space: 2
})
const decodeStore = Schema.decodeUnknown(Store)
const encodeStore = Schema.encodeSync(Store)

const hash = (content: string): string => createHash("sha256").update(content, "utf8").digest("hex")

const stateFolder: Effect.Effect<string, McpError.ConfigError, Path> = Effect.gen(function* () {
  const paths = yield* Path
  const variable = (name: string) =>
    Effect.map(
      Effect.option(Config.string(name)),
      Option.filter((value) => value !== "")
    )
  const own = yield* variable("MOORING_STATE_DIR")
  if (Option.isSome(own)) {
    if (paths.isAbsolute(own.value)) return own.value
    return yield* new McpError.ConfigError({ path: "MOORING_STATE_DIR", reason: "expected an absolute path" })
  }
  // A relative path there counts as not set: https://specifications.freedesktop.org/basedir-spec/latest/
  const xdg = Option.filter(yield* variable("XDG_STATE_HOME"), (value) => paths.isAbsolute(value))
  if (Option.isSome(xdg)) return paths.join(xdg.value, "mooring")
  const local = yield* variable("LOCALAPPDATA")
  if (paths.sep === "\\" && Option.isSome(local)) return paths.join(local.value, "mooring")
  const profile = yield* variable("USERPROFILE")
  const user = Option.orElse(yield* variable("HOME"), () => profile)
  if (Option.isSome(user)) return paths.join(user.value, ".local", "state", "mooring")
  return yield* new McpError.ConfigError({
    path: "MOORING_STATE_DIR",
    reason: "is not set, and neither is HOME: there is nowhere to keep what was trusted; set one of them"
  })
})
