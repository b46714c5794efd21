/**
 * What the errors of `undici` and of the sockets under it mean. Values only.
 */
import { CarrierErrors, type HttpCarrier } from "@mooring/mcp"

/** `sent` says whether any of the request's bytes can have left, `proxied` whether a proxy stands between. */
export const fromError = (error: unknown, sent: boolean, proxied: boolean): HttpCarrier.CarrierFailure => {
  if (sent) return { kind: "cutOff", sent, code: CarrierErrors.codeOf(error), cause: error }
  const { code, kind } = CarrierErrors.beforeSent(error)
  // It is the proxy that was looked up and connected to.
  return proxied && aboutProxy.has(kind)
    ? { kind: "unreachable", sent, code: `${code}, by way of the proxy`, cause: error }
    : { kind, sent, code, cause: error }
}

const aboutProxy: ReadonlySet<HttpCarrier.CarrierFailure["kind"]> = new Set(["refused", "unknownHost", "noName"])
