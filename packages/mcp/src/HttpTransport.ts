/**
 * Streamable HTTP as a transport, over any carrier of HTTP. Every message travels in a POST of its own, so many of them
 * side by side; answers are taken only from the response to their request. Closing the transport's scope cancels what
 * is in flight, frees its sockets and ends the session at the server.
 *
 * @since 0.1.0
 */
import { Deadlines } from "@mooring/pool"
import type { JSONRPCMessage, RequestId } from "@modelcontextprotocol/sdk/types.js"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import type { HttpAddress } from "./HttpAddress.js"
import { HttpCall } from "./HttpCall.js"
import type { HttpCarrier } from "./HttpCarrier.js"
import { type ExchangeHost, HttpExchange, isRequest, type Outcome } from "./HttpExchange.js"
import * as HttpFailure from "./HttpFailure.js"
import { HttpHeaders } from "./HttpHeaders.js"
import { HttpLane } from "./HttpLane.js"
import { HttpLegacy } from "./HttpLegacy.js"
import type { HttpLink } from "./HttpLink.js"
import { HttpListener, type ListenerHost } from "./HttpListener.js"
import { HttpSettings, type Settings } from "./HttpSettings.js"
import { Chain } from "./internal/Chain.js"
import { Limits } from "./Limits.js"
import type { Listening, McpTransport, Outgoing, Receiver } from "./McpTransport.js"
import * as Redaction from "./Redaction.js"
import * as ServerConfig from "./ServerConfig.js"
import type { ServerKey } from "./ServerKey.js"

/**
 * What a transport is made of.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly key: ServerKey
  readonly config: ServerConfig.HttpServer
  readonly address: HttpAddress
  /** Reaches the address's origin. */
  readonly carrier: HttpCarrier
}

/**
 * Makes a transport; nothing is sent yet. A handshake that fails is told to its `Outgoing`, with the `McpConnectError`
 * to fail with as the `cause`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<McpTransport, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { address, carrier, config, key } = options
    const settings = yield* HttpSettings
    const deadlines = yield* Deadlines.make
    const clock = yield* Effect.clock
    const runtime = yield* Effect.runtime<never>()
    const fork = yield* FiberSet.makeRuntime<never, void, never>()
    const link: HttpLink = {
      server: key.toString(),
      address,
      carrier,
      deadlines,
      headers: new HttpHeaders(key, config, address.configured, carrier.acceptEncoding),
      limits: yield* Limits,
      times: {
        idle: nanos(settings.streamIdle),
        total: nanos(settings.streamTotal),
        acknowledge: nanos(settings.acknowledge),
        // What holds up a connect is told before the whole of it is out of time, which would say less.
        headers: Math.min(nanos(settings.acknowledge), ServerConfig.resolve(config).connectTimeout * 0.8e6)
      },
      wallMillis: () => clock.unsafeCurrentTimeMillis(),
      run: (effect) => {
        const fiber = fork(effect)
        return () => fiber.unsafeInterruptAsFork(fiber.id())
      }
    }
    const log = Runtime.runFork(runtime)
    const live = new Live(link, settings, config.listen === true, (defect) => {
      log(Effect.logError("The receiver of a transport threw", defect))
    })
    // On a fiber of its own, out of reach of an interruption of the fiber that closes the scope.
    yield* Effect.addFinalizer(() =>
      Effect.zipRight(
        Effect.sync(() => live.close("closed by this side", undefined)),
        Effect.flatMap(Effect.forkDaemon(Effect.withClock(endSession(link, settings), clock)), Fiber.join)
      )
    )
    return live.transport()
  })

/** What is heard in any case. */
const heard: Listening = { onReady: (hook) => hook(), stop: () => {} }

const nanos = (duration: Duration.DurationInput): number => Duration.toMillis(duration) * 1e6

/**
 * What is under way is kept in so many chains, by the ids of requests: what is cancelled is then found among few, and a
 * call pays nothing for an index. A power of two.
 */
const chains = 64

/** Messages that need no answer, and must get through when requests hold every socket of theirs. */
const controls = 2

/**
 * How many of these may wait. A server can make us write as many as it likes, a refusal for each request of its own, and
 * need not accept one.
 */
