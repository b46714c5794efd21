/**
 * The optional stream of what a server says outside of any request (GET). It is opened once for a connection, and again
 * when it ends: after growing pauses, or when the server says, and not for ever. A program, to be run on a fiber of the
 * connection.
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
import type { Settings } from "./HttpSettings.js"

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
 * Listens until the server does not offer the stream (405), refuses it, closes it too often, or has lost the session:
 * then it succeeds with that failure.
 *
 * @since 0.1.0
 * @category constructors
 */
export const listen = (
  inbox: HttpInbox,
  reopen: Settings["reopen"]
): Effect.Effect<HttpFailure.HttpFailure | undefined> =>
  Effect.gen(function* () {
    const first = Duration.toMillis(reopen.first)
    const longest = Duration.toMillis(reopen.longest)
    const position: Position = { lastEventId: undefined, retryMillis: undefined }
    const { server } = inbox.link
    let failures = 0
    for (;;) {
      const opened = yield* Clock.currentTimeMillis
      const { failure, received } = yield* once(inbox, position)
      // A stream that is refused says nothing of the calls, which may carry another credential by now.
      if (failure?.fatal === true && failure.status !== 401) return failure
      if (failure?.status === 405) {
        yield* Effect.logDebug(`MCP server "${server}" says nothing by itself (405)`)
        return undefined
      }
      const lived = (yield* Clock.currentTimeMillis) - opened
      failures = received || lived >= longest ? 0 : failures + 1
      if (failures >= reopen.attempts || failure?.retryable === false) {
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

const once = (inbox: HttpInbox, position: Position): Effect.Effect<Ended> =>
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
        accept: (head) =>
          mediaType(head) === "text/event-stream"
            ? body
            : HttpFailure.notMcp(`${link.address.shown} answered a request for events with something else`),
        failed: end
      }
    )
    call.start()
    return Effect.sync(() => call.abort())
  })
