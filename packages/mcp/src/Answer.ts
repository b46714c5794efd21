/**
 * Reads the results that servers send. A reader gives the result as its MCP type or a `Malformed` that says where it
 * is not one; it never throws. What it accepts is what the SDK's schemas accept; a tool's usual answer (text,
 * structured content) is checked by hand, which costs a fraction of a schema.
 *
 * A schema tells everything that is wrong, at some 6 to 50 µs and 3 KB each: a hostile answer of 8 MiB can be wrong four
 * million times, and would take minutes and all memory. So blocks and tools are checked one by one, up to the first
 * that is wrong, and none of more than `mostValues`.
 *
 * @since 0.1.0
 */
import {
  CallToolResultSchema,
  type CallToolResult,
  ContentBlockSchema,
  type ContentBlock,
  type Progress,
  ProgressSchema,
  ResultSchema,
  type Result,
  type Tool,
  ToolSchema
} from "@modelcontextprotocol/sdk/types.js"
import * as Predicate from "effect/Predicate"

/**
 * Not what the method's result must be. `reason` names places and types, never values.
 *
 * @since 0.1.0
 * @category models
 */
export class Malformed {
  constructor(readonly reason: string) {}
}

/**
 * Reads the result of one method.
 *
 * @since 0.1.0
 * @category models
 */
export type Answer<out A> = (result: unknown) => A | Malformed

/**
 * What `fromSchema` needs of a Zod schema.
 *
 * @since 0.1.0
 * @category models
 */
export interface ResultSchema<out A> {
  readonly safeParse: (input: unknown) =>
    | { readonly success: true; readonly data: A }
    | {
        readonly success: false
        readonly error: Issues
      }
}

/**
 * What a Zod schema finds wrong.
 *
 * @since 0.1.0
 * @category models
 */
export interface Issues {
  readonly issues: ReadonlyArray<{ readonly path: ReadonlyArray<PropertyKey>; readonly message: string }>
}

/**
 * How many values, at all depths, may be in what a schema is to check. A tool of as many would be megabytes of schema.
 *
 * @since 0.1.0
 * @category constants
 */
export const mostValues = 100_000

/**
 * Whether there are more than `mostValues` in it. Looks at no more than that.
 *
 * @since 0.1.0
 * @category combinators
 */
export const isTooLarge = (input: unknown): boolean => {
  const found = [input]
  for (let at = 0; at < found.length; at++) {
    const each = found[at]
    if (typeof each !== "object" || each === null) continue
    const inside: ReadonlyArray<unknown> = Array.isArray(each) ? each : Object.values(each)
    if (found.length + inside.length > mostValues) return true
    for (const value of inside) found.push(value)
  }
  return false
}

/**
 * Reads one value in a result. `place` says where it stands there.
 *
 * @since 0.1.0
 * @category models
 */
export type Part<out A> = (input: unknown, place: string) => A | Malformed

/**
 * One page of a list.
 *
 * @since 0.1.0
 * @category models
 */
export interface Page<out A> {
  readonly entries: ReadonlyArray<A>
  /** What asks for the next page; the last one has none. */
  readonly nextCursor: string | undefined
}

/**
 * Reads a result by one of the SDK's schemas. One of more than `mostValues` is refused.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromSchema =
  <A>(schema: ResultSchema<A>): Answer<A> =>
  (result) =>
    bounded(schema, result, theResult)

/**
 * Reads a part by one of the SDK's schemas, and gives the schema's copy. One of more than `mostValues` is refused.
 *
 * @since 0.1.0
 * @category constructors
 */
export const part =
  <A>(schema: ResultSchema<A>): Part<A> =>
  (input, place) =>
    bounded(schema, input, place)

/**
 * Reads a part by one of the SDK's schemas unless `isUsual` has seen already that it is right, and gives it as the server
 * sent it: what later revisions add is kept.
 *
 * @since 0.1.0
 * @category constructors
 */
export const asSent =
  <A>(isUsual: (input: unknown) => boolean, schema: ResultSchema<A>): Part<A> =>
  (input, place) => {
    const read = isUsual(input) ? undefined : bounded(schema, input, place)
    // Proved to be one: by hand, or by the schema, whose copy would lack what it does not name.
    return read instanceof Malformed ? read : (input as A)
  }

/**
 * Reads the parts of a list one by one, up to the first that is wrong. Those that are surely right, as `isUsual` sees, are
 * given as the server sent them, and cost not even the name of their place.
 *
 * @since 0.1.0
 * @category combinators
 */
export const each = <A>(
  inputs: unknown,
  place: string,
  read: Part<A>,
  isUsual?: (input: unknown) => boolean
): ReadonlyArray<A> | Malformed => {
  if (!Array.isArray(inputs)) return new Malformed(`${place}: expected an array`)
  const parts: Array<A> = []
  for (let at = 0; at < inputs.length; at++) {
    const input: unknown = inputs[at]
    // Proved by hand to be one.
    const one = isUsual?.(input) === true ? (input as A) : read(input, `${place}.${at}`)
    if (one instanceof Malformed) return one
    parts.push(one)
  }
  return parts
}

/**
 * Reads what all results have in common: they are objects, and so is their `_meta`. Gives it as the server sent it.
 *
 * @since 0.1.0
 * @category readers
 */
