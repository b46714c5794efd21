/**
 * Calls on one server, typed and untyped: what a session has, what `reconcile` of a tool gets, and what `McpClient` does
 * after it has found the server. Where the connections come from is not known here.
 *
 * @since 0.1.0
 */
import type {
  CallToolResult,
  GetPromptResult,
  Prompt,
  ReadResourceResult,
  Resource,
  ResourceTemplate,
  Task,
  Tool
} from "@modelcontextprotocol/sdk/types.js"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import { firstOf } from "./CallOptions.js"
import * as CallPath from "./CallPath.js"
import * as CallUpdate from "./CallUpdate.js"
import * as McpCompletion from "./McpCompletion.js"
import type { CallLimits } from "./McpConnection.js"
import { InvalidArguments, InvalidResult, type OutcomeUnknown, ToolFailed } from "./McpError.js"
import * as McpPrompt from "./McpPrompt.js"
import * as McpResource from "./McpResource.js"
import * as McpTask from "./McpTask.js"
import type * as McpTool from "./McpTool.js"
import * as Reconciled from "./Reconciled.js"
import { ListCall, RequestCall } from "./RequestCall.js"
import * as SchemaReason from "./SchemaReason.js"
import type { Server } from "./Servers.js"
import * as TaskRequest from "./TaskRequest.js"
import { type Answered, ToolCall, TypedCall } from "./ToolCall.js"
import * as ToolResult from "./ToolResult.js"

