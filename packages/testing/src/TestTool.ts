/**
 * A tool of a server in memory: what the server lists, and what it runs. Made from the very `McpTool` that the client
 * calls, so that the schemas of both sides are one. A value; what it runs belongs to the server's connection.
 *
 * @since 0.1.0
 */
import type { McpTool } from "@mooring/mcp"
import type { CallToolResult, Tool } from "@modelcontextprotocol/sdk/types.js"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as JSONSchema from "effect/JSONSchema"
import { type Pipeable, pipeArguments } from "effect/Pipeable"
import * as Schema from "effect/Schema"
import type { Client } from "./ClientRequests.js"

/**
 * What a handler may know of its call.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallContext {
  readonly server: string
  /** Whose connection the call came on. */
  readonly partition: string
  /** Which connection of the server it came on, counted from 1. */
  readonly connection: number
  /**
   * Tells the client how far the call is, where the client asked for it. Of a tool that runs as a task, `message` is what
   * the task says of itself (`statusMessage`).
   */
  readonly progress: (progress: number, total?: number, message?: string) => Effect.Effect<void>
  /** Asks the client, as `client.sample("Sum it up.")`. */
  readonly client: Client
}

/**
 * A tool of a server in memory.
 *
 * @since 0.1.0
 * @category models
 */
export interface TestTool<out R = never> extends Pipeable {
  readonly definition: Tool
  readonly run: (
    args: Readonly<Record<string, unknown>>,
    context: CallContext
  ) => Effect.Effect<CallToolResult, unknown, R>
}

/**
 * What the tool's handler needs from the environment of the layer.
 *
 * @since 0.1.0
 * @category models
 */
export type Context<T> = T extends TestTool<infer R> ? R : never

/**
 * What the server says of a tool besides its schema.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolOptions {
  readonly description?: string | undefined
  /** Hints, as `readOnlyHint` and `idempotentHint`. Default none. */
  readonly annotations?: Tool["annotations"]
  /**
   * The `outputSchema` that the server declares for the tool: `true` for that of the tool's `success`, which must be
   * `structured` by a schema of Effect; or another, for a server whose results are not what it declares. Default none.
   */
  readonly outputSchema?: true | Tool["outputSchema"]
  /**
   * Whether it runs as a task: `required`, for `callToolTask` alone, or `optional`. The `message` of its `progress` is what
   * the task says of itself. Default: it does not.
   */
  readonly task?: "optional" | "required" | undefined
}

/**
 * A tool that is run by `handler`. Arguments that the tool's schema refuses are answered with `isError`, as the
 * specification wants it, and the handler does not run. The handler's value is encoded by the tool's schema; its
 * failure is answered with `isError` and the failure's text, its defect with a JSON-RPC error (−32603). It may sleep:
 * that is time of the layer's clock, so of a `TestClock` in a test. A cancellation interrupts it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <Args, A, E = never, R = never>(
  tool: McpTool.McpTool<Args, A>,
  handler: (args: Args, context: CallContext) => Effect.Effect<A, E, R>,
  options: ToolOptions = {}
): TestTool<R> => {
  const decode = Schema.decodeUnknown(tool.parameters)
  const outputSchema = options.outputSchema === true ? declared(tool) : options.outputSchema
  return fromRun(
    {
      name: tool.name,
      inputSchema: ofObject(tool.parameters),
      ...(outputSchema === undefined ? {} : { outputSchema }),
      ...(options.description === undefined ? {} : { description: options.description }),
      ...(options.annotations === undefined ? {} : { annotations: options.annotations }),
      ...(options.task === undefined ? {} : { execution: { taskSupport: options.task } })
    },
    (args, context) =>
      Effect.matchEffect(decode(args), {
        onFailure: (error) => Effect.succeed(failure(`Invalid arguments: ${error.message}`)),
        // A value that its own schema cannot write is a bug of the test, not a failure of the tool.
        onSuccess: (decoded) =>
          Effect.flatMap(handler(decoded, context), (value) => Effect.orDie(tool.success.encode(value)))
      })
  )
}

/**
 * The tool takes this long before its own work, each time.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withLatency: {
  (latency: Duration.DurationInput): <R>(tool: TestTool<R>) => TestTool<R>
  <R>(tool: TestTool<R>, latency: Duration.DurationInput): TestTool<R>
} = dual(2, <R>(tool: TestTool<R>, latency: Duration.DurationInput): TestTool<R> =>
  fromRun(tool.definition, (args, context) => Effect.delay(tool.run(args, context), latency))
)

/**
 * A result with `isError`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const failure = (text: string): CallToolResult => ({ content: [{ type: "text", text }], isError: true })

const fromRun = <R>(definition: Tool, run: TestTool<R>["run"]): TestTool<R> => ({
  definition,
  run,
  pipe() {
    return pipeArguments(this, arguments)
  }
})

const declared = <Args, A>({ name, success }: McpTool.McpTool<Args, A>): Tool["outputSchema"] => {
  if (success.schema !== undefined) return ofObject(success.schema)
  throw new Error(`McpTest: the tool "${name}" has no result that is structured by a schema of Effect to be declared`)
}

const ofObject = (described: Schema.Schema.AnyNoContext): Tool["inputSchema"] => {
  const schema = JSONSchema.make(described)
  // MCP wants an object at the root; Effect writes "anything" for a struct without fields, and `$ref` for a named one.
  if ("type" in schema && schema.type === "object") return { ...schema, type: "object" }
  return "$ref" in schema ? { ...schema, type: "object" } : { type: "object" }
}
