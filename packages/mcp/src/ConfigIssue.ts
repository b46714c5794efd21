/**
 * One thing that is wrong in a configuration: where it stands, and what was expected there. Issues are plain values;
 * `toError` makes one `ConfigError` of all that were found. No issue shows a value that may be a secret.
 *
 * @since 0.1.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { ParseIssue } from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as AST from "effect/SchemaAST"
import { ConfigError } from "./McpError.js"
import { didYouMean, either } from "./Nearest.js"

export {
  /**
   * `; did you mean "…"?`, or nothing when no known word is near, and none holds this one (`timeout`).
   *
   * @since 0.1.0
   * @category combinators
   */
  didYouMean,
  /**
   * `"a", "b" or "c"`.
   *
   * @since 0.1.0
   * @category combinators
   */
  oneOf
} from "./Nearest.js"

/**
 * From the root of the configuration: names of fields and places in lists.
 *
 * @since 0.1.0
 * @category models
 */
export type ConfigPath = ReadonlyArray<string | number>

/**
 * @since 0.1.0
 * @category models
 */
export interface ConfigIssue {
  readonly path: ConfigPath
  readonly reason: string
}

/**
 * `["mcpServers", "memory", "args", 1]` is shown as `mcpServers.memory.args[1]`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const showPath = (path: ConfigPath): string =>
  path.reduce<string>((shown, part) => {
    if (typeof part === "number") return `${shown}[${part}]`
    if (!/^[\w-]+$/.test(part)) return `${shown}[${JSON.stringify(part)}]`
    return shown === "" ? part : `${shown}.${part}`
  }, "")

/**
 * One error that names the first issue by its path, and lists the others after it: 50 in all, and how many more there are.
 *
 * @since 0.1.0
 * @category combinators
 */
export const toError = (
  issues: NonEmptyReadonlyArray<ConfigIssue>,
  source: { readonly file?: string | undefined; readonly positionOf?: ((path: ConfigPath) => string) | undefined } = {}
): ConfigError => {
  const reason = (issue: ConfigIssue) => `${issue.reason}${source.positionOf?.(issue.path) ?? ""}`
  const others = issues.slice(1, most).map((issue) => {
    const where = [source.file, showPath(issue.path)].filter((part) => part !== undefined && part !== "").join(": ")
    return `\n${where}: ${reason(issue)}`
  })
  const path = showPath(issues[0].path)
  return new ConfigError({
    ...(source.file === undefined ? {} : { file: source.file }),
    ...(path === "" ? {} : { path }),
    reason: reason(issues[0]) + others.join("") + (issues.length > most ? `\n… and ${issues.length - most} more` : "")
  })
}

/** What nobody would read to its end is not said. */
const most = 50

// Command lines, addresses, variables and headers may hold secrets: of these only the kind is shown.
const mayBeSecret = new Set(["command", "args", "cwd", "env", "envFile", "url", "serverUrl", "httpUrl", "headers"])

/**
 * What stands there instead of what was expected: the value where it cannot be a secret, else its kind.
 *
 * @since 0.1.0
 * @category combinators
 */
export const found = (value: unknown, path: ConfigPath = []): string => {
  if (value === undefined) return "nothing"
  if (value === null) return "null"
  if (Array.isArray(value)) return "an array"
  if (value === "") return "an empty string"
  const kind = typeof value
  const shown = !path.some((part) => typeof part === "string" && mayBeSecret.has(part))
  if (shown && (kind === "number" || kind === "boolean" || kind === "bigint")) return String(value)
  if (shown && kind === "string") {
    const text = String(value)
    return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
  }
  return kind === "object" ? "an object" : `a ${kind}`
}

/**
 * Checks a value against a schema that has no transformations; a key that the schema does not know is one issue
 * more, or kept. The right side is the value as it was given.
 *
 * @since 0.1.0
 * @category combinators
 */
