/**
 * A typed tool: its name on the server, the schema of its arguments, and how its result is read. A value that knows
 * no server; `client.call(server, tool, args)` checks the arguments before anything is borrowed and decodes the result.
 *
 * @since 0.1.0
 */
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

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
}

/**
 * A typed tool.
 *
 * @since 0.1.0
 * @category models
 */
export interface McpTool<in out Args, in out A> {
  readonly name: string
  /** Encodes the arguments as the server wants them; refuses arguments that it does not name. */
  readonly parameters: Schema.Schema<Args, Readonly<Record<string, unknown>>>
  readonly success: Success<A>
}

/**
 * Describes a tool.
 *
 * @example
 * ```ts
 * import { McpTool } from "@mooring/mcp"
 * import { Schema } from "effect"
 *
 * const Search = McpTool.make("search", {
 *   parameters: { query: Schema.String, limit: Schema.optional(Schema.Int) },
 *   success: McpTool.structured(Schema.Struct({ hits: Schema.Array(Schema.String) }))
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <Fields extends Schema.Struct.Fields, A>(
  name: string,
  options: {
    /** The arguments. Their schemas may transform, but need nothing from the environment. */
    readonly parameters: Fields & NeedsNothing<Schema.Struct.Context<Fields>>
    readonly success: Success<A>
  }
): McpTool<Schema.Simplify<Schema.Struct.Type<Fields>>, A> => {
  const fields: Fields = options.parameters
  const struct = Schema.Struct(fields).annotations({ parseOptions: { onExcessProperty: "error" } })
  return {
    name,
    // A struct encodes to an object, and `NeedsNothing` has proved that its fields need nothing from the environment;
    // neither can be seen in the generic type.
    parameters: struct as unknown as Schema.Schema<
      Schema.Simplify<Schema.Struct.Type<Fields>>,
      Readonly<Record<string, unknown>>
    >,
    success: options.success
  }
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
export const structured = <A, I>(schema: Schema.Schema<A, I>): Success<A> => {
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
export const json = <A, I>(schema: Schema.Schema<A, I>): Success<A> => {
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

/** What a schema must be that may need nothing from the environment. */
type NeedsNothing<R> = [R] extends [never] ? unknown : never

const ofText = (value: string): CallToolResult => ({ content: [{ type: "text", text: value }] })

const refusal = (schema: Schema.Schema.Any, actual: unknown, message: string): ParseResult.ParseError =>
  new ParseResult.ParseError({ issue: new ParseResult.Type(schema.ast, actual, message) })

const refuse = (schema: Schema.Schema.Any, actual: unknown, message: string) =>
  Effect.fail(refusal(schema, actual, message))
