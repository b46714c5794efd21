/**
 * JSON with comments and trailing commas, as VS Code writes it, together with where each value stands in the text.
 * Pure; nothing of the text is shown in an issue except punctuation, since a secret may stand anywhere in it.
 */
import { ConfigIssue } from "@mooring/mcp"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Either from "effect/Either"
import {
  findNodeAtLocation,
  getNodeValue,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode
} from "jsonc-parser"

export interface JsonDocument {
  /** The value; its objects have no prototype, so that a key called `__proto__` is a key. */
  readonly value: unknown
  /** ` (line 3, column 7)` of the value at a path, or of the nearest value around it. */
  readonly positionOf: (path: ConfigIssue.ConfigPath) => string
}

/** What a text that is not JSON is refused with: the first problem only, since the others follow from it. */
export const parse = (text: string): Either.Either<JsonDocument, NonEmptyReadonlyArray<ConfigIssue.ConfigIssue>> => {
  const errors: Array<ParseError> = []
  try {
    const root = parseTree(text, errors, { allowTrailingComma: true })
    const [error] = errors
    if (error !== undefined) return Either.left([syntaxIssue(text, error)])
    if (root === undefined) return Either.left([{ path: [], reason: "the file is empty" }])
    const [first, ...rest] = duplicates(root, [], text)
    if (first !== undefined) return Either.left([first, ...rest])
    return Either.right({
      // The library types values as `any`; they are looked at as unknown.
      value: getNodeValue(root) as unknown,
      positionOf: (path) => {
        for (let length = path.length; length >= 0; length--) {
          const node = findNodeAtLocation(root, path.slice(0, length))
          if (node !== undefined) return ` (${position(text, node.offset)})`
        }
        return ""
      }
    })
  } catch (cause) {
    // The parser is recursive: the one thing that it throws is the overflow of its stack.
    if (cause instanceof RangeError) return Either.left([{ path: [], reason: "is nested too deeply to be read" }])
    throw cause
  }
}

const syntaxIssue = (text: string, error: ParseError): ConfigIssue.ConfigIssue => {
  const blank = text.trim() === ""
  const at = text.slice(error.offset, error.offset + 1)
  const instead =
    at === "" ? ", found the end of the file" : /[{}[\]:,;'=]/.test(at) ? `, found ${ConfigIssue.found(at)}` : ""
  return {
    path: [],
    reason: blank ? "the file is empty" : `not JSON: ${position(text, error.offset)}: ${wanted(error, at)}${instead}`
  }
}

const wanted = (error: ParseError, at: string): string => {
  switch (printParseErrorCode(error.error)) {
    case "InvalidSymbol":
      return at === "'"
        ? "expected double quotes"
        : "expected a value or a name in double quotes, a number, true, false or null"
    case "InvalidNumberFormat":
    case "UnexpectedEndOfNumber":
      return "expected a complete number"
    case "PropertyNameExpected":
      return "expected a name in double quotes"
    case "ValueExpected":
      return "expected a value"
    case "ColonExpected":
      return 'expected ":"'
    case "CommaExpected":
      return 'expected "," or the closing bracket'
    case "CloseBraceExpected":
      return 'expected "," or "}"'
    case "CloseBracketExpected":
      return 'expected "," or "]"'
    case "EndOfFileExpected":
      return "expected nothing more after the closing bracket"
    case "UnexpectedEndOfComment":
      return 'expected "*/" at the end of this comment'
    case "UnexpectedEndOfString":
      return "expected the closing double quote of the text that begins here"
    case "InvalidUnicode":
      return "expected four hexadecimal digits after \\u in this text"
    case "InvalidEscapeCharacter":
      return 'expected one of " \\ / b f n r t u after the backslash in this text; write \\\\ for a backslash'
    case "InvalidCharacter":
      return "expected no control characters in this text"
    default:
      return "expected JSON"
  }
}

const duplicates = (node: Node, path: ConfigIssue.ConfigPath, text: string): ReadonlyArray<ConfigIssue.ConfigIssue> => {
  const children = node.children ?? []
  if (node.type === "array") return children.flatMap((child, index) => duplicates(child, [...path, index], text))
  if (node.type !== "object") return []
  const offsets = new Map<string, number>()
  return children.flatMap((property) => {
    const [name, value] = property.children ?? []
    if (name === undefined || value === undefined) return []
    const key = String(name.value)
    const below = [...path, key]
    const before = offsets.get(key)
    offsets.set(key, name.offset)
    const twice = before === undefined ? [] : [{ path: below, reason: repeated(text, before, name.offset) }]
    return [...twice, ...duplicates(value, below, text)]
  })
}

const repeated = (text: string, before: number, again: number): string =>
  `expected each name once, found it at ${position(text, before)} and again at ${position(text, again)}`

/** Both count from 1; a column is one UTF-16 unit, as editors count. */
const position = (text: string, offset: number): string => {
  const lines = text.slice(0, offset).split(/\r\n|\n|\r/)
  return `line ${lines.length}, column ${(lines[lines.length - 1] ?? "").length + 1}`
}
