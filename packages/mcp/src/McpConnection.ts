/**
 * One live, initialized MCP session over one transport. It is made in a scope, which ends it: everything pending
 * fails, and the transport is closed. It can also end by itself (the process exits, the HTTP session is lost); then
 * `isOpen` says so at once, and whoever asked by `onClosed` is told.
 *
 * @since 0.1.0
 */
import type { Pool } from "@mooring/pool"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import type {
  CallToolResult,
  Implementation,
  JSONRPCNotification,
  JSONRPCRequest,
  ServerCapabilities,
  Tool
} from "@modelcontextprotocol/sdk/types.js"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Answer from "./Answer.js"
import { ClientInfo } from "./ClientInfo.js"
import * as ClientTransport from "./ClientTransport.js"
import { McpConnector } from "./McpConnector.js"
import { malformedCode, McpConnectError, ProtocolError, type RequestError, UnsupportedCapability } from "./McpError.js"
import type { McpTransport } from "./McpTransport.js"
import type { RequestObserver, RequestOptions } from "./PendingRequest.js"
import * as Redaction from "./Redaction.js"
import type { RequestTrace } from "./RequestMessage.js"
import * as ServerConfig from "./ServerConfig.js"
import { logAnnotations, type ServerKey } from "./ServerKey.js"
import * as Session from "./Session.js"
import type { SessionCounters } from "./SessionCounters.js"
import type { SessionEvent } from "./SessionEvent.js"

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
}

type Timeouts = Pick<ServerConfig.Settings, "callTimeout" | "totalTimeout">

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
  ) => Effect.Effect<CallToolResult, RequestError | UnsupportedCapability>
  /** `callTool`, once, for a caller that has masked interruption already. See `Pool.useMasked`. */
  readonly callToolMasked: (
    restore: Pool.Restore,
    tool: string,
    args?: Readonly<Record<string, unknown>>,
    limits?: CallLimits
  ) => Effect.Effect<CallToolResult, RequestError | UnsupportedCapability>
  /**
   * Every tool of the server. More tools or pages than `Limits` allow, or a cursor that comes a second time, is a
   * `ProtocolError` with `malformedCode`.
   */
  readonly listTools: Effect.Effect<ReadonlyArray<Tool>, RequestError | UnsupportedCapability>
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
 * What whoever opens a connection can say of it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Its number among the connections of its pool; stands in log lines as `mcp.connection`. */
  readonly number?: number | undefined
  /** Hears how each request ended. Default: nobody. */
  readonly observer?: RequestObserver | undefined
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
  options: Options = {}
): Effect.Effect<McpConnection, McpConnectError, Scope.Scope | McpConnector> => {
  const settings = ServerConfig.resolve(config)
  const server = key.toString()
  const attempt: Attempt = { phase: ServerConfig.isStdio(config) ? "spawn" : "dial", transport: undefined, junk: [] }
  return connect(key, config, settings, attempt, options).pipe(
    Effect.timeoutFail({
      duration: settings.connectTimeout,
      onTimeout: () =>
        new McpConnectError({
          server,
          phase: attempt.phase,
          reason: unanswered(attempt, config, settings.connectTimeout),
          retryable: false,
          stderr: attempt.transport?.diagnostics?.()
        })
    }),
    Effect.annotateLogs(logAnnotations(key, options.number))
  )
}

/** How far a connect has come. */
interface Attempt {
  phase: McpConnectError["phase"]
  transport: McpTransport | undefined
  /** What came that is no message; only the first is kept, for the error. */
  readonly junk: Array<string>
}

const unanswered = (attempt: Attempt, config: ServerConfig.ServerConfig, millis: number): string => {
  const which = address(config)
  if (attempt.phase !== "handshake") return `${which ?? "it"} could not be reached within ${millis} ms`
  const [first] = attempt.junk
  const by = which === undefined ? "" : ` by ${which}`
  const junk = first === undefined ? "" : ` (what came is not MCP: ${first})`
  return `initialize was not answered${by} within ${millis} ms${junk}; if it only needs longer, raise connectTimeout`
}

/** Without credentials and query, in which people keep keys. */
const address = (config: ServerConfig.ServerConfig): string | undefined => {
  if (ServerConfig.isStdio(config) || !URL.canParse(config.url)) return undefined
  const { origin, pathname } = new URL(config.url)
  return origin + pathname
}

const connect = (
  key: ServerKey,
  config: ServerConfig.ServerConfig,
  settings: ServerConfig.Settings,
  attempt: Attempt,
  { number, observer }: Options
): Effect.Effect<McpConnection, McpConnectError, Scope.Scope | McpConnector> =>
  Effect.gen(function* () {
    const server = key.toString()
    const redaction = Redaction.make(ServerConfig.secrets(config))
    const connector = yield* McpConnector
    const transport = yield* connector.open(key, config)
    const clean = (text: string) => Redaction.passage(redaction, transport.clean?.(text) ?? text)
    attempt.transport = transport
    attempt.phase = "handshake"
    const session = yield* Session.make(transport, { server, clean, observer })
    session.listen({
      event: (event) => {
        if (event._tag === "Junk" && attempt.junk.length === 0) attempt.junk.push(event.reason)
      }
    })
    const client = new Client(yield* ClientInfo, { jsonSchemaValidator: noValidator })
    // Late, unknown or unreadable messages: the session has counted them, and none is fatal.
    client.onerror = () => {}
    const beside = ClientTransport.make(session, (version) => transport.setProtocolVersion?.(version))
    const isProcess = ServerConfig.isStdio(config)
    yield* handshake(client, beside, session, (cause) => refused(server, isProcess, transport, clean, cause))
    return new Live({ key, number, settings, transport, session, client, protocolVersion: beside.protocolVersion() })
  })

