/**
 * What can be typed after `mooring`: each command with its arguments and options. Plain data, so that help, the
 * reading of the command line and its typed commands (`Cli.ts`) say the same, and help costs no start-up time.
 *
 * @since 0.1.0
 */

/**
 * @since 0.1.0
 * @category models
 */
export interface OptionSpec {
  /** Without the two dashes. */
  readonly name: string
  /** What its value is called in help, or what it may be: `a|b`. Absent for a switch. */
  readonly value?: string | undefined
  readonly description: string
}

/**
 * @since 0.1.0
 * @category models
 */
export interface CommandSpec {
  readonly name: string
  /** The arguments, as help shows them. */
  readonly usage: string
  readonly summary: string
  /** What else its help says; lines. */
  readonly details: ReadonlyArray<string>
  /** Its own options, before those that every command has. */
  readonly options: ReadonlyArray<OptionSpec>
  /** Whether it works with a configuration, so that it takes `--config`. Default true. */
  readonly configured?: boolean | undefined
}

/**
 * The options that every command has; `--config` only where one is of use. They may stand anywhere on the line.
 *
 * @since 0.1.0
 * @category constants
 */
export const everywhere = {
  config: {
    name: "config",
    value: "FILE",
    description: "The configuration. Default: the nearest one going up from here, once it is trusted"
  },
  output: { name: "output", value: "text|json", description: "How the result is printed. Default: text" },
  debug: { name: "debug", description: "Log what happens and show whole errors, on stderr" }
} satisfies Record<string, OptionSpec>

/**
 * `--json`, which means another thing for each command that has it.
 *
 * @since 0.1.0
 * @category constants
 */
export const json = {
  call: { name: "json", value: "JSON", description: "All arguments as one JSON object; - reads it from stdin" },
  demo: { name: "json", description: "Print one JSON document, as --output json does" }
} satisfies Record<string, OptionSpec>

/**
 * @since 0.1.0
 * @category constants
 */
export const revoke = {
  name: "revoke",
  description: "Take back what was accepted of the file, also when it is gone"
} satisfies OptionSpec

/**
 * Of the commands that ask servers.
 *
 * @since 0.1.0
 * @category constants
 */
export const partition = {
  name: "partition",
  value: "NAME",
  description: 'For whom: needed where a server\'s isolation is "perPartition"'
} satisfies OptionSpec

/**
 * The shells that `--completions` knows.
 *
 * @since 0.1.0
 * @category constants
 */
export const shells: ReadonlyArray<string> = ["bash", "zsh", "fish"]

/**
 * Every command, in the order of help.
 *
 * @since 0.1.0
 * @category constants
 */
export const commands = {
  servers: {
    name: "servers",
    usage: "",
    summary: "List the configured servers; starts none of them",
    details: [],
    options: []
  },
  tools: {
    name: "tools",
    usage: "[SERVER]",
    summary: "List the tools of one server, or of all",
    details: ["With SERVER, the arguments of each tool are shown; a * marks the required ones."],
    options: [partition]
  },
  call: {
    name: "call",
    usage: "SERVER TOOL [key=value ...]",
    summary: "Call a tool and print its answer",
    details: [
      "key=value is read as the type that the tool's schema gives for it: a number, a boolean, JSON for an array",
      "or an object, else text. key:=value is always read as JSON.",
      "",
      "  mooring call everything echo message=hello",
      '  mooring call memory create_entities entities:=\'[{"name":"Ada","entityType":"person","observations":[]}]\'',
      '  echo \'{"message":"hello"}\' | mooring call everything echo --json -'
    ],
    options: [json.call, partition]
  },
  ping: {
    name: "ping",
    usage: "[SERVER]",
    summary: "Connect to one server, or to all, and measure a round trip",
    details: [],
    options: [partition]
  },
  trust: {
    name: "trust",
    usage: "[FILE]",
    summary: "Accept what a configuration file says now, so that its servers may be started",
    details: [
      "A configuration names programs to run, and addresses to send to. One that was merely found is listed, and",
      "nothing in it is used before you accept its content; when it changes, accept it again. `mooring servers` shows",
      "what it would run."
    ],
    options: [revoke]
  },
  demo: {
    name: "demo",
    usage: "",
    summary: "Measure fresh and pooled calls on real servers, and kill one of them in full run",
    details: ["Needs no configuration: it runs the servers that are installed with this workspace."],
    options: [json.demo],
    configured: false
  }
} satisfies Record<string, CommandSpec>

/**
 * @since 0.1.0
 * @category constants
 */
export const names: ReadonlyArray<string> = Object.keys(commands)

/**
 * The command of that name.
 *
 * @since 0.1.0
 * @category combinators
 */
export const find = (name: string): CommandSpec | undefined =>
  Object.values<CommandSpec>(commands).find((command) => command.name === name)

/**
 * @since 0.1.0
 * @category models
 */
export interface ArgumentSpec {
  readonly name: string
  /** `some`: any number of them, also none. */
  readonly times: "once" | "optional" | "some"
}

/**
 * The arguments of a command, read from its `usage`: those in brackets need not be there, and dots mean any number.
 *
 * @since 0.1.0
 * @category combinators
 */
export const argumentsOf = ({ usage }: CommandSpec): ReadonlyArray<ArgumentSpec> =>
  (usage.match(/\[[^\]]*\]|\S+/g) ?? []).map((word) => ({
    name: word.replace(/^\[|( \.\.\.)?\]$/g, ""),
    times: word.includes("...") ? "some" : word.startsWith("[") ? "optional" : "once"
  }))

/**
 * Every option that a command takes.
 *
 * @since 0.1.0
 * @category combinators
 */
export const optionsOf = (command: CommandSpec | undefined): ReadonlyArray<OptionSpec> => [
  ...(command?.options ?? []),
  ...Object.values<OptionSpec>(everywhere).filter(
    (option) => option !== everywhere.config || command?.configured !== false
  )
]
