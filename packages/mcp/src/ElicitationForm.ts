/**
 * A form that a server wants to have filled in: what stands in it, the defaults of what was left out, and whether it fits.
 * Pure but for the schema, which is checked as any of a server's is (`OutputSchema`).
 *
 * @since 0.1.0
 */
import type { ElicitRequestFormParams } from "@modelcontextprotocol/sdk/types.js"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as OutputSchema from "./OutputSchema.js"

/**
 * What a form asks for: a flat object of texts, numbers, choices and answers to yes or no.
 *
 * @since 0.1.0
 * @category models
 */
export type Form = ElicitRequestFormParams["requestedSchema"]

/**
 * What a form is filled in with, by the names of its fields.
 *
 * @since 0.1.0
 * @category models
 */
export type Content = Readonly<Record<string, string | number | boolean | ReadonlyArray<string>>>

/**
 * One of a form's fields, ready to be shown: MCP has five ways to write a choice. All of its texts are the server's.
 *
 * @since 0.1.0
 * @category models
 */
export interface Field {
  /** Its name in the `Content`. */
  readonly name: string
  /** What to show for its name; the name itself where the form has nothing else. */
  readonly title: string
  readonly description: string | undefined
  /**
   * - `text`, `number`, `integer`, `boolean`: one such value
   * - `choice`: the `value` of one of `choices`
   * - `choices`: the `value`s of some of them
   */
  readonly kind: "text" | "number" | "integer" | "boolean" | "choice" | "choices"
  /** What there is to choose from. Empty for any other kind. */
  readonly choices: ReadonlyArray<Choice>
  /** What `complete` gives it where it is left out. */
  readonly default: Content[string] | undefined
  /** Whether it must be filled in, where it has no default. */
  readonly required: boolean
}

/**
 * What can be chosen.
 *
 * @since 0.1.0
 * @category models
 */
export interface Choice {
  /** What is sent. */
  readonly value: string
  /** What to show; the value itself where the form has nothing else. */
  readonly title: string
}

/**
 * The fields of a form in its order, for what shows them to a person.
 *
 * @example
 * ```ts
 * import { ElicitationForm } from "@mooring/mcp"
 *
 * const questions = (form: ElicitationForm.Form, clean: (text: string) => string) =>
 *   ElicitationForm.fields(form).map(({ choices, required, title }) =>
 *     clean(`${title}${required ? "*" : ""} ${choices.map(({ title }) => title).join(" | ")}`)
 *   )
 * ```
 *
 * @since 0.1.0
 * @category accessors
 */
export const fields = (form: Form): ReadonlyArray<Field> =>
  Object.entries(form.properties).map(([name, field]) => {
    const choices = choicesOf(field)
    return {
      name,
      title: field.title ?? name,
      description: field.description,
      kind: field.type === "array" ? "choices" : choices === undefined ? plain(field.type) : "choice",
      choices: choices ?? [],
      default: field.default,
      required: form.required?.includes(name) === true
    }
  })

const plain = (type: "string" | "number" | "integer" | "boolean") => (type === "string" ? "text" : type)

const choicesOf = (field: Form["properties"][string]): ReadonlyArray<Choice> | undefined => {
  const { anyOf, enum: values, enumNames, oneOf }: Choosing = field.type === "array" ? field.items : field
  const titled = oneOf ?? anyOf
  if (titled !== undefined) return titled.map(({ const: value, title }) => ({ value, title }))
  return values?.map((value, at) => ({ value, title: enumNames?.[at] ?? value }))
}

/** All the ways to write choices; `enumNames` is that of earlier revisions. */
interface Choosing {
  readonly type?: string
  readonly enum?: ReadonlyArray<string> | undefined
  readonly enumNames?: ReadonlyArray<string> | undefined
  readonly oneOf?: ReadonlyArray<{ readonly const: string; readonly title: string }> | undefined
  readonly anyOf?: ReadonlyArray<{ readonly const: string; readonly title: string }> | undefined
}

/**
 * What was filled in is not what the form asks for. `reason` says where, and never what stands there.
 *
 * @since 0.1.0
 * @category errors
 */
export class FormMismatch extends Data.TaggedError("FormMismatch")<{ readonly reason: string }> {
  override get message(): string {
    return `The form is not filled in as it should be: ${this.reason}`
  }
}

/**
 * Gives fields that were left out the defaults of the form (SEP-1034), and checks the whole: types, bounds, choices,
 * fields that must be there, fields that are none of the form's, and the formats `email`, `uri`, `date` and `date-time`.
 * Fails with `FormMismatch`, also for a form that cannot be checked.
 *
 * @since 0.1.0
 * @category combinators
 */
export const complete = (form: Form, content: Content = {}): Effect.Effect<Content, FormMismatch> =>
  Effect.gen(function* () {
    const fields = Object.entries(form.properties)
    const given = new Map(Object.entries(content).filter(([, value]) => value !== undefined))
    for (const [name, field] of fields) {
      if (!given.has(name) && field.default !== undefined) given.set(name, field.default)
    }
    // `fromEntries` makes a field called `__proto__` one like any other.
    const whole = Object.fromEntries(given)
    const schema = yield* Effect.mapError(
      OutputSchema.make({ ...form, additionalProperties: false }, "content"),
      ({ reason }) => new FormMismatch({ reason: `the form cannot be checked: ${reason}` })
    )
    const reason = schema.mismatch(whole) ?? misformed(fields, given)
    return reason === undefined ? whole : yield* new FormMismatch({ reason })
  })

const misformed = (
  fields: ReadonlyArray<[string, Form["properties"][string]]>,
  given: ReadonlyMap<string, unknown>
): string | undefined => {
  for (const [name, field] of fields) {
    const value = given.get(name)
    if (!("format" in field) || field.format === undefined || typeof value !== "string") continue
    if (!formats[field.format](value)) return `content[${JSON.stringify(name)}]: expected the format ${field.format}`
  }
  return undefined
}

const day = /^\d{4}-\d{2}-\d{2}$/
/** https://www.rfc-editor.org/rfc/rfc3339#section-5.6 */
const moment = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/

/** A day that the calendar has: JavaScript would take the 31st of June for the first of July. */
const isDay = (text: string): boolean => {
  const date = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text)
}

const formats = {
  // What every address has; whether there is such a one, no pattern tells.
  email: (text: string) => /^[^\s@]+@[^\s@]+$/.test(text),
  uri: (text: string) => /^[A-Za-z][A-Za-z0-9+.-]*:[^\s]*$/.test(text) && URL.canParse(text),
  date: (text: string) => day.test(text) && isDay(text),
  "date-time": (text: string) => moment.test(text) && isDay(text.slice(0, 10)) && !Number.isNaN(Date.parse(text))
}
