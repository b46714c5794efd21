/**
 * Watches the connections of a server key: what they answer and how fast, what fails, which are open. Written by the
 * connections as it happens, read when somebody asks for a status. A watch lives as long as the pool knows its key; one
 * of a shared key, as long as the pool.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as CallSpan from "./CallSpan.js"
import * as ErrorType from "./ErrorType.js"
import { Latencies } from "./internal/Latencies.js"
import type { McpConnection } from "./McpConnection.js"
import { malformedCode, type McpConnectError, type RequestError } from "./McpError.js"
import type { PendingRequest, RequestObserver } from "./PendingRequest.js"
import type { ServerKey } from "./ServerKey.js"
import type { ServerMetrics } from "./ServerMetrics.js"
import type { Server } from "./Servers.js"
import type * as ServerStatus from "./ServerStatus.js"

/**
 * What a watch needs of whoever keeps it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Host {
  /** Milliseconds since 1970. */
  readonly wallMillis: () => number
  /** Nanoseconds that never go back. */
  readonly now: () => number
  /** Something has changed that a status shows. */
  readonly changed: (key: ServerKey) => void
  /** So many more connections of the key are open. */
  readonly opened: (key: ServerKey, more: 1 | -1) => void
}

/** One open connection. */
interface Open {
  readonly number: number
  readonly connection: McpConnection
  readonly openedAt: number
  readonly requests: Requests
}

type Mutable<A> = { -readonly [K in keyof A]: A[K] }

/**
 * @since 0.1.0
 * @category models
 */
export class Watch {
  private readonly open = new Set<Open>()
  private readonly calls: Mutable<ServerStatus.Calls> = { succeeded: 0, toolErrors: 0, failed: 0, cancelled: 0 }
  private readonly latencies = new Latencies()
  // Its message is made when somebody asks.
  private lastError: { readonly _tag: string; readonly error: Error; readonly at: number } | undefined
  private newest: Pick<ServerStatus.ServerStatus, "protocolVersion" | "serverInfo"> | undefined

  constructor(
    readonly key: ServerKey,
    private readonly host: Host
  ) {}

  /** What was seen last is of a server that was configured otherwise. */
  renew(): void {
    this.lastError = undefined
    this.newest = undefined
    this.changed()
  }

  /** Whether a connection is open. */
  get isUsed(): boolean {
    return this.open.size > 0
  }

  /**
   * Opens a connection that is watched from its first request on until its scope closes: in a span of its own, its
   * failure noted, its life measured.
   */
  connect<R>(
    server: Server,
    metrics: ServerMetrics,
    number: number,
    open: (observer: RequestObserver) => Effect.Effect<McpConnection, McpConnectError, R>
  ): Effect.Effect<McpConnection, McpConnectError, R | Scope.Scope> {
    return Effect.suspend(() => {
      const requests = new Requests(this.host, this, metrics)
      return CallSpan.connect(server, number, open(requests)).pipe(
        Effect.tapErrorCause((cause) => Effect.sync(() => this.connectFailed(cause))),
        // What is noted is taken back when the scope closes, whatever happens in between.
        Effect.tap((connection) => Effect.uninterruptible(this.opened(number, connection, requests, metrics)))
      )
    })
  }

  private connectFailed(cause: Cause.Cause<McpConnectError>): void {
    if (!Cause.isInterruptedOnly(cause)) this.failed("", cause)
  }

  /** What no request tells has failed. */
  failed(what: string, cause: Cause.Cause<unknown>): void {
    const failure = Cause.squash(cause)
    const said = failure instanceof Error ? failure : new Error(String(failure))
    this.note(ErrorType.tagOf(failure), what === "" ? said : new Error(`${what}: ${said.message}`))
  }

  private opened(
    number: number,
    connection: McpConnection,
    requests: Requests,
    metrics: ServerMetrics
  ): Effect.Effect<void, never, Scope.Scope> {
    return Effect.suspend(() => {
      const { clean, protocolVersion, serverInfo } = connection
      const startedAt = this.host.now()
      const open: Open = { number, connection, openedAt: this.host.wallMillis(), requests }
      this.open.add(open)
      this.host.opened(this.key, 1)
      this.newest = {
        protocolVersion,
        serverInfo: { name: clean(serverInfo.name), version: clean(serverInfo.version) }
      }
      // Once its scope has begun to close, it is not there any more: this is then told of our own doing.
      connection.onClosed((reason) => {
        if (!this.leave(open)) return
        this.note("ConnectionLost", new Error(`Connection ${number} ended by itself: ${reason}`))
      })
      return Effect.addFinalizer(() =>
        Effect.sync(() => {
          const error = connection.isOpen() ? undefined : "ConnectionLost"
          metrics.session(protocolVersion, error, (this.host.now() - startedAt) / 1e9)
          if (this.leave(open)) this.changed()
        })
      )
    })
  }

