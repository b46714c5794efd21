/**
 * One message to an HTTP server and what comes back for it: nothing, JSON, or a stream of events
 * (https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http). Interrupting an
 * exchange frees its socket.
 *
 * An edge file: it drives `undici` directly, whose sockets can be bounded, and closed with the connection.
 *
 * @since 0.1.0
 */
import { JsonRpc, type Limits, type McpTransport, Redaction } from "@mooring/mcp"
import type { JSONRPCMessage, JSONRPCRequest } from "@modelcontextprotocol/sdk/types.js"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { createParser, type EventSourceMessage } from "eventsource-parser"
import { Buffer } from "node:buffer"
import type { Agent, Dispatcher } from "undici"
import type { HttpAddress } from "./HttpAddress.js"
import * as HttpFailure from "./HttpFailure.js"
import { HttpInbox, type Reader } from "./HttpInbox.js"
import type { Settings } from "./HttpSettings.js"

/**
 * What the exchanges of one connection have in common.
 *
 * @since 0.1.0
 * @category models
 */
export interface Http extends Reader {
  readonly address: HttpAddress
  readonly settings: Settings
  readonly limits: Limits.Values
  /** The sockets to use, for a request or for what must not wait behind requests. */
  readonly agent: (forRequest: boolean) => Agent
  /** Both are told to the connection by its handshake. */
  sessionId: string | undefined
  protocolVersion: string | undefined
}

/**
 * Posts a message and delivers what comes back for it. Done when the server has said all.
 *
 * @since 0.1.0
 * @category combinators
 */
export const post = (http: Http, outgoing: McpTransport.Outgoing): Effect.Effect<void, HttpFailure.HttpFailure> =>
  Effect.suspend(() => {
    const { message } = outgoing
    // What was given up before it left may be on its way elsewhere by now: it must not leave here, too.
    if (outgoing.abandoned === true) return Effect.void
    const body = JsonRpc.write(message, http.limits.messageBytes)
    // Later than `send`, which tells nothing before it has returned.
    if (typeof body !== "string") return Effect.zipRight(Effect.yieldNow(), HttpFailure.unfit(body))
    outgoing.characters = body.length
    outgoing.handedOver = true
    const agent = http.agent(isRequest(message))
    const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" }
    return request(http, { method: "POST", headers, body, agent }, (response) => {
      if (!isRequest(message)) return drain(http, response)
      if (isHandshake(message)) http.sessionId = text(response.headers["mcp-session-id"])
      return answer(http, new HttpInbox(http, http.address.redaction, message, http.limits.depth), response)
    })
  })

/**
 * Tells the server that the session is over. It may refuse (405).
 *
 * @since 0.1.0
 * @category combinators
 */
export const endSession = (http: Http): Effect.Effect<void, HttpFailure.HttpFailure> =>
  request(http, { method: "DELETE", headers: {}, agent: http.agent(false) }, (response) => drain(http, response)).pipe(
    Effect.catchIf(
      (failure) => failure.status === 405,
      () => Effect.void
    )
  )

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

type Response = Dispatcher.ResponseData

const answer = (http: Http, inbox: HttpInbox, response: Response): Effect.Effect<void, HttpFailure.HttpFailure> => {
  const { shown } = http.address
  const type = text(response.headers["content-type"])?.split(";", 1)[0]?.trim().toLowerCase() ?? ""
  if (type === "text/event-stream") return stream(http, inbox, response)
  if (type === "application/json") {
    return Effect.flatMap(collect(http, response), (json) => {
      if (!inbox.take(json)) return HttpFailure.notMcp(`${shown} answered with JSON that cannot be parsed`)
      return inbox.hasAnswer ? Effect.void : HttpFailure.notMcp(`${shown} answered with JSON that is not MCP`)
    })
  }
  const what = type === "" ? "nothing that is MCP" : `${type} instead of MCP`
  return HttpFailure.notMcp(`${shown} answered with ${Redaction.excerpt(http.address.redaction, what)}; check the URL`)
}