const handshake = (
  client: Client,
  transport: ClientTransport.ClientTransport,
  session: Session.Session,
  refused: (cause: unknown) => McpConnectError
): Effect.Effect<void, McpConnectError> =>
  Effect.async<void, McpConnectError>((resume) => {
    let ended: ClientTransport.NotDelivered | undefined
    session.listen({
      closed: (reason, cause) => {
        ended = new ClientTransport.NotDelivered({ reason, delivery: "Unknown", fatal: true, cause })
      }
    })
    // No deadline of the SDK's: when it passes, the SDK cancels `initialize`, which the specification forbids.
    client.connect(transport, { timeout: longestTimer }).then(
      () => resume(ended === undefined ? Effect.void : Effect.fail(refused(ended))),
      (cause: unknown) => resume(Effect.fail(refused(ended ?? cause)))
    )
  })

const refused = (
  server: string,
  isProcess: boolean,
  transport: McpTransport,
  clean: (text: string) => string,
  cause: unknown
): McpConnectError => {
  const stderr = transport.diagnostics?.()
  if (cause instanceof ClientTransport.NotDelivered) {
    const { failure } = cause
    if (failure.cause instanceof McpConnectError) return failure.cause
    // A process that was started was reached, whatever became of the message.
    const reached = isProcess || failure.delivery === "Unknown"
    const phase = reached ? "handshake" : "dial"
    const { cause: seen, reason } = failure
    return new McpConnectError({ server, phase, reason, retryable: !reached, stderr, cause: seen })
  }
  // No `cause`: it quotes the server as it is, and the reason says what it said.
  return new McpConnectError({ server, phase: "handshake", reason: clean(reasonOf(cause)), retryable: false, stderr })
}

const reasonOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return `initialize failed: ${String(cause)}`
  return "issues" in cause && Array.isArray(cause.issues)
    ? // Zod's own message is a page of JSON; `issues` is what its errors are told by.
      `the answer to initialize is not MCP: ${Answer.describe({ issues: cause.issues })}`
    : `initialize failed: ${cause.message}`
}

/** What one connection is made of. */
interface Parts {
  readonly key: ServerKey
  readonly number: number | undefined
  settings: Timeouts
  readonly transport: McpTransport
  readonly session: Session.Session
  readonly client: Client
  readonly protocolVersion: string
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
    this.listTools = Effect.suspend((): McpConnection["listTools"] =>
      this.capabilities.tools === undefined ? this.withoutTools : this.pages()
    )
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
  ): Effect.Effect<CallToolResult, RequestError | UnsupportedCapability> {
    return Effect.uninterruptibleMask((restore) => this.callToolMasked(restore, tool, args, limits))
  }

  callToolMasked(
    restore: Pool.Restore,
    tool: string,
    args?: Readonly<Record<string, unknown>>,
    limits?: CallLimits
  ): Effect.Effect<CallToolResult, RequestError | UnsupportedCapability> {
    if (this.capabilities.tools === undefined) return this.withoutTools
    const params = new ToolParams(tool, args)
    return this.session.requestMasked(restore, "tools/call", params, Answer.callTool, this.limited(limits))
  }

  private limited(limits: CallLimits | undefined): RequestOptions {
    if (limits === undefined) return this.tool
    const { timeout, totalTimeout } = limits
    return {
      timeoutMs: timeout === undefined ? this.tool.timeoutMs : Duration.toMillis(timeout),
      totalTimeoutMs: totalTimeout === undefined ? this.tool.totalTimeoutMs : Duration.toMillis(totalTimeout),
      resetOnProgress: true,
      trace: this.tool.trace
    }
  }

  private get withoutTools(): Effect.Effect<never, UnsupportedCapability> {
    return Effect.fail(new UnsupportedCapability({ server: this.key.toString(), capability: "tools" }))
  }

  private pages(): Effect.Effect<ReadonlyArray<Tool>, RequestError> {
    const { plain, session } = this
    const { limits } = session
    const refuse = (reason: string) =>
      new ProtocolError({ server: this.key.toString(), method: "tools/list", code: malformedCode, reason })
    return Effect.gen(function* () {
      const tools: Array<Tool> = []
      const cursors = new Set<string>()
      let cursor: string | undefined
      for (let page = 1; page <= limits.pages; page++) {
        const params = cursor === undefined ? undefined : { cursor }
        const answer = yield* session.request("tools/list", params, Answer.listTools, plain)
        if (tools.length + answer.tools.length > limits.tools) {
          return yield* refuse(`it has more than ${limits.tools} tools`)
        }
        // One by one: as arguments of one call, a hundred thousand are too many for the stack.
        for (const tool of answer.tools) tools.push(tool)
        cursor = answer.nextCursor
        if (cursor === undefined) return tools
        if (cursors.has(cursor)) return yield* refuse("it gave the same cursor twice, so its list has no end")
        cursors.add(cursor)
      }
      return yield* refuse(`its tools fill more than ${limits.pages} pages`)
    })
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

/** The longest that a timer of JavaScript can run. Milliseconds. */
const longestTimer = 2 ** 31 - 1

/** Results are checked here, never by the SDK's `Client`, whose default would load a compiler for each connection. */
const noValidator = {
  getValidator: () => () => ({ valid: false as const, data: undefined, errorMessage: "not used" })
}
