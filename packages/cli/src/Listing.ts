/**
 * All that decides what a server of a configuration runs, as the file has it: what a person looks at before it is
 * trusted. Names of variables and headers, never their values, since those may be secrets; except for the variables
 * that can make a harmless command run other code (`NODE_OPTIONS`, `LD_PRELOAD`, `PATH`, …), which are shown whole.
 *
 * @since 0.1.0
 */
import { Redaction } from "@mooring/mcp"
import { ConfigFile } from "@mooring/node"
import * as Either from "effect/Either"
import * as Redacted from "effect/Redacted"
import { columns } from "./Render.js"

/**
 * A variable that a server gets. `risk` says why it matters which code runs; only then there may be a `value`, as the
 * file has it, nothing replaced.
 *
 * @since 0.1.0
 * @category models
 */
export interface Variable {
  readonly name: string
  /** `env`, or the `envFile`. */
  readonly from: "env" | "envFile"
  /** Set to `null`: the variable is left out, also where the `envFile` has it. */
  readonly leftOut?: true | undefined
  readonly risk?: string | undefined
  readonly value?: string | undefined
}

/**
 * A server of a configuration, as it is listed.
 *
 * @since 0.1.0
 * @category models
 */
export interface Listed {
  readonly name: string
  readonly transport: string
  /** Command and arguments in one line, or the address. */
  readonly target: string
  readonly disabled: boolean
  readonly command?: string | undefined
  readonly args?: ReadonlyArray<string> | undefined
  readonly cwd?: string | undefined
  readonly envFile?: string | undefined
  /** Why the `envFile` could not be read. */
  readonly envFileError?: string | undefined
  /** Whether it gets this process's whole environment. */
  readonly inheritEnv?: boolean | undefined
  readonly env?: ReadonlyArray<Variable> | undefined
  readonly headers?: ReadonlyArray<string> | undefined
}

const runsCode = "decides which code runs"
const getsPackages = "decides where packages come from"

/** By what they do. Compared in capitals: Windows knows no other, and npm reads its own in either. */
const risks: ReadonlyArray<readonly [RegExp, string]> = [
  [/^(LD|DYLD)_/, runsCode],
  [/^(PATH|PATHEXT|COMSPEC|SHELL|ENV|BASH_ENV|BASH_FUNC_.*|SHELLOPTS|BASHOPTS|IFS|PS4|ZDOTDIR)$/, runsCode],
  [/^(NODE_(OPTIONS|PATH|REPL_EXTERNAL_MODULE)|ELECTRON_RUN_AS_NODE|BUN_OPTIONS|TSX_TSCONFIG_PATH)$/, runsCode],
  [/^(PYTHON(PATH|HOME|STARTUP|USERBASE|PLATLIBDIR|BREAKPOINT|WARNINGS)|VIRTUAL_ENV|CONDA_PREFIX)$/, runsCode],
  [/^(PERL5?(LIB|OPT|DB)|RUBY(OPT|LIB)|GEM_(HOME|PATH)|PHPRC|PHP_INI_SCAN_DIR|LUA_(INIT|PATH|CPATH).*)$/, runsCode],
  [/^(_?JAVA(_TOOL)?_OPTIONS|JDK_JAVA_OPTIONS|JAVA_HOME|CLASSPATH|DOTNET_STARTUP_HOOKS|DOTNET_ROOT)$/, runsCode],
  [/^(CORECLR|COR|COMPLUS)_(ENABLE_PROFILING|PROFILER.*)$/, runsCode],
  [
    /^(GCONV_PATH|OPENSSL_(CONF|MODULES|ENGINES)|GIT_(SSH|SSH_COMMAND|EXEC_PATH|CONFIG.*|ASKPASS|EDITOR|PAGER))$/,
    runsCode
  ],
  [/^(EDITOR|VISUAL|PAGER|BROWSER|SSH_ASKPASS|HOME|USERPROFILE|XDG_CONFIG_HOME|APPDATA)$/, runsCode],
  [/^(NPM_CONFIG|YARN|PNPM|PIP|UV|BUN_CONFIG|DENO)_/, getsPackages],
  [/^(GOPROXY|GOFLAGS|CARGO_.*|RUSTC_WRAPPER|DOCKER_(HOST|CONTEXT|CONFIG))$/, getsPackages],
  [
    /^(NODE_TLS_REJECT_UNAUTHORIZED|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR))$/,
    "decides whom it takes for the right server"
  ]
]

const riskOf = (name: string): string | undefined => risks.find(([pattern]) => pattern.test(name.toUpperCase()))?.[1]