/** Reads events until the stream ends; one that ends early is taken up again if the server gave it event IDs. */
const stream = (http: Http, inbox: HttpInbox, response: Response): Effect.Effect<void, HttpFailure.HttpFailure> => {
  const cutOff = (cause?: unknown) =>
    HttpFailure.unanswered(`the stream from ${http.address.shown} ended without the answer`, cause)
  const resume = (left: number, cause: unknown): Effect.Effect<void, HttpFailure.HttpFailure> => {
    if (inbox.lastEventId === undefined || left === 0) return cutOff(cause)
    const before = inbox.received
    const headers = { accept: "text/event-stream", "last-event-id": inbox.lastEventId }
    return request(http, { method: "GET", headers, agent: http.agent(true) }, (next) => events(http, inbox, next)).pipe(
      Effect.delay(inbox.retry ?? http.settings.resumeDelay),
      Effect.matchEffect({
        onFailure: (failure) => (failure.fatal ? cutOff(failure) : resume(left - 1, failure)),
        onSuccess: () => ended(inbox.received > before ? http.settings.maxResumes : left - 1)
      })
    )
  }
  const ended = (left: number, cause?: unknown) => (inbox.hasAnswer ? Effect.void : resume(left, cause))
  return Effect.matchEffect(events(http, inbox, response), {
    // A socket that broke is no reason to give up; a message that must not be read is.
    onFailure: (failure) =>
      inbox.hasAnswer || failure.retryable ? ended(http.settings.maxResumes, failure) : Effect.fail(failure),
    onSuccess: () => ended(http.settings.maxResumes)
  })
}

const events = (http: Http, inbox: HttpInbox, response: Response): Effect.Effect<void, HttpFailure.HttpFailure> =>
  Effect.suspend(() => {
    let tooLong = false
    const decoder = new TextDecoder()
    const parser = createParser({
      maxBufferSize: http.limits.messageBytes,
      onEvent: (event: EventSourceMessage) => {
        if (event.id !== undefined) inbox.lastEventId = event.id
        if (event.data !== "" && (event.event === undefined || event.event === "message")) inbox.take(event.data)
      },
      onRetry: (milliseconds) => {
        inbox.retry = milliseconds
      },
      onError: (error) => {
        if (error.type === "max-buffer-size-exceeded") tooLong = true
      }
    })
    const whole = read(http, response, (chunk) => {
      parser.feed(decoder.decode(chunk, { stream: true }))
      return tooLong ? oversized(http) : undefined
    })
    // The server should end the stream with the answer; one that does not, does not keep the socket.
    const enough = Effect.delay(Effect.void, "1 second")
    return Effect.raceFirst(whole, Effect.zipRight(Deferred.await(inbox.answered), enough))
  })

const oversized = (http: Http) =>
  HttpFailure.notMcp(
    `${http.address.shown} sent a message of more than ${http.limits.messageBytes} bytes, which Limits.messageBytes allows`
  )

const collect = (http: Http, response: Response): Effect.Effect<string, HttpFailure.HttpFailure> =>
  Effect.suspend(() => {
    const chunks: Array<Buffer> = []
    let length = 0
    return read(http, response, (chunk) => {
      chunks.push(chunk)
      length += chunk.length
      return length > http.limits.messageBytes ? oversized(http) : undefined
    }).pipe(Effect.map(() => Buffer.concat(chunks).toString("utf8")))
  })

/** Reads what nobody waits for, so that the socket can be used again; not for long. */
const drain = (http: Http, response: Response): Effect.Effect<void> =>
  read(http, response, () => undefined).pipe(Effect.timeoutOption("1 second"), Effect.ignore)

