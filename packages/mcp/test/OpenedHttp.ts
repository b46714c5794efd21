/** A transport over a carrier in memory, what it said, and pieces of what a server may answer. */
import { HttpAddress, HttpSettings, HttpTransport, type McpTransport, type ServerConfig, ServerKey } from "@mooring/mcp"
import type { JSONRPCMessage, RequestId } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { FakeCarrier, type Flown } from "./FakeCarrier.js"

/** What a transport told. */
export interface Heard {
  readonly messages: Array<JSONRPCMessage>
  readonly origins: Array<RequestId | undefined>
  readonly junk: Array<string>
  readonly closed: Array<string>
  /** How often it said that something may have been missed. */
  missed: number
  readonly failures: Array<McpTransport.TransportFailure>
}

const key = ServerKey.shared("web")

/** A transport over a carrier in memory, and all that it said. */
export const opened = (arrived: (flown: Flown) => void, config: Partial<ServerConfig.HttpServer> = {}) =>
  Effect.gen(function* () {
    const full = { url: "https://mcp.example.org/mcp", ...config }
    const carrier = new FakeCarrier(arrived)
    const address = yield* HttpAddress.make("web", full)
    const transport = yield* HttpTransport.make({ key, config: full, address, carrier })
    const heard: Heard = { messages: [], origins: [], junk: [], closed: [], missed: 0, failures: [] }
    yield* transport.start({
      message: (message, origin) => {
        heard.messages.push(message)
        heard.origins.push(origin)
      },
      junk: (reason) => heard.junk.push(reason),
      missed: () => heard.missed++,
      closed: (reason) => heard.closed.push(reason)
    })
    const send = (message: JSONRPCMessage): McpTransport.Outgoing => {
      const outgoing = { message, handedOver: false, failed: heard.failures.push.bind(heard.failures) }
      transport.send(outgoing)
      return outgoing
    }
    const ask = (id: number) => send({ jsonrpc: "2.0", id, method: "test" })
    return { transport, carrier, heard, send, ask }
  })

export const events = { "content-type": "text/event-stream" }
export const json = { "content-type": "application/json" }
export const answer = (id: number, text = "") => JSON.stringify({ jsonrpc: "2.0", id, result: { text } })
export const initialized: JSONRPCMessage = { jsonrpc: "2.0", method: "notifications/initialized" }
export const settings = (some: Partial<HttpSettings.Settings>) =>
  Layer.succeed(HttpSettings.HttpSettings, { ...HttpSettings.defaults, ...some })
