/**
 * What the errors of `undici` and of the sockets under it mean. Values only.
 */
import type { HttpCarrier } from "@mooring/mcp"

/** `sent` says whether any of the request's bytes can have left, `proxied` whether a proxy stands between. */
export const fromError = (error: unknown, sent: boolean, proxied: boolean): HttpCarrier.CarrierFailure => {
  const codes = codesOf(error)
  const code = codes[0] ?? (error instanceof Error ? error.message : String(error))
  const kind = sent ? "cutOff" : kindOf(codes)
  // It is the proxy that was looked up and connected to.
  if (proxied && aboutProxy.has(kind))
    return { kind: "unreachable", sent, code: `${code}, by way of the proxy`, cause: error }
  return { kind, sent, code, cause: error }
}

const aboutProxy: ReadonlySet<HttpCarrier.CarrierFailure["kind"]> = new Set(["refused", "unknownHost", "noName"])

const kindOf = (codes: ReadonlyArray<string>): HttpCarrier.CarrierFailure["kind"] => {
  const has = (...wanted: ReadonlyArray<string>) => wanted.some((one) => codes.includes(one))
  if (has("ECONNREFUSED")) return "refused"
  if (has("ENOTFOUND")) return "unknownHost"
  if (has("EAI_AGAIN")) return "noName"
  if (has("UND_ERR_CONNECT_TIMEOUT", "ETIMEDOUT")) return "connectTimeout"
  if (codes.some((one) => tls.test(one))) return "tls"
  if (has("UND_ERR_INVALID_ARG", "UND_ERR_NOT_SUPPORTED")) return "unfit"
  return "unreachable"
}

const tls = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_OSSL_|EPROTO$|HOSTNAME_MISMATCH$)/

/** The codes in an error, its causes and its parts (several addresses were tried), outermost first. */
const codesOf = (error: unknown, depth = 0): ReadonlyArray<string> => {
  if (!(error instanceof Error) || depth > 4) return []
  const own = "code" in error && typeof error.code === "string" ? [error.code] : []
  const parts: ReadonlyArray<unknown> = error instanceof AggregateError ? error.errors : []
  return [...own, ...[error.cause, ...parts].flatMap((part) => codesOf(part, depth + 1))]
}