/** Among the settings of package managers there are credentials too. */
const mayBeSecret = (name: string): boolean => /AUTH|TOKEN|PASS|SECRET|KEY|CRED/i.test(name)

/** The credential of an address: a package index is often given with one. */
const withoutCredentials = (value: string): string => value.replace(/:\/\/[^/\s@]*@/g, `://${Redaction.replacement}@`)

const variable = (from: Variable["from"], name: string, value: Redacted.Redacted<string> | null): Variable => {
  const risk = riskOf(name)
  if (value === null) return { name, from, leftOut: true, risk }
  const shown = risk === undefined || mayBeSecret(name) ? undefined : withoutCredentials(Redacted.value(value))
  return { name, from, risk, value: shown }
}

const transportOf = (entry: ConfigFile.Entry): string => {
  switch (entry._tag) {
    case "Stdio":
      return "stdio"
    case "Http":
      return "http"
    case "Malformed":
      return entry.type
  }
}

const details = (file: ConfigFile.ConfigFile, entry: ConfigFile.Entry): Partial<Listed> => {
  switch (entry._tag) {
    case "Stdio": {
      const read = file.envFiles.get(entry.name)
      const variables = read === undefined ? [] : Either.getOrElse(read, () => [])
      return {
        command: entry.command,
        args: entry.args,
        cwd: entry.cwd,
        envFile: entry.envFile,
        envFileError: read === undefined ? undefined : Either.getOrUndefined(Either.flip(read)),
        inheritEnv: entry.settings.inheritEnv,
        env: [
          ...[...entry.env].map(([name, value]) => variable("env", name, value)),
          // What `env` has wins.
          ...[...variables]
            .filter(([name]) => !entry.env.has(name))
            .map(([name, value]) => variable("envFile", name, value))
        ]
      }
    }
    case "Http":
      return { headers: [...entry.headers.keys()] }
    case "Malformed":
      return {}
  }
}

/**
 * What a server of the file would run or reach, and with what.
 *
 * @since 0.1.0
 * @category constructors
 */
export const of = (file: ConfigFile.ConfigFile, entry: ConfigFile.Entry): Listed => ({
  name: entry.name,
  transport: transportOf(entry),
  target: ConfigFile.target(entry),
  disabled: entry.disabled,
  ...details(file, entry)
})

/** A line break in a name or an argument must not look like another server. */
const oneLine = (text: string): string =>
  Redaction.plain(text.replace(/[\n\r\t\u0085\u2028\u2029]/g, (character) => JSON.stringify(character).slice(1, -1)))

const row = (listed: Listed): ReadonlyArray<string> => [
  oneLine(listed.name),
  oneLine(listed.disabled ? `${listed.transport}, disabled` : listed.transport),
  oneLine(listed.target)
]

const lines = (listed: Listed): ReadonlyArray<string> => {
  const variables = listed.env ?? []
  const found: Array<string> = []
  const names = (what: string, list: ReadonlyArray<string>) => {
    if (list.length > 0) found.push(`  ${what}: ${list.join(", ")}`)
  }
  const plainly = (from: Variable["from"]): ReadonlyArray<string> =>
    variables
      .filter((each) => each.from === from && each.risk === undefined)
      .map((each) => (each.leftOut === true ? `${each.name} (left out)` : each.name))
  if (listed.cwd !== undefined) found.push(`  cwd: ${listed.cwd}`)
  if (listed.inheritEnv === true) found.push("! inheritEnv: it gets the whole environment of this process")
  names("env", plainly("env"))
  if (listed.envFile !== undefined) {
    const inside = plainly("envFile")
    const has = listed.envFileError === undefined ? inside.join(", ") : `cannot be read: ${listed.envFileError}`
    found.push(`  envFile: ${listed.envFile}${has === "" ? "" : ` (${has})`}`)
  }
  names("headers", listed.headers ?? [])
  for (const each of variables) {
    if (each.risk === undefined) continue
    const set = each.leftOut === true ? " (left out)" : each.value === undefined ? "" : `=${each.value}`
    found.push(`! ${each.from}: ${each.name}${set}  <- ${each.risk}`)
  }
  return found.map(oneLine)
}

/**
 * Servers as text: each in a line, and under it what else decides what it runs. What deserves a second look begins
 * with `!`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const render = (servers: ReadonlyArray<Listed>): string => {
  const rows = columns(servers.map(row)).split("\n")
  return servers.flatMap((listed, i) => [rows[i] ?? "", ...lines(listed).map((line) => `    ${line}`)]).join("\n")
}
