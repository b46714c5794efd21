/**
 * The commands, typed, for `@effect/cli`. Each loads what it needs when it runs, so that none pays for another.
 * `Argv` has already put the line in order.
 *
 * @since 0.1.0
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import type { CliApp } from "@effect/cli/CliApp"
import * as Options from "@effect/cli/Options"
import type { ValidationError } from "@effect/cli/ValidationError"
import * as Effect from "effect/Effect"
import { commands, everywhere, json, partition, revoke } from "./CommandLine.js"
import type { Command as Runs, Environment } from "./commands/Command.js"
import type { KnownError } from "./ErrorText.js"
import * as Package from "./Package.js"
import type { Format } from "./Render.js"

const common = {
  config: Options.text("config").pipe(
    Options.withPseudoName(everywhere.config.value),
    Options.withDescription(everywhere.config.description),
    Options.optional
  ),
  output: Options.choice("output", ["text", "json"]).pipe(
    Options.withDescription(everywhere.output.description),
    Options.withDefault<Format>("text")
  ),
  // Read by `Argv`, since it matters before a command runs.
  debug: Options.boolean("debug").pipe(Options.withDescription(everywhere.debug.description))
}

const forWhom = {
  partition: Options.text("partition").pipe(
    Options.withPseudoName(partition.value),
    Options.withDescription(partition.description),
    Options.optional
  )
}

const oneServer = Args.text({ name: "SERVER" })
const anyServer = Args.optional(oneServer)

/** Runs a command that is loaded then. */
const later =
  <I>(load: () => Promise<{ readonly run: (input: I) => Runs }>) =>
  (input: I): Runs =>
    Effect.flatMap(Effect.promise(load), (command) => command.run(input))

const servers = Command.make(
  "servers",
  common,
  later(() => import("./commands/servers.js"))
).pipe(Command.withDescription(commands.servers.summary))

const tools = Command.make(
  "tools",
  { server: anyServer, ...forWhom, ...common },
  later(() => import("./commands/tools.js"))
).pipe(Command.withDescription(commands.tools.summary))

const call = Command.make(
  "call",
  {
    server: oneServer,
    tool: Args.text({ name: "TOOL" }),
    pairs: Args.text({ name: "key=value" }).pipe(Args.repeated),
    json: Options.text("json").pipe(Options.withDescription(json.call.description), Options.optional),
    ...forWhom,
    ...common
  },
  later(() => import("./commands/call.js"))
).pipe(Command.withDescription(commands.call.summary))

const ping = Command.make(
  "ping",
  { server: anyServer, ...forWhom, ...common },
  later(() => import("./commands/ping.js"))
).pipe(Command.withDescription(commands.ping.summary))

const trust = Command.make(
  "trust",
  {
    file: Args.text({ name: "FILE" }).pipe(Args.optional),
    revoke: Options.boolean("revoke").pipe(Options.withDescription(revoke.description)),
    ...common
  },
  later(() => import("./commands/trust.js"))
).pipe(Command.withDescription(commands.trust.summary))

const demo = Command.make(
  "demo",
  {
    json: Options.boolean("json").pipe(Options.withDescription(json.demo.description)),
    output: common.output,
    debug: common.debug
  },
  later(() => import("./commands/demo.js"))
).pipe(Command.withDescription(commands.demo.summary))

const root = Command.make("mooring").pipe(Command.withSubcommands([servers, tools, call, ping, trust, demo]))

/**
 * Runs a line that `Argv` has put in order.
 *
 * @since 0.1.0
 * @category constructors
 */
export const run = (
  argv: ReadonlyArray<string>
): Effect.Effect<void, KnownError | ValidationError, Environment | CliApp.Environment> =>
  Command.run(root, { name: "mooring", version: Package.version, executable: "mooring" })(["node", "mooring", ...argv])
