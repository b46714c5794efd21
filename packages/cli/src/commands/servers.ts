/**
 * `mooring servers`: what is configured. Starts nothing.
 *
 * @since 0.1.0
 */
import { ConfigFile } from "@mooring/node"
import * as Effect from "effect/Effect"
import * as Configured from "../Configured.js"
import { Output } from "../Output.js"
import * as Render from "../Render.js"
import { plain } from "../SafeText.js"
import type { Command, Common } from "./Command.js"

const transportOf = (entry: ConfigFile.Entry): string => {
  switch (entry._tag) {
    case "Stdio":
      return "stdio"
    case "Http":
      return "http"
    case "Unsupported":
      return entry.type
  }
}

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
    const servers = [...file.entries.values()].map((entry) => ({
      name: entry.name,
      transport: transportOf(entry),
      target: ConfigFile.target(entry),
      disabled: entry.disabled
    }))
    yield* output.note(plain(`From ${file.path}${state[trust]}`))
    for (const warning of file.warnings) yield* output.note(plain(`Warning: ${warning}`))
    if (format === "json") {
      return yield* output.result(Render.json({ file: file.path, trust: trust.toLowerCase(), servers }))
    }
    if (servers.length === 0) return yield* output.note("It has no servers.")
    yield* output.result(
      plain(
        Render.columns(
          servers.map((server) => [
            server.name,
            server.disabled ? `${server.transport}, disabled` : server.transport,
            server.target
          ])
        )
      )
    )
  })
