/**
 * Opens transports to servers that are reached over Streamable HTTP. A transport has sockets of its own, bounded and
 * kept alive between requests; closing its scope cancels what is in flight, ends the session at the server and closes
 * every socket.
 *
 * Every message travels in a POST of its own, and answers are taken only from the response to their request. The
 * optional GET stream, for what a server says outside of any request, is not opened.
 *
 * @since 0.1.0
 */
import { Limits, type McpError, type McpTransport, ServerConfig, type ServerKey } from "@mooring/mcp"
import type { JSONRPCMessage, RequestId } from "@modelcontextprotocol/sdk/types.js"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import type { Agent } from "undici"
import * as HttpAddress from "./HttpAddress.js"
import * as HttpExchange from "./HttpExchange.js"
import * as HttpFailure from "./HttpFailure.js"
import { HttpSettings } from "./HttpSettings.js"

/**
 * Opens a transport; nothing is sent yet. Fails with `McpConnectError` in phase `dial` when the URL or a header cannot
 * be used. A handshake that fails is told to its `Outgoing`, with the `McpConnectError` to fail with as the `cause`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (
  key: ServerKey.ServerKey,
  config: ServerConfig.HttpServer
): Effect.Effect<McpTransport.McpTransport, McpError.McpConnectError, Scope.Scope> =>
  Effect.gen(function* () {
    const settings = yield* HttpSettings
    const limits = yield* Limits.Limits
    const server = key.toString()
    const address = yield* HttpAddress.make(server, config)
    const runtime = yield* Effect.runtime<never>()
    const clock = yield* Effect.clock
    // An address that does not answer is told before the whole connect is out of time, which would say less.
    const timeout = Math.ceil(ServerConfig.resolve(config).connectTimeout * 0.8)
    const requests = yield* acquireAgent(settings.sockets, timeout)
    // Cancellations and answers to the server must get through when requests hold every socket.
    const others = yield* acquireAgent(2, timeout)
    const inFlight = new Map<RequestId, Fiber.RuntimeFiber<void>>()
    let receiver: McpTransport.Receiver | undefined
    const log = Runtime.runSyncExit(runtime)
    // A receiver that throws is a defect of ours, and must not disturb what concerns others.
    const tell = (what: (receiver: McpTransport.Receiver) => void) => {
      try {
        if (receiver !== undefined) what(receiver)
      } catch (defect) {
        log(Effect.logError("The receiver of a transport threw", defect))
      }
    }
    const http: HttpExchange.Http = {
      address,
      settings,
      limits,
      agent: (forRequest) => (forRequest || inFlight.size < settings.sockets ? requests : others),
      sessionId: undefined,
      protocolVersion: undefined,
      message: (message) => tell((to) => to.message(message)),
      junk: (reason) => tell((to) => to.junk(reason))
    }
    // On a fiber of its own, out of reach of an interruption of the fiber that closes the scope.
    yield* Effect.addFinalizer(() =>
      Effect.flatMap(Effect.forkDaemon(Effect.withClock(endSession(http), clock)), Fiber.join)
    )
    const run = yield* FiberSet.makeRuntime<never, void, never>()
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        tell((to) => to.closed("closed by this side"))
        receiver = undefined
      })
    )
    const transport: McpTransport.McpTransport = {
      network: "tcp",
      start: (to) =>
        Effect.sync(() => {
          receiver = to
        }),
      setProtocolVersion: (version) => {
        http.protocolVersion = version
      },
      send: (outgoing) => {
        if (receiver === undefined) return
        const { message } = outgoing
        const cancelled = cancelledBy(message)
        if (cancelled !== undefined) inFlight.get(cancelled)?.unsafeInterruptAsFork(FiberId.none)
        const fiber = run(deliver(http, server, outgoing))
        if (!HttpExchange.isRequest(message)) return
        inFlight.set(message.id, fiber)
        fiber.addObserver(() => {
          if (inFlight.get(message.id) === fiber) inFlight.delete(message.id)
        })
      }
    }
    return transport
  })

const acquireAgent = (connections: number, timeout: number): Effect.Effect<Agent, never, Scope.Scope> =>
  Effect.acquireRelease(
    // Loaded when it is first needed: a program that speaks stdio alone starts a tenth of a second sooner.
    Effect.map(
      Effect.promise(() => import("undici")),
      // Only the connecting is timed here, since nothing else can; the deadlines of calls are the session's.
      ({ Agent }) => new Agent({ connections, connect: { timeout }, headersTimeout: 0, bodyTimeout: 0 })
    ),
    (agent) => Effect.promise(() => agent.destroy())
  )

const deliver = (http: HttpExchange.Http, server: string, outgoing: McpTransport.Outgoing): Effect.Effect<void> =>
  Effect.catchAllCause(HttpExchange.post(http, outgoing), (cause) =>
    Effect.sync(() => {
      // Interrupted: the session cancelled it, or was told that the connection is closed.
      if (Cause.isInterruptedOnly(cause)) return
      const failure = Option.getOrElse(Cause.failureOption(cause), () =>
        HttpFailure.unanswered("the exchange failed in a way that was not foreseen", Cause.squash(cause))
      )
      if (failure.delivery === "NotSent") outgoing.handedOver = false
      outgoing.failed(HttpFailure.toTransportFailure(failure, server, HttpExchange.isHandshake(outgoing.message)))
    })
  )

const endSession = (http: HttpExchange.Http): Effect.Effect<void> =>
  http.sessionId === undefined
    ? Effect.void
    : // Interruptible, since a finalizer is not, and the clock could not end it.
      Effect.interruptible(HttpExchange.endSession(http)).pipe(
        Effect.timeoutFail({
          duration: http.settings.endSession,
          onTimeout: () => HttpFailure.unanswered("no answer in time")
        }),
        Effect.catchAll(({ reason }) =>
          Effect.logDebug(`The session at ${http.address.shown} was not ended: ${reason}`)
        )
      )

/** The request that this message cancels: its socket is of no more use, since a cancelled request is not answered. */
const cancelledBy = (message: JSONRPCMessage): RequestId | undefined => {
  if (!("method" in message) || message.method !== "notifications/cancelled") return undefined
  const id = message.params?.["requestId"]
  return typeof id === "string" || typeof id === "number" ? id : undefined
}
