/**
 * Schemas of other libraries (Zod, Valibot, ArkType, …) where one of Effect is wanted, by what they have in common:
 * https://standardschema.dev. They check in one direction only, at once or in a promise. What they find wrong is told by
 * its path, and by their words where these show nothing of the value.
 *
 * @since 0.1.0
 */
import type { StandardSchemaV1 } from "@standard-schema/spec"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type * as AST from "effect/SchemaAST"
import { leavesOf, quotesAny } from "./internal/Leaves.js"

/**
 * Whether it can be used as a standard schema; one of Effect may, too.
 *
 * @since 0.1.0
 * @category refinements
 */
export const isStandard = (input: unknown): input is StandardSchemaV1 => Predicate.hasProperty(input, "~standard")

/**
 * Checks arguments. They are sent as they were given: a server that has the same schema applies its defaults and
 * transformations itself.
 *
 * @since 0.1.0
 * @category constructors
 */
export const ofArguments = <S extends StandardSchemaV1>(
  schema: S
): Schema.Schema<StandardSchemaV1.InferInput<S>, Readonly<Record<string, unknown>>> => {
  const check = (
    input: unknown,
    ast: AST.AST
  ): Effect.Effect<Readonly<Record<string, unknown>>, ParseResult.ParseIssue> =>
    Predicate.isReadonlyRecord(input)
      ? Effect.as(validate(schema, input, ast), input)
      : Effect.fail(new ParseResult.Type(ast, input, "arguments must be an object"))
  return Schema.declare<StandardSchemaV1.InferInput<S>, Readonly<Record<string, unknown>>, []>(
    [],
    {
      // What was validated is an input of the schema.
      decode: () => (input, _options, ast) =>
        Effect.map(check(input, ast), (valid): StandardSchemaV1.InferInput<S> => valid),
      encode: () => (input, _options, ast) => check(input, ast)
    },
    { ...named(schema), jsonSchema: { type: "object" } }
  )
}

/**
 * Reads a result, and gives what the schema makes of it. Writes a value as it is, which is right where the schema
 * transforms nothing: no such schema can be run backwards.
 *
 * @since 0.1.0
 * @category constructors
 */
export const ofResult = <S extends StandardSchemaV1>(
  schema: S
): Schema.Schema<StandardSchemaV1.InferOutput<S>, unknown> =>
  Schema.declare<StandardSchemaV1.InferOutput<S>, unknown, []>(
    [],
    {
      decode: () => (input, _options, ast) => validate(schema, input, ast),
      encode: () => (input) => Effect.succeed(input)
    },
    named(schema)
  )

const named = (schema: StandardSchemaV1) => ({ title: `what the schema (${schema["~standard"].vendor}) allows` })

const validate = <S extends StandardSchemaV1>(
  schema: S,
  input: unknown,
  ast: AST.AST
): Effect.Effect<StandardSchemaV1.InferOutput<S>, ParseResult.ParseIssue> => {
  // A value that is nested deep enough runs any schema out of stack. Its error may quote the value.
  const threw = () => new ParseResult.Type(ast, input, "the schema threw an error")
  const result = Effect.suspend((): Effect.Effect<Result<S>, ParseResult.ParseIssue> => {
    try {
      const given = schema["~standard"].validate(input)
      return Predicate.isPromise(given) ? Effect.tryPromise({ try: () => given, catch: threw }) : Effect.succeed(given)
    } catch {
      return Effect.fail(threw())
    }
  })
  return Effect.flatMap(result, (found) =>
    found.issues === undefined ? Effect.succeed(found.value) : Effect.fail(refusal(found.issues, input, ast))
  )
}

type Result<S extends StandardSchemaV1> = StandardSchemaV1.Result<StandardSchemaV1.InferOutput<S>>

/** A schema may find as much wrong as a hostile answer has. */
const mostIssues = 5

const refusal = (
  issues: ReadonlyArray<StandardSchemaV1.Issue>,
  input: unknown,
  ast: AST.AST
): ParseResult.ParseIssue => {
  const leaves = leavesOf(input)
  const shown = issues.slice(0, mostIssues).map((issue) => {
    const path = (issue.path ?? []).map((part) => (typeof part === "object" ? part.key : part))
    const actual = path.reduce<unknown>(
      (value, key) => (Predicate.hasProperty(value, key) ? value[key] : undefined),
      input
    )
    const what = new ParseResult.Type(ast, actual, quotesAny(issue.message, leaves) ? undefined : issue.message)
    return Arr.isNonEmptyReadonlyArray(path) ? new ParseResult.Pointer(path, actual, what) : what
  })
  return Arr.isNonEmptyReadonlyArray(shown)
    ? new ParseResult.Composite(ast, input, shown)
    : new ParseResult.Type(ast, input, undefined)
}
