/**
 * `mooring servers`: what is configured, with all that decides what it would run. Starts nothing.
 *
 * @since 0.1.0
 */
import { Redaction } from "@mooring/mcp"
import * as Effect from "effect/Effect"
import * as Configured from "../Configured.js"
import * as Listing from "../Listing.js"
import { Output } from "../Output.js"
import * as Render from "../Render.js"
import type { Command, Common } from "./Command.js"

const state = {
  Named: "",
  Trusted: " (trusted)",
  Changed: " (changed since it was trusted, so nothing in it is run; accept it with: mooring trust)",
  Unknown: " (not trusted, so nothing in it is run; accept it with: mooring trust)"
}

/** @since 0.1.0 @category commands */
export const run = ({ config, output: format }: Common): Command =>
  Effect.gen(function* () {
    const output = yield* Output
    const { file, trust } = yield* Configured.locate(config)
    const servers = [...file.entries.values()].map((entry) => Listing.of(file, entry))
    yield* output.note(Redaction.plain(`From ${file.path}${state[trust]}`))
    for (const warning of file.warnings) yield* output.note(Redaction.plain(`Warning: ${warning}`))
    if (format === "json") {
      return yield* output.result(Render.json({ file: file.path, trust: trust.toLowerCase(), servers }))
    }
    if (servers.length === 0) return yield* output.note("It has no servers.")
    yield* output.result(Listing.render(servers))
  })
