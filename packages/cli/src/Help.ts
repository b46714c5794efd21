/**
 * The text of `mooring --help` and of `mooring COMMAND --help`.
 *
 * @since 0.1.0
 */
import { commands, type CommandSpec, type OptionSpec, optionsOf, shells } from "./CommandLine.js"

const columns = (rows: ReadonlyArray<readonly [string, string]>): ReadonlyArray<string> => {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
}

const flag = (option: OptionSpec): string =>
  option.value === undefined ? `--${option.name}` : `--${option.name} ${option.value}`

const optionRows = (command: CommandSpec | undefined): ReadonlyArray<readonly [string, string]> => [
  ...optionsOf(command).map((option) => [flag(option), option.description] as const),
  ["--help", "Show this"]
]

/**
 * How a command is typed, in one line.
 *
 * @since 0.1.0
 * @category combinators
 */
export const usage = (command: CommandSpec): string =>
  ["mooring", command.name, command.usage, ...command.options.map((option) => `[${flag(option)}]`)]
    .filter((part) => part !== "")
    .join(" ")

/**
 * Help for everything.
 *
 * @since 0.1.0
 * @category combinators
 */
export const overview = (version: string): string =>
  [
    `mooring ${version}: look at, call and measure MCP servers through a pool of connections`,
    "",
    "Usage: mooring COMMAND [options]",
    "",
    "Commands",
    ...columns(
      Object.values<CommandSpec>(commands).map((command) => [
        [command.name, command.usage].filter((part) => part !== "").join(" "),
        command.summary
      ])
    ),
    "",
    "Options, for every command",
    ...columns([
      ...optionRows(undefined),
      ["--version", "Show the version"],
      [`--completions ${shells.join("|")}`, "Print a completion script for that shell"]
    ]),
    "",
    "Without --config, the nearest mooring.json, .mcp.json, mcp.json or .vscode/mcp.json going up from the working",
    "folder is used. It names programs to run and addresses to send to, so it is not used before `mooring trust`",
    "accepted it.",
    "",
    "Results go to stdout, everything else to stderr.",
    "Exit codes: 0 fine, 1 a call failed or the tool said so, 2 usage or configuration, 130 interrupted."
  ].join("\n")

/**
 * Help for one command.
 *
 * @since 0.1.0
 * @category combinators
 */
export const of = (command: CommandSpec): string =>
  [
    command.summary,
    "",
    `Usage: ${usage(command)}`,
    ...(command.details.length === 0 ? [] : ["", ...command.details]),
    "",
    "Options",
    ...columns(optionRows(command))
  ].join("\n")
