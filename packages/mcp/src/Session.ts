/**
 * All requests of one connection but `initialize`: it gives them their ids, finds the one that an answer belongs to,
 * keeps their deadlines, cancels them, and says of each that failed whether it can have run. The SDK's `Client` sits
 * beside it on the same transport (`ClientTransport`) for what is left: the handshake and requests from the server.
 * A session belongs to the scope that it was made in; when that closes, everything pending fails.
 *
 * @since 0.1.0
 */
import { Deadlines, type Pool } from "@mooring/pool"
import { ErrorCode, type JSONRPCMessage, type JSONRPCRequest, type RequestId } from "@modelcontextprotocol/sdk/types.js"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as LogLevel from "effect/LogLevel"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import type * as Answer from "./Answer.js"
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
import { firstId, type Listener, type Log, Received, type Receiver } from "./Received.js"
import * as Redaction from "./Redaction.js"
import * as RequestMessage from "./RequestMessage.js"
import { type Host, ServerTraffic } from "./ServerTraffic.js"
import * as SessionCounters from "./SessionCounters.js"
import type * as SessionEvent from "./SessionEvent.js"
import { unchecked } from "./internal/Unchecked.js"

export { firstId, type Listener }

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
 * Starts the transport and takes over its messages. `server` stands in errors; `clean` makes a server's text fit to
 * be shown in one (by default it is cut, and control characters go); `observer` hears how each request ended. Many
 * sessions may share `deadlines` that outlast them, and need one fiber then, not one each (the default). Holds the server
 * to the `Limits` of its context.
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
    readonly deadlines?: Deadlines.Deadlines | undefined
  }
): Effect.Effect<Session, McpConnectError, Scope.Scope> =>
  Effect.gen(function* () {
    const deadlines = options.deadlines ?? (yield* Deadlines.make)
    const runtime = yield* Effect.runtime<never>()
    const limits = yield* Limits.Limits
    const log = (level: LogLevel.LogLevel, what: string, cause: Cause.Cause<never> = Cause.empty) => {
      Runtime.runFork(runtime)(Effect.logWithLevel(level, `MCP server "${options.server}": ${what}`, cause))
    }
    const { clean = cleaned, observer, server } = options
    const session = new Live(transport, deadlines, server, clean, limits, observer, log)
    yield* Effect.addFinalizer(() => Effect.sync(() => session.close("the connection was closed", undefined)))
    const { received } = session
    yield* transport.start({
      message: (message, origin) => received.receive(message, origin),
      junk: (reason) => received.junk(reason),
      draining: (reason, cause) => session.drain(reason, cause),
      missed: () => received.missed(),
      closed: (reason, cause) => session.close(reason, cause)
    })
    return session
  })

const cleaned = (text: string) => Redaction.passage(Redaction.make([]), text)

class Live implements Session, Holder, Host, Receiver {
  readonly counters = SessionCounters.make()
  inFlight = 0
  readonly received: Received
  private readonly requests = new PendingTable<PendingRequest>()
  /** Requests of the SDK's `Client`. */
  private readonly foreign = new Set<RequestId>()
  private readonly traffic: ServerTraffic
  private nextId = firstId
  /** Why nothing new is taken. */
  private ended: { readonly reason: string; readonly cause: unknown } | undefined

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
    this.received = new Received(this, this.requests, this.foreign, this.traffic, log)
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
    return Effect.fail(new ConnectionLost({ server, reason, delivery: "NotSent", cause }, unchecked))
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

  transmit(message: JSONRPCMessage, failed?: (failure: TransportFailure) => void): void {
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
        // The server waits for an answer; better one that says less, or why there is none, than none.
        else if (failure.unfit === true && "result" in message) this.transmit(unanswerable(message.id, failure.reason))
        else if (failure.unfit === true && "error" in message && message.error.data !== undefined) {
          this.transmit({ ...message, error: { code: message.error.code, message: message.error.message } })
        }
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
    else this.received.listen(listener)
  }

  hasMade(id: number): boolean {
    return id < this.nextId && Number.isInteger(id)
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

  hold(request: PendingRequest): void {
    this.deadlines.add(request, request.endsAt)
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
    if (this.received.over) return
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
    this.received.forEach("its end", (listener) => listener.closed?.(reason, cause))
  }

  close(reason: string, cause: unknown): void {
    if (this.received.over) return
    // Nothing is waited for any more, either.
    this.received.over = true
    const told = this.ended !== undefined
    this.ended ??= { reason, cause }
    const requests = this.requests.values()
    if (requests.length > 0) {
      const said = this.lastWords()
      const explained = said === "" ? reason : `${reason}\nIts last words on stderr:\n${said}`
      for (const request of requests) request.lost(explained, cause)
    }
    if (!told) this.tellEnd(reason, cause)
    this.received.forget()
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
    this.received.forEach("an event", (listener) => listener.event?.(event))
  }
}

const unanswerable = (id: RequestId, reason: string): JSONRPCMessage => ({
  jsonrpc: "2.0",
  id,
  error: { code: ErrorCode.InternalError, message: `the answer cannot be sent: ${reason}` }
})
