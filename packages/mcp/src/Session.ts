/**
 * All requests of one connection but `initialize`: it gives them their ids, finds the one that an answer belongs to,
 * keeps their deadlines, cancels them, and says of each that failed whether it can have run. The SDK's `Client` sits
 * beside it on the same transport (`ClientTransport`) for what is left: the handshake and requests from the server.
 * A session belongs to the scope that it was made in; when that closes, everything pending fails.
 *
 * @since 0.1.0
 */
import { Deadlines, type Pool } from "@mooring/pool"
import {
  ErrorCode,
  type JSONRPCMessage,
  type JSONRPCNotification,
  type JSONRPCRequest,
  type Progress,
  type RequestId
} from "@modelcontextprotocol/sdk/types.js"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as LogLevel from "effect/LogLevel"
import * as Predicate from "effect/Predicate"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import * as Answer from "./Answer.js"
import * as ErrorData from "./ErrorData.js"
import { PendingTable } from "./internal/PendingTable.js"
import * as Limits from "./Limits.js"
import {
  ConnectionLost,
  ConnectionSaturated,
  type McpConnectError,
  type RequestError,
  ServerFlooding
} from "./McpError.js"
import type { McpTransport, Outgoing, TransportFailure } from "./McpTransport.js"
import { type Holder, PendingRequest, type RequestObserver, type RequestOptions } from "./PendingRequest.js"
import * as Redaction from "./Redaction.js"
import * as RequestMessage from "./RequestMessage.js"
import { type Host, ServerTraffic } from "./ServerTraffic.js"
import * as SessionCounters from "./SessionCounters.js"
import * as SessionEvent from "./SessionEvent.js"
import * as UrlElicitation from "./UrlElicitation.js"

/**
 * What hears the messages that are not the session's own.
 *
 * @since 0.1.0
 * @category models
 */
