/**
 * Takes the JSON that came in a response, and gives each message on to where it belongs. An answer is taken only in the
 * response to its own request; any other is junk. Owns nothing.
 *
 * @since 0.1.0
 */
import type { JSONRPCMessage, RequestId } from "@modelcontextprotocol/sdk/types.js"
import type { HttpLink } from "./HttpLink.js"
import * as JsonRpc from "./JsonRpc.js"
import * as Redaction from "./Redaction.js"

/**
 * Who takes what was received.
 *
 * @since 0.1.0
 * @category models
 */
export interface HttpInbox {
  readonly link: HttpLink
  message(message: JSONRPCMessage, origin: RequestId | undefined): void
  junk(reason: string): void
}

/**
 * Whether there was a message in a text, or JSON at all.
 *
 * @since 0.1.0
 * @category models
 */
export type Taken = "messages" | "junk" | "notJson"

/**
 * Takes JSON from the server. `origin` is the request in whose response it came. `belongs`
 * is asked of each answer, before it is given on: one that does not belong where it came is junk.
 *
 * @since 0.1.0
 * @category combinators
 */
export const takeJson = (
  inbox: HttpInbox,
  json: string,
  origin: RequestId | undefined,
  belongs: (answered: RequestId | undefined) => boolean
): Taken => {
  const { headers, limits } = inbox.link
  let taken: Taken = "junk"
  for (const message of JsonRpc.parse(json, limits.depth)) {
    if (!(message instanceof JsonRpc.Junk) && ("method" in message || belongs(message.id))) {
      taken = "messages"
      inbox.message(message, origin)
      continue
    }
    const { what } = message instanceof JsonRpc.Junk ? message : foreign
    inbox.junk(`${what}: ${Redaction.excerpt(headers.redaction, json, 120)}`)
    if (message === JsonRpc.notJson) return "notJson"
  }
  return taken
}

const foreign = new JsonRpc.Junk("an answer to another request")
