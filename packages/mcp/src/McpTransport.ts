/**
 * What carries the messages of one connection: a pipe to a process, HTTP requests, or a queue in memory. A transport
 * is acquired in a scope by an `McpConnector` and is gone when that scope has closed (process ended and reaped,
 * sockets closed). It knows nothing of requests and answers; the `Session` above it does.
 *
 * @since 0.1.0
 */
import type { JSONRPCMessage, RequestId } from "@modelcontextprotocol/sdk/types.js"
import type * as Effect from "effect/Effect"
import type { Delivery, McpConnectError } from "./McpError.js"

/**
 * A message on its way out. The transport sets `handedOver` the moment the first of its bytes may have left this
 * process: what fails before is `NotSent`, what fails after is `Unknown`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Outgoing {
  readonly message: JSONRPCMessage
  handedOver: boolean
  /**
   * How long it is as text. Set once, as soon as it is known and before it is handed over, so that what is in flight
   * can be counted; a transport that does not say it is not held to that limit.
   */
  characters?: number
  /** Nobody wants it any more: a transport that has not handed it over drops it, and says nothing. */
  readonly abandoned?: boolean | undefined
  /** This one message could not be delivered, while the connection may go on. At most once, never after `closed`. */
  readonly failed: (failure: TransportFailure) => void
}

/**
 * Why a message or a connection failed. `reason` is for people and holds no secret.
 *
 * @since 0.1.0
 * @category models
 */
export interface TransportFailure {
  readonly reason: string
  readonly delivery: Delivery
  /** Whether the whole connection is of no use any more (HTTP: its session is gone). */
  readonly fatal: boolean
  /**
   * With `fatal`: only for what is sent later. What is under way is answered for itself, and is waited for; the transport
   * calls `closed` when the last of it is over.
   */
  readonly drains?: boolean | undefined
  /** The HTTP status that the server answered with. */
  readonly status?: number | undefined
  /** How long the server asks to wait. Milliseconds. */
  readonly retryAfterMs?: number | undefined
  /** The message itself cannot be sent, here or anywhere: it is not JSON, or too long. Always `NotSent`. */
  readonly unfit?: boolean | undefined
  /** What was seen. An `McpConnectError` here (401, refused) is what the connect fails with, when it comes during one. */
  readonly cause?: unknown
}

/**
 * What the session gives to the transport. All are called synchronously, none may throw.
 *
 * @since 0.1.0
 * @category models
 */
export interface Receiver {
  /**
   * A parsed JSON-RPC message. `origin` is the id of the request that it belongs to, where the transport can tell (HTTP:
   * it came in the response to that request).
   */
  readonly message: (message: JSONRPCMessage, origin?: RequestId) => void
  /** Something that was received and is no message (a line of junk). The connection goes on. */
  readonly junk: (reason: string) => void
  /**
   * Nothing that is sent from now on can be delivered, while what is under way may still be answered: see `drains`. At
   * most once, before `closed`. A receiver without it is told `closed` when the last is over, and no sooner.
   */
  readonly draining?: ((reason: string, cause?: unknown) => void) | undefined
  /** What the server said outside of any request may have been lost on its way; what it says from now on is heard. */
  readonly missed?: (() => void) | undefined
  /**
   * The connection has ended, and why. At most once; nothing is called after it. An `McpConnectError` as `cause` is
   * what the connect fails with, when it comes during one.
   */
  readonly closed: (reason: string, cause?: unknown) => void
}

/**
 * That somebody wants to hear what the server says outside of any request. See `McpTransport.listen`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Listening {
  /** Calls `hook` once: when that is heard, or is known not to be; at once if it is so already. */
  readonly onReady: (hook: () => void) => void
  /** Nobody does any more. Only the first call counts. */
  readonly stop: () => void
}

/**
 * One open transport.
 *
 * @since 0.1.0
 * @category models
 */
export interface McpTransport {
  /** For spans and statistics: `pipe`, `tcp` or `memory`. */
  readonly network: "pipe" | "tcp" | "memory"
  /** The process ID of a child process on this machine. */
  readonly pid?: number | undefined
  /** Begins to deliver to `receiver`. Called once, before the first `send`. */
  readonly start: (receiver: Receiver) => Effect.Effect<void, McpConnectError>
  /**
   * Whether it says of what the server asks in a response which request that belongs to: see `origin` of `Receiver`. Known
   * after the handshake. Absent for one that never does.
   */
  readonly ties?: (() => boolean) | undefined
  /** Sends without waiting. Never throws; what goes wrong is told to `outgoing.failed`, or to the receiver. */
  readonly send: (outgoing: Outgoing) => void
  /** Told once, when the handshake has settled the protocol's revision (an HTTP header needs it). */
  readonly setProtocolVersion?: ((version: string) => void) | undefined
  /**
   * Hears what the server says outside of any request, where that takes something of its own (HTTP: a stream), for as
   * long as one of those who asked for it wants it. Absent where it is heard anyway.
   */
  readonly listen?: (() => Listening) | undefined
  /** Text that helps to explain a failure: the last lines of stderr, redacted. */
  readonly diagnostics?: (() => string) | undefined
  /**
   * Makes what a server wrote fit to be shown, as `Redaction.passage` does: hides secrets that the transport alone knows
   * (headers that were computed, the id of its session).
   */
  readonly clean?: ((text: string) => string) | undefined
}