export interface Listener {
  /** `origin` is the id of the request that the message belongs to, where the transport can tell. */
  readonly message?: ((message: JSONRPCMessage, origin: RequestId | undefined) => void) | undefined
  readonly notification?: ((notification: JSONRPCNotification) => void) | undefined
  /** The server asks something. Whether it is taken: what somebody takes is given to nobody else. */
  readonly request?: ((request: JSONRPCRequest, origin: RequestId | undefined) => boolean) | undefined
  /** A request was refused until a person has visited these addresses. */
  readonly visits?: ((elicitations: ReadonlyArray<UrlElicitation.UrlElicitation>) => void) | undefined
  /** The server sent something that it should not; it was counted and dropped. */
  readonly event?: ((event: SessionEvent.SessionEvent) => void) | undefined
  /** Something was answered as MCP has it: the server is there. */
  readonly alive?: (() => void) | undefined
  /** What the server said by itself may have been missed: too much came, or the transport lost it. */
  readonly missed?: (() => void) | undefined
  /** The connection has ended. Called once; at once when it has ended already. */
  readonly closed?: ((reason: string, cause: unknown) => void) | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Session {
  /**
   * Sends a request and waits for its answer. Interrupting it tells the server to cancel and forgets the request at
   * once. Fails with `CallTimeout`, `ConnectionLost` or `ProtocolError`; with `InvalidArguments` for what cannot be
   * sent at all, and with `ConnectionSaturated` when too much is in flight.
   */
  readonly request: <A>(
    method: string,
    params: JSONRPCRequest["params"],
    answer: Answer.Answer<A>,
    options: RequestOptions
  ) => Effect.Effect<A, RequestError>
  /** `request`, once, for a caller that has masked interruption already. See `Pool.useMasked`. */
  readonly requestMasked: <A>(
    restore: Pool.Restore,
    method: string,
    params: JSONRPCRequest["params"],
    answer: Answer.Answer<A>,
    options: RequestOptions
  ) => Effect.Effect<A, RequestError>
  /** Sends what wants no answer. `failed` hears if it could not be delivered. */
  readonly send: (message: JSONRPCMessage, failed?: (failure: TransportFailure) => void) => void
  readonly listen: (listener: Listener) => void
  readonly isOpen: () => boolean
  readonly pending: () => number
  /** The pending request of this id. */
  readonly find: (id: RequestId) => PendingRequest | undefined
  /** Every pending request, in the order of their ids. */
  readonly waiting: () => ReadonlyArray<PendingRequest>
  /** A pending request has its time for an answer, or for progress, anew. */
  readonly extend: (request: PendingRequest) => void
  readonly counters: Readonly<SessionCounters.SessionCounters>
  readonly limits: Limits.Values
  /** Makes text that the server wrote fit to be shown. */
  readonly clean: (text: string) => string
  /** Nanoseconds on a monotonic clock. */
  readonly now: () => number
}

/**
 * The ids of a session's requests start here; those of the SDK's `Client` count up from 0 and stay below.
 *
 * @since 0.1.0
 * @category constants
 */
export const firstId = 1_000_000

/**
 * Starts the transport and takes over its messages. `server` stands in errors; `clean` makes a server's text fit to
 * be shown in one (by default it is cut, and control characters go); `observer` hears how each request ended. Holds the
 * server to the `Limits` of its context.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  transport: McpTransport,
  options: {
    readonly server: string
    readonly clean?: ((text: string) => string) | undefined
    readonly observer?: RequestObserver | undefined
  }
): Effect.Effect<Session, McpConnectError, Scope.Scope> =>
  Effect.gen(function* () {
    const deadlines = yield* Deadlines.make
    const runtime = yield* Effect.runtime<never>()
    const limits = yield* Limits.Limits
    const log = (level: LogLevel.LogLevel, what: string, cause: Cause.Cause<never> = Cause.empty) => {
      Runtime.runFork(runtime)(Effect.logWithLevel(level, `MCP server "${options.server}": ${what}`, cause))
    }
    const { clean = cleaned, observer, server } = options
    const session = new Live(transport, deadlines, server, clean, limits, observer, log)
    yield* Effect.addFinalizer(() => Effect.sync(() => session.close("the connection was closed", undefined)))
    yield* transport.start({
      message: (message, origin) => session.receive(message, origin),
      junk: (reason) => session.receiveJunk(reason),
      draining: (reason, cause) => session.drain(reason, cause),
      missed: () => session.missed(),
      closed: (reason, cause) => session.close(reason, cause)
    })
    return session
  })

type Log = (level: LogLevel.LogLevel, what: string, cause?: Cause.Cause<never>) => void

const cleaned = (text: string) => Redaction.passage(Redaction.make([]), text)

class Live implements Session, Holder, Host {
  readonly counters = SessionCounters.make()
  inFlight = 0
  private readonly requests = new PendingTable<PendingRequest>()
  /** Requests of the SDK's `Client`. */
  private readonly foreign = new Set<RequestId>()
  private readonly traffic: ServerTraffic
  private readonly listeners: Array<Listener> = []
  /** Those of them that hear of answers, apart: each answer is told to them. */
  private readonly alive: Array<() => void> = []
  private nextId = firstId
  /** Why nothing new is taken. */
  private ended: { readonly reason: string; readonly cause: unknown } | undefined
  /** Nothing is waited for any more, either. */
  private over = false

  constructor(
    private readonly transport: McpTransport,
    private readonly deadlines: Deadlines.Deadlines,
    readonly server: string,
    readonly clean: (text: string) => string,
    readonly limits: Limits.Values,
    private readonly observer: RequestObserver | undefined,
    private readonly log: Log
  ) {
    this.traffic = new ServerTraffic(this)
  }

  readonly now = () => this.deadlines.now()
  readonly isOpen = () => this.ended === undefined
  readonly pending = () => this.requests.size
  readonly find = (id: RequestId) => (typeof id === "number" ? this.requests.get(id) : undefined)
  readonly waiting = () => this.requests.values()

  request<A>(
    method: string,
    params: JSONRPCRequest["params"],
    answer: Answer.Answer<A>,
    options: RequestOptions
  ): Effect.Effect<A, RequestError> {
    return Effect.uninterruptibleMask((restore) => this.requestMasked(restore, method, params, answer, options))
  }

