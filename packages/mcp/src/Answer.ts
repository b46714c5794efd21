/**
 * Reads the results that servers send. A reader gives the result as its MCP type or a `Malformed` that says where it
 * is not one; it never throws. What it accepts is what the SDK's schemas accept; a tool's usual answer (text,
 * structured content) is checked by hand, which costs a fraction of a schema.
 *
 * @since 0.1.0
 */
import {
  CallToolResultSchema,
  type CallToolResult,
  ListToolsResultSchema,
  type ListToolsResult,
  type Progress,
  ProgressSchema,
  ResultSchema,
  type Result
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
 * Reads a result by one of the SDK's schemas.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromSchema =
  <A>(schema: ResultSchema<A>): Answer<A> =>
  (result) => {
    const parsed = schema.safeParse(result)
    if (parsed.success) return parsed.data
    return new Malformed(describe(parsed.error))
  }

/**
 * The first thing that a Zod schema found wrong: where and what, never the value.
 *
 * @since 0.1.0
 * @category combinators
 */
export const describe = ({ issues: [first] }: Issues): string => {
  if (first === undefined) return "it is not what the method gives"
  return `${first.path.length === 0 ? "the result" : first.path.map(String).join(".")}: ${first.message}`
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
  const read = anyCallToolResult(result)
  if (!Predicate.isRecord(result)) return read
  if (read instanceof Malformed) return unknownBlock(result["content"]) ?? read
  // The schema has proved it to be one; the schema's copy would lack what it does not name.
  return { ...result, content: result["content"] ?? [] } as CallToolResult
}

/** What the schema, which tries each type of block in turn, has no word for. */
const unknownBlock = (content: unknown): Malformed | undefined => {
  if (!Array.isArray(content)) return undefined
  const at = content.findIndex((block) => Predicate.isRecord(block) && !blockTypes.has(block["type"]))
  return at === -1 ? undefined : new Malformed(`content.${at}.type: no type of content that this version of MCP has`)
}

const blockTypes: ReadonlySet<unknown> = new Set(["text", "image", "audio", "resource", "resource_link"])

const anyCallToolResult = fromSchema(CallToolResultSchema)

/**
 * Reads one page of `tools/list`.
 *
 * @since 0.1.0
 * @category readers
 */
export const listTools: Answer<ListToolsResult> = fromSchema(ListToolsResultSchema)

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
