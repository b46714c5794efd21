import type { McpMemory } from "@mooring/mcp"
import { type Handler, MemoryServer, text } from "./MemoryServer.js"

/** A server that tells things by itself, and knows what it was asked to tell. */
export class Telling {
  /** What each connection is subscribed to. */
  readonly subscribed = new Map<McpMemory.ClientEnd, Set<string>>()
  /** The level that each connection was told, each time. */
  readonly levels: Array<readonly [connection: number, level: unknown]> = []
  readonly server: MemoryServer

  constructor(options: { readonly capabilities?: object; readonly on?: Readonly<Record<string, Handler>> } = {}) {
    this.server = new MemoryServer({
      capabilities: {
        tools: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
        logging: {},
        ...options.capabilities
      },
      on: {
        "resources/subscribe": ({ uri }, end) => {
          this.of(end).add(String(uri))
          return {}
        },
        "resources/unsubscribe": ({ uri }, end) => {
          this.of(end).delete(String(uri))
          return {}
        },
        "logging/setLevel": ({ level }, end) => {
          this.levels.push([end.connection, level])
          return {}
        },
        "tools/call": () => text("done"),
        ...options.on
      }
    })
  }

  private of(end: McpMemory.ClientEnd): Set<string> {
    const known = this.subscribed.get(end) ?? new Set()
    this.subscribed.set(end, known)
    return known
  }

  get open(): ReadonlyArray<McpMemory.ClientEnd> {
    return this.server.clients.filter((end) => end.isOpen())
  }

  /** What open connections are subscribed to. */
  get wanted(): ReadonlyArray<string> {
    return this.open.flatMap((end) => [...this.of(end)])
  }

  tell(method: string, params: Record<string, unknown> = {}, partition?: string): void {
    for (const end of this.open) {
      if (partition === undefined || end.key.partition === partition) end.send({ jsonrpc: "2.0", method, params })
    }
  }

  /** Tells those that are subscribed to it, or to what it is below. */
  updated(uri: string, partition?: string): void {
    for (const end of this.open) {
      const wants = [...this.of(end)].some((each) => uri.startsWith(each))
      if (wants && (partition === undefined || end.key.partition === partition)) {
        end.send({ jsonrpc: "2.0", method: "notifications/resources/updated", params: { uri } })
      }
    }
  }

  kill(reason = "it was killed"): void {
    for (const end of this.open) end.close(reason)
  }
}
