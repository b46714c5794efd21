/**
 * How the result of a tool is read: its text, its content blocks, its structured content or the JSON in its text; and how
 * a server of your own writes one. Offered to users by `McpTool`.
 *
 * @since 0.1.0
 */
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js"
import type { StandardSchemaV1 } from "@standard-schema/spec"
import * as Effect from "effect/Effect"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as StandardSchema from "./StandardSchema.js"

/**
 * How a tool's result is read, and how one is written by a server of your own (`@mooring/testing`). `isError` results
 * never reach it: they fail with `ToolFailed`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Success<in out A> {
  readonly decode: (result: CallToolResult) => Effect.Effect<A, ParseResult.ParseError>
  /** The result that `decode` reads as `value`. */
  readonly encode: (value: A) => Effect.Effect<CallToolResult, ParseResult.ParseError>
  /** What `structuredContent` is, where that is read by a schema of Effect: what a server may declare as its `outputSchema`. */
  readonly schema?: Schema.Schema.AnyNoContext | undefined
}

/**
 * Reads a result by a schema of Effect, or by a standard one, which need nothing from the environment.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reader {
  <A, I>(schema: Schema.Schema<A, I>): Success<A>
  <S extends StandardSchemaV1>(schema: S): Success<StandardSchemaV1.InferOutput<S>>
}

/**
 * All text of the result, blocks joined by a newline. A result without text is the empty string.
 *
 * @since 0.1.0
 * @category results
 */
export const text: Success<string> = {
  decode: (result) => Effect.succeed(textOf(result)),
  encode: (value) => Effect.succeed(ofText(value))
}

/**
 * The content blocks as the server sent them.
 *
 * @since 0.1.0
 * @category results
 */
export const content: Success<CallToolResult["content"]> = {
  decode: (result) => Effect.succeed(result.content),
  encode: (value) => Effect.succeed({ content: value })
}

/**
 * `structuredContent`, decoded by `schema`. When one is written, its JSON also stands in the text, as the
 * specification asks: https://modelcontextprotocol.io/specification/2025-11-25/server/tools#structured-content
 *
 * @since 0.1.0
 * @category results
 */
export const structured: Reader = <A, I>(schema: Schema.Schema<A, I> | StandardSchemaV1<unknown, A>): Success<A> =>
  isOfEffect(schema) ? { ...structuredBy(schema), schema } : structuredBy(StandardSchema.ofResult(schema))

const structuredBy = <A, I>(schema: Schema.Schema<A, I>): Success<A> => {
  const decode = Schema.decodeUnknown(schema)
  const encode = Schema.encode(schema)
  return {
    decode: (result) =>
      result.structuredContent === undefined
        ? refuse(schema, undefined, "the result has no structuredContent")
        : decode(result.structuredContent),
    encode: (value) =>
      Effect.flatMap(encode(value), (encoded) =>
        Predicate.isRecord(encoded)
          ? Effect.succeed({ ...ofText(JSON.stringify(encoded)), structuredContent: encoded })
          : refuse(schema, value, "structuredContent must be an object")
      )
  }
}

/**
 * JSON inside the result's text, decoded by `schema`.
 *
 * @since 0.1.0
 * @category results
 */
export const json: Reader = <A, I>(schema: Schema.Schema<A, I> | StandardSchemaV1<unknown, A>): Success<A> =>
  isOfEffect(schema) ? jsonBy(schema) : jsonBy(StandardSchema.ofResult(schema))

const jsonBy = <A, I>(schema: Schema.Schema<A, I>): Success<A> => {
  const decode = Schema.decodeUnknown(schema)
  const encode = Schema.encode(schema)
  return {
    decode: (result) => {
      const found = textOf(result)
      return Effect.flatMap(
        Effect.try({
          try: (): unknown => JSON.parse(found),
          catch: () => refusal(schema, found, "the result's text is not JSON")
        }),
        decode
      )
    },
    encode: (value) => Effect.map(encode(value), (encoded) => ofText(JSON.stringify(encoded)))
  }
}

/**
 * All text of a result, blocks joined by a newline.
 *
 * @since 0.1.0
 * @category combinators
 */
export const textOf = (result: CallToolResult): string =>
  result.content.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("\n")

// One of Effect that can be used as a standard one, too, can do more as what it is.
const isOfEffect = <A, I>(schema: Schema.Schema<A, I> | StandardSchemaV1<unknown, A>): schema is Schema.Schema<A, I> =>
  Schema.isSchema(schema)

const ofText = (value: string): CallToolResult => ({ content: [{ type: "text", text: value }] })

const refusal = (schema: Schema.Schema.Any, actual: unknown, message: string): ParseResult.ParseError =>
  new ParseResult.ParseError({ issue: new ParseResult.Type(schema.ast, actual, message) })

const refuse = (schema: Schema.Schema.Any, actual: unknown, message: string) =>
  Effect.fail(refusal(schema, actual, message))
