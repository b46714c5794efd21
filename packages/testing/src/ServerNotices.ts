/**
 * What a server in memory tells by itself, and to whom: the resources that each of its connections is subscribed to, and
 * the level of its log there. It belongs to the running server.
 *
 * @since 0.1.0
 */
import { type McpMemory, ResourceUpdate, ServerLog } from "@mooring/mcp"
import type { JSONRPCRequest, ServerCapabilities } from "@modelcontextprotocol/sdk/types.js"

/**
 * What the server says that it offers beside its tools. It takes subscriptions where `resources.subscribe` is set, and a
 * level where `logging` is.
 *
 * @since 0.1.0
 * @category models
 */
export type Capabilities = Omit<ServerCapabilities, "tools"> & {
  readonly tools?: { readonly listChanged?: boolean }
}

interface Told {
  readonly subscribed: Set<string>
  level: ServerLog.Level | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export class ServerNotices {
  private readonly clients = new Map<McpMemory.ClientEnd, Told>()

  constructor(private readonly capabilities: Capabilities) {}

  /** Until what this gives is called, the client is told what it asks for. */
  connected(client: McpMemory.ClientEnd): () => void {
    this.clients.set(client, { subscribed: new Set(), level: undefined })
    return () => this.clients.delete(client)
  }

  /** Does what a client asks for, and says whether that was anything of this. */
  take(client: McpMemory.ClientEnd, { method, params }: JSONRPCRequest): boolean {
    const told = this.clients.get(client)
    const { logging, resources } = this.capabilities
    if (told === undefined) return false
    if (method === "logging/setLevel" && logging !== undefined) {
      const level = ServerLog.levels.find((each) => each === params?.["level"])
      if (level === undefined) return false
      told.level = level
      return true
    }
    const uri = params?.["uri"]
    if (resources?.subscribe !== true || typeof uri !== "string") return false
    if (method === "resources/subscribe") told.subscribed.add(uri)
    else if (method === "resources/unsubscribe") told.subscribed.delete(uri)
    else return false
    return true
  }

  /** What its connections are subscribed to. */
  subscriptions(): ReadonlyArray<string> {
    return [...this.clients.values()].flatMap(({ subscribed }) => [...subscribed])
  }

  updated(uri: string): number {
    return this.tell("notifications/resources/updated", { uri }, ({ subscribed }) =>
      [...subscribed].some((each) => ResourceUpdate.concerns(uri, each))
    )
  }

  listChanged(list: "tools" | "prompts" | "resources"): number {
    return this.tell(`notifications/${list}/list_changed`, {}, () => true)
  }

  log(level: ServerLog.Level, data: unknown, logger: string | undefined): number {
    const params = { level, data, ...(logger === undefined ? {} : { logger }) }
    return this.tell(
      "notifications/message",
      params,
      (told) => told.level === undefined || ServerLog.reaches(level, told.level)
    )
  }

  private tell(method: string, params: Record<string, unknown>, wanted: (told: Told) => boolean): number {
    const clients = [...this.clients].filter(([, told]) => wanted(told))
    for (const [client] of clients) client.send({ jsonrpc: "2.0", method, params })
    return clients.length
  }
}
