/**
 * What the errors of sockets mean, and those of `undici`, which reaches proxies. Values only.
 */
import { CarrierErrors, type HttpCarrier } from "@mooring/mcp"
import { Unfit } from "./RequestHead.js"

/**
 * `sent` says whether any of the request's bytes can have left, `proxy` the address of the proxy that stands between, fit
 * to be shown.
 */
export const fromError = (error: unknown, sent: boolean, proxy: string | undefined): HttpCarrier.CarrierFailure => {
  if (error instanceof Unfit) return { kind: "unfit", sent, code: error.message, cause: error }
  if (sent) return CarrierErrors.onceSent(error)
  const { code, kind } = CarrierErrors.beforeSent(error)
  if (proxy === undefined) return { kind, sent, code, cause: error }
  const status = refusedWith(error)
  if (status !== undefined) {
    // What is wrong with the server or the way to it may pass; what the proxy does not allow will not.
    const said = `the proxy ${proxy} answered ${status}${status === 407 ? ", it wants a user and password" : ""}`
    return { kind: status >= 500 ? "unreachable" : "refusedByProxy", sent, code: said, cause: error }
  }
  // It is the proxy that was looked up and connected to.
  return aboutProxy.has(kind)
    ? { kind: "unreachable", sent, code: `${code}, by way of the proxy ${proxy}`, cause: error }
    : { kind, sent, code, cause: error }
}

/** The status that a proxy refused to make a tunnel with. `undici` says it in words alone. */
const refusedWith = (error: unknown): number | undefined => {
  const [, status] = (error instanceof Error && /^Proxy response \((\d{3})\)/.exec(error.message)) || []
  return status === undefined ? undefined : Number(status)
}

const aboutProxy: ReadonlySet<HttpCarrier.CarrierFailure["kind"]> = new Set(["refused", "unknownHost", "noName"])
