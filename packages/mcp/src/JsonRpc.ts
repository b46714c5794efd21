/**
 * JSON-RPC 2.0 as text, for every transport: tells messages from everything else that a server may send, by checks
 * that cost next to nothing, and writes ours. What is inside `params` and `result` is the session's to validate. Pure.
 *
 * @since 0.1.0
 */
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js"
import * as Predicate from "effect/Predicate"
import * as JsonDepth from "./JsonDepth.js"
import { malformedCode } from "./McpError.js"
import type { TransportFailure } from "./McpTransport.js"

/**
 * What was received and is no message. `what` says what it is, and nothing of what it holds.
 *
 * @since 0.1.0
 * @category models
 */
export class Junk {
  constructor(readonly what: string) {}
}

/**
 * A text that is not even JSON.
 *
 * @since 0.1.0
 * @category constants
 */
export const notJson = new Junk("text that is not JSON")

const notMessage = new Junk("JSON that is not JSON-RPC 2.0")

/**
 * The messages in a text that was received: one, or those of a batch (some servers of revision 2025-03-26 send them),
 * with one `Junk` for all in it that is no message. A response that names its request, but whose result or error has
 * not the form of one, or that is nested deeper than `depth` levels, is given as an error with `malformedCode`: its
 * caller must not wait for what has come already.
 *
 * A text that is nested too deep is never parsed. One that is short, or has few brackets and braces, cannot be; any
 * other is looked through first, which costs a fraction of the parse (as much again where most of it is JSON that is
 * quoted in a string).
 *
 * @since 0.1.0
 * @category combinators
 */
export const parse = (text: string, depth: number): ReadonlyArray<JSONRPCMessage | Junk> => {
  // To learn that from the parser costs ten times as much, and a server that logs to its stdout logs a lot.
  if (!opening.test(text)) return [notJson]
  if (JsonDepth.exceeds(text, depth)) return [tooDeep(text, depth)]
  let value: unknown
  try {
    // .NET on Windows begins what it writes to a pipe with a byte order mark. RFC 8259 lets a parser pass over it.
    value = JSON.parse(text.charCodeAt(0) === byteOrderMark ? text.slice(1) : text)
  } catch {
    return [notJson]
  }
  return messagesIn(value)
}

const byteOrderMark = 0xfeff

// White space, as JavaScript has it, is more than JSON has, and the mark is part of it.
const opening = /^\s*[[{]/

/**
 * The messages in a value that was parsed already. See `parse`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const messagesIn = (value: unknown): ReadonlyArray<JSONRPCMessage | Junk> => {
  if (!Array.isArray(value)) return [messageIn(value)]
  const messages = value.map(messageIn).filter((message) => !(message instanceof Junk))
  // Millions of `{}` are one piece of junk.
  return messages.length === value.length && value.length > 0 ? messages : [...messages, notMessage]
}

const tooDeep = (text: string, depth: number): JSONRPCMessage | Junk => {
  const id = JsonDepth.answeredId(text)
  return id === undefined
    ? new Junk(`JSON that is nested deeper than ${depth} levels`)
    : refusal(id, `the server's answer is nested deeper than ${depth} levels`)
}

/**
 * A message of ours as text, or why it cannot be sent, on this connection or any other: it is not JSON, or longer than
 * `maxBytes`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const write = (message: JSONRPCMessage, maxBytes: number): string | TransportFailure => {
  try {
    const text = JSON.stringify(message)
    return isLonger(text, maxBytes) ? unfit(`is longer than ${maxBytes} bytes, which Limits.messageBytes allows`) : text
  } catch (cause) {
    return unfit(
      `cannot be written as JSON (${cause instanceof Error ? firstLine(cause.message) : "it throws"})`,
      cause
    )
  }
}

const unfit = (reason: string, cause?: unknown): TransportFailure => ({
  reason: `the message ${reason}`,
  delivery: "NotSent",
  fatal: false,
  unfit: true,
  cause
})

// What JavaScript says of a cycle goes on with a drawing of it, which names the fields of the caller's value.
const firstLine = (text: string): string => text.split("\n", 1)[0] ?? ""

/**
 * Whether a text has more bytes in UTF-8. Looks at the text only when its length leaves that open.
 *
 * @since 0.1.0
 * @category combinators
 */
export const isLonger = (text: string, bytes: number): boolean => {
  // A UTF-16 unit is one to three bytes; each half of a pair is two.
  if (text.length > bytes) return true
  if (3 * text.length <= bytes) return false
  let length = text.length
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit >= 0x80) length += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2
  }
  return length > bytes
}

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

const messageIn = (value: unknown): JSONRPCMessage | Junk => {
  if (isMessage(value)) return value
  if (!Predicate.isRecord(value) || value["jsonrpc"] !== "2.0" || "method" in value) return notMessage
  const { error, id, result } = value
  // An error that answers no request in particular has the id null, which the SDK's type leaves out.
  if (id === null && isError(error)) return { jsonrpc: "2.0", error }
  if (!isId(id) || (error === undefined && result === undefined)) return notMessage
  const what = error === undefined ? "result is not an object" : "error has no code and message"
  return refusal(id, `the server's ${what}`)
}

const refusal = (id: string | number, message: string): JSONRPCMessage => ({
  jsonrpc: "2.0",
  id,
  error: { code: malformedCode, message }
})

const isId = (id: unknown): id is string | number => typeof id === "string" || typeof id === "number"

const isError = (error: unknown): error is { readonly code: number; readonly message: string } =>
  Predicate.isRecord(error) && typeof error["code"] === "number" && typeof error["message"] === "string"