  requestMasked<A>(
    restore: Pool.Restore,
    method: string,
    params: JSONRPCRequest["params"],
    answer: Answer.Answer<A>,
    options: RequestOptions
  ): Effect.Effect<A, RequestError> {
    let request: PendingRequest | undefined
    // One parameter only: with two, Effect would make an `AbortController` for every call.
    const outcome = Effect.async<unknown, RequestError>((resume) => {
      if (this.ended !== undefined || this.inFlight >= this.limits.inFlightBytes) return resume(this.refuse(method))
      request = this.start(method, params, answer, options)
      return request.await(resume)
    })
    // Outside of what can be interrupted: what was registered is released whatever happens, at any step.
    const waiting = Effect.catchAllCause(restore(outcome), (cause) => {
      request?.cancel()
      return Effect.failCause(cause)
    })
    // A request ends in nothing but what its `answer` gave, which is an `A`; the table of all of them cannot say so.
    return waiting as Effect.Effect<A, RequestError>
  }

  private refuse(method: string): Effect.Effect<never, RequestError> {
    this.counters.unanswered++
    const { ended, server } = this
    if (ended === undefined) {
      return Effect.fail(new ConnectionSaturated({ server, method, limit: this.limits.inFlightBytes }))
    }
    const { cause, reason } = ended
    return Effect.fail(new ConnectionLost({ server, reason, delivery: "NotSent", cause }))
  }

  private start(
    method: string,
    params: JSONRPCRequest["params"],
    answer: Answer.Answer<unknown>,
    options: RequestOptions
  ): PendingRequest {
    const id = this.requests.freeFrom(this.nextId)
    this.nextId = id + 1
    const { onProgress, resetOnProgress, timeoutMs, totalTimeoutMs, trace } = options
    const asks = onProgress !== undefined || (resetOnProgress === true && timeoutMs < totalTimeoutMs)
    const now = this.deadlines.now()
    const message = RequestMessage.make(id, method, params, asks ? id : undefined, trace)
    const request = new PendingRequest(this, id, message, answer, options, now)
    // First: a tracer may throw, and so does a time that is no number; nothing must be left then.
    trace?.onId?.(id)
    this.deadlines.add(request, Math.min(now + timeoutMs * 1e6, request.endsAt))
    this.requests.add(request)
    try {
      this.transport.send(request)
    } catch (cause) {
      request.failed({ reason: "the transport threw", delivery: request.delivery, fatal: true, cause })
    }
    return request
  }

  send(message: JSONRPCMessage, failed?: (failure: TransportFailure) => void): void {
    if (!("method" in message) && message.id !== undefined) this.traffic.settle(message.id)
    this.transmit(message, failed)
  }

  private transmit(message: JSONRPCMessage, failed?: (failure: TransportFailure) => void): void {
    if (this.ended !== undefined) {
      failed?.({ reason: this.ended.reason, delivery: "NotSent", fatal: true, cause: this.ended.cause })
      return
    }
    this.deliver(message, failed)
  }

  private deliver(message: JSONRPCMessage, failed?: (failure: TransportFailure) => void): void {
    const asked = "method" in message && "id" in message ? message.id : undefined
    if (asked !== undefined) this.foreign.add(asked)
    const outgoing: Outgoing = {
      message,
      handedOver: false,
      failed: (failure) => {
        if (asked !== undefined) this.foreign.delete(asked)
        failed?.(failure)
        if (failure.fatal) this.broken(failure)
        // The server waits for an answer; better one that says why than none.
        else if (failure.unfit === true && "result" in message) this.transmit(unanswerable(message.id, failure.reason))
      }
    }
    try {
      this.transport.send(outgoing)
    } catch (cause) {
      outgoing.failed({ reason: "the transport threw", delivery: "Unknown", fatal: true, cause })
    }
  }

  listen(listener: Listener): void {
    if (this.ended !== undefined) listener.closed?.(this.ended.reason, this.ended.cause)
    else {
      this.listeners.push(listener)
      if (listener.alive !== undefined) this.alive.push(listener.alive)
    }
  }

  release(request: PendingRequest, answered: boolean): boolean {
    if (!this.requests.delete(request)) return false
    this.deadlines.remove(request)
    this.inFlight -= request.characters
    if (answered) this.counters.answered++
    else this.counters.unanswered++
    return true
  }

  extend(request: PendingRequest): void {
    this.deadlines.add(request, Math.min(this.deadlines.now() + request.options.timeoutMs * 1e6, request.endsAt))
  }

