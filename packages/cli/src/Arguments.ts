/**
 * The arguments of a tool call as they are typed: `key=value`, `key:=json`, and `--json`. What a value becomes follows
 * from the tool's input schema; a server wrote that schema, so nothing in it is trusted to have the right shape.
 *
 * @since 0.1.0
 */
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import { UsageError } from "./CliError.js"

const howTo = 'Arguments are key=value, key:=json, or --json \'{"key": "value"}\'.'

/**
 * The JSON types that a schema allows for a value, as far as it says so without references; empty where it does not.
 *
 * @since 0.1.0
 * @category combinators
 */
export const typesOf = (schema: unknown, depth = 0): ReadonlySet<string> => {
  const types = new Set<string>()
  if (!Predicate.isRecord(schema) || depth > 8) return types
  const declared = Array.isArray(schema["type"]) ? schema["type"] : [schema["type"]]
  for (const type of declared) if (Predicate.isString(type)) types.add(type)
  if (types.size > 0) return types
  const values = Array.isArray(schema["enum"]) ? schema["enum"] : "const" in schema ? [schema["const"]] : []
  for (const value of values) types.add(value === null ? "null" : Array.isArray(value) ? "array" : typeof value)
  for (const keyword of ["anyOf", "oneOf"]) {
    const branches = schema[keyword]
    if (Array.isArray(branches)) {
      for (const branch of branches) for (const type of typesOf(branch, depth + 1)) types.add(type)
    }
  }
  return types
}

const propertyOf = (inputSchema: unknown, key: string): unknown => {
  const properties = Predicate.isRecord(inputSchema) ? inputSchema["properties"] : undefined
  return Predicate.isRecord(properties) && Object.hasOwn(properties, key) ? properties[key] : undefined
}

/** Text where the schema allows text, or says nothing; else JSON. What is no JSON stays text, for the check to refuse. */
const read = (text: string, schema: unknown): unknown => {
  const types = typesOf(schema)
  if (types.size === 0 || types.has("string")) return text
  return Either.getOrElse(
    Either.try((): unknown => JSON.parse(text)),
    () => text
  )
}

const whole = (text: string): Either.Either<Readonly<Record<string, unknown>>, UsageError> => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    return Either.left(new UsageError({ reason: `--json is not JSON: ${why}`, hint: howTo }))
  }
  return Predicate.isRecord(value)
    ? Either.right(value)
    : Either.left(new UsageError({ reason: "--json must be an object: the arguments by their names.", hint: howTo }))
}

/**
 * Puts the arguments together: those of `--json` first, each `key=value` over them.
 *
 * @since 0.1.0
 * @category constructors
 */
export const parse = (input: {
  readonly pairs: ReadonlyArray<string>
  readonly json?: string | undefined
  readonly inputSchema: unknown
}): Either.Either<Readonly<Record<string, unknown>>, UsageError> =>
  Either.gen(function* () {
    const entries: Array<readonly [string, unknown]> = []
    if (input.json !== undefined) entries.push(...Object.entries(yield* whole(input.json)))
    for (const pair of input.pairs) {
      const match = /^([^=]+?)(:?=)(.*)$/s.exec(pair)
      const key = match?.[1]
      if (key === undefined) {
        return yield* Either.left(new UsageError({ reason: `"${pair}" is not an argument.`, hint: howTo }))
      }
      const text = match?.[3] ?? ""
      if (match?.[2] !== ":=") {
        entries.push([key, read(text, propertyOf(input.inputSchema, key))])
        continue
      }
      try {
        entries.push([key, JSON.parse(text)])
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause)
        return yield* Either.left(
          new UsageError({
            reason: `The value of "${key}" is not JSON: ${why}`,
            hint: `Text is given as ${key}=value.`
          })
        )
      }
    }
    // Defines each key on the object itself, "__proto__" too.
    return Object.fromEntries(entries)
  })