const read = (
  http: Http,
  response: Response,
  onChunk: (chunk: Buffer) => HttpFailure.HttpFailure | undefined
): Effect.Effect<void, HttpFailure.HttpFailure> =>
  Effect.async((resume) => {
    const { body } = response
    const onData = (chunk: Buffer) => {
      const failure = onChunk(chunk)
      if (failure === undefined) return
      body.off("data", onData)
      resume(failure)
    }
    body.once("end", () => resume(Effect.void))
    body.once("error", (error) => resume(HttpFailure.fromError(error, http.address.shown)))
    body.on("data", onData)
  })

/** One request, redirects within the origin followed, `use` only given successes. The body is gone afterwards. */
const request = <A>(
  http: Http,
  send: {
    readonly method: "POST" | "GET" | "DELETE"
    readonly headers: Readonly<Record<string, string>>
    readonly body?: string
    readonly agent: Agent
  },
  use: (response: Response) => Effect.Effect<A, HttpFailure.HttpFailure>
): Effect.Effect<A, HttpFailure.HttpFailure> => {
  const session = http.sessionId
  const { agent, ...what } = send
  const headers = {
    ...http.address.headers,
    ...send.headers,
    ...(session === undefined ? {} : { "mcp-session-id": session }),
    ...(http.protocolVersion === undefined ? {} : { "mcp-protocol-version": http.protocolVersion })
  }
  const attempt = (url: URL, redirects: number): Effect.Effect<A, HttpFailure.HttpFailure> =>
    Effect.uninterruptibleMask((restore) =>
      restore(
        Effect.tryPromise({
          try: async (signal) => {
            const path = url.pathname + url.search
            const response = await agent.request({ ...what, origin: url.origin, path, headers, signal })
            // A body that is let go of says so with an error, which nobody needs to know.
            response.body.on("error", () => {})
            return response
          },
          catch: (error) => HttpFailure.fromError(error, http.address.shown)
        })
      ).pipe(
        Effect.flatMap((response) =>
          restore(
            Effect.suspend(() => {
              if (response.statusCode >= 200 && response.statusCode < 300) return use(response)
              const target = redirects < maxRedirects ? redirect(response, url) : undefined
              if (target !== undefined) return Effect.zipRight(drain(http, response), attempt(target, redirects + 1))
              return refused(http, response, session !== undefined)
            })
          ).pipe(Effect.ensuring(Effect.sync(() => response.body.destroy())))
        )
      )
    )
  return Effect.suspend(() => attempt(http.address.url, 0))
}

const maxRedirects = 5

/** Only those that keep the method, and only within the origin: no other may see the headers. */
const redirect = (response: Response, from: URL): URL | undefined => {
  const location = text(response.headers["location"])
  if (![307, 308].includes(response.statusCode) || location === undefined) return undefined
  if (!URL.canParse(location, from.href)) return undefined
  const target = new URL(location, from)
  return target.origin === from.origin && target.username === "" && target.password === "" ? target : undefined
}

const refused = (http: Http, response: Response, session: boolean): Effect.Effect<never, HttpFailure.HttpFailure> =>
  Effect.suspend(() => {
    let said = ""
    const { redaction, shown } = http.address
    return read(http, response, (chunk) => {
      said += chunk.toString("utf8")
      return said.length > 4096 ? HttpFailure.notMcp("enough") : undefined
    }).pipe(
      Effect.timeoutOption("1 second"),
      Effect.ignore,
      Effect.flatMap(() => {
        // Pages are for browsers; the status says as much.
        const quoted = /^\s*</.test(said) ? "" : Redaction.excerpt(redaction, errorIn(said) ?? said)
        return HttpFailure.fromStatus(response.statusCode, { said: quoted, session, where: shown })
      })
    )
  })

/** The message of a JSON-RPC error, if the text is one. */
const errorIn = (json: string): string | undefined => {
  try {
    const [message] = JsonRpc.messagesIn(JSON.parse(json))
    return message !== undefined && "error" in message ? message.error.message : undefined
  } catch {
    return undefined
  }
}

const text = (header: string | Array<string> | undefined): string | undefined =>
  Array.isArray(header) ? header[0] : header
