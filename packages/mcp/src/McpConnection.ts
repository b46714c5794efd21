/**
 * One live, initialized MCP session over one transport. It is made in a scope, which ends it: everything pending
 * fails, and the transport is closed. It can also end by itself (the process exits, the HTTP session is lost); then
 * `isOpen` says so at once, and whoever asked by `onClosed` is told.
 *
 * @since 0.1.0
 */
import type { Pool } from "@mooring/pool"
import type {
  CallToolResult,
  Implementation,
  JSONRPCNotification,
  JSONRPCRequest,
  ServerCapabilities,
  Task,
  Tool
} from "@modelcontextprotocol/sdk/types.js"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Answer from "./Answer.js"
import * as CallUpdate from "./CallUpdate.js"
import * as HandledRequest from "./HandledRequest.js"
import * as Handshake from "./Handshake.js"
import type { McpConnector } from "./McpConnector.js"
import {
  type HandlersRefused,
  malformedCode,
  type McpConnectError,
  type RequestError,
  UnsupportedCapability
} from "./McpError.js"
import type { Handlers } from "./McpHandlers.js"
import { isOffered, type McpList, type McpRequest } from "./McpRequest.js"
import type { Listening, McpTransport } from "./McpTransport.js"
import * as Pages from "./Pages.js"
import type { RequestOptions } from "./PendingRequest.js"
import type { RequestTrace } from "./RequestMessage.js"
import * as ServerConfig from "./ServerConfig.js"
import { logAnnotations, type ServerKey } from "./ServerKey.js"
import type * as Session from "./Session.js"
import type { SessionCounters } from "./SessionCounters.js"
import type { SessionEvent } from "./SessionEvent.js"
import { TaskNotices } from "./TaskNotices.js"

export type { Options } from "./Handshake.js"

/**
 * How long a call may take.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallLimits {
  /** How long to wait for the answer, or for progress. Default: the server's `callTimeout` (60 s). */
  readonly timeout?: Duration.DurationInput | undefined
  /** How long in all, progress or not. Default: the server's `totalTimeout` (10 minutes). */
  readonly totalTimeout?: Duration.DurationInput | undefined
  /**
   * Answers what the server asks for the sake of this call, before the handlers of its session and of the application: over
   * Streamable HTTP, what it asks in the response to the call. The call ends when they have. Over a transport that does
   * not say which call the server asks for (stdio), and where the server was not told that it may ask (`mayAsk`), the call
   * fails with `HandlersRefused` before it is sent. While the server waits for an answer, the call is not late, though
   * `totalTimeout` goes on. Default: none.
   */
  readonly handlers?: Handlers | undefined
  /** Hears of the call's progress, as it comes. Default: nobody. */
  readonly onProgress?: CallUpdate.OnProgress | undefined
}

type Timeouts = Pick<ServerConfig.Settings, "callTimeout" | "totalTimeout">

/**
 * How a call on one connection can fail.
 *
 * @since 0.1.0
 * @category errors
 */
export type CallToolError = RequestError | UnsupportedCapability | HandlersRefused

/**
 * @since 0.1.0
 * @category models
 */
