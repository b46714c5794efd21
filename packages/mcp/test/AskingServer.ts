/** A server whose every call asks the client something, and answers with what it was told. */
import type { McpMemory } from "@mooring/mcp"
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js"
import { MemoryServer, nothing, text } from "./MemoryServer.js"

export interface Asked {
  readonly id: number
  /** The call that it was asked for. */
  readonly call: string | number
  readonly client: McpMemory.ClientEnd
  answer: Readonly<Record<string, unknown>> | undefined
}

export class AskingServer {
  readonly asked: Array<Asked> = []
  readonly cancelledCalls: Array<unknown> = []
  readonly server: MemoryServer
  /** Answers come as a call's result; else the call waits for ever. */
  constructor(
    options: { readonly answers?: boolean; readonly on?: ConstructorParameters<typeof MemoryServer>[0] } = {}
  ) {
    this.server = new MemoryServer({
      ...options.on,
      heard: (message, client) => this.heard(message, client, options.answers !== false),
      on: {
        "tools/call": (params, client, id) => {
          // `untied`: as a server that asks outside of the response to the call.
          const { params: given, untied, what } = (params["arguments"] ?? {}) as Record<string, unknown>
          this.ask(client, String(what), given, id, untied !== true)
          return nothing
        },
        ...options.on?.on
      }
    })
  }

  ask(client: McpMemory.ClientEnd, method: string, params: unknown, call: string | number, tied = true): Asked {
    const id = this.asked.length
    const asked: Asked = { id, call, client, answer: undefined }
    this.asked.push(asked)
    // A test server may well send what is not MCP.
    client.send({ jsonrpc: "2.0", id, method, params } as JSONRPCMessage, tied ? call : undefined)
    return asked
  }

  notify(client: McpMemory.ClientEnd, method: string, params: Record<string, unknown>): void {
    client.send({ jsonrpc: "2.0", method, params })
  }

  /** What the client announced, by connection. */
  get announced(): ReadonlyArray<unknown> {
    return this.server.received.flatMap((message) =>
      "method" in message && message.method === "initialize" ? [message.params?.["capabilities"]] : []
    )
  }

  get answers(): ReadonlyArray<unknown> {
    return this.asked.map(({ answer }) => answer)
  }

  private heard(message: JSONRPCMessage, client: McpMemory.ClientEnd, answers: boolean): void {
    if ("method" in message) {
      if (message.method === "notifications/cancelled") this.cancelledCalls.push(message.params?.["requestId"])
      return
    }
    const asked = this.asked.find(({ client: of, id }) => of === client && id === message.id)
    if (asked === undefined) throw new Error("an answer to nothing")
    if (asked.answer !== undefined) throw new Error("a second answer")
    asked.answer = "result" in message ? message.result : { ...message.error }
    if (!answers) return
    client.send({ jsonrpc: "2.0", id: asked.call, result: text(JSON.stringify(asked.answer)) })
  }
}

export const said = (what: string) => ({
  messages: [{ role: "user", content: { type: "text", text: what } }],
  maxTokens: 10
})

export const form = (properties: Record<string, unknown>, required: ReadonlyArray<string> = []) => ({
  message: "Who are you?",
  requestedSchema: { type: "object", properties, required }
})