/**
 * The methods of `McpClient` for one server. `E` is how a connection can be missing.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServerCalls<out E> {
  /** See `McpClient.Service`. */
  readonly listTools: Effect.Effect<ReadonlyArray<Tool>, CallPath.CallError<E>>
  /** See `McpClient.Service`. */
  readonly callTool: (
    tool: string,
    args?: Readonly<Record<string, unknown>>,
    options?: CallPath.CallOptions
  ) => Effect.Effect<CallToolResult, CallPath.CallError<E>>
  /** See `McpClient.Service`. */
  readonly call: <Args, A>(
    tool: McpTool.McpTool<Args, A>,
    args: NoInfer<Args>,
    options?: CallPath.CallOptions
  ) => Effect.Effect<A, CallPath.CallError<E> | InvalidResult | ToolFailed>
  /** See `McpClient.Service`. */
  readonly callToolStream: (
    tool: string,
    args?: Readonly<Record<string, unknown>>,
    options?: CallPath.CallOptions
  ) => Stream.Stream<CallUpdate.CallUpdate<CallToolResult>, CallPath.CallError<E>>
  /** See `McpClient.Service`. */
  readonly callStream: <Args, A>(
    tool: McpTool.McpTool<Args, A>,
    args: NoInfer<Args>,
    options?: CallPath.CallOptions
  ) => Stream.Stream<CallUpdate.CallUpdate<A>, CallPath.CallError<E> | InvalidResult | ToolFailed>
  /** See `McpClient.Service`. */
  readonly ping: Effect.Effect<Duration.Duration, CallPath.CallError<E>>
  /** See `McpClient.Service`. */
  readonly listResources: (limits?: CallLimits) => Effect.Effect<ReadonlyArray<Resource>, CallPath.CallError<E>>
  /** See `McpClient.Service`. */
  readonly listResourceTemplates: (
    limits?: CallLimits
  ) => Effect.Effect<ReadonlyArray<ResourceTemplate>, CallPath.CallError<E>>
  /** See `McpClient.Service`. */
  readonly readResource: (uri: string, limits?: CallLimits) => Effect.Effect<ReadResourceResult, CallPath.CallError<E>>
  /** See `McpClient.Service`. */
  readonly listPrompts: (limits?: CallLimits) => Effect.Effect<ReadonlyArray<Prompt>, CallPath.CallError<E>>
  /** See `McpClient.Service`. */
  readonly getPrompt: (
    prompt: string,
    args?: Readonly<Record<string, string>>,
    limits?: CallLimits
  ) => Effect.Effect<GetPromptResult, CallPath.CallError<E>>
  /** See `McpClient.Service`. */
  readonly complete: (
    reference: McpCompletion.Reference,
    argument: McpCompletion.Argument,
    context?: Readonly<Record<string, string>>,
    limits?: CallLimits
  ) => Effect.Effect<McpCompletion.Completion, CallPath.CallError<E>>
  /** See `McpClient.Service`. */
  readonly callToolTask: (
    tool: string,
    args?: Readonly<Record<string, unknown>>,
    options?: McpTask.Options
  ) => Effect.Effect<McpTask.McpTask<E>, CallPath.CallError<E>>
  /** See `McpClient.Service`. */
  readonly listTasks: (limits?: CallLimits) => Effect.Effect<ReadonlyArray<Task>, CallPath.CallError<E>>
  /** See `McpClient.Service`. */
  readonly getTask: (id: string, limits?: CallLimits) => Effect.Effect<Task, CallPath.CallError<E>>
  /** See `McpClient.Service`. */
  readonly cancelTask: (id: string, limits?: CallLimits) => Effect.Effect<Task, CallPath.CallError<E>>
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = <E>(server: Server, run: CallPath.Run<E>): ServerCalls<E> => ({
  listTools: Effect.map(run(CallPath.listTools), (tools) => permitted(server, tools)),
  callTool: (tool, args, options) => run(toolCall(server, tool, args, undefined, options)),
  call: (tool, args, options) => typed(server, tool, args, options, run),
  callToolStream: (tool, args, options) =>
    followed(options, (following) => run(toolCall(server, tool, args, undefined, following))),
  callStream: (tool, args, options) => followed(options, (following) => typed(server, tool, args, following, run)),
  ping: run(CallPath.ping),
  listResources: (limits) => run(new ListCall(McpResource.list, limits)),
  listResourceTemplates: (limits) => run(new ListCall(McpResource.templates, limits)),
  readResource: (uri, limits) => run(new RequestCall(McpResource.read(uri), limits)),
  listPrompts: (limits) => run(new ListCall(McpPrompt.list, limits)),
  getPrompt: (prompt, args, limits) => run(new RequestCall(McpPrompt.get(prompt, args), limits)),
  complete: (reference, argument, context, limits) =>
    run(new RequestCall(McpCompletion.complete(reference, argument, context), limits)),
  callToolTask: (tool, args, options) => task(server, tool, args, options, run),
  listTasks: (limits) => run(new ListCall(TaskRequest.list, limits)),
  getTask: (id, limits) => run(new RequestCall(TaskRequest.get(id), limits)),
  cancelTask: (id, limits) => run(new RequestCall(TaskRequest.cancel(id), limits))
})

/**
 * Those of a server's tools that its configuration does not hide.
 *
 * @since 0.1.0
 * @category combinators
 */
export const permitted = ({ permits }: Server, tools: ReadonlyArray<Tool>): ReadonlyArray<Tool> =>
  permits === undefined ? tools : tools.filter(({ name }) => permits(name))

/**
 * A call of a tool, with what is said of it by the call itself, by the tool (`own`) and by the server's configuration,
 * in this order.
 *
 * @since 0.1.0
 * @category constructors
 */
export const toolCall = (
  server: Server,
  tool: string,
  args: Readonly<Record<string, unknown>> | undefined,
  own: CallPath.CallOptions | undefined,
  options: CallPath.CallOptions | undefined
): ToolCall => ToolCall.make(server, tool, args, firstOf(options, own))

/**
 * Runs a tool as a task. See `McpClient.Service`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const task = <E>(
  server: Server,
  tool: string,
  args: Readonly<Record<string, unknown>> | undefined,
  options: McpTask.Options | undefined,
  run: CallPath.Run<E>
): Effect.Effect<McpTask.McpTask<E>, CallPath.CallError<E>> =>
  Effect.suspend(() => McpTask.make(server, toolCall(server, tool, args, undefined, options), options?.ttl, run))

/**
 * The stream of a call with these options. Whoever hears of its progress already still does.
 *
 * @since 0.1.0
 * @category combinators
 */
