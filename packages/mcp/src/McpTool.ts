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
import type { CallOptions, SourceError } from "./CallPath.js"
import type { OutcomeUnknown } from "./McpError.js"
import type { Reconciled } from "./Reconciled.js"
import type { ServerCalls } from "./ServerCalls.js"

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
  /** How long its calls may take, and whether they may run twice. */
  readonly options: CallOptions | undefined
  readonly reconcile: Reconcile<Args, A> | undefined
}

/**
 * Finds out what became of a call that may have run: `args` are those of the call, `failure` says what happened to it,
 * and `server` makes calls to the same server for the same partition, on whatever connection there is.
 *
 * @since 0.1.0
 * @category models
 */
export type Reconcile<Args, A> = (
  args: Args,
  failure: OutcomeUnknown,
  server: ServerCalls<SourceError>
) => Effect.Effect<Reconciled<A>, unknown>

/**
 * What can be said of a tool besides its schemas; a call may say otherwise.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<Args, A> extends CallOptions {
  /**
   * Asked when it is unknown whether a call ran: its connection was lost, or it was not answered in time. A call that may
   * run twice is run again first. `Ran` gives the call its result, `DidNotRun` has it run again (see `RetryPolicy`);
   * else it fails with `OutcomeUnknown`. It may take what is left of the total time of the call; its failure or defect
   * stands in the error. In a session it has that session, as long as its connection lasts. Default: nobody is asked.
   *
   * @example
   * ```ts
   * import { McpTool, Reconciled } from "@mooring/mcp"
   * import { Effect, Schema } from "effect"
   *
   * const Receipt = Schema.Struct({ receipt: Schema.String })
   * const Find = McpTool.make("find_payment", {
   *   parameters: { id: Schema.String },
   *   success: McpTool.structured(Schema.Struct({ found: Schema.NullOr(Receipt) }))
   * })
   *
   * export const Pay = McpTool.make("pay", {
   *   parameters: { id: Schema.String, amount: Schema.Number },
   *   success: McpTool.structured(Receipt),
   *   reconcile: ({ id }, _failure, server) =>
   *     Effect.map(server.call(Find, { id }), ({ found }) =>
   *       found === null ? Reconciled.DidNotRun : Reconciled.Ran({ result: found })
   *     )
   * })
   * ```
   */
  readonly reconcile?: Reconcile<Args, A> | undefined
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
  } & Options<Schema.Simplify<Schema.Struct.Type<Fields>>, NoInfer<A>>
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
    success: options.success,
    options: callOptions(options),
    reconcile: options.reconcile
  }
}

const callOptions = ({ mayRunTwice, timeout, totalTimeout }: CallOptions): CallOptions | undefined =>
  mayRunTwice === undefined && timeout === undefined && totalTimeout === undefined
    ? undefined
    : { mayRunTwice, timeout, totalTimeout }

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
