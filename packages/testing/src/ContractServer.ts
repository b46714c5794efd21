/**
 * The server of `ConnectionContract`: one connection of a small but whole MCP server, as a function of the messages
 * that come. It imports nothing and needs no time, so that any transport can carry it, in this process or as a process
 * of its own.
 *
 * | tool | arguments | what it does |
 * | --- | --- | --- |
 * | `echo` | `{ value }` | gives `{ value }` |
 * | `length` | `{ value }` | gives `{ length }`: the length of the string in UTF-16 units |
 * | `repeat` | `{ text, times }` | gives `{ value }`: the text so many times |
 * | `progress` | `{ steps }` | tells so many steps of progress, and gives `{}` |
 * | `hold` | `{ value }` | waits for `release`, and gives `{ value }` |
 * | `release` | – | answers all that `hold`, the last one first, and gives `{}` |
 * | `wait` | – | is never answered |
 * | `deaf` | – | is answered when it was cancelled |
 * | `seen` | – | gives `{ running, cancelled }`: the tools whose calls are not answered, and that were cancelled |
 * | `ask` | `{ method, params }` | asks the client this, and gives its `{ result }` or the `{ code }` of its error |
 * | `change` | – | says that its tools have changed, and gives `{}` |
 * | `exit` | – | ends the connection |
 *
 * @since 0.1.0
 */
import type { JSONRPCMessage, JSONRPCNotification, JSONRPCRequest, RequestId } from "@modelcontextprotocol/sdk/types.js"

/**
 * What the server needs of a connection. A `ClientEnd` of `McpMemory` is one. What it sends within one call of
 * `message` belongs together: over a pipe it should go in one write.
 *
 * @since 0.1.0
 * @category models
 */
export interface Client {
  readonly send: (message: JSONRPCMessage) => void
  readonly close: (reason: string) => void
}

/**
 * The names of its tools.
 *
 * @since 0.1.0
 * @category constants
 */
export const tools = [
  "ask",
  "change",
  "deaf",
  "echo",
  "exit",
  "hold",
  "length",
  "progress",
  "release",
  "repeat",
  "seen",
  "wait"
] as const

/**
 * Serves one connection.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (client: Client): { readonly message: (message: JSONRPCMessage) => void } => new Connection(client)

type Args = Readonly<Record<string, unknown>>

interface Running {
  readonly tool: string
  readonly args: Args
}

class Connection {
  readonly #client: Client
  readonly #running = new Map<RequestId, Running>()
  readonly #cancelled: Array<string> = []
  /** What the client was asked, and the calls that wait for what it says. */
  readonly #asked = new Map<RequestId, RequestId>()

  constructor(client: Client) {
    this.#client = client
  }

  message(message: JSONRPCMessage): void {
    if (!("method" in message)) this.#answered(message)
    else if ("id" in message) this.#request(message)
    else this.#notification(message)
  }

  #request({ id, method, params }: JSONRPCRequest): void {
    switch (method) {
      case "initialize":
        return this.#reply(id, {
          protocolVersion: params?.["protocolVersion"],
          capabilities: { tools: { listChanged: true } },
          serverInfo: { name: "contract", version: "0.1.0" },
          instructions: "Call its tools as ConnectionContract does."
        })
      case "ping":
        return this.#reply(id, {})
      case "tools/list":
        return this.#reply(id, { tools: tools.map((name) => ({ name, inputSchema: { type: "object" } })) })
      case "tools/call":
        return this.#call(id, String(params?.["name"]), Object(params?.["arguments"]), params?._meta?.progressToken)
      default:
        return this.#refuse(id, -32601, "Method not found")
    }
  }

  #call(id: RequestId, tool: string, args: Args, progressToken: string | number | undefined): void {
    this.#running.set(id, { tool, args })
    switch (tool) {
      case "echo":
        return this.#give(id, { value: args["value"] })
      case "length":
        return this.#give(id, { length: String(args["value"]).length })
      case "repeat":
        return this.#give(id, { value: String(args["text"]).repeat(Number(args["times"])) })
      case "progress":
        for (let progress = 1; progress <= Number(args["steps"]); progress++) {
          if (progressToken !== undefined) this.#notify("notifications/progress", { progressToken, progress })
        }
        return this.#give(id, {})
      case "hold":
      case "wait":
      case "deaf":
        return
      case "release":
        for (const [held, { args, tool }] of [...this.#running].toReversed()) {
          if (tool === "hold") this.#give(held, { value: args["value"] })
        }
        return this.#give(id, {})
      case "seen":
        this.#running.delete(id)
        return this.#give(id, {
          running: [...this.#running.values()].map(({ tool }) => tool),
          cancelled: this.#cancelled
        })
      case "ask": {
        const ask = `ask-${id}`
        this.#asked.set(ask, id)
        const request = { jsonrpc: "2.0" as const, id: ask, method: String(args["method"]) }
        return this.#client.send(
          args["params"] === undefined ? request : { ...request, params: Object(args["params"]) }
        )
      }
      case "change":
        this.#notify("notifications/tools/list_changed", {})
        return this.#give(id, {})
      case "exit":
        return this.#client.close("the server exited")
      default:
        this.#running.delete(id)
        return this.#refuse(id, -32602, `Unknown tool: ${tool}`)
    }
  }

  #notification({ method, params }: JSONRPCNotification): void {
    if (method !== "notifications/cancelled") return
    for (const [id, { tool }] of this.#running) {
      if (id !== params?.["requestId"]) continue
      this.#cancelled.push(tool)
      if (tool === "deaf") this.#give(id, {})
      else this.#running.delete(id)
    }
  }

  #answered(message: JSONRPCMessage): void {
    const asked = "id" in message && message.id !== undefined ? this.#asked.get(message.id) : undefined
    if (asked === undefined) return
    this.#give(
      asked,
      "error" in message ? { code: message.error.code } : { result: "result" in message && message.result }
    )
  }

  #give(id: RequestId, structuredContent: Args): void {
    this.#running.delete(id)
    this.#reply(id, { content: [], structuredContent })
  }

  #reply(id: RequestId, result: Record<string, unknown>): void {
    this.#client.send({ jsonrpc: "2.0", id, result })
  }

  #refuse(id: RequestId, code: number, message: string): void {
    this.#client.send({ jsonrpc: "2.0", id, error: { code, message } })
  }

  #notify(method: string, params: Record<string, unknown>): void {
    this.#client.send({ jsonrpc: "2.0", method, params })
  }
}
