/**
 * The client's side of a bare transport as effects, below any session: sends messages, waits for answers, and keeps
 * everything that the transport said. For tests of transports and of servers; it belongs to the scope it was made in.
 *
 * @since 0.1.0
 */
import type { McpError, McpTransport } from "@mooring/mcp"
import type { JSONRPCMessage, RequestId } from "@modelcontextprotocol/sdk/types.js"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"

/**
 * What the transport has said, in order.
 *
 * @since 0.1.0
 * @category models
 */
export type Heard =
  | { readonly _tag: "Message"; readonly message: JSONRPCMessage }
  | { readonly _tag: "Junk"; readonly reason: string }
  | { readonly _tag: "Closed"; readonly reason: string; readonly cause: unknown }

/**
 * A message that was sent, and what has become of it. It changes as the transport goes on.
 *
 * @since 0.1.0
 * @category models
 */
export interface Sent extends McpTransport.Outgoing {
  /** Every failure that the transport told of this message. A lawful transport tells one at most. */
  readonly failures: ReadonlyArray<McpTransport.TransportFailure>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Wire {
  readonly transport: McpTransport.McpTransport
  readonly heard: ReadonlyArray<Heard>
  /** Sends a message and does not wait. */
  readonly send: (message: JSONRPCMessage) => Sent
  /** Sends a request, with the next free number for an id unless one is given. */
  readonly request: (method: string, params?: Record<string, unknown>, id?: RequestId) => Sent
  /** Sends a request and waits for its answer: the result, or the error, of the first answer with its id. */
  readonly ask: (method: string, params?: Record<string, unknown>, id?: RequestId) => Effect.Effect<unknown>
  /** Sends a notification. */
  readonly notify: (method: string, params?: Record<string, unknown>) => Sent
  /** Waits until what was heard is so. */
  readonly until: (predicate: (heard: ReadonlyArray<Heard>) => boolean) => Effect.Effect<void>
  /** Waits for the end of the connection, and gives its reason. */
  readonly closed: Effect.Effect<string>
}

/**
 * Opens a transport and starts it.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <E, R>(
  open: Effect.Effect<McpTransport.McpTransport, E, R>
): Effect.Effect<Wire, E | McpError.McpConnectError, R | Scope.Scope> =>
  Effect.gen(function* () {
    const transport = yield* open
    const heard: Array<Heard> = []
    const waiting = new Set<() => void>()
    const hear = (what: Heard) => {
      heard.push(what)
      for (const check of [...waiting]) check()
    }
    const ended = Deferred.unsafeMake<string>(FiberId.none)
    const answers = new Map<RequestId, Deferred.Deferred<unknown>>()
    yield* transport.start({
      message: (message) => {
        hear({ _tag: "Message", message })
        if ("method" in message || message.id === undefined) return
        const answer = answers.get(message.id)
        answers.delete(message.id)
        if (answer !== undefined) {
          Deferred.unsafeDone(answer, Effect.succeed("result" in message ? message.result : message.error))
        }
      },
      junk: (reason) => hear({ _tag: "Junk", reason }),
      closed: (reason, cause) => {
        hear({ _tag: "Closed", reason, cause })
        Deferred.unsafeDone(ended, Effect.succeed(reason))
      }
    })
    let nextId = 0
    const send = (message: JSONRPCMessage): Sent => {
      const failures: Array<McpTransport.TransportFailure> = []
      const sent: Sent = { message, handedOver: false, failed: (failure) => failures.push(failure), failures }
      transport.send(sent)
      return sent
    }
    const request: Wire["request"] = (method, params = {}, id = nextId++) =>
      send({ jsonrpc: "2.0", id, method, params })
    return {
      transport,
      heard,
      send,
      request,
      ask: (method, params, id = nextId++) =>
        Effect.suspend(() => {
          const answer = Deferred.unsafeMake<unknown>(FiberId.none)
          answers.set(id, answer)
          request(method, params, id)
          return Deferred.await(answer)
        }),
      notify: (method, params = {}) => send({ jsonrpc: "2.0", method, params }),
      until: (predicate) =>
        Effect.async((resume) => {
          const check = () => {
            if (!predicate(heard)) return
            waiting.delete(check)
            resume(Effect.void)
          }
          waiting.add(check)
          check()
          return Effect.sync(() => waiting.delete(check))
        }),
      closed: Deferred.await(ended)
    }
  })
