/**
 * What each keyword of JSON Schema checks (drafts 6, 7, 2019-09 and 2020-12:
 * https://json-schema.org/draft/2020-12/json-schema-validation). Keywords that only describe (`format` among them)
 * check nothing, those that cannot be evaluated by looking at one place are refused.
 */
import * as Predicate from "effect/Predicate"
import { type Check, Failure, type Node, Run } from "./SchemaRun.js"
import { type Pattern, Refused, type Source } from "./SchemaSource.js"

type Json = Readonly<Record<string, unknown>>

const notEvaluated = ["unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef"]

/** The checks of one schema. `foreign`: it stands in one with an `$id` of its own, where references mean others. */
export const checksOf = (schema: Json, source: Source, foreign: boolean): Array<Check> => {
  const reads = new Reader(schema, source, foreign)
  for (const keyword of notEvaluated) if (Object.hasOwn(schema, keyword)) throw new Refused(`it uses ${keyword}`)
  const reference = reads.get("$ref")
  const referred = reference === undefined ? [] : [applied(source.resolve(reference, foreign))]
  if (referred.length > 0 && source.refAlone) return referred
  return [
    ...types(reads),
    ...values(reads),
    ...numbers(reads),
    ...strings(reads),
    ...arrays(reads),
    ...objects(reads),
    ...referred,
    ...combined(reads)
  ]
}

const applied =
  (node: Node): Check =>
  (value, run) =>
    run.check(node, value)

/** Reads keywords by name, and refuses what is not as JSON Schema has it. */
class Reader {
  constructor(
    private readonly schema: Json,
    readonly source: Source,
    private readonly foreign: boolean
  ) {}

  get(keyword: string): unknown {
    return Object.hasOwn(this.schema, keyword) ? this.schema[keyword] : undefined
  }

  number(keyword: string): number | undefined {
    return this.read(keyword, (value) => (typeof value === "number" ? value : undefined))
  }

  count(keyword: string): number | undefined {
    return this.read(keyword, (value) => (isWhole(value) && value >= 0 ? value : undefined))
  }

  names(keyword: string): ReadonlyArray<string> | undefined {
    return this.read(keyword, asNames)
  }

  pattern(keyword: string): Pattern | undefined {
    return this.read(keyword, (value) => (typeof value === "string" ? this.source.pattern(value) : undefined))
  }

  node(keyword: string): Node | undefined {
    return this.read(keyword, this.asNode)
  }

  nodes(keyword: string): ReadonlyArray<Node> | undefined {
    return this.read(keyword, (value) => (Array.isArray(value) ? value.map(this.asNode) : undefined))
  }

  members<A>(keyword: string, read: (value: unknown) => A | undefined): ReadonlyMap<string, A> | undefined {
    return this.read(keyword, (value) => {
      if (!Predicate.isRecord(value)) return undefined
      return new Map(Object.entries(value).map(([name, each]) => [name, this.must(keyword, read(each))]))
    })
  }

  nodesByName(keyword: string): ReadonlyMap<string, Node> | undefined {
    return this.members(keyword, this.asNode)
  }

  readonly asNode = (value: unknown): Node => this.source.node(value, this.foreign)

  /** What the keyword holds, `undefined` without it. */
  read<A>(keyword: string, as: (value: unknown) => A | undefined): A | undefined {
    const value = this.get(keyword)
    return value === undefined ? undefined : this.must(keyword, as(value))
  }

  private must<A>(keyword: string, value: A | undefined): A {
    if (value === undefined) throw new Refused(`its "${keyword}" is not as JSON Schema has it`)
    return value
  }
}

const isWhole = (value: unknown): value is number => Number.isInteger(value)

const asNames = (value: unknown): ReadonlyArray<string> | undefined =>
  Array.isArray(value) && value.every(Predicate.isString) ? value : undefined

const kindOf = (value: unknown): string => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value)

const kinds = new Set(["null", "boolean", "object", "array", "number", "string", "integer"])

const types = (reads: Reader): Array<Check> => {
  const allowed = reads.read("type", (type) => {
    const names = asNames(Array.isArray(type) ? type : [type])
    return names?.every((name) => kinds.has(name)) === true ? new Set(names) : undefined
  })
  if (allowed === undefined) return []
  const reason = `expected ${[...allowed].join(" or ")}, found `
  return [
    (value) => {
      const kind = kindOf(value)
      if (allowed.has(kind) || (allowed.has("integer") && Number.isInteger(value))) return undefined
      return new Failure(reason + kind)
    }
  ]
}

