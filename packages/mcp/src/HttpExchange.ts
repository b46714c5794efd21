/**
 * One message to an HTTP server and what comes back for it: nothing, JSON, or a stream of events
 * (https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http). A stream that ends
 * before its answer is taken up again where the server gave its events ids. It belongs to its transport, which is told
 * when it is over.
 *
 * @since 0.1.0
 */
import type { JSONRPCMessage, JSONRPCRequest, RequestId } from "@modelcontextprotocol/sdk/types.js"
import type { EventSourceMessage } from "eventsource-parser"
import * as Effect from "effect/Effect"
import { EventBody, type EventReader, type HttpBody, TextBody, type TextReader } from "./HttpBody.js"
import { HttpCall } from "./HttpCall.js"
import type { HttpHead } from "./HttpCarrier.js"
import * as HttpFailure from "./HttpFailure.js"
import { type HttpInbox, takeJson, type Taken } from "./HttpInbox.js"
import type { HttpLane } from "./HttpLane.js"
import type { HttpLink, HttpUse, Order } from "./HttpLink.js"
import type { Linked } from "./internal/Chain.js"
import * as JsonRpc from "./JsonRpc.js"
import type { Outgoing } from "./McpTransport.js"
import * as Redaction from "./Redaction.js"

/**
 * What exchanges need of their transport besides the link.
 *
 * @since 0.1.0
 * @category models
 */
export interface ExchangeHost extends HttpInbox {
  readonly link: HttpLink
  readonly maxResumes: number
  readonly resumeDelay: number
  over(exchange: HttpExchange, outcome: Outcome): void
}

/**
 * How an exchange ended: the server has answered or accepted the message, nobody wanted it any more, or it failed.
 *
 * @since 0.1.0
 * @category models
 */
export type Outcome = "done" | "dropped" | HttpFailure.HttpFailure

/**
 * @since 0.1.0
 * @category models
 */
export class HttpExchange implements HttpUse, TextReader, EventReader, Linked<HttpExchange> {
  /** The id, if it is a request. */
  readonly request: RequestId | undefined
  /** The same, if the answer comes in its response. */
  readonly id: RequestId | undefined
  readonly isHandshake: boolean
  before: HttpExchange | undefined
  after: HttpExchange | undefined
  chained = false
  private call: HttpCall | undefined
  private order: Post | undefined
  /** Whether it was sent a second time with headers that were computed anew. */
  private renewed = false
  private done = false
  private cut: HttpFailure.HttpFailure | undefined
  private resuming = false
  private resumes = 0
  private retryMillis: number | undefined
  private lastEventId: string | undefined
  private stopWaiting: (() => void) | undefined

  constructor(
    private readonly host: ExchangeHost,
    private readonly lane: HttpLane,
    readonly outgoing: Outgoing,
    /** Where an old server takes messages: it answers them on the stream that it said this on. */
    private readonly endpoint: string | undefined
  ) {
    const { message } = outgoing
    this.request = isRequest(message) ? message.id : undefined
    this.id = endpoint === undefined ? this.request : undefined
    this.isHandshake = isHandshake(message)
  }

  start(): void {
    const { limits, times } = this.host.link
    const { acknowledge, total } = times
    const body = JsonRpc.write(this.outgoing.message, limits.messageBytes)
    if (typeof body !== "string") return this.finish(HttpFailure.unfit(body))
    this.outgoing.characters = body.length
    const limit = isRequest(this.outgoing.message) ? total : acknowledge
    this.order = new Post(this.endpoint, body, limit)
    this.send(new HttpCall(this.host.link, this.lane, this.order, this))
  }

  /** Nobody waits for it any more: its socket is freed, and nothing is told. */
  abort(): void {
    if (this.done) return
    this.stopWaiting?.()
    this.call?.abort()
    this.finish("dropped")
  }

  wanted(leaving: boolean): boolean {
    if (this.resuming) return !this.done
    const { outgoing } = this
    if (this.done || outgoing.abandoned === true) {
      // What was given up before it left may be on its way elsewhere by now: it must not leave here, too.
      this.finish("dropped")
      return false
    }
    if (leaving) outgoing.handedOver = true
    return true
  }

  accept(head: HttpHead): HttpBody | HttpFailure.HttpFailure | undefined {
    const { link } = this.host
    if (this.id === undefined) {
      this.finish("done")
      return undefined
    }
    if (this.isHandshake && !this.resuming) {
      const session = head.header("mcp-session-id")
      if (session !== undefined && !/^[\x21-\x7e]+$/.test(session)) {
        return HttpFailure.notMcp(`${link.address.shown} gave a session id that no header can hold`)
      }
      link.headers.sessionId = session
    }
    const type = mediaType(head)
    if (type === "text/event-stream") return new EventBody(link.limits.messageBytes, this)
    if (type === "application/json") return new TextBody(link.limits.messageBytes, this)
    const what = type === "" ? "nothing that is MCP" : `${type} instead of MCP`
    return HttpFailure.notMcp(
      `${link.address.shown} answered with ${Redaction.excerpt(link.headers.redaction, what)}; check the URL`
    )
  }