export const check = <A, I>(
  schema: Schema.Schema<A, I>,
  value: unknown,
  path: ConfigPath,
  options: { readonly unknownKeys: "refuse" | "keep" }
): Either.Either<A, NonEmptyReadonlyArray<ConfigIssue>> => {
  const decode = Schema.decodeUnknownEither(schema, {
    errors: "all",
    onExcessProperty: options.unknownKeys === "refuse" ? "error" : "ignore"
  })
  return Either.match(decode(value), {
    onLeft: (error) => {
      const [first, ...rest] = leaves(error.issue, path, schema.ast)
      return Either.left<NonEmptyReadonlyArray<ConfigIssue>>([first ?? { path, reason: error.message }, ...rest])
    },
    // Without transformations what was checked is the value itself. The decoded copy is not used: it would lose a
    // key called `__proto__`.
    onRight: () => Either.right(value as A)
  })
}

const leaves = (issue: ParseIssue, path: ConfigPath, parent: AST.AST): ReadonlyArray<ConfigIssue> => {
  switch (issue._tag) {
    case "Pointer": {
      const below = (Array.isArray(issue.path) ? issue.path : [issue.path]).map((part) =>
        typeof part === "symbol" ? String(part) : part
      )
      return leaves(issue.issue, [...path, ...below], parent)
    }
    case "Composite": {
      const issues = Array.isArray(issue.issues) ? issue.issues : [issue.issues]
      if (!AST.isUnion(issue.ast)) return issues.flatMap((each) => leaves(each, path, issue.ast))
      // A field that may be left out is a union with `undefined`: what counts is the other member.
      const members = issue.ast.types.filter((type) => !AST.isUndefinedKeyword(type))
      const real = issues.filter((each) => !(each._tag === "Type" && AST.isUndefinedKeyword(each.ast)))
      const [only] = real
      if (members.length === 1 && real.length === 1 && only !== undefined) return leaves(only, path, issue.ast)
      return [{ path, reason: mismatch(issue.ast, issue.actual, path) }]
    }
    case "Refinement":
      return issue.kind === "Predicate"
        ? [{ path, reason: mismatch(issue.ast, issue.actual, path) }]
        : leaves(issue.issue, path, parent)
    case "Transformation":
      return leaves(issue.issue, path, parent)
    case "Unexpected": {
      const key = String(path[path.length - 1])
      return [{ path, reason: `is not a known setting${didYouMean(key, keysOf(parent))}` }]
    }
    case "Missing":
      return [{ path, reason: `expected ${expected(issue.ast.type)}, found nothing` }]
    case "Type":
    case "Forbidden":
      return [{ path, reason: mismatch(issue.ast, issue.actual, path) }]
  }
}

const mismatch = (ast: AST.AST, actual: unknown, path: ConfigPath): string => {
  const words = AST.isUnion(ast) ? ast.types.flatMap((type) => (AST.isLiteral(type) ? [String(type.literal)] : [])) : []
  const hint = typeof actual === "string" ? didYouMean(actual, words) : ""
  return `expected ${expected(ast)}, found ${found(actual, path)}${hint}`
}

const expected = (ast: AST.AST): string => {
  if (AST.isLiteral(ast)) return JSON.stringify(ast.literal)
  if (AST.isTupleType(ast)) return "an array"
  if (AST.isTypeLiteral(ast)) return "an object"
  if (AST.isUnion(ast)) {
    // A redacted value is a string to whoever writes a configuration.
    const members = ast.types.filter(
      (type) => !AST.isUndefinedKeyword(type) && !(AST.isDeclaration(type) && type.typeParameters.length > 0)
    )
    return either(members.map(expected))
  }
  const description = Option.getOrElse(AST.getDescriptionAnnotation(ast), () => String(ast))
  return description.replace("a non empty string", "a string that is not empty")
}

const keysOf = (ast: AST.AST): ReadonlyArray<string> => {
  if (AST.isTypeLiteral(ast)) return ast.propertySignatures.map((signature) => String(signature.name))
  return AST.isUnion(ast) ? ast.types.flatMap(keysOf) : []
}
