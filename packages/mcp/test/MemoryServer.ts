import { type McpConnector, McpMemory, McpPool, McpClient, type McpTransport, type ServerConfig } from "@mooring/mcp"
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js"
import { Effect, Layer } from "effect"

/** An answer that is a JSON-RPC error. */
export class Refusal {
  constructor(
    readonly code: number,
    readonly message: string,
    readonly data?: unknown
  ) {}
}

/** What a handler gives to answer nothing. */
export const nothing = Symbol("nothing")

export type Handler = (
  params: Readonly<Record<string, unknown>>,
  client: McpMemory.ClientEnd,
  id: string | number
) => unknown

export interface Options {
  readonly capabilities?: Readonly<Record<string, unknown>> | undefined
  /** By method. What is given is the result, a `Refusal`, or `nothing`. */
  readonly on?: Readonly<Record<string, Handler>> | undefined
  /** Sees each message before it is answered. */
  readonly heard?: ((message: JSONRPCMessage, client: McpMemory.ClientEnd) => void) | undefined
  readonly admit?:
    | ((message: JSONRPCMessage, client: McpMemory.ClientEnd) => McpTransport.TransportFailure | undefined)
    | undefined
}

/** A server that answers by hand-written rules, and remembers everything that was handed over to it. */
export class MemoryServer {
  readonly received: Array<JSONRPCMessage> = []
  readonly clients: Array<McpMemory.ClientEnd> = []

  constructor(private readonly options: Options = {}) {}

  readonly serve: McpMemory.Serve = (client) =>
    Effect.sync(() => {
      this.clients.push(client)
      const { admit, capabilities, heard, on } = this.options
      const handlers: Readonly<Record<string, Handler>> = {
        initialize: () => ({
          protocolVersion: "2025-06-18",
          capabilities: capabilities ?? { tools: {} },
          serverInfo: { name: "memory", version: "1.2.3" }
        }),
        ping: () => ({}),
        ...on
      }
      return {
        admit: (message) => admit?.(message, client),
        message: (message) => {
          this.received.push(message)
          heard?.(message, client)
          if (!("method" in message && "id" in message)) return
          const { id, method, params } = message
          const answer = (handlers[method] ?? (() => new Refusal(-32601, "Method not found")))(params ?? {}, client, id)
          if (answer === nothing) return
          // A test server may well send what is not MCP.
          client.send(
            (answer instanceof Refusal
              ? { jsonrpc: "2.0", id, error: { ...answer } }
              : { jsonrpc: "2.0", id, result: answer }) as JSONRPCMessage
          )
        }
      }
    })

  /** The methods that were received, without those of the handshake. */
  get methods(): ReadonlyArray<string> {
    return this.received.flatMap((message) =>
      "method" in message && !["initialize", "notifications/initialized"].includes(message.method)
        ? [message.method]
        : []
    )
  }

  count(method: string): number {
    return this.methods.filter((each) => each === method).length
  }
}

export const text = (value: string) => ({ content: [{ type: "text", text: value }] })

export const stdio: ServerConfig.ServerConfig = { command: "server" }
export const http: ServerConfig.ServerConfig = { url: "https://example.com/mcp" }

export const connector = (servers: Readonly<Record<string, MemoryServer>>): Layer.Layer<McpConnector.McpConnector> =>
  McpMemory.layer(Object.fromEntries(Object.entries(servers).map(([name, server]) => [name, server.serve])))

/** The real client and pool over servers in memory. */
export const client = (
  servers: Readonly<Record<string, MemoryServer>>,
  configs: Readonly<Record<string, ServerConfig.ServerConfig>>,
  options: Omit<McpPool.Options, "servers"> = {}
) =>
  McpClient.layer.pipe(
    Layer.provideMerge(McpPool.layer({ ...options, servers: configs })),
    Layer.provide(connector(servers))
  )
