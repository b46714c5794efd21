import type { McpTransport } from "@mooring/mcp"
import { Effect } from "effect"

/** A transport whose every step a test decides. What is sent is kept; nothing is handed over unless `auto` is set. */
export class FakeTransport implements McpTransport.McpTransport {
  readonly network = "memory"
  readonly sent: Array<McpTransport.Outgoing> = []
  receiver: McpTransport.Receiver | undefined
  onSend: (outgoing: McpTransport.Outgoing) => void = () => {}
  stderr = ""

  constructor(readonly auto: boolean = true) {}

  readonly start = (receiver: McpTransport.Receiver) =>
    Effect.sync(() => {
      this.receiver = receiver
    })

  readonly send = (outgoing: McpTransport.Outgoing): void => {
    this.sent.push(outgoing)
    if (this.auto) outgoing.handedOver = true
    this.onSend(outgoing)
  }

  readonly diagnostics = () => this.stderr

  /** What was sent and not abandoned, as the server would see it. */
  get messages(): ReadonlyArray<Record<string, unknown>> {
    return this.sent.map(({ message }) => ({ ...message }))
  }

  /** The id of the n-th request that was sent, counted from 0. */
  id(n: number): number {
    const requests = this.messages.filter((message) => "id" in message && "method" in message)
    const id = requests[n]?.["id"]
    if (typeof id !== "number") throw new Error(`no request ${n} was sent`)
    return id
  }

  outgoing(id: number): McpTransport.Outgoing {
    const found = this.sent.find(({ message }) => "id" in message && "method" in message && message.id === id)
    if (found === undefined) throw new Error(`no request ${id} was sent`)
    return found
  }

  /** Delivers anything, message or not. */
  deliver(message: unknown): void {
    // A test double: what a real transport parsed need not be a message either.
    this.receiver?.message(message as Parameters<McpTransport.Receiver["message"]>[0])
  }

  answer(id: unknown, result: unknown = {}): void {
    this.deliver({ jsonrpc: "2.0", id, result })
  }

  close(reason: string, cause?: unknown): void {
    this.receiver?.closed(reason, cause)
  }

  get cancelled(): ReadonlyArray<unknown> {
    return this.messages.flatMap(({ method, params }) =>
      method === "notifications/cancelled" && typeof params === "object" && params !== null && "requestId" in params
        ? [params.requestId]
        : []
    )
  }
}