  observe(request: PendingRequest, error: RequestError | "cancelled" | undefined, result: unknown): void {
    if (this.observer === undefined) return
    try {
      this.observer.ended(request, error, result, this.deadlines.now())
    } catch (defect) {
      this.log(LogLevel.Error, "what observes its requests failed", Cause.die(defect))
    }
  }

  tellCancelled(request: PendingRequest, reason: string): void {
    if (this.over) return
    const params = { requestId: request.id, reason }
    // Also when nothing new is taken: the transport is to free what the request holds.
    this.deliver({ jsonrpc: "2.0", method: "notifications/cancelled", params })
  }

  broken(failure: TransportFailure): void {
    if (failure.drains === true) this.drain(failure.reason, failure.cause)
    else this.close(failure.reason, failure.cause)
  }

  /** Takes nothing new, and gives back what was not sent; what was waits for its own answer. */
  drain(reason: string, cause: unknown): void {
    if (this.ended !== undefined) return
    this.ended = { reason, cause }
    for (const request of this.requests.values()) if (!request.handedOver) request.lost(reason, cause)
    this.tellEnd(reason, cause)
  }

  private tellEnd(reason: string, cause: unknown): void {
    this.forEach("its end", (listener) => listener.closed?.(reason, cause))
  }

  close(reason: string, cause: unknown): void {
    if (this.over) return
    this.over = true
    const told = this.ended !== undefined
    this.ended ??= { reason, cause }
    const requests = this.requests.values()
    if (requests.length > 0) {
      const said = this.lastWords()
      const explained = said === "" ? reason : `${reason}\nIts last words on stderr:\n${said}`
      for (const request of requests) request.lost(explained, cause)
    }
    if (!told) this.tellEnd(reason, cause)
    this.listeners.length = 0
    this.alive.length = 0
  }

  private lastWords(): string {
    try {
      return this.transport.diagnostics?.() ?? ""
    } catch (defect) {
      this.log(LogLevel.Error, "its last words could not be read", Cause.die(defect))
      return ""
    }
  }

  flooding(perSecond: number): void {
    const cause = new ServerFlooding({ server: this.server, perSecond })
    this.close(cause.message, cause)
  }

  tell(event: SessionEvent.SessionEvent): void {
    if (event._tag === "Flooded" && this.counters.flooded === 1) {
      const allowed = this.limits.notificationsPerSecond
      this.log(LogLevel.Warning, `it sends more than ${allowed} notifications a second; what is too much is dropped`)
    }
    this.forEach("an event", (listener) => listener.event?.(event))
  }

  missed(): void {
    for (const listener of this.listeners) {
      if (listener.missed !== undefined) this.guard("what was missed", () => listener.missed?.())
    }
  }

  receiveJunk(reason: string): void {
    if (this.over) return
    this.stray("junk", SessionEvent.Junk({ reason: this.clean(reason) }))
  }

  receive(received: unknown, origin: RequestId | undefined): void {
    if (this.over) return
    if (!Predicate.isRecord(received)) return this.receiveJunk("a message that is no object")
    const { id, method } = received
    if (method === "notifications/progress" && this.receiveProgress(received["params"])) return
    if (method !== undefined) return this.receiveOther(received, origin)
    if (typeof id === "number" && id >= firstId) return this.receiveAnswer(id, received)
    // The SDK's `Client` would take "5" for 5.
    if (typeof id === "string") return this.stray("textId", SessionEvent.TextId({ id: this.clean(id) }))
    if (typeof id === "number" && this.foreign.delete(id)) return this.hand(received, origin)
    this.stray("unknown", SessionEvent.Unknown({ id: typeof id === "number" ? id : undefined }))
  }

