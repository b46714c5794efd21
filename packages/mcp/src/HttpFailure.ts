/**
 * What a failed HTTP request means: whether it can have reached the server, whether the connection is of any further
 * use, and, when it was the handshake, whether trying again may help. Values only.
 *
 * @since 0.1.0
 */
import type { CarrierFailure } from "./HttpCarrier.js"
import { type Delivery, McpConnectError } from "./McpError.js"
import type { TransportFailure } from "./McpTransport.js"
import * as TlsHints from "./internal/TlsHints.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface HttpFailure {
  /** For people; holds no secret. */
  readonly reason: string
  readonly delivery: Delivery
  /** Whether no later request on this connection can do better. */
  readonly fatal: boolean
  /** With `fatal`: whether what is under way may still be answered. See `TransportFailure`. */
  readonly drains?: boolean | undefined
  /** How far a handshake came that fails like this. */
  readonly phase: "dial" | "handshake"
  /** Whether a handshake that fails like this may be tried again, and a stream that was cut be resumed. */
  readonly retryable: boolean
  /** The status of the response, if there was one. */
  readonly status?: number | undefined
  /** How long the server asks to wait. Milliseconds. */
  readonly retryAfterMs?: number | undefined
  /** What a handshake that fails like this may have met; goes behind the reason. */
  readonly hint?: string | undefined
  /** Whether the message cannot be sent at all, whatever the server. */
  readonly unfit?: boolean | undefined
  readonly cause?: unknown
}

/**
 * The failure as the session is told. That of a handshake carries the `McpConnectError` to fail with as its cause.
 *
 * @since 0.1.0
 * @category combinators
 */
export const toTransportFailure = (failure: HttpFailure, server: string, handshake: boolean): TransportFailure => {
  const { delivery, drains, fatal, reason, retryAfterMs, status, unfit } = failure
  return handshake
    ? { reason, delivery, fatal: true, cause: toConnectError(failure, server) }
    : { reason, delivery, fatal, drains, status, retryAfterMs, unfit, cause: failure.cause }
}

/**
 * The failure as that of a connect.
 *
 * @since 0.1.0
 * @category combinators
 */
export const toConnectError = (failure: HttpFailure, server: string): McpConnectError => {
  const { cause, hint = "", phase, retryAfterMs, retryable, status } = failure
  const reason = failure.reason + hint
  return new McpConnectError({ server, phase, reason, retryable, status, retryAfterMs, cause })
}

/**
 * There is no response, or no end of it. `where` is the address as it may be shown.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromCarrier = ({ cause, code, kind, sent }: CarrierFailure, where: string): HttpFailure => ({
  reason: reasons[kind](where, code),
  delivery: sent ? "Unknown" : "NotSent",
  fatal: kind === "refused",
  phase: "dial",
  retryable: !final.has(kind),
  hint: kind === "cutOff" ? TlsHints.ofCut(where) : undefined,
  cause
})

const final: ReadonlySet<CarrierFailure["kind"]> = new Set(["unknownHost", "refusedByProxy", "tls", "unfit", "tooLong"])

const reasons: { readonly [K in CarrierFailure["kind"]]: (where: string, code: string) => string } = {
  refused: (where) => `nobody listens at ${where} (connection refused)`,
  unknownHost: (where) => `the host of ${where} is unknown; correct the URL`,
  noName: (where) => `the host of ${where} could not be looked up for now`,
  connectTimeout: (where) => `${where} did not accept a connection in time`,
  unreachable: (where, code) => `${where} cannot be reached (${code})`,
  refusedByProxy: (where, code) => `${where} cannot be reached (${code})`,
  tls: (where, code) => `the TLS handshake with ${where} failed (${code})${TlsHints.of(code)}`,
  unfit: (where, code) => `the request to ${where} cannot be written: ${code}`,
  tooLong: (where) => `what ${where} sent is longer than a message may be when decompressed`,
  cutOff: (where, code) => `the exchange with ${where} was cut off (${code})`
}

/**
 * A response with a status that is no success. `said` is what the server wrote, redacted; `session` whether the
 * request carried a session ID, `lastingCredential` whether another request would carry the same credential.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromStatus = (
  status: number,
  options: {
    readonly said: string
    readonly session: boolean
    readonly lastingCredential: boolean
    readonly where: string
    readonly retryAfterMs: number | undefined
    /** Where it redirects to, fit to be shown; empty if it does not. */
    readonly location: string
  }
): HttpFailure => {
  const { lastingCredential, location, retryAfterMs, said, session, where } = options
  const lost = session && (status === 404 || (status === 400 && /session/i.test(said)))
  const ends = lost || (status === 401 && lastingCredential)
  const quoted = said === "" ? "" : `; it says: ${said}`
  return {
    reason: lost
      ? `the server no longer knows the session (${status})${quoted}`
      : `${where} answered ${status}${hints.get(status) ?? hintOfClass(status, location)}${quoted}`,
    delivery: isUntouched(status, session) ? "NotSent" : "Unknown",
    fatal: ends,
    drains: ends,
    phase: "dial",
    status,
    retryAfterMs,
    retryable: status >= 500 || [408, 425, 429].includes(status)
  }
}

