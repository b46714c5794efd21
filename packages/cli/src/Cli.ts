/**
 * From a line that `Argv` has put in order to the command that runs. The demo is loaded when it runs, as is what it
 * takes to speak to a server (`Client.ts`), so that no command pays for another. `@effect/cli` would read the line as
 * well, and does it only for completions: it takes 7 of the 42 ms of CPU between Node's own start and a server's.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { UsageError } from "./CliError.js"
import {
  argumentsOf,
  type CommandSpec,
  type commands,
  everywhere,
  find,
  json,
  optionsOf,
  partition,
  revoke
} from "./CommandLine.js"
import * as Call from "./commands/call.js"
import type { Asking, Command, Common } from "./commands/Command.js"
import * as Ping from "./commands/ping.js"
import * as Servers from "./commands/servers.js"
import * as Tools from "./commands/tools.js"
import * as Trust from "./commands/trust.js"
import * as Help from "./Help.js"

interface Line {
  /** By their names; that of a switch is empty. */
  readonly options: ReadonlyMap<string, string>
  readonly args: ReadonlyArray<string>
}

const text = ({ options }: Line, { name }: { readonly name: string }): Option.Option<string> =>
  Option.fromNullable(options.get(name))

// `--debug` is read by `Argv`, since it matters before a command runs.
const common = (line: Line): Common => ({
  config: text(line, everywhere.config),
  output: line.options.get(everywhere.output.name) === "json" ? "json" : "text"
})

const asking = (line: Line): Asking => ({ ...common(line), partition: text(line, partition) })

const runs: Readonly<Record<keyof typeof commands, (line: Line) => Command>> = {
  servers: (line) => Servers.run(common(line)),
  tools: (line) => Tools.run({ ...asking(line), server: Option.fromNullable(line.args[0]) }),
  call: (line) => {
    const [server = "", tool = "", ...pairs] = line.args
    return Call.run({ ...asking(line), server, tool, pairs, json: text(line, json.call) })
  },
  ping: (line) => Ping.run({ ...asking(line), server: Option.fromNullable(line.args[0]) }),
  trust: (line) =>
    Trust.run({ ...common(line), file: Option.fromNullable(line.args[0]), revoke: line.options.has(revoke.name) }),
  demo: (line) =>
    Effect.flatMap(
      Effect.promise(() => import("./commands/demo.js")),
      (demo) => demo.run({ output: common(line).output, json: line.options.has(json.demo.name) })
    )
}

const lineOf = (command: CommandSpec, tokens: ReadonlyArray<string>): Line => {
  const options = new Map<string, string>()
  let at = 0
  for (; at < tokens.length && tokens[at] !== "--"; at++) {
    const option = optionsOf(command).find(({ name }) => tokens[at] === `--${name}`)
    if (option !== undefined) options.set(option.name, option.value === undefined ? "" : (tokens[++at] ?? ""))
  }
  return { options, args: tokens.slice(at + 1) }
}

/** What is wrong with the number of arguments. */
const miscount = (command: CommandSpec, { args }: Line): string | undefined => {
  const wanted = argumentsOf(command)
  const missing = wanted[args.length]
  if (missing?.times === "once") return `Missing argument <${missing.name}>`
  const extra = wanted.at(-1)?.times === "some" ? undefined : args[wanted.length]
  return extra === undefined ? undefined : `Received unknown argument: '${extra}'`
}

/**
 * Runs a line that `Argv` has put in order. Fails with `UsageError` where it has too few arguments, or too many.
 *
 * @since 0.1.0
 * @category constructors
 */
export const run = ([name = "", ...tokens]: ReadonlyArray<string>): Command => {
  if (name === "--completions") {
    return Effect.flatMap(
      Effect.promise(() => import("./Completions.js")),
      (completions) => completions.print(tokens[0] ?? "")
    )
  }
  const command = find(name)
  const runIt = Object.entries(runs).find(([known]) => known === name)?.[1]
  if (command === undefined || runIt === undefined) return Effect.dieMessage(`There is no command "${name}"`)
  const line = lineOf(command, tokens)
  const reason = miscount(command, line)
  if (reason === undefined) return runIt(line)
  return Effect.fail(new UsageError({ reason, hint: `Usage: ${Help.usage(command)}` }))
}
