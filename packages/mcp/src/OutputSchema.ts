/**
 * Checks what a tool gave against the `outputSchema` that its server declares. A schema from a server is hostile code:
 * it is never compiled to any, but evaluated within bounds, and what cannot be is refused.
 *
 * | bounded | by | beyond it |
 * | --- | --- | --- |
 * | the schema | 256 Ki characters, 20,000 values, 5,000 subschemas, 100 patterns, nested 64 deep | refused |
 * | references | within the schema itself (`#…`) | refused: nothing is ever fetched |
 * | patterns | those that a linear-time engine (RE2) takes: no look-around, no back-reference | refused |
 * | keywords | all of drafts 6, 7, 2019-09 and 2020-12 but `unevaluated…`, `$dynamicRef`, `$recursiveRef` | refused |
 * | one evaluation | a million steps | the value does not pass |
 *
 * `format` and what else only describes is not checked. An own evaluator, since those that exist either generate code,
 * which Workers forbid, or bound no step of what a schema makes them do.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import { checksOf } from "./internal/SchemaKeywords.js"
import { Exceeded, Run } from "./internal/SchemaRun.js"
import { Refused, Source } from "./internal/SchemaSource.js"

/**
 * A schema that can be evaluated.
 *
 * @since 0.1.0
 * @category models
 */
export interface OutputSchema {
  /** Why a value does not fit: its place in it, and never the value. `undefined` when it fits. */
  readonly mismatch: (value: unknown) => string | undefined
}

/**
 * A schema that is not evaluated, and why.
 *
 * @since 0.1.0
 * @category errors
 */
export class SchemaRefused extends Data.TaggedError("SchemaRefused")<{ readonly reason: string }> {
  override get message(): string {
    return `The schema cannot be checked: ${this.reason}`
  }
}

/**
 * The steps that one evaluation may take. A step is what a look at one small value takes, some 100 ns; a
 * value of a usual result takes a few.
 *
 * @since 0.1.0
 * @category constants
 */
export const mostSteps = 1_000_000

/**
 * Reads a schema. Fails with `SchemaRefused`. `what` is how what is checked is called where it does not fit.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (schema: unknown, what = "structuredContent"): Effect.Effect<OutputSchema, SchemaRefused> =>
  Effect.gen(function* () {
    const { root, source } = yield* Effect.try({ try: () => read(schema), catch: refusal })
    const patterns = source.allPatterns()
    if (patterns.length > 0) {
      // Dear to load (some 10 ms), and few schemas have patterns.
      const { RE2JS } = yield* Effect.promise(() => import("re2js"))
      for (const pattern of patterns) {
        const { length } = pattern.source
        if (length > longestPattern) {
          return yield* new SchemaRefused({ reason: `it has a pattern of more than ${longestPattern} characters` })
        }
        const program = yield* Effect.try({
          try: () => RE2JS.compile(RE2JS.translateRegExp(pattern.source)),
          catch: () => new SchemaRefused({ reason: "it has a pattern that cannot be matched in linear time" })
        })
        const size = program.programSize()
        if (size > largestProgram) return yield* new SchemaRefused({ reason: "it has a pattern that is too large" })
        pattern.cost = (characters) => 1 + (characters * size) / 10
        pattern.test = (text) => program.test(text)
      }
    }
    return {
      mismatch: (value) => {
        try {
          const failure = new Run(mostSteps).check(root, value)
          if (failure === undefined) return undefined
          const place = failure.path.reverse().map((part) => `[${JSON.stringify(part)}]`)
          return `${what}${place.join("")}: ${failure.reason}`
        } catch (error) {
          // A stack that runs out, too, is a value that is too deep for its schema.
          if (error instanceof Exceeded || error instanceof RangeError) return "to check it would take too long"
          throw error
        }
      }
    }
  })

const longestPattern = 1000
const largestProgram = 2000

const read = (schema: unknown) => {
  if (!Predicate.isRecord(schema)) throw new Refused("it is no object")
  const source = new Source(schema)
  const root = source.node(schema, false)
  for (let next = source.next(); next !== undefined; next = source.next()) {
    next.node.checks.push(...checksOf(next.schema, source, next.foreign))
  }
  return { source, root }
}

const refusal = (error: unknown): SchemaRefused => {
  if (error instanceof Refused) return new SchemaRefused({ reason: error.message })
  throw error
}

/**
 * Schemas that were read, by their content: the same schema of a thousand partitions is read once. Bounded: when they
 * are more than 4 Mi characters together, those that were read first go.
 *
 * @since 0.1.0
 * @category models
 */
export class Cache {
  private readonly byText = new Map<string, Outcome>()
  /** By the list that it came in, for as long as that is held. */
  private readonly byObject = new WeakMap<object, Outcome>()
  private characters = 0

  of(schema: object): Effect.Effect<OutputSchema, SchemaRefused> {
    const known = this.byObject.get(schema)
    if (known !== undefined) return known
    const text = JSON.stringify(schema)
    const same = this.byText.get(text)
    if (same !== undefined) {
      this.byObject.set(schema, same)
      return same
    }
    return Effect.flatMap(Effect.either(make(schema)), (outcome) => {
      this.byObject.set(schema, outcome)
      if (!this.byText.has(text)) this.characters += text.length
      this.byText.set(text, outcome)
      this.trim()
      return outcome
    })
  }

  private trim(): void {
    for (const text of this.byText.keys()) {
      if (this.characters <= mostCharacters) return
      this.byText.delete(text)
      this.characters -= text.length
    }
  }
}

type Outcome = Either.Either<OutputSchema, SchemaRefused>

const mostCharacters = 4 * 1024 * 1024
