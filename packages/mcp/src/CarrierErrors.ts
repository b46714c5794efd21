/**
 * What the errors of sockets, and of what stands upon them, mean: by their codes, which hosts and libraries share.
 * Values only.
 *
 * @since 0.1.0
 */
import type { CarrierFailure } from "./HttpCarrier.js"
import type { Redaction } from "./Redaction.js"

/**
 * What an error means that came before any of the request can have left, and what the system calls it. `unreachable`
 * where the codes do not say.
 *
 * @since 0.1.0
 * @category constructors
 */
export const beforeSent = (error: unknown): Pick<CarrierFailure, "kind" | "code"> => {
  const codes = codesOf(error)
  const has = (...wanted: ReadonlyArray<string>) => wanted.some((one) => codes.includes(one))
  const kind = (): CarrierFailure["kind"] => {
    if (has("ECONNREFUSED", "ConnectionRefused")) return "refused"
    if (has("ENOTFOUND")) return "unknownHost"
    if (has("EAI_AGAIN")) return "noName"
    if (has("UND_ERR_CONNECT_TIMEOUT", "ETIMEDOUT")) return "connectTimeout"
    if (codes.some((one) => tls.test(one))) return "tls"
    if (has("UND_ERR_INVALID_ARG", "UND_ERR_NOT_SUPPORTED")) return "unfit"
    return "unreachable"
  }
  return { kind: kind(), code: codeOf(error) }
}

/**
 * What an error means that came after some of the request may have left.
 *
 * @since 0.1.0
 * @category constructors
 */
export const onceSent = (error: unknown): CarrierFailure => {
  // A server that wants a certificate of ours, or does not take it, may say so only when it is written to.
  const alert = codesOf(error).find((one) => tlsAlert.test(one))
  return { kind: alert === undefined ? "cutOff" : "tls", sent: true, code: alert ?? codeOf(error), cause: error }
}

/**
 * What an error means when only it can say whether the request has left: what does not say so surely may have. `sent`
 * is false where the connection was refused, not accepted in time, or the host's name not found.
 *
 * @since 0.1.0
 * @category constructors
 */
export const whenever = (error: unknown): CarrierFailure => {
  const { code, kind } = beforeSent(error)
  const sent = !certain.has(kind) || codesOf(error).includes("ETIMEDOUT")
  return { kind: sent && kind !== "tls" ? "cutOff" : kind, sent, code, cause: error }
}

const certain: ReadonlySet<CarrierFailure["kind"]> = new Set(["refused", "unknownHost", "noName", "connectTimeout"])

/**
 * What the system calls an error, or else what it says.
 *
 * @since 0.1.0
 * @category accessors
 */
export const codeOf = (error: unknown): string =>
  codesOf(error)[0] ?? (error instanceof Error ? error.message : String(error))

/**
 * A copy of an error that is fit to be a cause: what it says with secrets hidden, its code, its causes and parts, and
 * where it came from. Nothing else is kept: libraries put the request with its headers, or what the server sent, on
 * their errors.
 *
 * @since 0.1.0
 * @category combinators
 */
export const shown = (error: unknown, redaction: Redaction, depth = 0): unknown => {
  if (!(error instanceof Error)) return typeof error === "string" ? redaction.apply(error) : undefined
  if (depth > 5) return undefined
  const part = (inner: unknown) => shown(inner, redaction, depth + 1)
  const options = error.cause === undefined ? {} : { cause: part(error.cause) }
  const message = redaction.apply(error.message)
  const copy =
    error instanceof AggregateError
      ? new AggregateError(error.errors.map(part), message, options)
      : new Error(message, options)
  copy.name = redaction.apply(error.name)
  if (error.stack !== undefined) copy.stack = redaction.apply(error.stack)
  const [code] = ownCode(error)
  return code === undefined ? copy : Object.assign(copy, { code: redaction.apply(code) })
}

const tls = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_OSSL_|EPROTO$|HOSTNAME_MISMATCH$)/

const tlsAlert = /^ERR_SSL_.*_ALERT_/

/** The codes in an error, its causes and its parts (several addresses were tried), outermost first. */
const codesOf = (error: unknown, depth = 0): ReadonlyArray<string> => {
  if (!(error instanceof Error) || depth > 5) return []
  const parts: ReadonlyArray<unknown> = error instanceof AggregateError ? error.errors : []
  return [...ownCode(error), ...[error.cause, ...parts].flatMap((part) => codesOf(part, depth + 1))]
}

const ownCode = (error: Error): ReadonlyArray<string> =>
  "code" in error && typeof error.code === "string" ? [error.code] : []
