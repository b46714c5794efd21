/**
 * One HTTP request of a connection and its response: its turn, its headers, redirects within the origin, limits of
 * time, and what a status means. What is in the body is for its `HttpUse` to say. A call is over exactly once; aborting
 * it frees its socket.
 *
 * @since 0.1.0
 */
import type { Deadlines } from "@mooring/pool"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as CarrierErrors from "./CarrierErrors.js"
import * as Address from "./HttpAddress.js"
import { ExcerptBody, type HttpBody } from "./HttpBody.js"
import type { CarrierFailure, HttpFlight, HttpHead, HttpSink } from "./HttpCarrier.js"
import * as HttpFailure from "./HttpFailure.js"
import type { HttpLane, Turn } from "./HttpLane.js"
import type { HttpLink, HttpUse, Order } from "./HttpLink.js"
import * as JsonRpc from "./JsonRpc.js"
import * as Redaction from "./Redaction.js"

/** `refused`: the text of a refusal is read. `rest`: what is left of the body is let pass, so that the socket lives. */
type Phase = "waiting" | "asked" | "body" | "refused" | "rest" | "over"

/** How long to read what nobody waits for. Nanoseconds. */
const linger = 1e9
const maxRedirects = 5
const maxExcerpt = 4096

/**
 * @since 0.1.0
 * @category models
 */
export class HttpCall implements HttpSink, Turn, Deadlines.Deadline {
  deadlineAt = Infinity
  heapIndex = -1
  before: Turn | undefined
  after: Turn | undefined
  chained = false
  private phase: Phase = "waiting"
  private flight: HttpFlight | undefined
  private stopComputing: (() => void) | undefined
  private headers: ReadonlyArray<string> = []
  private path: string
  private readonly idle: number
  private body: HttpBody | undefined
  private head_: HttpHead | undefined
  private redirects = 0
  private redirectTo: string | undefined
  private sent = false
  private holds = false
  private session = false
  private endsAt = 0
  private quietUntil = 0

  constructor(
    private readonly link: HttpLink,
    private readonly lane: HttpLane,
    private readonly order: Order,
    private readonly use: HttpUse
  ) {
    this.path = order.path ?? link.address.path
    this.idle = order.idle ?? link.times.idle
  }

  start(): this {
    this.lane.enter(this)
    return this
  }

  /** Ends it, whatever it is at; nothing is told any more. */
  abort(): void {
    if (this.phase === "over") return
    const { phase } = this
    this.over()
    if (phase === "waiting" && this.lane.withdraw(this)) return
    this.redirectTo = undefined
    if (this.stopComputing !== undefined) {
      this.stopComputing()
      this.leave()
    }
    this.flight?.abort()
  }

  /** What was wanted has come: the rest of the body is let pass, not for long. */
  enough(): void {
    if (this.phase !== "body") return
    this.phase = "rest"
    this.body = undefined
    this.limit(linger)
  }

  go(): void {
    this.holds = true
    if (this.phase === "over" || !this.use.wanted(false)) {
      this.over()
      return this.leave()
    }
    const { deadlines, headers } = this.link
    const now = deadlines.now()
    this.endsAt = now + this.order.total
    this.quietUntil = now + this.idle
    deadlines.add(this, Math.min(this.endsAt, this.quietUntil))
    const fixed = headers.fixed(this.order.purpose)
    if (fixed === undefined) this.compute()
    else this.ask(fixed)
  }

  starting(): boolean {
    if (this.phase !== "over" && this.use.wanted(true)) this.sent = true
    else this.over()
    return this.phase !== "over"
  }

  head(head: HttpHead): void {
    if (this.phase !== "asked") return
    this.heard()
    this.head_ = head
    const { address } = this.link
    const { status } = head
    if (status >= 200 && status < 300) {
      if (isCompressed(head)) {
        return this.fail(HttpFailure.notMcp(`${address.shown} answered compressed, which it was not asked for`))
      }
      const body = this.use.accept(head)
      // It may have been aborted by whoever was asked.
      if (this.isOver()) return
      if (body !== undefined && "reason" in body) return this.fail(body)
      this.phase = "body"
      this.body = body
      return body === undefined ? this.enough() : undefined
    }
    const target = Address.redirect(address, this.path, status, head.header("location"))
    if (target !== undefined && this.redirects < maxRedirects) {
      this.redirects++
      this.redirectTo = target
      this.phase = "rest"
    } else {
      this.phase = "refused"
      this.body = new ExcerptBody(maxExcerpt, () => this.refuse())
    }
    this.limit(linger)
  }

  data(chunk: Uint8Array): void {
    if (this.phase === "body") this.heard()
    this.body?.data(chunk)
  }

  end(): void {
    const { body, phase } = this
    if (phase === "over") return
    if (phase === "rest") {
      if (this.redirectTo === undefined) this.over()
      return
    }
    if (phase === "body") this.over()
    body?.end()
  }

