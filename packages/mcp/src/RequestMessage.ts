/**
 * The messages of requests. Classes, and not objects in braces: V8 takes those on a busy path for long-lived and puts
 * them where only a full collection finds them, which costs more than all else that is done with them.
 *
 * @since 0.1.0
 */
import type { JSONRPCRequest } from "@modelcontextprotocol/sdk/types.js"

/**
 * What goes along with a request so that it can be traced.
 *
 * @since 0.1.0
 * @category models
 */
export interface RequestTrace {
  /** Fields of `params._meta`. Default: none. */
  readonly meta: Readonly<Record<string, string>> | undefined
  /** Hears the id of each request. */
  readonly onId?: ((id: number) => void) | undefined
}

/**
 * A request. With a `progressToken` it asks for progress.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  id: number,
  method: string,
  params: JSONRPCRequest["params"],
  progressToken: number | undefined,
  trace: RequestTrace | undefined
): JSONRPCRequest => {
  const meta = trace?.meta
  const given = meta === undefined ? params : { ...params, _meta: { ...params?._meta, ...meta } }
  return new Request(id, method, progressToken === undefined ? given : new Asking(given, progressToken))
}

class Request implements JSONRPCRequest {
  readonly [other: string]: unknown
  readonly jsonrpc = "2.0"
  constructor(
    readonly id: number,
    readonly method: string,
    readonly params: JSONRPCRequest["params"]
  ) {}
}

/** The parameters of a request with its token for progress. */
class Asking {
  readonly [other: string]: unknown
  readonly _meta: Meta
  constructor(params: JSONRPCRequest["params"], progressToken: number) {
    Object.assign(this, params)
    this._meta = new Meta(params?._meta, progressToken)
  }
}

class Meta {
  readonly [other: string]: unknown
  constructor(
    meta: { readonly [other: string]: unknown } | undefined,
    readonly progressToken: number
  ) {
    if (meta !== undefined) Object.assign(this, meta, { progressToken })
  }
}