export const followed = <A, E>(
  options: CallPath.CallOptions | undefined,
  call: (options: CallPath.CallOptions) => Effect.Effect<A, E>
): Stream.Stream<CallUpdate.CallUpdate<A>, E> =>
  CallUpdate.stream((onProgress) => {
    const also = options?.onProgress
    if (also === undefined) return call({ ...options, onProgress })
    return call({
      ...options,
      onProgress: (progress) => {
        onProgress(progress)
        also(progress)
      }
    })
  })

/**
 * Calls a typed tool. See `McpClient.Service`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const typed = <Args, A, E>(
  server: Server,
  tool: McpTool.McpTool<Args, A>,
  args: Args,
  options: CallPath.CallOptions | undefined,
  run: CallPath.Run<E>
): Effect.Effect<A, CallPath.CallError<E> | InvalidResult | ToolFailed> =>
  Effect.flatMap(encode(server, tool, args), (encoded) => {
    const call = toolCall(server, tool.name, encoded, tool.options, options)
    const { reconcile } = tool
    if (reconcile === undefined) {
      return Effect.flatMap(run(new TypedCall(call)), (answered) => read(server, tool, answered))
    }
    const reconciling = new ReconcilingCall<A>(call, (failure, again) => reconcile(args, failure, make(server, again)))
    return Effect.flatMap(run(reconciling), (ended) =>
      ended instanceof Found ? Effect.succeed(ended.value) : read(server, tool, ended)
    )
  })

/** What `reconcile` found to be the result, decoded already. */
class Found<out A> {
  constructor(readonly value: A) {}
}

type Reconcile<A> = (
  failure: OutcomeUnknown,
  run: CallPath.Run<CallPath.SourceError>
) => Effect.Effect<Reconciled.Reconciled<A>, unknown>

class ReconcilingCall<A> extends TypedCall implements CallPath.Call<Answered | Found<A>> {
  readonly reconcile: Reconcile<Answered | Found<A>>

  constructor(
    call: CallPath.Call<CallToolResult>,
    private readonly ask: Reconcile<A>
  ) {
    super(call)
    this.reconcile = (failure, run) =>
      Effect.map(ask(failure, run), (found) =>
        found._tag === "Ran" ? Reconciled.Ran({ result: new Found(found.result) }) : found
      )
  }

  override at(server: Server): ReconcilingCall<A> {
    return new ReconcilingCall(this.call.at?.(server) ?? this.call, this.ask)
  }

  override toolResult(ended: Answered | Found<A>): CallToolResult | undefined {
    return ended instanceof Found ? undefined : super.toolResult(ended)
  }
}

const encode = <Args, A>(
  server: Server,
  tool: McpTool.McpTool<Args, A>,
  args: Args
): Effect.Effect<Readonly<Record<string, unknown>>, InvalidArguments> =>
  Effect.mapError(
    Schema.encode(tool.parameters)(args),
    (error) =>
      new InvalidArguments({
        server: server.name,
        method: "tools/call",
        tool: tool.name,
        reason: SchemaReason.format(error)
      })
  )

const read = <Args, A>(
  server: Server,
  tool: McpTool.McpTool<Args, A>,
  { connection, result }: Answered
): Effect.Effect<A, ToolFailed | InvalidResult> => {
  if (result.isError === true) {
    const said = connection.clean(ToolResult.textOf(result))
    const content = said === "" ? "it said nothing" : said
    return Effect.fail(new ToolFailed({ server: server.name, tool: tool.name, content }))
  }
  return Effect.mapError(tool.success.decode(result), (error) => {
    // Places are told by their names, and those are the server's.
    const reason = connection.clean(SchemaReason.format(error))
    return new InvalidResult({ server: server.name, tool: tool.name, reason })
  })
}
