/**
 * Servers of revision 2024-11-05: one stream of events brings everything that they say, and the first of them where
 * messages are to be posted (https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#backwards-compatibility).
 * The stream is the connection: with its end, that has ended. It belongs to its transport.
 *
 * @since 0.1.0
 */
import type { EventSourceMessage } from "eventsource-parser"
import * as HttpAddress from "./HttpAddress.js"
import { EventBody, type EventReader, type HttpBody } from "./HttpBody.js"
import { HttpCall } from "./HttpCall.js"
import type { HttpHead } from "./HttpCarrier.js"
import { mediaType } from "./HttpExchange.js"
import * as HttpFailure from "./HttpFailure.js"
import { type HttpInbox, takeJson } from "./HttpInbox.js"
import { HttpLane } from "./HttpLane.js"
import type { HttpUse } from "./HttpLink.js"

/**
 * Who hears of the stream: `opened` or `missing`, and `ended` after `opened`; each once.
 *
 * @since 0.1.0
 * @category models
 */
export interface LegacyHost {
  /** The server has said where it takes messages. */
  opened(): void
  /** There is no such server; `failure` if it says more than that. */
  missing(failure?: HttpFailure.HttpFailure): void
  ended(failure: HttpFailure.HttpFailure): void
}

/** How long the server may take to say where it takes messages. Nanoseconds. */
const patience = 5e9

/**
 * @since 0.1.0
 * @category models
 */
export class HttpLegacy implements HttpUse, EventReader {
  /** Path and query of where the server takes messages, once it has said so. */
  endpoint: string | undefined
  private readonly call: HttpCall
  private over = false

  constructor(
    private readonly inbox: HttpInbox,
    private readonly host: LegacyHost
  ) {
    const order = { method: "GET", purpose: "listen", total: Infinity, idle: Infinity } as const
    this.call = new HttpCall(inbox.link, new HttpLane(1), order, this)
  }

  /** Whether a handshake that was refused like this may have met such a server. */
  static mayBe({ status }: HttpFailure.HttpFailure): boolean {
    return status === 400 || status === 404 || status === 405
  }

  start(): void {
    this.inbox.link.deadlines.add(this.opening, this.inbox.link.deadlines.now() + patience)
    this.call.start()
  }

  abort(): void {
    this.settle()
    this.call.abort()
  }

  wanted(): boolean {
    return !this.over
  }

  accept(head: HttpHead): HttpBody | HttpFailure.HttpFailure {
    const { address, limits } = this.inbox.link
    return mediaType(head) === "text/event-stream"
      ? new EventBody(limits.messageBytes, this)
      : HttpFailure.notMcp(`${address.shown} answered a request for events with something else`)
  }

  failed(failure: HttpFailure.HttpFailure): void {
    const { endpoint, over } = this
    this.settle()
    if (over) return
    if (endpoint === undefined) this.host.missing()
    else this.host.ended(failure)
  }

  event({ data, event }: EventSourceMessage): void {
    if (this.over) return
    if (this.endpoint !== undefined) {
      if (event === undefined || event === "message") takeJson(this.inbox, data, undefined, () => true)
      return
    }
    if (event !== "endpoint") return this.refuse()
    const { address, deadlines } = this.inbox.link
    const path = HttpAddress.within(address, address.path, data)
    if (path === undefined) {
      // No other origin may see what a request carries.
      return this.refuse(HttpFailure.notMcp(`${address.shown} wants messages to be sent to another origin`))
    }
    deadlines.remove(this.opening)
    this.endpoint = path
    this.host.opened()
  }

  retry(): void {
    // A stream that ended is not opened again: what it brought is lost with it.
  }

  unfit(what: string): void {
    this.call.abort()
    this.failed(HttpFailure.notMcp(`${this.inbox.link.address.shown} ${what}`))
  }

  end(): void {
    this.failed(HttpFailure.notMcp(`${this.inbox.link.address.shown} ended its stream of events`))
  }

  private readonly opening = { deadlineAt: Infinity, heapIndex: -1, onDeadline: () => this.refuse() }

  private refuse(failure?: HttpFailure.HttpFailure): void {
    if (this.over) return
    this.abort()
    this.host.missing(failure)
  }

  private settle(): void {
    this.over = true
    this.inbox.link.deadlines.remove(this.opening)
  }
}