/**
 * Whether this status says for sure that nothing ran. 404 in a session: the server does not know it, so that it had nobody
 * to run the request for (https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management).
 * 401: the request "has not been applied" (https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2). Others may come late.
 */
const isUntouched = (status: number, session: boolean): boolean => status === 401 || (status === 404 && session)

const hints: ReadonlyMap<number, string> = new Map([
  [401, " (unauthorized): it wants a credential, or does not take the configured one; check `headers`"],
  [403, " (forbidden): the configured credential may not use it; check `headers`"],
  [404, " (not found): no MCP endpoint is there; check the path of the URL"],
  [405, " (method not allowed): it takes no POST, so it is no Streamable HTTP endpoint; check the URL"],
  [406, " (not acceptable): it does not speak Streamable HTTP; check the URL"],
  [413, " (content too large): the request is longer than it takes"],
  [415, " (unsupported media type): it does not speak Streamable HTTP; check the URL"],
  [429, " (too many requests): wait before trying again"]
])

const hintOfClass = (status: number, location: string): string =>
  status >= 500
    ? ": the server failed"
    : status >= 300 && status < 400
      ? `: a redirect${location === "" ? "" : ` to ${location}`} that is not followed; give the final URL`
      : ": the request was refused"

/**
 * What `Retry-After` says, in milliseconds from `nowMillis`, the time of day: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
 *
 * @since 0.1.0
 * @category constructors
 */
export const retryAfter = (value: string | undefined, nowMillis: number): number | undefined => {
  if (value === undefined) return undefined
  if (/^\s*\d+\s*$/.test(value)) return Math.min(Number(value) * 1000, Number.MAX_SAFE_INTEGER)
  // JavaScript takes nearly anything for a date, even `-5`; one of HTTP begins with the day of the week.
  const at = /^\s*[a-z]{3,9},? /i.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMillis)
}

/**
 * A response that is no MCP.
 *
 * @since 0.1.0
 * @category constructors
 */
export const notMcp = (reason: string): HttpFailure => ({
  reason,
  delivery: "Unknown",
  fatal: false,
  phase: "dial",
  retryable: false
})

/**
 * The server took too long over a response.
 *
 * @since 0.1.0
 * @category constructors
 */
export const tooSlow = (reason: string, delivery: Delivery): HttpFailure => ({
  reason,
  delivery,
  fatal: false,
  phase: "dial",
  retryable: true
})

/**
 * The response ended, and the answer was not in it. `failure` is what ended it, or met the attempt to take it up
 * again: where that means the end of the connection, so does this.
 *
 * @since 0.1.0
 * @category constructors
 */
export const unanswered = (where: string, failure?: HttpFailure): HttpFailure => {
  const reason = `the stream from ${where} ended without the answer`
  return {
    reason: failure === undefined ? reason : `${reason}: ${failure.reason}`,
    delivery: "Unknown",
    fatal: failure?.fatal === true,
    drains: failure?.drains,
    phase: "handshake",
    retryable: true,
    status: failure?.status,
    retryAfterMs: failure?.retryAfterMs,
    cause: failure?.cause
  }
}

/**
 * The message cannot be sent at all.
 *
 * @since 0.1.0
 * @category constructors
 */
export const unfit = ({ cause, reason }: TransportFailure): HttpFailure => ({
  reason,
  delivery: "NotSent",
  fatal: false,
  phase: "handshake",
  retryable: false,
  unfit: true,
  cause
})

/**
 * The request was never sent: its headers could not be computed, or too many wait.
 *
 * @since 0.1.0
 * @category constructors
 */
export const notSent = (reason: string): HttpFailure => ({
  reason,
  delivery: "NotSent",
  fatal: false,
  phase: "dial",
  retryable: true
})