const maxWaiting = 10_000

class Live implements ExchangeHost, ListenerHost {
  readonly maxResumes: number
  readonly resumeDelay: number
  private receiver: Receiver | undefined
  private closed = false
  /** Why nothing new is sent, while what is under way is still waited for. */
  private ending: { readonly reason: string; readonly cause: unknown } | undefined
  private readonly requests: HttpLane
  private readonly control = new HttpLane(controls)
  private readonly exchanges: ReadonlyArray<Chain<HttpExchange>> = Array.from({ length: chains }, () => new Chain())
  private readonly listener: HttpListener
  private legacy: HttpLegacy | undefined

  constructor(
    readonly link: HttpLink,
    settings: Settings,
    listens: boolean,
    private readonly report: (defect: unknown) => void
  ) {
    this.maxResumes = settings.maxResumes
    this.resumeDelay = Duration.toMillis(settings.resumeDelay)
    this.requests = new HttpLane(settings.sockets)
    this.listener = new HttpListener(this, settings.reopen)
    if (listens) this.listener.listen()
  }

  transport(): McpTransport {
    const { headers } = this.link
    return {
      network: "tcp",
      start: (receiver) =>
        Effect.sync(() => {
          this.receiver = receiver
        }),
      setProtocolVersion: (version) => {
        headers.protocolVersion = version
      },
      // An old server says everything on one stream.
      ties: () => this.legacy === undefined,
      send: (outgoing) => this.send(outgoing),
      // The one stream of an old server is there from the beginning.
      listen: () => (this.legacy === undefined ? this.listener.listen() : heard),
      clean: (text) => Redaction.passage(headers.redaction, text)
    }
  }

  message(message: JSONRPCMessage, origin: RequestId | undefined): void {
    this.tell((to) => to.message(message, origin))
    if (this.ending !== undefined) this.closeIfIdle(this.ending)
  }

  missed(): void {
    this.tell((to) => to.missed?.())
  }

  lost({ cause, reason }: HttpFailure.HttpFailure): void {
    this.drain(reason, cause)
  }

  junk(reason: string): void {
    this.tell((to) => to.junk(reason))
  }

  over(exchange: HttpExchange, outcome: Outcome): void {
    this.chainOf(exchange.request).delete(exchange)
    // What waits when all is closed must not leave.
    if (!this.closed && exchange.request === undefined && isReady(exchange.outgoing.message)) this.requests.release()
    if (!this.closed && outcome !== "dropped") this.settle(exchange, outcome)
    // What was answered is over before its answer is told: the end comes after that.
    if (this.ending !== undefined && !(outcome === "done" && exchange.id !== undefined)) this.closeIfIdle(this.ending)
  }

  private settle({ isHandshake, outgoing }: HttpExchange, outcome: Exclude<Outcome, "dropped">): void {
    if (outcome === "done") {
      if (isReady(outgoing.message) && this.legacy === undefined) this.listener.begin()
      return
    }
    if (isHandshake && this.legacy === undefined && HttpLegacy.mayBe(outcome)) return this.fallBack(outgoing, outcome)
    this.fail(outgoing, isHandshake, outcome)
  }

  private fail(outgoing: Outgoing, isHandshake: boolean, outcome: HttpFailure.HttpFailure): void {
    if (outcome.delivery === "NotSent") outgoing.handedOver = false
    const failure = HttpFailure.toTransportFailure(outcome, this.link.server, isHandshake)
    try {
      outgoing.failed(failure)
    } catch (defect) {
      this.report(defect)
    }
    if (!failure.fatal) return
    if (failure.drains === true) this.drain(failure.reason, failure.cause)
    else this.close(failure.reason, failure.cause)
  }

  /** Nothing new is sent; the end is told when the last that is under way has its answer. */
  private drain(reason: string, cause: unknown): void {
    if (this.closed || this.ending !== undefined) return
    const ending = { reason, cause }
    this.ending = ending
    this.tell((to) => to.draining?.(reason, cause))
    this.closeIfIdle(ending)
  }

  private closeIfIdle({ cause, reason }: { readonly reason: string; readonly cause: unknown }): void {
    if (this.exchanges.every(({ first }) => first === undefined)) this.close(reason, cause)
  }