  /** Whether it was still there. */
  private leave(open: Open): boolean {
    if (!this.open.delete(open)) return false
    this.host.opened(this.key, -1)
    return true
  }

  /** Something that a status shows has changed. */
  changed(): void {
    this.host.changed(this.key)
  }

  /** A request on one of the connections has ended. `took` and `now` in nanoseconds. */
  ended(
    request: PendingRequest,
    error: RequestError | "cancelled" | undefined,
    type: string | undefined,
    took: number,
    now: number
  ): void {
    const { method, tool } = request
    if (tool !== undefined) this.count(type, error, took, now)
    if (error !== undefined && isServers(method, error)) this.note(error._tag, error)
  }

  private count(type: string | undefined, error: RequestError | "cancelled" | undefined, took: number, now: number) {
    if (error === undefined) this.calls[type === undefined ? "succeeded" : "toolErrors"]++
    else this.calls[error === "cancelled" ? "cancelled" : "failed"]++
    if (wasAwaited(error)) this.latencies.record(took, now)
  }

  private note(_tag: string, error: Error): void {
    this.lastError = { _tag, error, at: this.host.wallMillis() }
    this.changed()
  }

  /** What a status shows. */
  get seen(): ServerStatus.Seen {
    const { calls, lastError, newest } = this
    return {
      connections: [...this.open].map((open) => ({
        number: open.number,
        openedAt: open.openedAt,
        pending: open.connection.pending(),
        pid: open.connection.pid,
        protocolVersion: open.connection.protocolVersion,
        unanswered: open.requests.unanswered
      })),
      lastError:
        lastError === undefined
          ? undefined
          : { _tag: lastError._tag, message: lastError.error.message, at: lastError.at },
      protocolVersion: newest?.protocolVersion,
      serverInfo: newest?.serverInfo,
      calls: { ...calls },
      latency: this.latency
    }
  }

  private get latency(): ServerStatus.Latency | undefined {
    const now = this.host.now()
    const at = (share: number) => this.latencies.percentile(share, now) ?? 0
    const count = this.latencies.count(now)
    return count === 0 ? undefined : { count, p50Ms: at(0.5), p90Ms: at(0.9), p99Ms: at(0.99) }
  }
}

/** Hears of the requests of one connection. */
class Requests implements RequestObserver {
  /** One was not answered in time, and none has been answered since. */
  unanswered = false
  /** Between the origins of the session's time and the watch's. */
  private offset: number | undefined

  constructor(
    private readonly host: Host,
    private readonly watch: Watch,
    private readonly metrics: ServerMetrics
  ) {}

  ended(request: PendingRequest, error: RequestError | "cancelled" | undefined, result: unknown, now: number): void {
    this.offset ??= this.host.now() - now
    const took = now - request.startedAt
    const type = typeOf(request.method, error, result)
    const { method, prompt, tool } = request
    this.metrics.operation(method, tool, tool === undefined ? prompt : undefined, type, took / 1e9)
    this.watch.ended(request, error, type, took, now + this.offset)
    const unanswered = isUnanswered(error, this.unanswered)
    if (unanswered === this.unanswered) return
    this.unanswered = unanswered
    this.watch.changed()
  }
}

/** Whether a connection is one that does not answer, after this. What is not MCP is no answer. */
const isUnanswered = (error: RequestError | "cancelled" | undefined, before: boolean): boolean => {
  if (error === undefined) return false
  if (error === "cancelled") return before
  if (error._tag === "UrlElicitationRequired") return false
  if (error._tag === "ProtocolError") return before && error.code === malformedCode
  return before || error._tag === "CallTimeout"
}

const typeOf = (method: string, error: RequestError | "cancelled" | undefined, result: unknown): string | undefined => {
  if (error === undefined) return ErrorType.ofResult(method, result)
  return error === "cancelled" ? ErrorType.cancelled : ErrorType.ofFailure(error)
}

/** Whether the server had its time: what was cut short by others says nothing of how fast it is. */
const wasAwaited = (error: RequestError | "cancelled" | undefined): boolean =>
  error === undefined || (error !== "cancelled" && awaited.has(error._tag))

const awaited: ReadonlySet<RequestError["_tag"]> = new Set(["CallTimeout", "ProtocolError", "UrlElicitationRequired"])

/** Whether an error says something of the server. A ping that is refused is answered. */
const isServers = (method: string, error: RequestError | "cancelled"): error is RequestError => {
  if (error === "cancelled") return false
  if (error._tag === "ProtocolError") return method !== "ping"
  return error._tag === "CallTimeout" || error._tag === "ConnectionLost"
}