  private receiveAnswer(id: number, received: { readonly [key: string]: unknown }): void {
    const request = this.requests.get(id)
    if (request === undefined) {
      const isLate = id < this.nextId && Number.isInteger(id)
      return this.stray(isLate ? "late" : "unknown", isLate ? SessionEvent.Late({ id }) : SessionEvent.Unknown({ id }))
    }
    const { error, jsonrpc, result } = received
    if (jsonrpc !== "2.0") request.misread('it does not say jsonrpc: "2.0"')
    else if ("result" in received && "error" in received) request.misread("it is both a result and an error")
    else if (!("error" in received)) request.succeed(result)
    else if (Predicate.isRecord(error) && Number.isInteger(error["code"]) && typeof error["message"] === "string") {
      // `isInteger` has proved it a number, which its type does not say.
      const code = error["code"] as number
      const visits =
        code === UrlElicitation.requiredCode ? UrlElicitation.required(error["data"], this.clean) : undefined
      request.refuse(code, this.clean(error["message"]), ErrorData.clean(error["data"], this.clean), visits)
      if (visits !== undefined) this.forEach("an error", ({ visits: hear }) => hear?.(visits))
    } else request.misread("its error has no code or no message")
    if (request.isMisread) return
    for (const alive of this.alive) this.guard("an answer", alive)
  }

  /** Whether it was progress of a request of ours, wanted or not. */
  private receiveProgress(params: unknown): boolean {
    const token = Predicate.isRecord(params) ? params["progressToken"] : undefined
    if (typeof token !== "number" || token < firstId) return false
    if (!this.traffic.admits("progress")) return true
    const request = this.requests.get(token)
    const progress = request === undefined ? undefined : Answer.progress(params)
    if (request === undefined || progress === undefined || progress instanceof Answer.Malformed) {
      this.counters.strayProgress++
      this.tell(SessionEvent.StrayProgress({ id: token }))
      return true
    }
    const { onProgress, resetOnProgress } = request.options
    if (resetOnProgress === true) this.extend(request)
    if (onProgress !== undefined) this.guard("its progress", () => onProgress(this.shown(progress)))
    return true
  }

  private shown(progress: Progress): Progress {
    const { message } = progress
    return message === undefined ? progress : { ...progress, message: this.clean(message) }
  }

  private receiveOther(received: { readonly [key: string]: unknown }, origin: RequestId | undefined): void {
    const { id, method, params } = received
    if (id === undefined) {
      if (!this.traffic.admits("notifications")) return this.missed()
      const cancelled =
        method === "notifications/cancelled" && Predicate.isRecord(params) ? params["requestId"] : undefined
      if (isId(cancelled)) this.traffic.settle(cancelled)
    } else if (isId(id) && typeof method === "string") {
      const opened = this.traffic.open({ jsonrpc: "2.0", id, method })
      // Not `send`: a request of the same id is still open, and this is not its answer.
      if (opened !== "opened") return this.transmit(opened)
      // It has an id and a method; what else it has is for who takes it to look at.
      const asked = received as JSONRPCRequest
      let taken = false
      this.forEach("a request", ({ request }) => (taken ||= request?.(asked, origin) === true))
      if (taken) return
    }
    this.hand(received, origin)
  }

  private hand(received: { readonly [key: string]: unknown }, origin: RequestId | undefined): void {
    // What is no JSON-RPC message after all is for the SDK to refuse: it checks every message by its schemas.
    const passed = received as JSONRPCMessage
    const isNotification = "method" in passed && !("id" in passed)
    for (const listener of this.listeners) {
      this.guard("a message", () => listener.message?.(passed, origin))
      if (isNotification) this.guard("a notification", () => listener.notification?.(passed))
    }
  }

  private stray(counter: "late" | "unknown" | "textId" | "junk", event: SessionEvent.SessionEvent): void {
    this.counters[counter]++
    this.tell(event)
    this.traffic.stray()
  }

  private forEach(what: string, tell: (listener: Listener) => void): void {
    for (const listener of this.listeners) this.guard(what, () => tell(listener))
  }

  private guard(what: string, call: () => unknown): void {
    try {
      const returned = call()
      // Nobody waits for it; unheard, its rejection would end the process.
      if (returned instanceof Promise) returned.catch((defect: unknown) => this.threw(what, defect))
    } catch (defect) {
      this.threw(what, defect)
    }
  }

  private threw(what: string, defect: unknown): void {
    this.log(LogLevel.Error, `what listens to ${what} failed`, Cause.die(defect))
  }
}

const isId = (id: unknown): id is RequestId => typeof id === "string" || typeof id === "number"

const unanswerable = (id: RequestId, reason: string): JSONRPCMessage => ({
  jsonrpc: "2.0",
  id,
  error: { code: ErrorCode.InternalError, message: `the answer cannot be sent: ${reason}` }
})
