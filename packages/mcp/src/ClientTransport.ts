/**
 * The transport that the SDK's `Client` sees: the same connection as the `Session`'s, without what belongs to the
 * session. Closing it closes nothing: the real transport belongs to its scope. It does nothing before `connect` of the
 * `Client` has called `start`.
 *
 * @since 0.1.0
 */
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import {
  ErrorCode,
  isJSONRPCErrorResponse,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  type JSONRPCMessage,
  type RequestId
} from "@modelcontextprotocol/sdk/types.js"
import * as Answer from "./Answer.js"
import type { TransportFailure } from "./McpTransport.js"
import type { Session } from "./Session.js"

/**
 * A message of the SDK's `Client` could not be sent, or the connection ended: what its `connect` rejects with.
 *
 * @since 0.1.0
 * @category errors
 */
export class NotDelivered extends Error {
  constructor(readonly failure: TransportFailure) {
    super(failure.reason)
  }
}

/**
 * @since 0.1.0
 * @category models
 */
export interface ClientTransport extends Transport {
  /** The revision that the handshake settled; empty before it. */
  readonly protocolVersion: () => string
}

/**
 * Makes the transport. `settled` is told the protocol's revision as soon as the handshake has settled it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (session: Session, settled: (version: string) => void): ClientTransport => {
  let version = ""
  let closed = false
  const close = () => {
    if (closed) return
    closed = true
    transport.onclose?.()
  }
  const transport: ClientTransport = {
    start: () => {
      session.listen({
        message: (message) => {
          if (closed) return
          // The SDK would drop it, and its server wait for ever, with one request less that it may have open.
          if ("method" in message && "id" in message && !isJSONRPCRequest(message)) session.send(invalid(message))
          else transport.onmessage?.(readable(message))
        },
        closed: close
      })
      return Promise.resolve()
    },
    send: (message) =>
      new Promise((resolve, reject) => {
        session.send(message, (failure) => reject(new NotDelivered(failure)))
        // A request is settled by its answer. Should it fail later, that must still reach the `Client`: only this
        // promise can tell it.
        if (!("method" in message && "id" in message)) resolve()
      }),
    close: () => {
      close()
      return Promise.resolve()
    },
    setProtocolVersion: (settledVersion) => {
      version = settledVersion
      settled(settledVersion)
    },
    protocolVersion: () => version
  }
  return transport
}

const invalid = ({ id }: { readonly id: RequestId }): JSONRPCMessage => ({
  jsonrpc: "2.0",
  id,
  error: { code: ErrorCode.InvalidRequest, message: "this is no request as MCP has it" }
})

/**
 * An answer that the SDK would drop, leaving its request to wait for ever, becomes an error that it takes; so does one
 * that its schemas could take minutes to refuse.
 */
const readable = (message: JSONRPCMessage): JSONRPCMessage => {
  if ("method" in message || !("id" in message) || message.id === undefined) return message
  const refuse = (reason: string): JSONRPCMessage => ({
    jsonrpc: "2.0",
    id: message["id"],
    error: { code: ErrorCode.ParseError, message: `the answer ${reason}` }
  })
  if (Answer.isTooLarge(message)) return refuse(`has more than ${Answer.mostValues} values`)
  if (isJSONRPCResultResponse(message) || isJSONRPCErrorResponse(message)) return message
  return refuse("is not a JSON-RPC response")
}
