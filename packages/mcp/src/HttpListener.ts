/**
 * The optional stream of what a server says outside of any request (GET), open for as long as somebody wants to hear
 * that. It is opened once for a connection, and again when it ends: after growing pauses, or when the server says, and
 * not for ever. It runs on a fiber of the connection, and ends with it.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { EventBody } from "./HttpBody.js"
import { HttpCall } from "./HttpCall.js"
import { clampRetry, clampWait, mediaType, toLastEventId } from "./HttpExchange.js"
import * as HttpFailure from "./HttpFailure.js"
import { type HttpInbox, takeJson } from "./HttpInbox.js"
import { HttpLane } from "./HttpLane.js"
import type { HttpLink } from "./HttpLink.js"
import type { Settings } from "./HttpSettings.js"
import type { Listening } from "./McpTransport.js"

/**
 * Where a stream that ended goes on.
 */
interface Position {
  lastEventId: string | undefined
  retryMillis: number | undefined
}

/** How one stream ended. */
interface Ended {
  readonly received: boolean
  readonly failure: HttpFailure.HttpFailure | undefined
}

/**
 * What the listener needs of its transport.
 *
 * @since 0.1.0
 * @category models
 */
export interface ListenerHost extends HttpInbox {
  /** The stream was interrupted, and is there again, or will not be. */
  missed(): void
  /** Nothing new can be sent: the session is gone. */
  lost(failure: HttpFailure.HttpFailure): void
}

/**
 * Counts who wants the stream, and holds it open while anybody does.
 *
 * @since 0.1.0
 * @category models
 */
export class HttpListener {
  private wanted = 0
  private mayBegin = false
  private heard = false
  private stop: (() => void) | undefined
  private readonly ready = new Set<() => void>()

  constructor(
    private readonly host: ListenerHost,
    private readonly reopen: Settings["reopen"]
  ) {}

  /** The handshake is over: a server takes the request for the stream from now on. */
  begin(): void {
    this.mayBegin = true
    if (this.wanted > 0) this.start()
  }

  listen(): Listening {
    let wanted = true
    const hooks = new Set<() => void>()
    this.wanted++
    this.start()
    return {
      onReady: (hook) => {
        if (!wanted) return
        if (this.heard || (this.mayBegin && this.stop === undefined)) return hook()
        hooks.add(hook)
        this.ready.add(hook)
      },
      stop: () => {
        if (!wanted) return
        wanted = false
        for (const hook of hooks) this.ready.delete(hook)
        if (--this.wanted === 0) this.end()
      }
    }
  }

  private start(): void {
    if (!this.mayBegin || this.stop !== undefined) return
    let opened = false
    const program = listen(this.host, this.reopen, () => {
      this.heard = true
      if (opened) this.host.missed()
      opened = true
      this.tellReady()
    })
    // Set before it runs: it may end at once.
    let over = false
    const stop = this.host.link.run(
      Effect.map(program, (lost) => {
        over = true
        this.stop = undefined
        this.heard = false
        this.tellReady()
        if (lost !== undefined) this.host.lost(lost)
        else if (opened) this.host.missed()
      })
    )
    if (!over) this.stop = stop
  }

  private end(): void {
    this.stop?.()
    this.stop = undefined
    this.heard = false
  }

  private tellReady(): void {
    const hooks = [...this.ready]
    this.ready.clear()
    for (const hook of hooks) hook()
  }
}

/**
 * Listens until the server does not offer the stream, refuses it, closes it too often, or has lost the session: then it
 * succeeds with that failure. `opened` hears of each stream that the server has begun.
 */
