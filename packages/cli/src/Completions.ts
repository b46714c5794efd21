/**
 * Completion scripts for shells, as `@effect/cli` writes them. It is loaded for nothing else: what was typed is read by
 * `Argv` and `Cli`, from the same data.
 *
 * @since 0.1.0
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as Path from "@effect/platform/Path"
import * as Terminal from "@effect/platform/Terminal"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type { OutputFailed } from "./CliError.js"
import {
  argumentsOf,
  type ArgumentSpec,
  type CommandSpec,
  commands,
  optionsOf,
  type OptionSpec
} from "./CommandLine.js"
import { Output } from "./Output.js"
import * as Package from "./Package.js"

const optionOf = ({ description, name, value }: OptionSpec): Options.Options<unknown> => {
  if (value === undefined) return Options.boolean(name).pipe(Options.withDescription(description))
  const choices = value.split("|")
  return choices.length > 1
    ? Options.choice(name, choices).pipe(Options.withDescription(description))
    : Options.text(name).pipe(Options.withPseudoName(value), Options.withDescription(description))
}

const argumentOf = ({ name, times }: ArgumentSpec): Args.Args<unknown> => {
  const one = Args.text({ name })
  return times === "once" ? one : times === "some" ? Args.repeated(one) : Args.optional(one)
}

const commandOf = (command: CommandSpec) =>
  Command.make(command.name, {
    args: argumentsOf(command).map(argumentOf),
    options: optionsOf(command).map(optionOf)
  }).pipe(Command.withDescription(command.summary))

/** Nobody is asked anything: that it does only for `--wizard`. */
const mute = Effect.provideService(Terminal.Terminal, {
  columns: Effect.succeed(80),
  rows: Effect.succeed(24),
  isTTY: Effect.succeed(false),
  readInput: Effect.dieMessage("There is no terminal"),
  readLine: Effect.fail(new Terminal.QuitException()),
  display: () => Effect.void
})

/**
 * Prints the script for a shell that `CommandLine.shells` has.
 *
 * @since 0.1.0
 * @category combinators
 */
export const print = (shell: string): Effect.Effect<void, OutputFailed, Output | FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function* () {
    const { servers, ...others } = commands
    const root = Command.make("mooring").pipe(
      Command.withSubcommands([commandOf(servers), ...Object.values<CommandSpec>(others).map(commandOf)])
    )
    const said: Array<string> = []
    const app = Command.run(root, { name: "mooring", version: Package.version, executable: "mooring" })
    yield* Console.consoleWith((console) =>
      app(["node", "mooring", "--completions", shell]).pipe(
        Effect.withConsole({
          ...console,
          log: (...args) => Effect.sync(() => void said.push(args.map(String).join(" ")))
        })
      )
    ).pipe(mute, Effect.orDie)
    const output = yield* Output
    yield* output.result(said.join("\n"))
  })
