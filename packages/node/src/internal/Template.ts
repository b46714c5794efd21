/**
 * Text with `${…}` in it, as MCP hosts write it. Pure: which variables a text needs is asked first, their values are
 * given to `expand`. What was put in is never expanded again. `$${` stands for a plain `${`.
 */
import * as Either from "effect/Either"

/** What the references of a text may name. */
export interface Scope {
  /** Environment variables that are set. */
  readonly variables: ReadonlyMap<string, string>
  /** `userHome`, `workspaceFolder` and the like; one that is not known on this machine is missing. */
  readonly places: ReadonlyMap<string, string>
  /** VS Code's inputs, with their defaults. */
  readonly inputs: ReadonlyMap<string, string | undefined>
}

/** The names that `Scope.places` may hold. */
const placeNames = ["userHome", "workspaceFolder", "workspaceFolderBasename", "pathSeparator", "/"] as const

type Reference =
  | { readonly _tag: "Variable"; readonly name: string; readonly otherwise: string | undefined }
  | { readonly _tag: "Place"; readonly name: string }
  | { readonly _tag: "Input"; readonly id: string }
  | { readonly _tag: "Unknown" }

const pattern = /\$\$\{|\$\{([^}]*)\}/g

const reference = (inner: string): Reference => {
  if (placeNames.some((name) => name === inner)) return { _tag: "Place", name: inner }
  if (inner.startsWith("input:")) return { _tag: "Input", id: inner.slice("input:".length) }
  const marked = inner.startsWith("env:")
  const rest = marked ? inner.slice("env:".length) : inner
  const cut = rest.indexOf(":-")
  const name = cut === -1 ? rest : rest.slice(0, cut)
  const otherwise = cut === -1 ? undefined : rest.slice(cut + 2)
  // Windows has variables like `ProgramFiles(x86)`; only `env:` can name them.
  return (marked ? /^[^\s=]+$/ : /^[A-Za-z_]\w*$/).test(name)
    ? { _tag: "Variable", name, otherwise }
    : { _tag: "Unknown" }
}

/** The environment variables that a text refers to. */
export const variablesIn = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(pattern)].flatMap((match) => {
    const found = match[1] === undefined ? undefined : reference(match[1])
    return found?._tag === "Variable" ? [found.name] : []
  })

/** The text with every reference replaced, or why the first that cannot be replaced cannot. */
export const expand = (text: string, scope: Scope): Either.Either<string, string> => {
  let expanded = ""
  let end = 0
  for (const match of text.matchAll(pattern)) {
    const value = match[1] === undefined ? Either.right("${") : lookup(match[1], scope)
    if (Either.isLeft(value)) return value
    expanded += text.slice(end, match.index) + value.right
    end = match.index + match[0].length
  }
  return Either.right(expanded + text.slice(end))
}

const lookup = (inner: string, scope: Scope): Either.Either<string, string> => {
  const found = reference(inner)
  switch (found._tag) {
    case "Variable": {
      const value = scope.variables.get(found.name) ?? found.otherwise
      return value === undefined
        ? Either.left(
            `the environment variable ${found.name} is not set; set it, or write \${${inner}:-default} to do without`
          )
        : Either.right(value)
    }
    case "Place": {
      const value = scope.places.get(found.name)
      return value === undefined
        ? Either.left(`\${${inner}} is not known here: neither HOME nor USERPROFILE is set`)
        : Either.right(value)
    }
    case "Input": {
      const value = scope.inputs.get(found.id)
      return value === undefined
        ? Either.left(
            `\${${inner}} asks for an input, and there is nobody to ask; use an environment variable, like \${MY_VALUE}`
          )
        : Either.right(value)
    }
    case "Unknown":
      return Either.left(
        // What stands between the braces may be anything, also a default that is a secret.
        "expected ${VAR}, ${VAR:-default}, ${env:VAR}, ${userHome} or ${workspaceFolder}, found another ${…}; " +
          "for a plain ${ write $${"
      )
  }
}
