/**
 * A JSON Schema as a server sent it, which is hostile until proven otherwise: what may be in it, how much, and where
 * its references lead. Everything that is not as it should be is thrown as a `Refused`.
 */
import * as Predicate from "effect/Predicate"
import { Failure, type Node } from "./SchemaRun.js"

/** A schema that is not evaluated. */
export class Refused extends Error {}

type Json = Readonly<Record<string, unknown>>

/** A pattern of the schema. `test` is put in when all of it has been read. */
export interface Pattern {
  readonly source: string
  /** What it costs to look for it in a text of this length, in steps. */
  cost: (length: number) => number
  test: (text: string) => boolean
}

const most = { characters: 256 * 1024, values: 20_000, depth: 64, subschemas: 5000, patterns: 100 }

/**
 * Dialects whose keywords mean what is implemented here. In those of `older`, what stands beside a `$ref` is nothing.
 */
const dialects = /^https?:\/\/json-schema\.org\/(draft-0[67]|draft\/2019-09|draft\/2020-12)\/schema#?$/
const older = /draft-0/

export class Source {
  /** What was referred to or nested, to be read yet. */
  private readonly unread: Array<{ readonly schema: Json; readonly node: Node; readonly foreign: boolean }> = []
  private readonly nodes = new Map<unknown, Node>()
  private readonly patterns = new Map<string, Pattern>()
  private readonly anchors = new Map<string, Json>()
  /** Whether a `$ref` stands for all of its schema. */
  readonly refAlone: boolean

  constructor(private readonly root: Json) {
    const dialect = root["$schema"]
    if (dialect !== undefined && !(typeof dialect === "string" && dialects.test(dialect))) {
      throw new Refused("its dialect ($schema) is not known")
    }
    this.refAlone = typeof dialect === "string" && older.test(dialect)
    this.measure()
  }

  /** The node of a schema; what it checks is read later, by `next`. */
  node(schema: unknown, foreign: boolean): Node {
    const known = this.nodes.get(schema)
    if (known !== undefined) return known
    if (typeof schema !== "boolean" && !Predicate.isRecord(schema)) throw new Refused("something in it is no schema")
    if (this.nodes.size >= most.subschemas) throw new Refused(`it has more than ${most.subschemas} subschemas`)
    const node: Node = { checks: [] }
    this.nodes.set(schema, node)
    if (schema === false) node.checks.push(() => new Failure("is not allowed"))
    if (typeof schema === "boolean") return node
    this.unread.push({ schema, node, foreign: foreign || (schema !== this.root && typeof schema["$id"] === "string") })
    return node
  }

  next() {
    return this.unread.pop()
  }

  /** What `$ref` refers to: within this document only. */
  resolve(reference: unknown, foreign: boolean): Node {
    if (typeof reference !== "string" || !reference.startsWith("#")) {
      throw new Refused("it refers ($ref) to something outside of itself")
    }
    // There, the same words would refer to something else.
    if (foreign) throw new Refused("it refers ($ref) to something within a schema that has an $id of its own")
    if (reference === "#") return this.node(this.root, false)
    if (reference.startsWith("#/")) return this.node(this.find(reference.slice(2).split("/")), false)
    const anchored = this.anchors.get(reference.slice(1))
    if (anchored === undefined) throw new Refused("it refers ($ref) to something that is not there")
    return this.node(anchored, false)
  }

  pattern(source: string): Pattern {
    const known = this.patterns.get(source)
    if (known !== undefined) return known
    if (this.patterns.size >= most.patterns) throw new Refused(`it has more than ${most.patterns} patterns`)
    const pattern: Pattern = { source, cost: () => Infinity, test: () => false }
    this.patterns.set(source, pattern)
    return pattern
  }

  allPatterns(): ReadonlyArray<Pattern> {
    return [...this.patterns.values()]
  }

  private find(tokens: ReadonlyArray<string>): unknown {
    let found: unknown = this.root
    for (const token of tokens) {
      const name = unescape(token).replaceAll("~1", "/").replaceAll("~0", "~")
      if (typeof found !== "object" || found === null || !Object.hasOwn(found, name)) {
        throw new Refused("it refers ($ref) to something that is not there")
      }
      if (found !== this.root && "$id" in found) {
        throw new Refused("it refers ($ref) to something within a schema that has an $id of its own")
      }
      // Arrays have their places as names, too.
      found = (found as Json)[name]
    }
    return found
  }

  /** Looks at all of it, without recursion: how much there is, how deep, and what is named. */
  private measure(): void {
    if (JSON.stringify(this.root).length > most.characters) {
      throw new Refused(`it is longer than ${most.characters} characters`)
    }
    let values = 0
    let level: ReadonlyArray<unknown> = [this.root]
    for (let depth = 0; level.length > 0; depth++) {
      if (depth > most.depth) throw new Refused(`it is nested deeper than ${most.depth}`)
      values += level.length
      if (values > most.values) throw new Refused(`it has more than ${most.values} values`)
      level = level.flatMap((each): ReadonlyArray<unknown> => {
        if (typeof each !== "object" || each === null) return []
        this.note(each)
        return Array.isArray(each) ? each : Object.values(each)
      })
    }
  }

  private note(value: object): void {
    const anchor: unknown = "$anchor" in value ? value["$anchor"] : undefined
    // In data (`const`, `enum`) it may be no anchor; then nothing refers to it.
    if (typeof anchor === "string" && Predicate.isRecord(value) && !this.anchors.has(anchor)) {
      this.anchors.set(anchor, value)
    }
  }
}

const unescape = (token: string): string => {
  try {
    return decodeURIComponent(token)
  } catch {
    // Not escaped, then.
    return token
  }
}
