/**
 * `mooring trust [FILE]`: accepts what a configuration says now. Says what it accepted.
 *
 * @since 0.1.0
 */
import { ConfigFile, Trust } from "@mooring/node"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { UsageError } from "../CliError.js"
import * as Configured from "../Configured.js"
import { Output } from "../Output.js"
import * as Render from "../Render.js"
import { plain } from "../SafeText.js"
import type { Command, Common } from "./Command.js"

/** @since 0.1.0 @category commands */
export const run = (input: Common & { readonly file: Option.Option<string> }): Command =>
  Effect.gen(function* () {
    if (Option.isSome(input.file) && Option.isSome(input.config)) {
      return yield* new UsageError({
        reason: "Two files were named.",
        hint: "Either mooring trust FILE, or --config FILE."
      })
    }
    const output = yield* Output
    const trust = yield* Trust.make
    const { file } = yield* Configured.locate(Option.orElse(input.file, () => input.config))
    yield* trust.trust(file.path, file.content)
    const servers = [...file.entries.values()].filter((entry) => !entry.disabled)
    if (input.output === "json") {
      return yield* output.result(
        Render.json({ file: file.path, trusted: true, servers: servers.map(({ name }) => name) })
      )
    }
    yield* output.result(
      plain(
        [
          `Trusted ${file.path} as it is now. It may run:`,
          Render.columns(servers.map((entry) => [`  ${entry.name}`, ConfigFile.target(entry)]))
        ].join("\n")
      )
    )
  })
