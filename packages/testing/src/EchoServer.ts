/**
 * The echo server of `TransportContract`, in memory. It is no MCP server: it knows no handshake.
 *
 * @since 0.1.0
 */
import { McpMemory, type McpTransport, ServerKey } from "@mooring/mcp"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/**
 * Serves one connection as `TransportContract.Subject` says. `read` is told the id of every request.
 *
 * @since 0.1.0
 * @category constructors
 */
export const serve =
  (read: (id: unknown) => void = () => {}): McpMemory.Serve =>
  (client) =>
    Effect.succeed({
      message: (message) => {
        if (!("method" in message && "id" in message)) return
        read(message.id)
        answer(client, message.id, message.method, message.params ?? {})
      }
    })

const answer = (
  client: McpMemory.ClientEnd,
  id: string | number,
  method: string,
  params: Readonly<Record<string, unknown>>
): void => {
  const reply = (result: Record<string, unknown>) => client.send({ jsonrpc: "2.0", id, result })
  switch (method) {
    case "echo":
      return reply({ value: params["value"] })
    case "length":
      return reply({ length: String(params["value"]).length })
    case "repeat":
      return reply({ value: String(params["text"]).repeat(Number(params["times"])) })
    case "burst":
      for (let n = 0; n < Number(params["count"]); n++) client.send({ jsonrpc: "2.0", method: "burst", params: { n } })
      return reply({})
    case "junk":
      client.junk("not a message")
      return reply({})
    case "exit":
      if (params["answer"] === true) reply({})
      return client.close("the server exited")
  }
}

/**
 * The echo server as a subject of the contract.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (): {
  readonly open: Effect.Effect<McpTransport.McpTransport, never, Scope.Scope>
  readonly read: Effect.Effect<ReadonlyArray<unknown>>
} => {
  const read: Array<unknown> = []
  const connector = McpMemory.make({ echo: serve((id) => read.push(id)) })
  return {
    // The echo server is there and refuses nobody.
    open: Effect.orDie(connector.open(ServerKey.shared("echo"), { command: "in-memory" })),
    read: Effect.sync(() => [...read])
  }
}