export const object: Answer<Result> = (result) => {
  if (!Predicate.isRecord(result)) return new Malformed(`${theResult}: expected an object`)
  const { _meta } = result
  const wrong = _meta === undefined ? undefined : bounded(ResultSchema, { _meta }, theResult)
  // Proved to be one: the schema asks for no more than that.
  return wrong instanceof Malformed ? wrong : (result as Result)
}

/**
 * Reads a page of a list, whose entries stand under `name`. See `each`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const page =
  <A>(name: string, entry: Part<A>, isUsual?: (input: unknown) => boolean): Answer<Page<A>> =>
  (result) => {
    const whole = object(result)
    if (whole instanceof Malformed) return whole
    const { nextCursor } = whole
    if (nextCursor !== undefined && typeof nextCursor !== "string")
      return new Malformed("nextCursor: expected a string")
    const entries = each(whole[name], name, entry, isUsual)
    return entries instanceof Malformed ? entries : { entries, nextCursor }
  }

const bounded = <A>(schema: ResultSchema<A>, input: unknown, place: string): A | Malformed =>
  isTooLarge(input)
    ? new Malformed(`${place}: more than ${mostValues} values, too many to be checked`)
    : checked(schema, input, place)

const checked = <A>(schema: ResultSchema<A>, input: unknown, place: string): A | Malformed => {
  const parsed = schema.safeParse(input)
  return parsed.success ? parsed.data : new Malformed(describe(parsed.error, place))
}

const theResult = "the result"

/**
 * The first thing that a Zod schema found wrong: where and what, never the value. `place` is where what it checked
 * stands itself.
 *
 * @since 0.1.0
 * @category combinators
 */
export const describe = ({ issues: [first] }: Issues, place: string = theResult): string => {
  if (first === undefined) return "it is not what the method gives"
  const path = [...(place === theResult ? [] : [place]), ...first.path.map(String)]
  return `${path.length === 0 ? theResult : path.join(".")}: ${first.message}`
}

/**
 * Reads the result of `tools/call`, as the server sent it: what later revisions add is kept. An absent `content`
 * becomes an empty one, as the SDK has it.
 *
 * @since 0.1.0
 * @category readers
 */
export const callTool: Answer<CallToolResult> = (result) => {
  if (isUsual(result)) return result
  if (!Predicate.isRecord(result)) return checked(CallToolResultSchema, result, theResult)
  const { content } = result
  const wrong = Array.isArray(content) ? firstWrong(content) : undefined
  const read =
    wrong ?? checked(CallToolResultSchema, Array.isArray(content) ? { ...result, content: [] } : result, theResult)
  if (read instanceof Malformed) return read
  // The schemas have proved it to be one; their copy would lack what they do not name.
  return { ...result, content: content ?? [] } as CallToolResult
}

const firstWrong = (content: ReadonlyArray<unknown>): Malformed | undefined => {
  for (const [at, one] of content.entries()) {
    const read = block(one, `content.${at}`)
    if (read instanceof Malformed) return read
  }
  return undefined
}

/**
 * Reads a block of content, as the server sent it.
 *
 * @since 0.1.0
 * @category readers
 */
export const block: Part<ContentBlock> = (input, place) =>
  // The schema, which tries each type of block in turn, has no word for one that is none of them.
  Predicate.isRecord(input) && !blockTypes.has(input["type"])
    ? new Malformed(`${place}.type: no type of content that this version of MCP has`)
    : anyBlock(input, place)

const blockTypes: ReadonlySet<unknown> = new Set(["text", "image", "audio", "resource", "resource_link"])

/**
 * Reads one page of `tools/list`. A tool is the schema's copy.
 *
 * @since 0.1.0
 * @category readers
 */
export const listTools: Answer<Page<Tool>> = page("tools", part(ToolSchema))

/**
 * Reads a result of which only the answer itself counts: that of `ping`.
 *
 * @since 0.1.0
 * @category readers
 */
export const anything: Answer<Result> = fromSchema(ResultSchema)

/**
 * Reads what a progress notification says.
 *
 * @since 0.1.0
 * @category readers
 */
export const progress: Answer<Progress> = fromSchema(ProgressSchema)

/** Whether it is surely a `CallToolResult`: text blocks and structured content without annotations or `_meta`. */
const isUsual = (input: unknown): input is CallToolResult => {
  if (!Predicate.isRecord(input)) return false
  const { content, isError, structuredContent } = input
  if (!Array.isArray(content) || input["_meta"] !== undefined) return false
  if (isError !== undefined && typeof isError !== "boolean") return false
  if (structuredContent !== undefined && !Predicate.isRecord(structuredContent)) return false
  return content.every(isPlainText)
}

const isPlainText = (block: unknown): boolean =>
  Predicate.isRecord(block) &&
  block["type"] === "text" &&
  typeof block["text"] === "string" &&
  block["annotations"] === undefined &&
  block["_meta"] === undefined

const anyBlock = asSent(isPlainText, ContentBlockSchema)

/**
 * Whether it is text, or not there.
 *
 * @since 0.1.0
 * @category combinators
 */
export const mayBeText = (input: unknown): boolean => input === undefined || typeof input === "string"
