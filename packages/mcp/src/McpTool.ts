/**
 * A typed tool: its name on the server, the schema of its arguments, and how its result is read. A value that knows
 * no server; `client.call(server, tool, args)` checks the arguments before anything is borrowed and decodes the result.
 *
 * @since 0.1.0
 */
import type { StandardSchemaV1 } from "@standard-schema/spec"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { CallOptions, SourceError } from "./CallPath.js"
import { type CallError, McpClient } from "./McpClient.js"
import type { InvalidResult, OutcomeUnknown, ToolFailed } from "./McpError.js"
import type { Reconciled } from "./Reconciled.js"
import type { ServerCalls } from "./ServerCalls.js"
import * as StandardSchema from "./StandardSchema.js"
import type { Success } from "./ToolResult.js"

export {
  /**
   * The content blocks as the server sent them.
   *
   * @since 0.1.0
   * @category results
   */
  content,
  /**
   * JSON inside the result's text, decoded by a schema of Effect or by a standard one.
   *
   * @since 0.1.0
   * @category results
   */
  json,
  /**
   * `structuredContent`, decoded by a schema of Effect or by a standard one.
   *
   * @since 0.1.0
   * @category results
   */
  structured,
  type Success,
  /**
   * All text of the result, blocks joined by a newline. A result without text is the empty string.
   *
   * @since 0.1.0
   * @category results
   */
  text,
  /**
   * All text of a result, blocks joined by a newline.
   *
   * @since 0.1.0
   * @category combinators
   */
  textOf
} from "./ToolResult.js"

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
  /** How long its calls may take, whether they may run twice, and whether their results are checked. */
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
 * What the arguments of a tool may be said by: the fields of a struct, or an object schema of another library.
 *
 * @since 0.1.0
 * @category models
 */
export type Parameters = Schema.Struct.Fields | StandardSchemaV1

/**
 * The arguments that are given to such a tool.
 *
 * @since 0.1.0
 * @category models
 */
export type ArgumentsOf<P> = P extends StandardSchemaV1
  ? StandardSchemaV1.InferInput<P>
  : P extends Schema.Struct.Fields
    ? Schema.Simplify<Schema.Struct.Type<P>>
    : never

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
 *   success: McpTool.structured(Schema.Struct({ hits: Schema.Array(Schema.String) })),
 *   timeout: "10 seconds"
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <P extends Parameters, A>(
  name: string,
  options: {
    /**
     * The arguments. Fields of a struct (of a `Schema.Struct` that you have, its `fields`) may transform, but need nothing
     * from the environment, and arguments that they do not name are refused. A standard schema checks the arguments, which are then sent as they were given.
     */
    readonly parameters: P & NeedsNothing<ContextOf<P>>
    readonly success: Success<A>
  } & Options<ArgumentsOf<P>, NoInfer<A>>
): McpTool<ArgumentsOf<P>, A> => ({
  name,
  // A struct encodes to an object, `NeedsNothing` has proved that its fields need nothing from the environment, and a
  // standard schema takes what it says it does; none of it can be seen in the generic type.
  parameters: parametersOf(options.parameters) as unknown as Schema.Schema<
    ArgumentsOf<P>,
    Readonly<Record<string, unknown>>
  >,
  success: options.success,
  options: callOptions(options),
  reconcile: options.reconcile
})

const parametersOf = (parameters: Parameters): Schema.Schema.All =>
  StandardSchema.isStandard(parameters)
    ? StandardSchema.ofArguments(parameters)
    : Schema.Struct(parameters).annotations({ parseOptions: { onExcessProperty: "error" } })

const callOptions = ({ checkOutput, mayRunTwice, timeout, totalTimeout }: CallOptions): CallOptions | undefined =>
  checkOutput === undefined && mayRunTwice === undefined && timeout === undefined && totalTimeout === undefined
    ? undefined
    : { checkOutput, mayRunTwice, timeout, totalTimeout }

/**
 * The calls of some tools of one server, as functions.
 *
 * @since 0.1.0
 * @category models
 */
export type Client<Tools> = {
  readonly [K in keyof Tools]: Tools[K] extends McpTool<infer Args, infer A>
    ? (
        ...given: {} extends Args ? [args?: Args, options?: CallOptions] : [args: Args, options?: CallOptions]
      ) => Effect.Effect<A, CallError | InvalidResult | ToolFailed>
    : never
}

/**
 * Plain functions for some tools of one server, as `client.call` runs them. The partition is that of whoever calls.
 *
 * @example
 * ```ts
 * import { McpTool } from "@mooring/mcp"
 * import { Effect, Schema } from "effect"
 *
 * const Search = McpTool.make("search", { parameters: { query: Schema.String }, success: McpTool.text })
 * const Reindex = McpTool.make("reindex", { parameters: {}, success: McpTool.text })
 *
 * const program = Effect.gen(function* () {
 *   const library = yield* McpTool.client("library", { search: Search, reindex: Reindex })
 *   yield* library.reindex()
 *   return yield* library.search({ query: "harbour" }, { timeout: "5 seconds" })
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const client = <const Tools extends Readonly<Record<string, Named>>>(
  server: string,
  tools: Tools
): Effect.Effect<Client<Tools>, never, McpClient> =>
  Effect.map(McpClient, (mcp) => {
    const call =
      (tool: McpTool<unknown, unknown>) =>
      (args: unknown = {}, options?: CallOptions) =>
        mcp.call(server, tool, args, options)
    // What is no `McpTool` has the type `never` in `Client`; of those that are, only their own arguments fit.
    return Object.fromEntries(
      Object.entries(tools).map(([name, tool]) => [name, call(tool as McpTool<unknown, unknown>)])
    ) as Client<Tools>
  })

/** What every tool has, whatever its arguments and result. */
interface Named extends Pick<McpTool<unknown, unknown>, "name" | "options"> {}

type ContextOf<P> = P extends Schema.Struct.Fields ? Schema.Struct.Context<P> : never

/** What a schema must be that may need nothing from the environment: if it does, the compiler's error quotes this text. */
type NeedsNothing<R> = [R] extends [never]
  ? unknown
  : "parameters: fields of a struct (of a Schema.Struct, its .fields) that need no services, or a standard schema"