const listen = (
  inbox: HttpInbox,
  reopen: Settings["reopen"],
  opened: () => void
): Effect.Effect<HttpFailure.HttpFailure | undefined> =>
  Effect.gen(function* () {
    const first = Duration.toMillis(reopen.first)
    const longest = Duration.toMillis(reopen.longest)
    const position: Position = { lastEventId: undefined, retryMillis: undefined }
    const { server } = inbox.link
    let failures = 0
    let hasBegun = false
    let renewed = false
    const begun = () => {
      hasBegun = true
      renewed = false
      opened()
    }
    for (;;) {
      const began = yield* Clock.currentTimeMillis
      const { failure, received } = yield* once(inbox, position, begun)
      const status = failure?.status
      // A server without a route for it says 404, as if it had lost the session that it has just made.
      const isMissing = status === 404 && !hasBegun
      const lost = isMissing ? yield* lostSession(inbox.link) : undefined
      if (lost !== undefined) return lost
      if (status === 405 || isMissing) {
        yield* Effect.logDebug(`MCP server "${server}" says nothing by itself (${status})`)
        return undefined
      }
      // The credential may have run out meanwhile: another is computed, once.
      if (status === 401 && !renewed && inbox.link.headers.computes) {
        renewed = true
        continue
      }
      // A stream that is refused says nothing of the calls, which may carry another credential by now.
      if (failure?.fatal === true && status !== 401) return failure
      const lived = (yield* Clock.currentTimeMillis) - began
      failures = received || lived >= longest ? 0 : failures + 1
      // 409: to the server an earlier stream of ours is still open.
      const isRefused = failure?.retryable === false && status !== 409
      if (failures >= reopen.attempts || isRefused) {
        const why = failure?.reason ?? `it closed the stream ${failures} times in a row`
        yield* Effect.logWarning(`MCP server "${server}" is not heard any more outside of calls: ${why}`)
        return undefined
      }
      const chance = yield* Random.next
      const asked = clampRetry(position.retryMillis)
      const pause =
        asked === undefined ? chance * Math.min(longest, first * 2 ** failures) : asked * (1 + chance * jitter)
      yield* Effect.sleep(Math.max(shortest, pause, clampWait(failure?.retryAfterMs)))
    }
  })

/** No server makes us ask more often than ten times a second. */
const shortest = 100

/** Many connections that lost their streams at once do not come back at once. */
const jitter = 0.1

/** Whether the server has lost the session: asks it for a ping, whose answer says nothing else. */
const lostSession = (link: HttpLink): Effect.Effect<HttpFailure.HttpFailure | undefined> =>
  Effect.async((resume) => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: "is there a session", method: "ping" })
    const { acknowledge } = link.times
    const call = new HttpCall(
      link,
      new HttpLane(1),
      { method: "POST", purpose: "post", body, total: acknowledge },
      {
        wanted: () => true,
        accept: () => {
          resume(Effect.succeed(undefined))
          return undefined
        },
        // Whatever else goes wrong, calls will hear of.
        failed: (failure) => resume(Effect.succeed(failure.status === 404 ? failure : undefined))
      }
    )
    call.start()
    return Effect.sync(() => call.abort())
  })

const once = (inbox: HttpInbox, position: Position, opened: () => void): Effect.Effect<Ended> =>
  Effect.async((resume) => {
    const { link } = inbox
    const { lastEventId } = position
    let received = false
    const end = (failure?: HttpFailure.HttpFailure) => resume(Effect.succeed({ received, failure }))
    const body = new EventBody(link.limits.messageBytes, {
      event: ({ data, event, id }) => {
        if (id !== undefined) position.lastEventId = toLastEventId(id)
        if (data === "" || (event !== undefined && event !== "message")) return
        received = true
        takeJson(inbox, data, undefined, () => false)
      },
      retry: (milliseconds) => {
        position.retryMillis = milliseconds
      },
      unfit: (what) => {
        call.abort()
        end(HttpFailure.notMcp(`${link.address.shown} ${what}`))
      },
      end: () => end()
    })
    const extra = lastEventId === undefined ? undefined : ["last-event-id", lastEventId]
    const { total } = link.times
    const call = new HttpCall(
      link,
      new HttpLane(1),
      { method: "GET", purpose: "listen", extra, total },
      {
        wanted: () => true,
        accept: (head) => {
          if (mediaType(head) !== "text/event-stream") {
            return HttpFailure.notMcp(`${link.address.shown} answered a request for events with something else`)
          }
          opened()
          return body
        },
        failed: end
      }
    )
    call.start()
    return Effect.sync(() => call.abort())
  })
