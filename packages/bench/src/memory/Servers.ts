/**
 * A client of servers in this process that hold next to nothing, so that the memory and the processor time that are
 * measured are the client's: the messages reach the server as objects, and all connections have one server.
 */
import { McpClient, McpConnector, McpPool, type McpTransport, type ServerConfig } from "@mooring/mcp"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"

/** A tool that answers with its argument `text`. */
export const echo = "echo"
/** A tool that never answers. */
export const silent = "silent"

/** Answers as an MCP server with these two tools does; `undefined` where it says nothing. */
const answer = (method: string, params: Readonly<Record<string, unknown>>): Record<string, unknown> | undefined => {
  switch (method) {
    case "initialize": {
      const { protocolVersion } = params
      return { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "in memory", version: "1.0.0" } }
    }
    case "tools/call": {
      if (params["name"] === silent) return undefined
      // What comes is from the clients of these benchmarks.
      const { text } = params["arguments"] as { readonly text: string }
      return { content: [{ type: "text", text }] }
    }
    default:
      return {}
  }
}

class Transport implements McpTransport.McpTransport {
  readonly network = "memory"
  private receiver: McpTransport.Receiver | undefined

  start(receiver: McpTransport.Receiver): Effect.Effect<void> {
    return Effect.sync(() => void (this.receiver = receiver))
  }

  send(outgoing: McpTransport.Outgoing): void {
    outgoing.handedOver = true
    const { message } = outgoing
    if (!("method" in message) || !("id" in message)) return
    const { id, method, params = {} } = message
    const result = answer(method, params)
    // Later than it was asked, as any server answers.
    if (result !== undefined) queueMicrotask(() => this.receiver?.message({ jsonrpc: "2.0", id, result }))
  }
}

const connector = Layer.succeed(McpConnector.McpConnector, { open: () => Effect.sync(() => new Transport()) })

export interface Client {
  readonly mcp: McpClient.Service
  readonly run: <A, E>(effect: Effect.Effect<A, E>) => Promise<A>
  readonly close: () => Promise<void>
}

/** Opens a client of these servers, which may have as many connections as they like, all told. */
export const open = async (servers: Readonly<Record<string, ServerConfig.ServerConfig>>): Promise<Client> => {
  const pool = McpPool.layer({ servers, maxTotal: 100_000 })
  const runtime = ManagedRuntime.make(
    McpClient.layer.pipe(Layer.provideMerge(pool), Layer.provide(connector), Layer.orDie)
  )
  return {
    mcp: await runtime.runPromise(McpClient.McpClient),
    run: (effect) => runtime.runPromise(effect),
    close: () => runtime.dispose()
  }
}

/** A server's settings are those that it has by itself: how it is reached is of no account. */
export const command = "in memory"
