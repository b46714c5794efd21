/**
 * Tells JSON-RPC 2.0 messages from everything else that a server may send, by checks that cost next to nothing. What
 * is inside `params` and `result` is the session's to validate.
 *
 * @since 0.1.0
 */
import { ErrorCode, type JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js"
import * as Predicate from "effect/Predicate"

/**
 * The messages in a parsed value: itself, or those of a batch (some servers of revision 2025-03-26 send them).
 * `undefined` stands for what is no message. A response that names its request, but whose result or error has not the
 * form of one, is given as an error: its caller must not wait for what has come already.
 *
 * @since 0.1.0
 * @category combinators
 */
export const messagesIn = (value: unknown): ReadonlyArray<JSONRPCMessage | undefined> =>
  Array.isArray(value) ? value.map(messageIn) : [messageIn(value)]

/** Whether it is a well-formed request, notification or response: https://www.jsonrpc.org/specification */
const isMessage = (value: unknown): value is JSONRPCMessage => {
  if (!Predicate.isRecord(value) || value["jsonrpc"] !== "2.0") return false
  const { error, id, method, params, result } = value
  if (method !== undefined) {
    return (
      typeof method === "string" &&
      (id === undefined || isId(id)) &&
      (params === undefined || Predicate.isRecord(params))
    )
  }
  if (error !== undefined) return isError(error) && (id === undefined || isId(id))
  return isId(id) && Predicate.isRecord(result)
}

const messageIn = (value: unknown): JSONRPCMessage | undefined => {
  if (isMessage(value)) return value
  if (!Predicate.isRecord(value) || value["jsonrpc"] !== "2.0" || "method" in value) return undefined
  const { error, id, result } = value
  // An error that answers no request in particular has the id null, which the SDK's type leaves out.
  if (id === null && isError(error)) return { jsonrpc: "2.0", error }
  if (!isId(id) || (error === undefined && result === undefined)) return undefined
  const message = `the server's ${error === undefined ? "result is not an object" : "error has no code and message"}`
  return { jsonrpc: "2.0", id, error: { code: ErrorCode.InvalidRequest, message } }
}

const isId = (id: unknown): id is string | number => typeof id === "string" || typeof id === "number"

const isError = (error: unknown): error is { readonly code: number; readonly message: string } =>
  Predicate.isRecord(error) && typeof error["code"] === "number" && typeof error["message"] === "string"
