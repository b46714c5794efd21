/**
 * What one server sends without being asked, held to `Limits`: how often its notifications may come, how many of its
 * requests may be open, and when it is enough. It belongs to a session, which acts on what it says; it has no timer.
 *
 * @since 0.1.0
 */
import {
  ErrorCode,
  type JSONRPCErrorResponse,
  type JSONRPCRequest,
  type RequestId
} from "@modelcontextprotocol/sdk/types.js"
import type { Values } from "./Limits.js"
import { RateLimit } from "./RateLimit.js"
import * as SessionEvent from "./SessionEvent.js"

/**
 * What it needs of its session.
 *
 * @since 0.1.0
 * @category models
 */
export interface Host {
  readonly limits: Values
  readonly counters: { flooded: number; refused: number }
  readonly now: () => number
  readonly tell: (event: SessionEvent.SessionEvent) => void
  /** Makes text of the server's fit to be shown. */
  readonly clean: (text: string) => string
  /** The server keeps sending more than this, each second. */
  readonly flooding: (perSecond: number) => void
}

/**
 * A server that sends this many times the allowed rate is ended: what merely talks too much loses words, not calls.
 *
 * @since 0.1.0
 * @category constants
 */
export const floodFactor = 100

/**
 * @since 0.1.0
 * @category models
 */
export class ServerTraffic {
  private readonly rates: Readonly<Record<"progress" | "notifications", RateLimit>>
  private readonly everything: RateLimit
  private readonly requests = new Set<RequestId>()

  constructor(private readonly host: Host) {
    const { notificationsPerSecond: perSecond } = host.limits
    this.rates = { progress: new RateLimit(perSecond, burst), notifications: new RateLimit(perSecond, burst) }
    this.everything = new RateLimit(floodFactor * perSecond, burst)
  }

  /** Whether a notification may pass. */
  admits(what: "progress" | "notifications"): boolean {
    const now = this.host.now()
    if (!this.counts(now)) return false
    const rate = this.rates[what]
    if (rate.take(now)) return true
    this.host.counters.flooded++
    if (rate.refused === 1) this.host.tell(SessionEvent.Flooded({ what }))
    return false
  }

  /** Something came that is of no use to anybody. */
  stray(): void {
    this.counts(this.host.now())
  }

  /** Opens a request of the server's, or gives the answer that refuses it. */
  open({ id, method }: JSONRPCRequest): "opened" | JSONRPCErrorResponse {
    const { serverRequests } = this.host.limits
    const sameId = this.requests.has(id)
    // Each counts, those that are answered at once as well: to answer them is work, too.
    if (this.counts(this.host.now()) && !sameId && this.requests.size < serverRequests) {
      this.requests.add(id)
      return "opened"
    }
    this.host.counters.refused++
    this.host.tell(
      SessionEvent.RequestRefused({ method: this.host.clean(method), reason: sameId ? "sameId" : "tooMany" })
    )
    const error = sameId
      ? { code: ErrorCode.InvalidRequest, message: "a request with this id is open" }
      : { code: ErrorCode.InternalError, message: `${serverRequests} requests are open, and no more are taken` }
    return { jsonrpc: "2.0", id, error }
  }

  /** A request of the server's was answered or cancelled. */
  settle(id: RequestId): void {
    this.requests.delete(id)
  }

  private counts(now: number): boolean {
    if (this.everything.take(now)) return true
    this.host.flooding(floodFactor * this.host.limits.notificationsPerSecond)
    return false
  }
}

/** How many seconds' worth may come at once. */
const burst = 10
