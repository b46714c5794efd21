/**
 * Checks the arguments of a call against the tool's input schema before anything is sent. The schema comes from the
 * server, so it is treated as hostile: its size is bounded, its patterns are not run (a regular expression can hang a
 * process), it fetches nothing, and a schema that cannot be used refuses nothing: then the server decides.
 *
 * @since 0.1.0
 */
import { Redaction } from "@mooring/mcp"
import type { ErrorObject, Options } from "ajv"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { suggestion } from "./Nearest.js"

/** The largest schema that is compiled, in characters of its JSON. */
const maxSchema = 256 * 1024
const maxProblems = 5

const options: Options = {
  strict: false,
  allErrors: true,
  validateFormats: false,
  validateSchema: false,
  addUsedSchema: false,
  logger: false,
  messages: true,
  // Or every object would have an argument "constructor", and it would be a function.
  ownProperties: true,
  // Patterns are left to the server: any text passes.
  code: { regExp: Object.assign(() => ({ test: () => true }), { code: "() => ({ test: () => true })" }) }
}

const compile = (schema: Readonly<Record<string, unknown>>) =>
  Effect.tryPromise(async () => {
    if (JSON.stringify(schema).length > maxSchema) throw new Error("The schema is too large to check against")
    const { $id: _, $schema: dialect, ...bare } = schema
    const modern = Predicate.isString(dialect) && /20(19-09|20-12)/.test(dialect)
    const { Ajv } = modern ? { Ajv: (await import("ajv/dist/2020.js")).Ajv2020 } : await import("ajv")
    return new Ajv(options).compile(bare)
  })

/** `/entities/0/name` as people write it: `entities[0].name`. */
const pathOf = (pointer: string, key?: string): string =>
  [...pointer.split("/").slice(1), ...(key === undefined ? [] : [key])]
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`))
    .join("")
    .replace(/^\./, "")

const problem = (error: ErrorObject, schema: Readonly<Record<string, unknown>>): string => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- which parameters there are depends on the keyword
  const params = error.params as Readonly<Record<string, unknown>>
  const text = (name: string): string => String(params[name])
  switch (error.keyword) {
    case "required":
      return `${pathOf(error.instancePath, text("missingProperty"))} is required`
    case "additionalProperties": {
      const name = text("additionalProperty")
      const known = error.instancePath === "" && Predicate.isRecord(schema["properties"]) ? schema["properties"] : {}
      return `${pathOf(error.instancePath, name)} is not an argument of it. ${suggestion(name, Object.keys(known), "arguments").replace(/\.$/, "")}`
    }
    case "enum": {
      const allowed = Array.isArray(params["allowedValues"]) ? params["allowedValues"].slice(0, 20) : []
      return `${pathOf(error.instancePath)} must be one of ${allowed.map((value) => JSON.stringify(value)).join(", ")}`
    }
    case "type":
      return `${pathOf(error.instancePath) || "the whole"} must be ${text("type").replaceAll(",", " or ")}`
    default:
      return `${pathOf(error.instancePath) || "the whole"} ${error.message ?? `does not fit "${error.keyword}"`}`
  }
}

/**
 * What the schema refuses in the arguments, each with its path, or `None` if nothing.
 *
 * @since 0.1.0
 * @category combinators
 */
export const check = (
  inputSchema: unknown,
  args: Readonly<Record<string, unknown>>
): Effect.Effect<Option.Option<string>> =>
  Effect.gen(function* () {
    if (!Predicate.isRecord(inputSchema)) return Option.none()
    const validate = yield* compile(inputSchema)
    if (yield* Effect.try(() => validate(args) === true)) return Option.none()
    const problems = [...new Set((validate.errors ?? []).map((error) => Redaction.plain(problem(error, inputSchema))))]
    const more = problems.length - maxProblems
    return Option.some([...problems.slice(0, maxProblems), ...(more > 0 ? [`and ${more} more`] : [])].join("; "))
  }).pipe(
    Effect.catchAll((cause) =>
      Effect.logDebug("The tool's input schema cannot be used, so the server decides", cause).pipe(
        Effect.as(Option.none())
      )
    )
  )
