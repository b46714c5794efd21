/**
 * JSON with comments and trailing commas, as VS Code writes it, together with where each value stands in the text.
 * Pure; nothing of the text is shown in an issue except punctuation, since a secret may stand anywhere in it.
 */
import { ConfigIssue } from "@mooring/mcp"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Either from "effect/Either"
import { getNodeValue, type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser"

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
    const position = positions(text)
    const [error] = errors
    if (error !== undefined) return Either.left([syntaxIssue(text, error, position)])
    if (root === undefined) return Either.left([{ path: [], reason: "the file is empty" }])
    const [first, ...rest] = duplicates(root, [], position)
    if (first !== undefined) return Either.left([first, ...rest])
    const nearest = finder(root)
    return Either.right({
      // The library types values as `any`; they are looked at as unknown.
      value: getNodeValue(root) as unknown,
      positionOf: (path) => ` (${position(nearest(path).offset)})`
    })
  } catch (cause) {
    // The parser is recursive: the one thing that it throws is the overflow of its stack.
    if (cause instanceof RangeError) return Either.left([{ path: [], reason: "is nested too deeply to be read" }])
    throw cause
  }
}

const syntaxIssue = (text: string, error: ParseError, position: Position): ConfigIssue.ConfigIssue => {
  const blank = text.trim() === ""
  const at = text.slice(error.offset, error.offset + 1)
  const instead =
    at === "" ? ", found the end of the file" : /[{}[\]:,;'=]/.test(at) ? `, found ${ConfigIssue.found(at)}` : ""
  return {
    path: [],
    reason: blank ? "the file is empty" : `not JSON: ${position(error.offset)}: ${wanted(error, at)}${instead}`
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

const duplicates = (
  node: Node,
  path: ConfigIssue.ConfigPath,
  position: Position
): ReadonlyArray<ConfigIssue.ConfigIssue> => {
  const children = node.children ?? []
  if (node.type === "array") return children.flatMap((child, index) => duplicates(child, [...path, index], position))
  if (node.type !== "object") return []
  const offsets = new Map<string, number>()
  return children.flatMap((property) => {
    const [name, value] = property.children ?? []
    if (name === undefined || value === undefined) return []
    const key = String(name.value)
    const below = [...path, key]
    const before = offsets.get(key)
    offsets.set(key, name.offset)
    const twice =
      before === undefined ? [] : [{ path: below, reason: repeated(position(before), position(name.offset)) }]
    return [...twice, ...duplicates(value, below, position)]
  })
}

const repeated = (before: string, again: string): string =>
  `expected each name once, found it at ${before} and again at ${again}`

/** The value at a path, or the nearest around it. Each object is looked through once, however often it is asked. */
const finder = (root: Node): ((path: ConfigIssue.ConfigPath) => Node) => {
  const known = new Map<Node, ReadonlyMap<string, Node>>()
  const fieldsOf = (node: Node) => {
    const fields =
      known.get(node) ??
      new Map(
        (node.children ?? []).flatMap(({ children: [name, value] = [] }) =>
          name === undefined || value === undefined ? [] : [[String(name.value), value]]
        )
      )
    known.set(node, fields)
    return fields
  }
  return (path) => {
    let node = root
    for (const part of path) {
      const next = node.type === "array" ? node.children?.[Number(part)] : fieldsOf(node).get(String(part))
      if (next === undefined) return node
      node = next
    }
    return node
  }
}

type Position = (offset: number) => string

/** Where an offset is. Both count from 1; a column is one UTF-16 unit, as editors count. */
const positions = (text: string): Position => {
  const ends = [...text.matchAll(/\r\n|\n|\r/g)].map((end) => end.index + end[0].length)
  return (offset) => {
    let [line, above] = [0, ends.length]
    while (line < above) {
      const middle = (line + above) >> 1
      if ((ends[middle] ?? 0) <= offset) line = middle + 1
      else above = middle
    }
    return `line ${line + 1}, column ${offset - (ends[line - 1] ?? 0) + 1}`
  }
}
