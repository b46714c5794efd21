/**
 * How a server is doing, as its client sees it: whether it can be called, by which connections, how fast it answers and
 * what went wrong last. A snapshot of one server key, taken at one instant; nothing of another partition is in it.
 *
 * @since 0.1.0
 */
import type { PoolStats } from "@mooring/pool"
import * as Data from "effect/Data"
import type { ServerKey } from "./ServerKey.js"

/**
 * Whether a server can be called.
 *
 * - `Idle`: no connection is open and none is needed; nothing is known to be wrong
 * - `Connecting`: none is open yet, the first is opening
 * - `Ready`: at least one is open, and nothing is wrong
 * - `Degraded`: at least one is open, but connecting failed since (`connectFailures` in a row), or some have not
 *   answered in time since they last answered (`unanswered` connections)
 * - `Failing`: none is open, and connecting failed `connectFailures` times in a row; the next attempt may begin in
 *   `retryAfterMs`. Once the breaker has opened, calls fail at once until then
 * - `Suspended`: nothing is lent until `resume`; what is lent goes on
 *
 * @since 0.1.0
 * @category models
 */
export type State = Data.TaggedEnum<{
  Idle: {}
  Connecting: {}
  Ready: {}
  Degraded: { readonly connectFailures: number; readonly unanswered: number }
  Failing: { readonly connectFailures: number; readonly retryAfterMs: number }
  Suspended: {}
}>

/**
 * Constructors and matchers.
 *
 * @since 0.1.0
 * @category constructors
 */
export const State = Data.taggedEnum<State>()

/**
 * One open connection.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConnectionStatus {
  /** Its number in the pool, as in events, and in log lines as `mcp.connection`. */
  readonly number: number
  /** When it was ready. Milliseconds since 1970. */
  readonly openedAt: number
  /** Requests without an answer yet, pings included. */
  readonly pending: number
  /** The process ID of a server that is a child process. */
  readonly pid: number | undefined
  readonly protocolVersion: string
  /** A request was not answered in time, and nothing has been answered since. */
  readonly unanswered: boolean
}

/**
 * What went wrong last, with the tag and the message of its error: a connect that failed, a connection that ended by
 * itself, a request that failed on one, or a list of tools that could not be loaded again.
 *
 * @since 0.1.0
 * @category models
 */
export interface LastError {
  readonly _tag: string
  readonly message: string
  /** Milliseconds since 1970. */
  readonly at: number
}

/**
 * How calls of tools ended, since the key was first used: each try of a call that reached a connection counts. After
 * the pool has forgotten a partition, it begins anew.
 *
 * @since 0.1.0
 * @category models
 */
export interface Calls {
  /** Answered with a result that is no error. */
  readonly succeeded: number
  /** Answered with `isError`. */
  readonly toolErrors: number
  /** Refused, lost, not answered in time, or never sent. */
  readonly failed: number
  /** The caller was interrupted. */
  readonly cancelled: number
}

/**
 * How long calls of tools took that were answered, or not in time, in the last five to ten minutes; waiting for a
 * connection not included. Milliseconds, off by 1/16 (6.25 %) or 1 µs at most.
 *
 * @since 0.1.0
 * @category models
 */
export interface Latency {
  readonly count: number
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
}

/**
 * @since 0.1.0
 * @category models
 */
export interface ServerStatus {
  readonly server: string
  /** Whose connections these are; absent where they are shared. */
  readonly partition: string | undefined
  /** Of which affinity's own connection this is the status; absent for the connections of all other calls. */
  readonly affinity: string | undefined
  readonly state: State
  /** How many affinities have an open connection to themselves, beside those here. Each has a status of its own. */
  readonly affinities: number
  /** Those that are open, the oldest first. */
  readonly connections: ReadonlyArray<ConnectionStatus>
  /** Connections that are opening. */
  readonly connecting: number
  /** Calls that hold a connection now. */
  readonly inFlight: number
  /** Calls that wait for a connection now. */
  readonly waiting: number
  /** Whether connecting is tried at all: `open` fails calls at once, `halfOpen` has one attempt on trial. */
  readonly breaker: "closed" | "open" | "halfOpen"
  readonly lastError: LastError | undefined
  /** What the newest connection has settled; kept when it has ended. */
  readonly protocolVersion: string | undefined
  /** What the server called itself when it was last connected. */
  readonly serverInfo: { readonly name: string; readonly version: string } | undefined
  readonly calls: Calls
  /** Absent when nothing was called lately. */
  readonly latency: Latency | undefined
}

/**
 * What was seen of a key, beside what its pool says.
 *
 * @since 0.1.0
 * @category models
 */
export type Seen = Pick<
  ServerStatus,
  "connections" | "lastError" | "protocolVersion" | "serverInfo" | "calls" | "latency"
>

/**
 * Before anything was seen.
 *
 * @since 0.1.0
 * @category constants
 */
export const nothing: Seen = {
  connections: [],
  lastError: undefined,
  protocolVersion: undefined,
  serverInfo: undefined,
  calls: { succeeded: 0, toolErrors: 0, failed: 0, cancelled: 0 },
  latency: undefined
}

/**
 * The status of a key. `stats` is what the pool says of it: nothing, once it has forgotten the key.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  key: ServerKey,
  isShared: boolean,
  seen: Seen,
  affinities: number,
  stats: PoolStats.KeyStats | undefined
): ServerStatus => ({
  server: key.server,
  partition: isShared ? undefined : key.partition,
  affinity: key.affinity,
  state: stateOf(seen.connections, stats),
  affinities,
  ...seen,
  connecting: stats?.connecting ?? 0,
  inFlight: stats?.leases ?? 0,
  waiting: stats?.waiting ?? 0,
  breaker: stats?.circuit ?? "closed"
})

const stateOf = (connections: ReadonlyArray<ConnectionStatus>, stats: PoolStats.KeyStats | undefined): State => {
  const connectFailures = stats?.failures ?? 0
  const unanswered = connections.filter((connection) => connection.unanswered).length
  if (stats?.suspended === true) return State.Suspended()
  if (connections.length > 0) {
    return connectFailures > 0 || unanswered > 0 ? State.Degraded({ connectFailures, unanswered }) : State.Ready()
  }
  if (stats !== undefined && connectFailures > 0) {
    return State.Failing({ connectFailures, retryAfterMs: stats.retryAfterMs })
  }
  return stats !== undefined && stats.connecting > 0 ? State.Connecting() : State.Idle()
}

/**
 * Whether the same can be said of both, numbers that change with every call (in flight, waiting, calls, latency), and
 * with time alone (`retryAfterMs`), aside.
 *
 * @since 0.1.0
 * @category combinators
 */
export const isSame = (one: ServerStatus, other: ServerStatus): boolean =>
  one.state._tag === other.state._tag &&
  failuresOf(one.state) === failuresOf(other.state) &&
  one.breaker === other.breaker &&
  one.connecting === other.connecting &&
  one.affinities === other.affinities &&
  one.lastError?.at === other.lastError?.at &&
  one.lastError?.message === other.lastError?.message &&
  one.protocolVersion === other.protocolVersion &&
  one.serverInfo?.name === other.serverInfo?.name &&
  one.serverInfo?.version === other.serverInfo?.version &&
  one.connections.length === other.connections.length &&
  one.connections.every((connection, index) => {
    const that = other.connections[index]
    return connection.number === that?.number && connection.unanswered === that.unanswered
  })

const failuresOf = (state: State): number => ("connectFailures" in state ? state.connectFailures : 0)