  /** Tells the end, once, and then nothing more. */
  close(reason: string, cause: unknown): void {
    if (this.closed) return
    this.closed = true
    // What is aborted leaves the chain.
    for (const chain of this.exchanges) {
      for (let next = chain.first; next !== undefined; next = chain.first) next.abort()
    }
    this.legacy?.abort()
    this.tell((to) => to.closed(reason, cause))
    this.receiver = undefined
  }

  private send(outgoing: Outgoing): void {
    if (this.receiver === undefined) return
    const { message } = outgoing
    const cancelled = cancelledBy(message)
    if (cancelled !== undefined)
      this.chainOf(cancelled)
        .find(({ request }) => request === cancelled)
        ?.abort()
    if (this.ending === undefined) this.post(outgoing)
  }

  private chainOf(id: RequestId | undefined): Chain<HttpExchange> {
    // There are as many as the mask has places.
    return this.exchanges[typeof id === "number" ? id & (chains - 1) : 0] as Chain<HttpExchange>
  }

  private post(outgoing: Outgoing): void {
    const lane = isRequest(outgoing.message) ? this.requests : this.control
    if (lane === this.control && lane.waits >= maxWaiting) {
      const { shown } = this.link.address
      return this.fail(outgoing, false, HttpFailure.notSent(`${maxWaiting} messages wait for ${shown} to accept them`))
    }
    // What is asked next travels on another socket, and must not come before it: some servers have their tools only then.
    if (lane === this.control && isReady(outgoing.message)) this.requests.hold()
    const exchange = new HttpExchange(this, lane, outgoing, this.legacy?.endpoint)
    this.chainOf(exchange.request).add(exchange)
    exchange.start()
  }

  /** The server may be an old one, whose stream of events says where it takes messages. If not, the refusal stands. */
  private fallBack(handshake: Outgoing, refusal: HttpFailure.HttpFailure): void {
    this.legacy = new HttpLegacy(this, {
      opened: () => this.post(handshake),
      missing: (failure) => this.fail(handshake, true, failure ?? refusal),
      ended: (failure) => this.close(failure.reason, failure.cause)
    })
    this.legacy.start()
  }

  // A receiver that throws is a defect of ours, and must not disturb what concerns others.
  private tell(what: (receiver: Receiver) => void): void {
    try {
      if (this.receiver !== undefined) what(this.receiver)
    } catch (defect) {
      this.report(defect)
    }
  }
}

/** Tells the server that the session is over. It may refuse (405). */
const endSession = (link: HttpLink, settings: Settings): Effect.Effect<void> => {
  if (link.headers.sessionId === undefined) return Effect.void
  const asked = Effect.async<void, HttpFailure.HttpFailure>((resume) => {
    const call = new HttpCall(
      link,
      new HttpLane(1),
      { method: "DELETE", purpose: "end", total: Infinity },
      {
        wanted: () => true,
        accept: () => {
          resume(Effect.void)
          return undefined
        },
        failed: (failure) => resume(failure.status === 405 ? Effect.void : Effect.fail(failure))
      }
    )
    call.start()
    return Effect.sync(() => call.abort())
  })
  // Interruptible, since a finalizer is not, and the clock could not end it.
  return Effect.interruptible(asked).pipe(
    Effect.timeoutFail({
      duration: settings.endSession,
      onTimeout: () => HttpFailure.tooSlow("no answer in time", "Unknown")
    }),
    Effect.catchAll(({ reason }) => Effect.logDebug(`The session at ${link.address.shown} was not ended: ${reason}`))
  )
}

/** Whether it says that the handshake is over. */
const isReady = (message: JSONRPCMessage): boolean => methodOf(message) === "notifications/initialized"

const methodOf = (message: JSONRPCMessage): string | undefined => ("method" in message ? message.method : undefined)

/** The request that this message cancels: its socket is of no more use, since a cancelled request is not answered. */
const cancelledBy = (message: JSONRPCMessage): RequestId | undefined => {
  if (!("method" in message) || message.method !== "notifications/cancelled") return undefined
  const id = message.params?.["requestId"]
  return typeof id === "string" || typeof id === "number" ? id : undefined
}
