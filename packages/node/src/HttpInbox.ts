/**
 * What is received for one HTTP request: its answer, and what the server says on the way to it. An answer to another
 * request does not belong here, and is junk. Owns nothing.
 *
 * @since 0.1.0
 */
import type { JSONRPCMessage, JSONRPCRequest } from "@modelcontextprotocol/sdk/types.js"
import { JsonRpc, Redaction } from "@mooring/mcp"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"

/**
 * Who takes what was received.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reader {
  readonly message: (message: JSONRPCMessage) => void
  readonly junk: (reason: string) => void
}

/**
 * @since 0.1.0
 * @category models
 */
export class HttpInbox {
  /** Done with the answer. */
  readonly answered = Deferred.unsafeMake<void>(FiberId.none)
  hasAnswer = false
  /** Where the stream can be taken up again, and after how many milliseconds. */
  lastEventId: string | undefined
  retry: number | undefined
  /** Messages so far. */
  received = 0

  readonly #reader: Reader
  readonly #redaction: Redaction.Redaction
  readonly #request: JSONRPCRequest
  readonly #depth: number

  /** `depth` is that of the connection's `Limits`. */
  constructor(reader: Reader, redaction: Redaction.Redaction, request: JSONRPCRequest, depth: number) {
    this.#reader = reader
    this.#redaction = redaction
    this.#request = request
    this.#depth = depth
  }

  /** Takes JSON from the server; says whether it was JSON at all. */
  take(json: string): boolean {
    for (const message of JsonRpc.parse(json, this.#depth)) {
      if (message instanceof JsonRpc.Junk) {
        this.#junk(message.what, json)
        if (message === JsonRpc.notJson) return false
      } else if ("method" in message) this.#reader.message(message)
      else if (!this.hasAnswer && message.id === this.#request.id) {
        this.hasAnswer = true
        Deferred.unsafeDone(this.answered, Effect.void)
        this.#reader.message(message)
      } else this.#junk("an answer to another request", json)
      this.received++
    }
    return true
  }

  #junk(what: string, text: string): void {
    this.#reader.junk(`${what}: ${Redaction.excerpt(this.#redaction, text, 120)}`)
  }
}
