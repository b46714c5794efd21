/**
 * Says why a value does not fit a schema, without the value: arguments and results hold what users keep secret, and
 * reasons end in logs. Paths, expectations and the kinds of what was found stay; messages in which a schema quotes
 * what it was given go.
 *
 * @since 0.1.0
 */
import * as ParseResult from "effect/ParseResult"

/**
 * The tree of what is wrong, as `ParseResult.TreeFormatter` draws it, with the kind of each value in place of the
 * value.
 *
 * @since 0.1.0
 * @category combinators
 */
export const format = (error: ParseResult.ParseError): string =>
  ParseResult.TreeFormatter.formatIssueSync(withoutValues(error.issue, false))

const withoutValues = (issue: ParseResult.ParseIssue, transformed: boolean): ParseResult.ParseIssue => {
  const actual = kindOf(issue.actual)
  switch (issue._tag) {
    case "Type": {
      // A failed transformation ("Unable to decode … into a number") quotes its input, more or less of it.
      const quotes = transformed || quotesValue(issue.message, issue.actual)
      return new ParseResult.Type(issue.ast, actual, quotes ? undefined : issue.message)
    }
    case "Forbidden":
      return new ParseResult.Forbidden(issue.ast, actual, transformed ? undefined : issue.message)
    case "Missing":
      return issue
    case "Unexpected":
      return new ParseResult.Unexpected(actual, issue.message)
    case "Pointer":
      return new ParseResult.Pointer(issue.path, actual, withoutValues(issue.issue, transformed))
    case "Refinement":
      return new ParseResult.Refinement(issue.ast, actual, issue.kind, withoutValues(issue.issue, transformed))
    case "Transformation":
      return new ParseResult.Transformation(
        issue.ast,
        actual,
        issue.kind,
        withoutValues(issue.issue, issue.kind === "Transformation")
      )
    case "Composite": {
      const [first, ...rest] = "_tag" in issue.issues ? [issue.issues] : issue.issues
      return new ParseResult.Composite(issue.ast, actual, [
        withoutValues(first, transformed),
        ...rest.map((one) => withoutValues(one, transformed))
      ])
    }
  }
}

const quotesValue = (message: string | undefined, actual: unknown): boolean => {
  if (message === undefined) return false
  const text = typeof actual === "string" ? actual : typeof actual === "object" ? "" : String(actual)
  return text !== "" && message.includes(text)
}

/** Stands for a value in a message. */
class Kind {
  constructor(readonly name: string) {}
  toString(): string {
    return this.name
  }
}

const kindOf = (value: unknown): Kind => {
  if (value === null || value === undefined) return new Kind(String(value))
  if (Array.isArray(value)) return new Kind("an array")
  switch (typeof value) {
    case "object":
      return new Kind("an object")
    case "string":
      return new Kind(value === "" ? "an empty string" : "a string")
    default:
      return new Kind(`a ${typeof value}`)
  }
}