export interface McpConnection {
  readonly key: ServerKey
  /** Its number in the pool that opened it, as the pool's events have it. Absent where no pool did. */
  readonly number: number | undefined
  /** What the server declared in the handshake. */
  readonly capabilities: ServerCapabilities
  readonly serverInfo: Implementation
  readonly protocolVersion: string
  /** What the server says of its own use. */
  readonly instructions: string | undefined
  readonly network: McpTransport["network"]
  /** The process ID of a server that is a child process. */
  readonly pid: number | undefined
  readonly isOpen: () => boolean
  /**
   * Makes text that this server wrote fit to stand in an error or a log: secrets are hidden, those that its transport
   * alone knows included, control characters go, and what is too long is cut.
   */
  readonly clean: (text: string) => string
  /** Calls `hook` once when the connection has ended, at once if it has already. */
  readonly onClosed: (hook: (reason: string) => void) => void
  /** Calls `hook` whenever the server has answered something as MCP has it: a result or an error. */
  readonly onAlive: (hook: () => void) => void
  /** Calls `hook` with every notification that is not progress of a request of this connection. */
  readonly onNotification: (hook: (notification: JSONRPCNotification) => void) => void
  /** Calls `hook` whenever notifications may have been missed: too many came, or the stream that they come on broke off. */
  readonly onMissed: (hook: () => void) => void
  /** Calls `hook` with what the server tells of this task by itself, until what this gives is called. */
  readonly onTask: (taskId: string, hook: (task: Task) => void) => () => void
  /** Keeps the pool that opened it from closing it because it idles, until what this gives is called. */
  readonly keep: () => () => void
  /** Hears what the server says outside of any request, until it is stopped. See `McpTransport`. */
  readonly listen: () => Listening
  /** Calls `hook` with whatever the server sends that it should not: a late answer, junk, too many notifications, … */
  readonly onEvent: (hook: (event: SessionEvent) => void) => void
  /**
   * Sends any request; `answer` reads its result. `options` may change the server's limits. Progress does not reset
   * the timeout unless `resetOnProgress` is set.
   */
  readonly request: <A>(
    method: string,
    params: JSONRPCRequest["params"],
    answer: Answer.Answer<A>,
    options?: Partial<RequestOptions>
  ) => Effect.Effect<A, RequestError>
  /** Calls a tool as MCP has it: `isError` is a value of the result. Asks for progress, which resets the timeout. */
  readonly callTool: (
    tool: string,
    args?: Readonly<Record<string, unknown>>,
    limits?: CallLimits
  ) => Effect.Effect<CallToolResult, CallToolError>
  /** `callTool`, once, for a caller that has masked interruption already. See `Pool.useMasked`. */
  readonly callToolMasked: (
    restore: Pool.Restore,
    tool: string,
    args?: Readonly<Record<string, unknown>>,
    limits?: CallLimits
  ) => Effect.Effect<CallToolResult, CallToolError>
  /**
   * Every tool of the server. More tools or pages than `Limits` allow, or a cursor that comes a second time, is a
   * `ProtocolError` with `malformedCode`.
   */
  readonly listTools: Effect.Effect<ReadonlyArray<Tool>, CallToolError>
  /**
   * Sends a request of MCP's, as `McpResource.read(uri)`. Asks for progress, which resets the timeout. What it needs and the
   * server did not declare is `UnsupportedCapability`, without a round trip.
   */
  readonly ask: <A>(request: McpRequest<A>, limits?: CallLimits) => Effect.Effect<A, CallToolError>
  /**
   * Reads all pages of a list, as `McpResource.list`. `timeout` counts for each page, `totalTimeout` for all. Fails as
   * `listTools` does.
   */
  readonly list: <A>(list: McpList<A>, limits?: CallLimits) => Effect.Effect<ReadonlyArray<A>, CallToolError>
  /**
   * Has these handlers answer what the server asks, before those of the application, until the scope closes; that waits
   * for what they are at. For whoever has the connection to himself: what others caused would be asked of them, too. Fails
   * with `HandlersRefused` where the server was not told that it may ask for what they are there for, or does not answer.
   */
  readonly handle: (handlers: Handlers) => Effect.Effect<void, HandlersRefused, Scope.Scope>
  /** Whether handlers that `handle` was given are there just now. */
  readonly isHandled: () => boolean
  /** Asks the server whether it is there; any well-formed answer counts, a refusal too. Gives the round trip. */
  readonly ping: Effect.Effect<Duration.Duration, RequestError>
  /** From now on, what may take how long where nothing else is said. Milliseconds. What is under way keeps its own. */
  readonly setTimeouts: (timeouts: Timeouts) => void
  /** The same connection; what is sent through this view of it carries along what `trace` says. */
  readonly traced: (trace: RequestTrace) => McpConnection
  /** What the session under the connection has seen. */
  readonly counters: Readonly<SessionCounters>
  /** Requests without an answer yet. */
  readonly pending: () => number
}

/**
 * Opens a transport and does the handshake, both within the server's `connectTimeout` (stdio 60 s, HTTP 10 s). Fails
 * with `McpConnectError`. A server that exits, refuses or says nothing fails for good (`retryable: false`), so that
 * nobody waits for a second try; one that could not be reached, as the connector says.
 *
 * What is logged about the connection, now or later, is annotated with `mcp.server`, `mcp.partition` where it has one,
 * and `mcp.connection` where it has a number.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  key: ServerKey,
  config: ServerConfig.ServerConfig,
  options: Handshake.Options = {}
): Effect.Effect<McpConnection, McpConnectError, Scope.Scope | McpConnector> => {
  const settings = ServerConfig.resolve(config)
  const { number } = options
  return Handshake.make(key, config, settings, options).pipe(
    Effect.map((greeted) => {
      const tasks = new TaskNotices(greeted.session)
      return new Live({ ...greeted, key, number, settings, tasks, keep: options.keep ?? (() => () => {}) })
    }),
    Effect.annotateLogs(logAnnotations(key, number))
  )
}

/** What one connection is made of. */
interface Parts extends Handshake.Greeted {
  readonly key: ServerKey
  readonly number: number | undefined
  readonly tasks: TaskNotices
  readonly keep: McpConnection["keep"]
  settings: Timeouts
}

