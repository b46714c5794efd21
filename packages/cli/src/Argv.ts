/**
 * Reads the command line as people type it: options anywhere, before or after a command and its arguments. What comes
 * out is the strict order that `@effect/cli` wants, `COMMAND --option value -- arguments`, with mistakes found
 * beforehand, since it takes an unknown option for an argument. Pure, and loads nothing: `--help` and `--version` are
 * answered from here.
 *
 * @since 0.1.0
 */
import { type CommandSpec, commands, everywhere, find, names, type OptionSpec, optionsOf } from "./CommandLine.js"
import { suggestion } from "./Nearest.js"

/**
 * What a command line asks for.
 *
 * @since 0.1.0
 * @category models
 */
export type Line =
  | { readonly _tag: "Run"; readonly argv: ReadonlyArray<string>; readonly debug: boolean }
  | { readonly _tag: "Help"; readonly command: CommandSpec | undefined }
  | { readonly _tag: "Version" }
  | { readonly _tag: "Wrong"; readonly reason: string; readonly hint: string }

const wrong = (reason: string, hint: string): Line => ({ _tag: "Wrong", reason, hint })

const isOption = (token: string): boolean => token.length > 1 && token.startsWith("-")

/** Where the command stands: the first token that is neither an option nor the value of one. */
const commandIndex = (tokens: ReadonlyArray<string>): number => {
  const values = Object.values<OptionSpec>(everywhere)
    .filter((option) => option.value !== undefined)
    .map((option) => `--${option.name}`)
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]
    if (token === undefined || token === "--") break
    if (!isOption(token)) return i
    if (values.includes(token)) i++
  }
  return -1
}

const unknownOption = (token: string, command: CommandSpec | undefined): Line => {
  const name = token.replace(/^-+/, "")
  const elsewhere = Object.values<CommandSpec>(commands).find((other) =>
    other.options.some((option) => option.name === name)
  )
  const help = command === undefined ? "mooring --help" : `mooring ${command.name} --help`
  if (elsewhere !== undefined && elsewhere !== command) {
    const owner = command === undefined ? "Without a command, it means nothing" : `"${command.name}" does not take it`
    return wrong(`Unknown option "${token}".`, `${owner}; see: ${help}`)
  }
  const flags = [...optionsOf(command).map((option) => `--${option.name}`), "--help", "--version"]
  return wrong(
    `Unknown option "${token}".`,
    `${suggestion(token, flags, "options")} An argument that begins with a dash goes after "--".`
  )
}

/**
 * Reads what follows `mooring`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const parse = (tokens: ReadonlyArray<string>): Line => {
  const at = commandIndex(tokens)
  const name = at < 0 ? undefined : tokens[at]
  if (name === "help") {
    const topic = tokens.slice(at + 1).find((token) => !isOption(token))
    const command = topic === undefined ? undefined : find(topic)
    return topic === undefined || command !== undefined ? { _tag: "Help", command } : unknownCommand(topic)
  }
  const command = name === undefined ? undefined : find(name)

  const options: Array<string> = []
  const positionals: Array<string> = []
  const given = new Set<string>()
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]
    if (i === at || token === undefined) continue
    if (token === "--") {
      positionals.push(...tokens.slice(i + 1))
      break
    }
    if (!isOption(token)) {
      positionals.push(token)
      continue
    }
    if (token === "--help" || token === "-h") return { _tag: "Help", command }
    if (token === "--version" || token === "-V") return { _tag: "Version" }
    if (token === "--completions" || token.startsWith("--completions=")) {
      return { _tag: "Run", argv: tokens.slice(i), debug: false }
    }
    if (name !== undefined && command === undefined) continue
    const equals = token.indexOf("=")
    const flag = equals < 0 ? token : token.slice(0, equals)
    const option = optionsOf(command).find((known) => `--${known.name}` === flag)
    if (option === undefined) return unknownOption(flag, command)
    if (given.has(option.name)) return wrong(`"${flag}" was given twice.`, "Give it once.")
    given.add(option.name)
    if (option.value === undefined) {
      if (equals >= 0) return wrong(`"${flag}" takes no value.`, `Leave out "${token.slice(equals)}".`)
      options.push(flag)
      continue
    }
    const value = equals < 0 ? tokens[++i] : token.slice(equals + 1)
    if (value === undefined) return wrong(`"${flag}" needs a value: ${flag} ${option.value}`, helpHint(command))
    const choices = option.value.split("|")
    if (choices.length > 1 && !choices.includes(value)) {
      return wrong(`"${flag}" must be ${choices.join(" or ")}, not "${value}".`, helpHint(command))
    }
    options.push(flag, value)
  }

  if (name !== undefined && command === undefined) return unknownCommand(name)
  if (command === undefined) {
    return tokens.length === 0
      ? { _tag: "Help", command: undefined }
      : wrong("No command was given.", `One of: ${names.join(", ")}. See: mooring --help`)
  }
  return {
    _tag: "Run",
    argv: [command.name, ...options, "--", ...positionals],
    debug: given.has(everywhere.debug.name)
  }
}

const helpHint = (command: CommandSpec | undefined): string =>
  `See: mooring${command === undefined ? "" : ` ${command.name}`} --help`

const unknownCommand = (name: string): Line =>
  wrong(`There is no command "${name}".`, `${suggestion(name, names, "commands")} See: mooring --help`)