  text(json: string): void {
    const { shown } = this.host.link.address
    const taken = this.take(json)
    if (this.done) return
    const what = taken === "notJson" ? "JSON that cannot be parsed" : "JSON that is not MCP; check the URL"
    this.finish(HttpFailure.notMcp(`${shown} answered with ${what}`))
  }

  event({ data, event, id }: EventSourceMessage): void {
    if (id !== undefined) this.lastEventId = toLastEventId(id)
    if (data === "" || (event !== undefined && event !== "message") || this.done) return
    if (this.take(data) === "messages") this.resumes = 0
    // The server should end the stream with the answer; one that does not, does not keep the socket.
    if (this.done) this.call?.enough()
  }

  retry(milliseconds: number): void {
    this.retryMillis = milliseconds
  }

  unfit(what: string): void {
    this.call?.abort()
    this.finish(HttpFailure.notMcp(`${this.where} ${what}`))
  }

  end(): void {
    this.resume()
  }

  failed(failure: HttpFailure.HttpFailure): void {
    if (this.done) return
    if (this.resuming) {
      // A server that cannot give the rest has not undone what it did.
      if (failure.fatal || !failure.retryable) return this.finish(HttpFailure.unanswered(this.where, failure))
      this.cut = failure
      return this.resume()
    }
    if (failure.status === 401 && this.renew()) return
    // A socket that broke is no reason to give up; a message that must not be read is.
    if (this.lastEventId !== undefined && failure.retryable) {
      this.cut = failure
      return this.resume()
    }
    this.finish(failure)
  }

  /**
   * The credential may have run out on its way: another is computed, once. What a server does not take twice it will not
   * take a third time.
   */
  private renew(): boolean {
    const { host, order, outgoing } = this
    if (order === undefined || this.renewed || !host.link.headers.computes) return false
    this.renewed = true
    outgoing.handedOver = false
    this.send(new HttpCall(host.link, this.lane, order, this))
    return true
  }

  private resume(): void {
    if (this.done) return
    const { host, lastEventId } = this
    if (lastEventId === undefined || this.resumes >= host.maxResumes) {
      return this.finish(HttpFailure.unanswered(this.where, this.cut))
    }
    this.resumes++
    this.resuming = true
    const again = Effect.sync(() => {
      this.stopWaiting = undefined
      if (this.done) return
      const extra = ["last-event-id", lastEventId]
      const { total } = host.link.times
      this.send(new HttpCall(host.link, this.lane, { method: "GET", purpose: "listen", extra, total }, this))
    })
    const delay = Math.max(clampRetry(this.retryMillis) ?? host.resumeDelay, clampWait(this.cut?.retryAfterMs))
    this.stopWaiting = host.link.run(Effect.delay(again, delay))
  }

  private send(call: HttpCall): void {
    this.call = call
    call.start()
  }

  private take(json: string): Taken {
    return takeJson(this.host, json, this.id, (answered) => {
      if (this.done || answered !== this.id) return false
      this.finish("done")
      return true
    })
  }

  private get where(): string {
    return this.host.link.address.shown
  }

  private finish(outcome: Outcome): void {
    if (this.done) return
    this.done = true
    this.host.over(this, outcome)
  }
}

/** A class, since objects in braces are dear on a busy path: see `Session`. */
class Post implements Order {
  readonly method = "POST"
  readonly purpose = "post"
  constructor(
    readonly path: string | undefined,
    readonly body: string,
    readonly total: number
  ) {}
}

/**
 * A server's `retry` within reason: no server makes us ask more than ten times a second, or wait for ever.
 *
 * @since 0.1.0
 * @category combinators
 */
export const clampRetry = (milliseconds: number | undefined): number | undefined =>
  milliseconds === undefined ? undefined : Math.min(Math.max(milliseconds, 100), 300_000)

/**
 * How long a server asks to wait (`Retry-After`), within reason. Milliseconds.
 *
 * @since 0.1.0
 * @category combinators
 */
export const clampWait = (milliseconds: number | undefined): number => Math.min(milliseconds ?? 0, 3_600_000)

/**
 * The id of an event as the value of `Last-Event-ID`, which is its UTF-8, a character for each byte. None where there is
 * no id, or no header of a reasonable length can hold it.
 *
 * @since 0.1.0
 * @category combinators
 */
export const toLastEventId = (id: string): string | undefined => {
  // oxlint-disable-next-line no-control-regex
  if (id === "" || id.length > longestEventId || /[\x00-\x1f\x7f]/.test(id)) return undefined
  return /^[ -~]*$/.test(id) ? id : String.fromCharCode(...new TextEncoder().encode(id))
}

/** Servers take 8 KiB of headers, some of them no more. */
const longestEventId = 4096

/**
 * The media type of a response, without its parameters; the first, if it says several.
 *
 * @since 0.1.0
 * @category accessors
 */
export const mediaType = (head: HttpHead): string =>
  head.header("content-type")?.split(/[;,]/, 1)[0]?.trim().toLowerCase() ?? ""

/**
 * Whether this message opens the session.
 *
 * @since 0.1.0
 * @category refinements
 */
export const isHandshake = (message: JSONRPCMessage): boolean => "method" in message && message.method === "initialize"

/**
 * Whether this message will be answered.
 *
 * @since 0.1.0
 * @category refinements
 */
export const isRequest = (message: JSONRPCMessage): message is JSONRPCRequest => "method" in message && "id" in message