class Live implements McpConnection {
  readonly key: ServerKey
  readonly number: number | undefined
  readonly protocolVersion: string
  readonly capabilities: ServerCapabilities
  readonly serverInfo: Implementation
  readonly instructions: string | undefined
  readonly network: McpTransport["network"]
  readonly pid: number | undefined
  readonly isOpen: () => boolean
  readonly pending: () => number
  readonly clean: (text: string) => string
  readonly counters: Readonly<SessionCounters>
  readonly listTools: McpConnection["listTools"]
  readonly ping: McpConnection["ping"]
  private plain: RequestOptions
  private tool: RequestOptions
  private readonly session: Session.Session

  constructor(
    private readonly parts: Parts,
    trace?: RequestTrace
  ) {
    const { client, session, settings, transport } = parts
    const { callTimeout: timeoutMs, totalTimeout: totalTimeoutMs } = settings
    this.key = parts.key
    this.number = parts.number
    this.protocolVersion = parts.protocolVersion
    this.session = session
    this.capabilities = client.getServerCapabilities() ?? {}
    this.serverInfo = client.getServerVersion() ?? { name: "", version: "" }
    this.instructions = client.getInstructions()
    this.network = transport.network
    this.pid = transport.pid
    this.isOpen = session.isOpen
    this.clean = session.clean
    this.pending = session.pending
    this.counters = session.counters
    this.plain = { timeoutMs, totalTimeoutMs, trace }
    this.tool = { timeoutMs, totalTimeoutMs, resetOnProgress: true, trace }
    this.listTools = this.list(tools)
    this.ping = Effect.suspend(() => this.roundTrip())
  }

  setTimeouts(timeouts: Timeouts): void {
    const { callTimeout: timeoutMs, totalTimeout: totalTimeoutMs } = timeouts
    const { trace } = this.plain
    this.parts.settings = timeouts
    this.plain = { timeoutMs, totalTimeoutMs, trace }
    this.tool = { timeoutMs, totalTimeoutMs, resetOnProgress: true, trace }
  }

  traced(trace: RequestTrace): McpConnection {
    return new Live(this.parts, trace)
  }

  onClosed(hook: (reason: string) => void): void {
    this.session.listen({ closed: hook })
  }

  onAlive(hook: () => void): void {
    this.session.listen({ alive: hook })
  }

  onNotification(hook: (notification: JSONRPCNotification) => void): void {
    this.session.listen({ notification: hook })
  }

  onMissed(hook: () => void): void {
    this.session.listen({ missed: hook })
  }

  onTask(taskId: string, hook: (task: Task) => void): () => void {
    return this.parts.tasks.watch(taskId, hook)
  }

  keep(): () => void {
    return this.parts.keep()
  }

  listen(): Listening {
    return this.parts.transport.listen?.() ?? { onReady: (hook) => hook(), stop: () => {} }
  }

  onEvent(hook: (event: SessionEvent) => void): void {
    this.session.listen({ event: hook })
  }

  request<A>(
    method: string,
    params: JSONRPCRequest["params"],
    answer: Answer.Answer<A>,
    options?: Partial<RequestOptions>
  ): Effect.Effect<A, RequestError> {
    return this.session.request(
      method,
      params,
      answer,
      options === undefined ? this.plain : { ...this.plain, ...options }
    )
  }

  callTool(
    tool: string,
    args?: Readonly<Record<string, unknown>>,
    limits?: CallLimits
  ): Effect.Effect<CallToolResult, CallToolError> {
    return Effect.uninterruptibleMask((restore) => this.callToolMasked(restore, tool, args, limits))
  }

  callToolMasked(
    restore: Pool.Restore,
    tool: string,
    args?: Readonly<Record<string, unknown>>,
    limits?: CallLimits
  ): Effect.Effect<CallToolResult, CallToolError> {
    if (this.capabilities.tools === undefined) return this.without("tools")
    const params = new ToolParams(tool, args)
    if (limits?.handlers !== undefined) return this.callHandled(restore, params, limits, limits.handlers)
    return this.session.requestMasked(restore, "tools/call", params, Answer.callTool, this.limited(limits))
  }

