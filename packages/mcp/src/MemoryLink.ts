/**
 * The two linked ends of one connection in memory, and what carries messages between them. It has no fiber, timer or
 * scope of its own: `McpMemory` closes it.
 *
 * @since 0.1.0
 */
import type { JSONRPCMessage, RequestId } from "@modelcontextprotocol/sdk/types.js"
import type { Scheduler } from "effect/Scheduler"
import * as JsonRpc from "./JsonRpc.js"
import type * as Limits from "./Limits.js"
import type { Outgoing, Receiver, TransportFailure } from "./McpTransport.js"
import type { ServerKey } from "./ServerKey.js"

/**
 * What a server in memory holds of its client. Every function is synchronous, never throws, and does nothing once the
 * connection has ended.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClientEnd {
  /** Whose connection this is. */
  readonly key: ServerKey
  /** Which connection to this server this is, counted from 1 over all partitions, failed ones included. */
  readonly connection: number
  /**
   * Sends a message to the client. What JSON cannot hold ends the connection, and so does a message over the limit of
   * the client's `Limits`. `origin` is the request of the client's that it belongs to; only a client whose configuration
   * says HTTP hears of that, as in life.
   */
  readonly send: (message: JSONRPCMessage, origin?: RequestId) => void
  /** Sends something that is no message, as a server does that logs to its stdout. */
  readonly junk: (reason: string) => void
  /**
   * Ends the connection, as a process that exits. What was sent before still arrives, then the client is told
   * `reason`; what the client has sent and this side has not taken yet is never delivered, and stays `NotSent`.
   */
  readonly close: (reason: string, cause?: unknown) => void
  /** Whether both sides are still there. */
  readonly isOpen: () => boolean
}

/**
 * What a server does with what it is sent. All are called synchronously, one after the other.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServerEnd {
  /**
   * Asked before a message is handed over. A failure refuses this one message, as a proxy does that is down: it is
   * not handed over, and its sender is told. Closing the connection in here leaves the message `NotSent`, too.
   * Default: everything is taken.
   */
  readonly admit?: ((message: JSONRPCMessage) => TransportFailure | undefined) | undefined
  /** A message of the client. One that throws ends the connection, as a process that crashes. */
  readonly message: (message: JSONRPCMessage) => void
  /** The connection has ended, from whichever side. Once; no message comes after it. */
  readonly closed?: (() => void) | undefined
}

/**
 * The state goes from `open` to `ending` (the server has closed, and what it said before is on its way) to `closed`;
 * or from `open` to `closed` when the client closes.
 *
 * @since 0.1.0
 * @category models
 */
export class MemoryLink {
  state: "open" | "ending" | "closed" = "open"
  receiver: Receiver | undefined
  private server: ServerEnd | undefined
  private readonly upstream: Mailbox
  private readonly downstream: Mailbox

  constructor(
    scheduler: Scheduler,
    private readonly limits: Limits.Values
  ) {
    this.upstream = new Mailbox(scheduler)
    this.downstream = new Mailbox(scheduler)
  }

  attach(server: ServerEnd): void {
    this.server = server
    if (this.state !== "open") return this.tellServer()
    this.upstream.open()
  }

  start(receiver: Receiver): void {
    this.receiver = receiver
    this.downstream.open()
  }

  sendToServer(outgoing: Outgoing): void {
    // Neither is told here: the end of the connection says it, and nothing was handed over.
    if (this.state !== "open") return
    const text = JsonRpc.write(outgoing.message, this.limits.messageBytes)
    if (typeof text !== "string") return outgoing.failed(text)
    outgoing.characters = text.length
    this.upstream.post(() => {
      const server = this.server
      if (this.state !== "open" || server === undefined || outgoing.abandoned === true) return
      try {
        // Written from a message just now.
        const message = JSON.parse(text) as JSONRPCMessage
        const refusal = server.admit?.(message)
        // `admit` may have closed the connection; TypeScript takes `state` to be as before.
        if (!this.isOpen()) return
        if (refusal !== undefined) return outgoing.failed(refusal)
        outgoing.handedOver = true
        server.message(message)
      } catch (cause) {
        this.closeFromServer("the server crashed", cause)
      }
    })
  }

  sendToClient(message: JSONRPCMessage, origin: RequestId | undefined): void {
    if (this.state !== "open") return
    const text = JsonRpc.write(message, this.limits.messageBytes)
    if (typeof text !== "string") return this.closeFromServer(`the server failed: ${text.reason}`, text.cause)
    this.toClient(() => {
      for (const received of JsonRpc.parse(text, this.limits.depth)) {
        if (received instanceof JsonRpc.Junk) this.receiver?.junk(received.what)
        else this.receiver?.message(received, origin)
      }
    })
  }

  toClient(deliver: () => void): void {
    if (this.state === "open") this.downstream.post(() => this.state !== "closed" && deliver())
  }

  closeFromServer(reason: string, cause?: unknown): void {
    if (this.state !== "open") return
    this.state = "ending"
    this.upstream.clear()
    this.downstream.post(() => this.tellClient(reason, cause))
    this.tellServer()
  }

  closeFromClient(): void {
    if (this.state === "closed") return
    const wasOpen = this.state === "open"
    this.upstream.clear()
    this.downstream.clear()
    this.tellClient("the client closed the connection")
    if (wasOpen) this.tellServer()
  }

  private isOpen(): boolean {
    return this.state === "open"
  }

  private tellClient(reason: string, cause?: unknown): void {
    if (this.state === "closed") return
    this.state = "closed"
    this.receiver?.closed(reason, cause)
  }

  private tellServer(): void {
    const server = this.server
    this.server = undefined
    server?.closed?.()
  }
}

/**
 * Letters in one direction. They are held until `open`, then each batch is delivered in a task of Effect's scheduler:
 * later than it was posted, in order, before any timer, and after long chains giving way to timers as fibers do.
 */
class Mailbox {
  private letters: Array<() => void> = []
  private opened = false
  private scheduled = false

  constructor(private readonly scheduler: Scheduler) {}

  open(): void {
    this.opened = true
    this.schedule()
  }

  post(letter: () => void): void {
    this.letters.push(letter)
    this.schedule()
  }

  clear(): void {
    this.letters = []
  }

  private schedule(): void {
    if (!this.opened || this.scheduled || this.letters.length === 0) return
    this.scheduled = true
    this.scheduler.scheduleTask(() => this.deliver(), 0)
  }

  private deliver(): void {
    this.scheduled = false
    const letters = this.letters
    this.letters = []
    for (const letter of letters) {
      try {
        letter()
      } catch (defect) {
        // An end that throws breaks its contract. Thrown here it would stop Effect's scheduler for good, so it is
        // raised beside it, where the host reports it as an unhandled rejection.
        void Promise.reject(defect)
      }
    }
  }
}