const values = (reads: Reader): Array<Check> => {
  // Its own size is bounded.
  const text = (value: unknown) => new Run(Infinity).canonical(value)
  const listed = reads.read("enum", (all) => (Array.isArray(all) ? new Set(all.map(text)) : undefined))
  // `null` is a constant, too.
  const constant = reads.read("const", (value) => new Set([text(value)]))
  return [listed, constant].flatMap((allowed): Array<Check> =>
    allowed === undefined
      ? []
      : [(value, run) => (allowed.has(run.canonical(value)) ? undefined : new Failure("is none of the values allowed"))]
  )
}

const numbers = (reads: Reader): Array<Check> => {
  const checks: Array<Check> = []
  const bound = (keyword: string, holds: (value: number, limit: number) => boolean) => {
    const limit = reads.number(keyword)
    if (limit === undefined) return
    checks.push((value) =>
      typeof value !== "number" || holds(value, limit) ? undefined : new Failure(`does not keep to its ${keyword}`)
    )
  }
  bound("minimum", (value, limit) => value >= limit)
  bound("maximum", (value, limit) => value <= limit)
  bound("exclusiveMinimum", (value, limit) => value > limit)
  bound("exclusiveMaximum", (value, limit) => value < limit)
  if ((reads.number("multipleOf") ?? 1) <= 0) throw new Refused('its "multipleOf" is not above 0')
  bound("multipleOf", isMultiple)
  return checks
}

/** As far as a number of JavaScript can tell: 0.3 is a multiple of 0.1. */
const isMultiple = (value: number, unit: number): boolean => {
  const times = value / unit
  return Math.abs(times - Math.round(times)) <= Math.abs(times) * 2 * Number.EPSILON
}

const strings = (reads: Reader): Array<Check> => {
  const [least, most, pattern] = [reads.count("minLength"), reads.count("maxLength"), reads.pattern("pattern")]
  const checks: Array<Check> = []
  if (least !== undefined || most !== undefined) {
    checks.push((value, run) => {
      if (typeof value !== "string") return undefined
      run.spend(value.length / 32)
      const length = lengthOf(value)
      return length < (least ?? 0) || length > (most ?? Infinity)
        ? new Failure("does not keep to its minLength or maxLength")
        : undefined
    })
  }
  if (pattern !== undefined) {
    checks.push((value, run) =>
      typeof value !== "string" || matches(pattern, value, run) ? undefined : new Failure("does not match its pattern")
    )
  }
  return checks
}

const matches = (pattern: Pattern, text: string, run: Run): boolean => {
  run.spend(pattern.cost(text.length))
  return pattern.test(text)
}

/** In characters, not in units of UTF-16. */
const lengthOf = (text: string): number => {
  let length = 0
  for (const _ of text) length++
  return length
}

const arrays = (reads: Reader): Array<Check> => {
  const [least, most] = [reads.count("minItems") ?? 0, reads.count("maxItems") ?? Infinity]
  const tuple = Array.isArray(reads.get("items"))
  const first = reads.nodes(tuple ? "items" : "prefixItems") ?? []
  const rest = reads.node(tuple ? "additionalItems" : "items")
  const contained = reads.node("contains")
  const [fewest, mostly] = [reads.count("minContains") ?? 1, reads.count("maxContains") ?? Infinity]
  const unique = reads.get("uniqueItems") === true
  const hasItems = first.length > 0 || rest !== undefined
  if (least === 0 && most === Infinity && !hasItems && contained === undefined && !unique) return []
  return [
    (value, run) => {
      if (!Array.isArray(value)) return undefined
      if (value.length < least || value.length > most) return new Failure("does not keep to its minItems or maxItems")
      // As long as it may be: each item costs something, whatever is asked of it.
      run.spend(value.length)
      const looked = hasItems ? value.length : 0
      for (let at = 0; at < looked; at++) {
        const node = first[at] ?? rest
        const failure = node === undefined ? undefined : run.check(node, value[at])
        if (failure !== undefined) return failure.within(at)
      }
      if (contained !== undefined) {
        const found = value.filter((each) => run.check(contained, each) === undefined).length
        if (found < fewest || found > mostly) return new Failure("does not contain what it must, as often as it must")
      }
      if (unique && new Set(value.map((each) => run.canonical(each))).size < value.length) {
        return new Failure("has the same item twice")
      }
      return undefined
    }
  ]
}

/** `names` are those of the object's members. */
type ObjectCheck = (value: Json, names: ReadonlyArray<string>, run: Run) => Failure | undefined

