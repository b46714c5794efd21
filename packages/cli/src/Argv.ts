/**
 * Reads the command line as people type it: options anywhere, before or after a command and its arguments. What comes
 * out is the strict order that `@effect/cli` wants, `COMMAND --option value -- arguments`, with mistakes found
 * beforehand, since it takes an unknown option for an argument. Pure, and loads nothing: `--help` and `--version` are
 * answered from here.
 *
 * @since 0.1.0
 */
import { type CommandSpec, commands, everywhere, find, names, optionsOf, shells } from "./CommandLine.js"
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

/** Whether an option takes a value: `always`, for `some` commands (`--json` is a switch for others), or `never`. */
const takesValue = (token: string): "always" | "some" | "never" => {
  const meanings = Object.values<CommandSpec>(commands)
    .flatMap(optionsOf)
    .filter((option) => `--${option.name}` === token)
  if (!meanings.some((option) => option.value !== undefined)) return "never"
  return meanings.every((option) => option.value !== undefined) ? "always" : "some"
}

/** Where the command stands: the first token that is neither an option nor the value of one. */
const commandIndex = (tokens: ReadonlyArray<string>): number => {
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]
    if (token === undefined || token === "--") break
    if (!isOption(token)) return i
    const takes = takesValue(token)
    // What follows a switch is no value of it; which of both it is shows a command right behind it.
    if (takes === "always" || (takes === "some" && find(tokens[i + 1] ?? "") === undefined)) i++
  }
  return -1
}

const unknownOption = (token: string, command: CommandSpec | undefined): Line => {
  const name = token.replace(/^-+/, "")
  const elsewhere = Object.values<CommandSpec>(commands).find((other) =>
    optionsOf(other).some((option) => option.name === name)
  )
  const help = command === undefined ? "mooring --help" : `mooring ${command.name} --help`
  if (elsewhere !== undefined && elsewhere !== command) {
    const owner = command === undefined ? "Without a command, it means nothing" : `"${command.name}" does not take it`
    return wrong(`Unknown option "${token}".`, `${owner}; see: ${help}`)
  }
  const flags = [...optionsOf(command).map((option) => `--${option.name}`), "--help", "--version"]
  return wrong(
    `Unknown option "${token}".`,
    `${suggestion(token, flags, "options")}\nAn argument that begins with a dash goes after "--".`
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
      return completions(token === "--completions" ? tokens[i + 1] : token.slice("--completions=".length))
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
    // The command is nobody's value.
    const value = equals >= 0 ? token.slice(equals + 1) : i + 1 === at ? undefined : tokens[++i]
    if (value === undefined) return wrong(`"${flag}" needs a value: ${flag} ${option.value}`, helpHint(command))
    const choices = option.value.split("|")
    if (choices.length > 1 && !choices.includes(value)) {
      return wrong(`"${flag}" must be ${listed(choices)}, not "${value}".`, helpHint(command))
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

const completions = (shell: string | undefined): Line => {
  if (shell !== undefined && shells.includes(shell)) {
    return { _tag: "Run", argv: ["--completions", shell], debug: false }
  }
  const hint = `For example: mooring --completions ${shells[0]}`
  if (shell === undefined) return wrong(`"--completions" needs a value: --completions ${shells.join("|")}`, hint)
  return wrong(`"--completions" must be ${listed(shells)}, not "${shell}".`, hint)
}

/** `a, b or c`. */
const listed = (words: ReadonlyArray<string>): string =>
  [words.slice(0, -1).join(", "), ...words.slice(-1)].filter((part) => part !== "").join(" or ")

const helpHint = (command: CommandSpec | undefined): string =>
  `See: mooring${command === undefined ? "" : ` ${command.name}`} --help`

const unknownCommand = (name: string): Line =>
  wrong(`There is no command "${name}".`, `${suggestion(name, names, "commands")}\nSee: mooring --help`)
