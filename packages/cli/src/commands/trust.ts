/**
 * `mooring trust [FILE]`: accepts what a configuration says now, and says what it accepted; with `--revoke` takes it
 * back.
 *
 * @since 0.1.0
 */
import { Redaction } from "@mooring/mcp"
import { ConfigFile, Trust } from "@mooring/node"
import * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { NoConfig, UsageError } from "../CliError.js"
import * as Configured from "../Configured.js"
import * as Listing from "../Listing.js"
import { Output } from "../Output.js"
import * as Render from "../Render.js"
import type { Command, Common } from "./Command.js"

/** @since 0.1.0 @category models */
export interface Input extends Common {
  readonly file: Option.Option<string>
  readonly revoke: boolean
}

/** @since 0.1.0 @category commands */
export const run = (input: Input): Command =>
  Effect.gen(function* () {
    if (Option.isSome(input.file) && Option.isSome(input.config)) {
      return yield* new UsageError({
        reason: "Two files were named.",
        hint: "Either mooring trust FILE, or --config FILE."
      })
    }
    const named = Option.orElse(input.file, () => input.config)
    yield* input.revoke ? revoke(named, input.output) : accept(named, input.output)
  })

const accept = (named: Option.Option<string>, format: Render.Format): Command =>
  Effect.gen(function* () {
    const output = yield* Output
    const trust = yield* Trust.make
    const { file } = yield* Configured.locate(named)
    yield* trust.trust(file.path, file.content)
    const servers = [...file.entries.values()]
      .filter((entry) => !entry.disabled)
      .map((entry) => Listing.of(file, entry))
    for (const warning of file.warnings) yield* output.note(Redaction.plain(`Warning: ${warning}`))
    if (format === "json") return yield* output.result(Render.json({ file: file.path, trusted: true, servers }))
    if (servers.length === 0) return yield* output.result(Redaction.plain(`Trusted ${file.path}; it runs nothing.`))
    const said = Redaction.plain(`Trusted ${file.path} as it is now. It may run:`)
    yield* output.result(`${said}\n${Listing.render(servers)}`)
  })

/** By the path alone: the file may be damaged by now, or gone. */
const revoke = (named: Option.Option<string>, format: Render.Format): Command =>
  Effect.gen(function* () {
    const output = yield* Output
    const paths = yield* Path.Path
    const folder = paths.resolve(".")
    const found = Option.isSome(named) ? named : yield* ConfigFile.find(folder)
    if (Option.isNone(found)) return yield* new NoConfig({ folder, names: ConfigFile.fileNames })
    const file = paths.resolve(found.value)
    const trust = yield* Trust.make
    const revoked = yield* trust.revoke(file)
    if (format === "json") return yield* output.result(Render.json({ file, trusted: false, revoked }))
    yield* output.result(Redaction.plain(revoked ? `${file} is not trusted any more.` : `${file} was not trusted.`))
  })