const objects = (reads: Reader): Array<Check> => {
  const checks: Array<ObjectCheck> = []
  const [least, most] = [reads.count("minProperties") ?? 0, reads.count("maxProperties") ?? Infinity]
  if (least > 0 || most < Infinity) {
    checks.push((_, { length }) =>
      length < least || length > most ? new Failure("does not keep to its minProperties or maxProperties") : undefined
    )
  }
  const required = reads.names("required") ?? []
  if (required.length > 0) checks.push((value, _, run) => missing(value, required, run))
  checks.push(...members(reads), ...dependencies(reads))
  if (checks.length === 0) return []
  return [
    (value, run) => {
      if (!Predicate.isRecord(value)) return undefined
      const names = Object.keys(value)
      run.spend(names.length)
      for (const check of checks) {
        const failure = check(value, names, run)
        if (failure !== undefined) return failure
      }
      return undefined
    }
  ]
}

const missing = (value: Json, required: ReadonlyArray<string>, run: Run): Failure | undefined => {
  run.spend(required.length)
  const absent = required.find((name) => !Object.hasOwn(value, name))
  return absent === undefined ? undefined : new Failure("is not there, and is required").within(absent)
}

const members = (reads: Reader): Array<ObjectCheck> => {
  const properties = reads.nodesByName("properties")
  const patterned = [...(reads.nodesByName("patternProperties") ?? [])].map(
    ([pattern, node]) => [reads.source.pattern(pattern), node] as const
  )
  const additional = reads.node("additionalProperties")
  const named = reads.node("propertyNames")
  if (properties === undefined && patterned.length === 0 && additional === undefined && named === undefined) return []
  return [
    (value, names, run) => {
      for (const name of names) {
        const own = properties?.get(name)
        const fitting =
          patterned.length === 0 ? [] : patterned.flatMap(([at, node]) => (matches(at, name, run) ? [node] : []))
        const failure =
          (named === undefined ? undefined : run.check(named, name)) ??
          (own === undefined ? undefined : run.check(own, value[name])) ??
          firstFailure(fitting, value[name], run) ??
          (additional === undefined || own !== undefined || fitting.length > 0
            ? undefined
            : run.check(additional, value[name]))
        if (failure !== undefined) return failure.within(name)
      }
      return undefined
    }
  ]
}

/** Names that must be there, or a schema that must hold, where another name is. */
const dependencies = (reads: Reader): Array<ObjectCheck> => {
  const names = reads.members("dependentRequired", asNames) ?? new Map<string, ReadonlyArray<string>>()
  const nodes = reads.nodesByName("dependentSchemas") ?? new Map<string, Node>()
  const either =
    reads.members("dependencies", (value) => asNames(value) ?? reads.asNode(value)) ??
    new Map<string, ReadonlyArray<string> | Node>()
  return [...names, ...nodes, ...either].map(([name, needed]): ObjectCheck => (value, _, run) => {
    if (!Object.hasOwn(value, name)) return undefined
    return "checks" in needed ? run.check(needed, value) : missing(value, needed, run)
  })
}

const combined = (reads: Reader): Array<Check> => {
  const checks: Array<Check> = []
  const [all, any, one] = [reads.nodes("allOf"), reads.nodes("anyOf"), reads.nodes("oneOf")]
  const fits = (nodes: ReadonlyArray<Node>, value: unknown, run: Run) =>
    nodes.filter((node) => run.check(node, value) === undefined).length
  if (all !== undefined) checks.push((value, run) => firstFailure(all, value, run))
  if (any !== undefined) {
    checks.push((value, run) =>
      any.some((node) => run.check(node, value) === undefined) ? undefined : new Failure("fits none of its anyOf")
    )
  }
  if (one !== undefined) {
    checks.push((value, run) =>
      fits(one, value, run) === 1 ? undefined : new Failure("does not fit one of its oneOf")
    )
  }
  const not = reads.node("not")
  if (not !== undefined) {
    checks.push((value, run) =>
      run.check(not, value) === undefined ? new Failure("is what it must not be") : undefined
    )
  }
  const [condition, then, otherwise] = [reads.node("if"), reads.node("then"), reads.node("else")]
  if (condition !== undefined) {
    checks.push((value, run) => {
      const branch = run.check(condition, value) === undefined ? then : otherwise
      return branch === undefined ? undefined : run.check(branch, value)
    })
  }
  return checks
}

const firstFailure = (nodes: ReadonlyArray<Node>, value: unknown, run: Run): Failure | undefined => {
  for (const node of nodes) {
    const failure = run.check(node, value)
    if (failure !== undefined) return failure
  }
  return undefined
}
