/**
 * What a failed HTTP request means: whether it can have reached the server, whether the connection is of any further
 * use, and, when it was the handshake, whether trying again may help. Values only.
 *
 * @since 0.1.0
 */
import { McpError, type McpTransport } from "@mooring/mcp"
import * as Data from "effect/Data"

/**
 * @since 0.1.0
 * @category errors
 */
export class HttpFailure extends Data.TaggedError("HttpFailure")<{
  /** For people; holds no secret. */
  readonly reason: string
  readonly delivery: McpError.Delivery
  /** Whether no later request on this connection can do better. */
  readonly fatal: boolean
  /** How far a handshake came that fails like this. */
  readonly phase: "dial" | "handshake"
  /** Whether a handshake that fails like this may be tried again. */
  readonly retryable: boolean
  /** The status of the response, if there was one. */
  readonly status?: number
  /** Whether the message cannot be sent at all, whatever the server. */
  readonly unfit?: boolean
  readonly cause?: unknown
}> {}

/**
 * The failure as the session is told. That of a handshake carries the `McpConnectError` to fail with as its cause.
 *
 * @since 0.1.0
 * @category combinators
 */
export const toTransportFailure = (
  failure: HttpFailure,
  server: string,
  handshake: boolean
): McpTransport.TransportFailure => {
  const { cause, delivery, fatal, phase, reason, retryable, unfit } = failure
  return handshake
    ? {
        reason,
        delivery,
        fatal: true,
        cause: new McpError.McpConnectError({ server, phase, reason, retryable, cause })
      }
    : { reason, delivery, fatal, unfit, cause }
}

/**
 * No response came: the failure that `undici` or the socket under it gave. `where` is the address as it may be shown.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromError = (error: unknown, where: string): HttpFailure => {
  const codes = codesOf(error)
  const code = codes[0] ?? "unknown"
  const has = (...wanted: ReadonlyArray<string>) => wanted.some((one) => codes.includes(one))
  const failure = (reason: string, more: { sent: boolean; fatal?: boolean; retryable: boolean }) =>
    new HttpFailure({
      reason,
      delivery: more.sent ? "Unknown" : "NotSent",
      fatal: more.fatal === true,
      phase: "dial",
      retryable: more.retryable,
      cause: error
    })
  if (has("ECONNREFUSED")) {
    return failure(`nobody listens at ${where} (connection refused)`, { sent: false, fatal: true, retryable: true })
  }
  if (has("ENOTFOUND")) {
    return failure(`the host of ${where} is unknown; correct the URL`, { sent: false, retryable: false })
  }
  if (has("EAI_AGAIN")) {
    return failure(`the host of ${where} could not be looked up for now`, { sent: false, retryable: true })
  }
  if (has("UND_ERR_CONNECT_TIMEOUT") || (has("ETIMEDOUT") && duringConnect(error))) {
    return failure(`${where} did not accept a connection in time`, { sent: false, retryable: true })
  }
  if (codes.some((one) => tls.test(one))) {
    return failure(`the TLS handshake with ${where} failed (${code})`, { sent: false, retryable: false })
  }
  if (duringConnect(error)) return failure(`${where} cannot be reached (${code})`, { sent: false, retryable: true })
  return failure(`the exchange with ${where} was cut off (${code})`, { sent: true, retryable: true })
}

/**
 * A response with a status that is no success. `said` is what the server wrote, redacted; `session` whether the
 * request carried a session ID.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromStatus = (
  status: number,
  { said, session, where }: { readonly said: string; readonly session: boolean; readonly where: string }
): HttpFailure => {
  const lost = session && (status === 404 || (status === 400 && /session/i.test(said)))
  const quoted = said === "" ? "" : `; it says: ${said}`
  return new HttpFailure({
    reason: lost
      ? `the server no longer knows the session (${status})${quoted}`
      : `${where} answered ${status}${hints.get(status) ?? hintOfClass(status)}${quoted}`,
    delivery: "Unknown",
    fatal: lost || status === 401,
    phase: "dial",
    status,
    retryable: status >= 500 || [408, 425, 429].includes(status)
  })
}

/**
 * A response that is no MCP.
 *
 * @since 0.1.0
 * @category constructors
 */
export const notMcp = (reason: string, cause?: unknown): HttpFailure =>
  new HttpFailure({ reason, delivery: "Unknown", fatal: false, phase: "dial", retryable: false, cause })

/**
 * The response ended, and the answer was not in it. `cause` is the failure that ended it, or that met the attempt to
 * take it up again: where that means the end of the connection, so does this.
 *
 * @since 0.1.0
 * @category constructors
 */
export const unanswered = (reason: string, cause?: unknown): HttpFailure =>
  new HttpFailure({
    reason: cause instanceof HttpFailure ? `${reason}: ${cause.reason}` : reason,
    delivery: "Unknown",
    fatal: cause instanceof HttpFailure && cause.fatal,
    phase: "handshake",
    retryable: true,
    cause
  })

/**
 * The message cannot be sent at all.
 *
 * @since 0.1.0
 * @category constructors
 */
export const unfit = ({ cause, reason }: McpTransport.TransportFailure): HttpFailure =>
  new HttpFailure({
    reason,
    delivery: "NotSent",
    fatal: false,
    phase: "handshake",
    retryable: false,
    unfit: true,
    cause
  })

const hints: ReadonlyMap<number, string> = new Map([
  [401, " (unauthorized): it wants a credential, or does not take the configured one; check `headers`"],
  [403, " (forbidden): the configured credential may not use it; check `headers`"],
  [404, " (not found): no MCP endpoint is there; check the path of the URL"],
  [405, " (method not allowed): it takes no POST, so it is no Streamable HTTP endpoint; check the URL"],
  [406, " (not acceptable): it does not speak Streamable HTTP; check the URL"],
  [415, " (unsupported media type): it does not speak Streamable HTTP; check the URL"],
  [429, " (too many requests): wait before trying again"]
])

const hintOfClass = (status: number): string =>
  status >= 500
    ? ": the server failed"
    : status >= 300 && status < 400
      ? ": a redirect that is not followed; give the final URL"
      : ": the request was refused"

const tls = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_OSSL_|EPROTO$|HOSTNAME_MISMATCH$)/

/** The codes in an error, its causes and its parts (several addresses were tried), outermost first. */
const codesOf = (error: unknown, depth = 0): ReadonlyArray<string> => {
  if (!(error instanceof Error) || depth > 4) return []
  const own = "code" in error && typeof error.code === "string" ? [error.code] : []
  const parts: ReadonlyArray<unknown> = error instanceof AggregateError ? error.errors : []
  return [...own, ...[error.cause, ...parts].flatMap((part) => codesOf(part, depth + 1))]
}

/** Whether the socket failed before it was connected: nothing can have been written. */
const duringConnect = (error: unknown, depth = 0): boolean => {
  if (!(error instanceof Error) || depth > 4) return false
  if ("syscall" in error && (error.syscall === "connect" || error.syscall === "getaddrinfo")) return true
  const parts: ReadonlyArray<unknown> = error instanceof AggregateError ? error.errors : []
  return [error.cause, ...parts].some((part) => duringConnect(part, depth + 1))
}
