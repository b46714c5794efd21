/**
 * What one session receives, and who hears of it: an answer ends the request that it belongs to, progress goes to whoever
 * follows that, and what is not the session's own goes to its listeners. What is of no use to anybody is counted and
 * dropped. It belongs to its session, which says when nothing is received any more.
 *
 * @since 0.1.0
 */
import type {
  JSONRPCMessage,
  JSONRPCNotification,
  JSONRPCRequest,
  Progress,
  RequestId
} from "@modelcontextprotocol/sdk/types.js"
import * as Cause from "effect/Cause"
import * as LogLevel from "effect/LogLevel"
import * as Predicate from "effect/Predicate"
import * as Answer from "./Answer.js"
import * as ErrorData from "./ErrorData.js"
import type { PendingTable } from "./internal/PendingTable.js"
import type { PendingRequest } from "./PendingRequest.js"
import type { ServerTraffic } from "./ServerTraffic.js"
import type { SessionCounters } from "./SessionCounters.js"
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
 * What it needs of the session that it receives for.
 *
 * @since 0.1.0
 * @category models
 */
export interface Receiver {
  readonly counters: SessionCounters
  /** Makes text of the server's fit to be shown. */
  readonly clean: (text: string) => string
  /** Whether this id, from `firstId` on, was given to a request already. */
  readonly hasMade: (id: number) => boolean
  /** The request has its time for an answer, or for progress, anew. */
  readonly extend: (request: PendingRequest) => void
  readonly tell: (event: SessionEvent.SessionEvent) => void
  /** Sends what wants no answer, and settles nothing. */
  readonly transmit: (message: JSONRPCMessage) => void
}

/**
 * Logs `what` about the session's server.
 *
 * @since 0.1.0
 * @category models
 */
export type Log = (level: LogLevel.LogLevel, what: string, cause?: Cause.Cause<never>) => void

/**
 * The ids of a session's requests start here; those of the SDK's `Client` count up from 0 and stay below.
 *
 * @since 0.1.0
 * @category constants
 */
export const firstId = 1_000_000

/**
 * @since 0.1.0
 * @category models
 */
export class Received {
  /** Nothing is taken any more. */
  over = false
  private readonly listeners: Array<Listener> = []
  /** Those of them that hear of answers, apart: each answer is told to them. */
  private readonly alive: Array<() => void> = []

  constructor(
    private readonly session: Receiver,
    private readonly requests: PendingTable<PendingRequest>,
    /** Requests of the SDK's `Client`. */
    private readonly foreign: Set<RequestId>,
    private readonly traffic: ServerTraffic,
    private readonly log: Log
  ) {}

  listen(listener: Listener): void {
    this.listeners.push(listener)
    if (listener.alive !== undefined) this.alive.push(listener.alive)
  }

  /** Nobody hears of anything any more. */
  forget(): void {
    this.listeners.length = 0
    this.alive.length = 0
  }

  /** Tells every listener: whatever one of them does, the others are told. `what` stands in the log. */
  forEach(what: string, tell: (listener: Listener) => void): void {
    for (const listener of this.listeners) this.guard(what, () => tell(listener))
  }

  missed(): void {
    for (const listener of this.listeners) {
      if (listener.missed !== undefined) this.guard("what was missed", () => listener.missed?.())
    }
  }

  junk(reason: string): void {
    if (this.over) return
    this.stray("junk", SessionEvent.Junk({ reason: this.session.clean(reason) }))
  }

  receive(received: unknown, origin: RequestId | undefined): void {
    if (this.over) return
    if (!Predicate.isRecord(received)) return this.junk("a message that is no object")
    const { id, method } = received
    if (method === "notifications/progress" && this.receiveProgress(received["params"])) return
    if (method !== undefined) return this.receiveOther(received, origin)
    if (typeof id === "number" && id >= firstId) return this.receiveAnswer(id, received)
    // The SDK's `Client` would take "5" for 5.
    if (typeof id === "string") return this.stray("textId", SessionEvent.TextId({ id: this.session.clean(id) }))
    if (typeof id === "number" && this.foreign.delete(id)) return this.hand(received, origin)
    this.stray("unknown", SessionEvent.Unknown({ id: typeof id === "number" ? id : undefined }))
  }

  private receiveAnswer(id: number, received: { readonly [key: string]: unknown }): void {
    const request = this.requests.get(id)
    if (request === undefined) {
      const isLate = this.session.hasMade(id)
      return this.stray(isLate ? "late" : "unknown", isLate ? SessionEvent.Late({ id }) : SessionEvent.Unknown({ id }))
    }
    const { error, jsonrpc, result } = received
    if (jsonrpc !== "2.0") request.misread('it does not say jsonrpc: "2.0"')
    else if ("result" in received && "error" in received) request.misread("it is both a result and an error")
    else if (!("error" in received)) request.succeed(result)
    else if (Predicate.isRecord(error) && Number.isInteger(error["code"]) && typeof error["message"] === "string") {
      // `isInteger` has proved it a number, which its type does not say.
      const code = error["code"] as number
      const { clean } = this.session
      const visits = code === UrlElicitation.requiredCode ? UrlElicitation.required(error["data"], clean) : undefined
      request.refuse(code, clean(error["message"]), ErrorData.clean(error["data"], clean), visits)
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
      this.session.counters.strayProgress++
      this.session.tell(SessionEvent.StrayProgress({ id: token }))
      return true
    }
    const { onProgress, resetOnProgress } = request.options
    if (resetOnProgress === true) this.session.extend(request)
    if (onProgress !== undefined) this.guard("its progress", () => onProgress(this.shown(progress)))
    return true
  }

  private shown(progress: Progress): Progress {
    const { message } = progress
    return message === undefined ? progress : { ...progress, message: this.session.clean(message) }
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
      if (opened !== "opened") return this.session.transmit(opened)
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
    this.session.counters[counter]++
    this.session.tell(event)
    this.traffic.stray()
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
