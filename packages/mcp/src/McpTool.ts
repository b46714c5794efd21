/**
 * A typed tool: its name on the server, the schema of its arguments, and how its result is read. A value that knows
 * no server; `client.call(server, tool, args)` checks the arguments before anything is borrowed and decodes the result.
 *
 * @since 0.1.0
 */
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js"
import type * as Effect from "effect/Effect"
import type * as ParseResult from "effect/ParseResult"
import type * as Schema from "effect/Schema"

/**
 * How a tool's result is read. `isError` results never reach it: they fail with `ToolFailed`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Success<out A> {
  readonly decode: (result: CallToolResult) => Effect.Effect<A, ParseResult.ParseError>
}

/**
 * A typed tool.
 *
 * @since 0.1.0
 * @category models
 */
export interface McpTool<in out Args, out A> {
  readonly name: string
  /** Encodes the arguments as the server wants them. */
  readonly parameters: Schema.Schema<Args, Readonly<Record<string, unknown>>>
  readonly success: Success<A>
}

export declare const make: <Fields extends Schema.Struct.Fields, A>(
  name: string,
  options: { readonly parameters: Fields; readonly success: Success<A> }
) => McpTool<Schema.Struct.Type<Fields>, A>
/** All text of the result, blocks joined by a newline. */
export declare const text: Success<string>
/** The content blocks as the server sent them. */
export declare const content: Success<CallToolResult["content"]>
/** `structuredContent`, decoded. */
export declare const structured: <A, I>(schema: Schema.Schema<A, I>) => Success<A>
/** JSON inside the result's text, decoded. */
export declare const json: <A, I>(schema: Schema.Schema<A, I>) => Success<A>