  failed(failure: CarrierFailure): void {
    const { phase } = this
    if (phase === "rest" && this.redirectTo === undefined) return this.over()
    if (phase === "refused") return this.refuse()
    if (phase !== "over") {
      // A socket that breaks after a redirect was answered does not undo it.
      if (phase === "rest") return
      const sent = failure.sent || (this.sent && this.redirects > 0)
      const { address, headers } = this.link
      const code = Redaction.excerpt(headers.redaction, failure.code)
      const cause = CarrierErrors.shown(failure.cause, headers.redaction)
      this.fail(HttpFailure.fromCarrier({ ...failure, code, sent, cause }, address.shown))
    }
  }

  gone(): void {
    this.flight = undefined
    const path = this.redirectTo
    this.redirectTo = undefined
    if (path === undefined || this.phase === "over") return this.leave()
    this.path = path
    this.phase = "waiting"
    this.quietUntil = this.link.deadlines.now() + this.idle
    this.link.deadlines.add(this, Math.min(this.endsAt, this.quietUntil))
    this.ask(this.headers)
  }

  onDeadline(): void {
    const { phase } = this
    if (phase === "refused") return this.refuse()
    if (phase === "rest") {
      // A redirect whose page does not end is followed on another socket.
      if (this.redirectTo === undefined) this.over()
      return this.flight?.abort()
    }
    const now = this.link.deadlines.now()
    const at = Math.min(this.endsAt, this.quietUntil)
    if (at > now) return this.link.deadlines.add(this, at)
    const { shown } = this.link.address
    const what =
      now >= this.endsAt
        ? `the response from ${shown} was not whole within ${millis(this.order.total)} ms`
        : `${shown} said nothing for ${millis(this.idle)} ms`
    this.fail(HttpFailure.tooSlow(what, this.sent ? "Unknown" : "NotSent"))
  }

  /** Ends it with a failure, and its socket with it. */
  private fail(failure: HttpFailure.HttpFailure): void {
    if (this.phase === "over") return
    this.over()
    this.redirectTo = undefined
    this.stopComputing?.()
    this.use.failed(failure)
    if (this.flight === undefined) {
      if (this.stopComputing !== undefined) this.leave()
    } else this.flight.abort()
  }

  private compute(): void {
    let done = false
    const stop = this.link.run(
      Effect.map(Effect.either(this.link.headers.compute(this.order.purpose, this.link.times.headers)), (computed) => {
        done = true
        this.stopComputing = undefined
        if (this.phase === "over") return
        if (Either.isRight(computed)) return this.ask(computed.right)
        this.over()
        this.use.failed(HttpFailure.notSent(computed.left))
        this.leave()
      })
    )
    if (!done) this.stopComputing = stop
  }

  private ask(headers: ReadonlyArray<string>): void {
    const { body, extra, method } = this.order
    this.phase = "asked"
    this.headers = headers
    this.session = this.link.headers.sessionId !== undefined
    const request = { method, path: this.path, headers: extra === undefined ? headers : [...headers, ...extra], body }
    const flight = this.link.carrier.send(request, this)
    // It may have been over, and gone, before `send` returned.
    if (!this.holds) return
    this.flight = flight
    if (this.isOver()) flight.abort()
  }

  private refuse(): void {
    const { body, head_: head } = this
    if (this.phase !== "refused" || head === undefined || !(body instanceof ExcerptBody)) return
    const { address, headers, limits, wallMillis } = this.link
    const said = body.text()
    // Pages are for browsers, and what is compressed for nobody; the status says as much.
    const quoted =
      /^\s*</.test(said) || isCompressed(head)
        ? ""
        : Redaction.excerpt(headers.redaction, errorIn(said, limits.depth) ?? said)
    this.fail(
      HttpFailure.fromStatus(head.status, {
        said: quoted,
        session: this.session,
        lastingCredential: !headers.computes,
        where: address.shown,
        location: Redaction.excerpt(headers.redaction, Address.shownFrom(address, this.path, head.header("location"))),
        retryAfterMs: HttpFailure.retryAfter(head.header("retry-after"), wallMillis())
      })
    )
  }

  private isOver(): boolean {
    return this.phase === "over"
  }

  private over(): void {
    this.phase = "over"
    this.body = undefined
    this.link.deadlines.remove(this)
  }

  private leave(): void {
    if (!this.holds) return
    this.holds = false
    this.lane.leave()
  }

  private heard(): void {
    this.quietUntil = this.link.deadlines.now() + this.idle
  }

  private limit(nanos: number): void {
    const { deadlines } = this.link
    deadlines.add(this, Math.min(this.endsAt, deadlines.now() + nanos))
  }
}

const isCompressed = (head: HttpHead): boolean => {
  const encoding = head.header("content-encoding") ?? ""
  return encoding !== "" && encoding.toLowerCase() !== "identity"
}

const millis = (nanos: number): number => Math.round(nanos / 1e6)

/** The message of a JSON-RPC error, if the text is one. */
const errorIn = (json: string, depth: number): string | undefined => {
  const [message] = JsonRpc.parse(json, depth)
  return message !== undefined && "error" in message ? message.error.message : undefined
}
