/**
 * The commands, typed, for `@effect/cli`. The demo is loaded when it runs, as is what it takes to speak to a server
 * (`Client.ts`), so that no command pays for another. `Argv` has already put the line in order.
 *
 * @since 0.1.0
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import type { ValidationError } from "@effect/cli/ValidationError"
import * as Terminal from "@effect/platform/Terminal"
import * as Effect from "effect/Effect"
import { commands, everywhere, json, partition, revoke } from "./CommandLine.js"
import * as Call from "./commands/call.js"
import type { Environment } from "./commands/Command.js"
import type * as Demo from "./commands/demo.js"
import * as Ping from "./commands/ping.js"
import * as Servers from "./commands/servers.js"
import * as Tools from "./commands/tools.js"
import * as Trust from "./commands/trust.js"
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

const servers = Command.make("servers", common, Servers.run).pipe(Command.withDescription(commands.servers.summary))

const tools = Command.make("tools", { server: anyServer, ...forWhom, ...common }, Tools.run).pipe(
  Command.withDescription(commands.tools.summary)
)

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
  Call.run
).pipe(Command.withDescription(commands.call.summary))

const ping = Command.make("ping", { server: anyServer, ...forWhom, ...common }, Ping.run).pipe(
  Command.withDescription(commands.ping.summary)
)

const trust = Command.make(
  "trust",
  {
    file: Args.text({ name: "FILE" }).pipe(Args.optional),
    revoke: Options.boolean("revoke").pipe(Options.withDescription(revoke.description)),
    ...common
  },
  Trust.run
).pipe(Command.withDescription(commands.trust.summary))

const demo = Command.make(
  "demo",
  {
    json: Options.boolean("json").pipe(Options.withDescription(json.demo.description)),
    output: common.output,
    debug: common.debug
  },
  (input: Parameters<typeof Demo.run>[0]) =>
    Effect.flatMap(
      Effect.promise(() => import("./commands/demo.js")),
      (demo) => demo.run(input)
    )
).pipe(Command.withDescription(commands.demo.summary))

const root = Command.make("mooring").pipe(Command.withSubcommands([servers, tools, call, ping, trust, demo]))

/**
 * `@effect/cli` asks in a terminal only for `--wizard`, which `Argv` refuses. Node's terminal opens stdin: 3 ms at each
 * start, and 7 to load it with what else is in `NodeContext`.
 */
const mute = Effect.provideService(Terminal.Terminal, {
  columns: Effect.succeed(80),
  rows: Effect.succeed(24),
  isTTY: Effect.succeed(false),
  readInput: Effect.dieMessage("There is no terminal"),
  readLine: Effect.fail(new Terminal.QuitException()),
  display: () => Effect.void
})

/**
 * Runs a line that `Argv` has put in order.
 *
 * @since 0.1.0
 * @category constructors
 */
export const run = (argv: ReadonlyArray<string>): Effect.Effect<void, KnownError | ValidationError, Environment> =>
  Command.run(root, { name: "mooring", version: Package.version, executable: "mooring" })([
    "node",
    "mooring",
    ...argv
  ]).pipe(mute)