  // Apart, since what a function captures costs whoever calls it.
  private callHandled(
    restore: Pool.Restore,
    params: ToolParams,
    limits: CallLimits,
    handlers: Handlers
  ): Effect.Effect<CallToolResult, CallToolError> {
    return this.handled(restore, limits, handlers, (options) =>
      this.session.request("tools/call", params, Answer.callTool, options)
    )
  }

  /** With handlers that last as long as what `send` sends. Run uninterruptibly. */
  private handled<A, E>(
    restore: Pool.Restore,
    limits: CallLimits,
    handlers: Handlers,
    send: (options: RequestOptions) => Effect.Effect<A, E>
  ): Effect.Effect<A, E | HandlersRefused> {
    const { requests } = this.parts
    if (requests === undefined) return this.unannounced(handlers)
    return Effect.flatMap(requests.forCall(handlers), (owner) =>
      Effect.ensuring(restore(send({ ...this.limited(limits), owner })), requests.end(owner))
    )
  }

  handle(handlers: Handlers): Effect.Effect<void, HandlersRefused, Scope.Scope> {
    const { requests } = this.parts
    if (requests === undefined) return this.unannounced(handlers)
    const listening = Effect.acquireRelease(
      Effect.sync(() => this.listen()),
      ({ stop }) => Effect.sync(stop)
    )
    return Effect.zipRight(requests.forSession(handlers, this.ping), listening)
  }

  isHandled(): boolean {
    return this.parts.requests?.isHeld === true
  }

  private unannounced(handlers: Handlers): Effect.Effect<never, HandlersRefused> {
    return Effect.fail(HandledRequest.unannounced(this.key.toString(), new Set(), handlers))
  }

  private limited(limits: CallLimits | undefined): RequestOptions {
    if (limits === undefined) return this.tool
    const { onProgress, timeout, totalTimeout } = limits
    return {
      timeoutMs: timeout === undefined ? this.tool.timeoutMs : Duration.toMillis(timeout),
      totalTimeoutMs: totalTimeout === undefined ? this.tool.totalTimeoutMs : Duration.toMillis(totalTimeout),
      resetOnProgress: true,
      onProgress: onProgress && ((progress) => onProgress(CallUpdate.progressOf(progress, 1))),
      trace: this.tool.trace
    }
  }

  ask<A>({ answer, method, needs, params }: McpRequest<A>, limits?: CallLimits): Effect.Effect<A, CallToolError> {
    return this.offered(needs, limits, (options) => this.session.request(method, params, answer, options))
  }

  list<A>(list: McpList<A>, limits?: CallLimits): Effect.Effect<ReadonlyArray<A>, CallToolError> {
    return this.offered(list.needs, limits, (options) => Pages.read(this.session, this.key.toString(), list, options))
  }

  private offered<A>(
    needs: string,
    limits: CallLimits | undefined,
    send: (options: RequestOptions) => Effect.Effect<A, RequestError>
  ): Effect.Effect<A, CallToolError> {
    return Effect.suspend((): Effect.Effect<A, CallToolError> => {
      if (!isOffered(this.capabilities, needs)) return this.without(needs)
      if (limits?.handlers === undefined) return send(this.limited(limits))
      const { handlers } = limits
      return Effect.uninterruptibleMask((restore) => this.handled(restore, limits, handlers, send))
    })
  }

  private without(capability: string): Effect.Effect<never, UnsupportedCapability> {
    return Effect.fail(new UnsupportedCapability({ server: this.key.toString(), capability }))
  }

  private roundTrip(): Effect.Effect<Duration.Duration, RequestError> {
    const start = this.session.now()
    const took = () => Duration.nanos(BigInt(Math.round(this.session.now() - start)))
    return this.session.request("ping", undefined, Answer.anything, this.plain).pipe(
      Effect.map(took),
      Effect.catchTag("ProtocolError", (error) =>
        error.code === malformedCode ? Effect.fail(error) : Effect.sync(took)
      )
    )
  }
}

const tools: McpList<Tool> = {
  method: "tools/list",
  needs: "tools",
  what: "tools",
  most: (limits) => limits.tools,
  page: Answer.listTools
}

/** A class, since objects in braces are dear on a busy path: see `Session`. */
class ToolParams {
  readonly [other: string]: unknown
  readonly arguments: Readonly<Record<string, unknown>> | undefined
  constructor(
    readonly name: string,
    args: Readonly<Record<string, unknown>> | undefined
  ) {
    this.arguments = args
  }
}
