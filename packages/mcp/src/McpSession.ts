/**
 * A connection of one's own, for a server whose calls build on one another. It belongs to a scope: closing it gives the
 * connection back, or closes it. Nobody else uses the connection meanwhile; when it is lost, so is what the server knew,
 * and every later call fails with `SessionLost` instead of going to another.
 *
 * @since 0.1.0
 */
import { Lease, type Pool, type PoolError } from "@mooring/pool"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { Affinities } from "./internal/Affinities.js"
import { closedReason } from "./internal/ClosedReason.js"
import type * as CallPath from "./CallPath.js"
import type { McpConnection } from "./McpConnection.js"
import {
  type HandlersRefused,
  type McpConnectError,
  type RequestError,
  SessionLost,
  type UnsupportedCapability
} from "./McpError.js"
import type { Handlers } from "./McpHandlers.js"
import type { OwnNotices } from "./OwnNotices.js"
import type { ServerChange } from "./Registry.js"
import type * as ResourceUpdate from "./ResourceUpdate.js"
import * as ServerCalls from "./ServerCalls.js"
import { type Affinity, type ServerKey, withAffinity } from "./ServerKey.js"
import * as ServerInfo from "./ServerInfo.js"
import type * as ServerLog from "./ServerLog.js"
import type { Server } from "./Servers.js"

/**
 * What can be said of one session.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * Comes back to the connection that the last session of the same affinity had, as long as that lives: it has a
   * connection of its own, apart from those of all other calls, that is kept until it ends, idles longer than the
   * server's `idleTimeToLive`, or has to make room under `maxTotal`. When it is gone, that is told once with
   * `SessionLost`: by a call of the session that had it, or else by opening the next; the one after that begins anew.
   * Any text that is not empty. Default: none, any free connection.
   */
  readonly affinity?: Affinity | undefined
  /**
   * Closes the connection when the scope closes, instead of giving it back. Default false, since connecting is what a
   * pool saves. Say true where what the session leaves behind at the server (a page, a login, a working folder) must not
   * meet whoever borrows the connection next. An affinity that is closed so may begin anew at once.
   */
  readonly close?: boolean | undefined
  /**
   * Answers what the server asks as long as the session lasts, before the application's handlers do; those are back when
   * it has ended; closing the scope waits for what they are at. The server must have been told that it may ask (`mayAsk`),
   * else opening fails with `HandlersRefused`; so it does on a connection on which somebody waits for what a task wants
   * before it has a result. Over stdio, what a server asks for a call of somebody else that was given up,
   * and that it is still at, cannot be told apart from what it asks for the session; over HTTP it can. Default: none.
   */
  readonly handlers?: Handlers | undefined
}

/**
 * The methods of the client on one connection. What was certainly not sent is sent again on this connection while it is
 * open, what may have run is run again on it with permission, and a tool's `reconcile` asks on it. No call ever goes to
 * another connection: when it is gone, a call that may have run fails with `OutcomeUnknown`, and any other with
 * `SessionLost`. So does every call after the scope has closed.
 *
 * @since 0.1.0
 * @category models
 */
export interface McpSession extends ServerCalls.ServerCalls<SessionLost> {
  readonly server: string
  /** What the server said of itself in the handshake of this connection. */
  readonly info: ServerInfo.ServerInfo
  /** Whether an earlier session of the same affinity had this connection, so that its state is there. */
  readonly resumed: boolean
  /**
   * The updates of a resource, as `McpClient` has them, on the session's own connection. Fails with `SessionLost` when
   * that is gone, or the session's scope closes.
   */
  readonly resourceUpdates: (
    uri: string
  ) => Stream.Stream<ResourceUpdate.ResourceUpdate, RequestError | UnsupportedCapability | SessionLost>
  /**
   * What the server logs over MCP on this connection. A slow reader loses the oldest. Fails with `UnsupportedCapability`
   * where the server does not offer `logging`, and with `SessionLost` as `resourceUpdates` does.
   */
  readonly logs: Stream.Stream<ServerLog.ServerLog, RequestError | UnsupportedCapability | SessionLost>
  /**
   * The least severe messages that the server is to send on this connection, as long as the session has it. Nobody else
   * changes it meanwhile; afterwards it is again what the readers of `McpClient.logs` ask for.
   */
  readonly setLevel: (level: ServerLog.Level) => Effect.Effect<void, RequestError | UnsupportedCapability | SessionLost>
}

/**
 * Opens the sessions of one client.
 *
 * @since 0.1.0
 * @category models
 */
export interface Sessions {
  readonly open: (
    server: Server,
    key: ServerKey,
    options?: Options
  ) => Effect.Effect<McpSession, McpConnectError | PoolError.PoolError | SessionLost | HandlersRefused, Scope.Scope>
  /** A server has changed: nobody comes back to affinities of one that has gone. */
  readonly changed: (change: ServerChange) => void
}

/**
 * Sessions on the connections of a pool. `noticesOf` is what the server of one tells by itself, `pathOver` makes the path of the calls of one.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  pool: Pool.Pool<ServerKey, McpConnection, McpConnectError>,
  noticesOf: (connection: McpConnection) => OwnNotices,
  pathOver: (source: CallPath.Source<SessionLost>) => CallPath.CallPath<SessionLost>
): Sessions => {
  const affinities = new Affinities()

  const open = (server: Server, key: ServerKey, options: Options) =>
    Effect.gen(function* () {
      const lease = yield* pool.exclusive(key)
      // Whoever is refused may try otherwise, in the same scope.
      if (options.handlers !== undefined) {
        yield* Effect.tapError(lease.item.handle(options.handlers), () => lease.release)
      }
      const held = new Held(key, lease.item)
      yield* Effect.addFinalizer(() => held.end(lease, options.close === true))
      const path = pathOver(held)
      const notices = noticesOf(lease.item)
      yield* Effect.addFinalizer(() => Effect.sync(() => notices.end(scopeClosed)))
      const onPath: CallPath.Run<SessionLost> = (call) => path.run(server, key, call)
      // A call that has no connection any more takes no turn of the rate, nor waits for one.
      const run: CallPath.Run<SessionLost> =
        server.settings.rateLimit === undefined ? onPath : (call) => Effect.suspend(() => held.gone ?? onPath(call))
      const { logs, resourceUpdates, setLevel } = notices
      const about = { server: server.name, info: ServerInfo.of(lease.item), logs, resourceUpdates, setLevel }
      return { lease, held, run, about }
    })

  const openAffine = (server: Server, key: ServerKey, options: Options) =>
    Effect.gen(function* () {
      const before = affinities.get(key)
      if (before !== undefined && before.connection === undefined) {
        affinities.forget(before)
        return yield* new SessionLost({ server: key.toString(), reason: before.reason })
      }
      const { about, held, lease, run } = yield* open(server, key, options)
      const now = affinities.get(key)
      const resumed = now !== undefined && now.connection === lease.item
      // Who was waiting when the connection was lost waited for that one, even if somebody else has begun anew.
      if (before === undefined ? now !== undefined && !resumed : before.connection !== lease.item) {
        yield* lease.release
        if (now !== undefined && now.connection === undefined) affinities.forget(now)
        return yield* new SessionLost({ server: key.toString(), reason: "its connection was replaced" })
      }
      const life = resumed ? now : affinities.begin(key, lease.item)
      // What is closed on purpose is not missed.
      if (options.close === true) yield* Effect.addFinalizer(() => Effect.sync(() => affinities.forget(life)))
      // Who was told of the loss by a call need not be told again.
      const told = (error: { readonly _tag: string }) =>
        Effect.sync(() => {
          if (error._tag === "SessionLost" && !held.over) affinities.forget(life)
        })
      const calls = ServerCalls.make<SessionLost>(server, (call) => Effect.tapError(run(call), told))
      return { ...calls, ...about, resumed }
    })

  return {
    changed: ({ name, rekeyed }) => {
      if (rekeyed) affinities.forgetServer(name)
    },
    open: (server, key, options = {}) => {
      const { affinity } = options
      if (affinity === "") return Effect.dieMessage("the affinity of a session must not be empty")
      return affinity === undefined
        ? Effect.map(open(server, key, options), ({ about, run }) => ({
            ...ServerCalls.make<SessionLost>(server, run),
            ...about,
            resumed: false
          }))
        : openAffine(server, withAffinity(key, affinity), options)
    }
  }
}

/** The connection of a session, as long as that lasts. */
class Held implements CallPath.Source<SessionLost> {
  private inFlight = 0
  /** Its scope was closed. */
  over = false

  constructor(
    private readonly key: ServerKey,
    private readonly connection: McpConnection
  ) {}

  useMasked<A, E>(
    _restore: Pool.Restore,
    _key: ServerKey,
    f: (connection: McpConnection) => Effect.Effect<A, E>
  ): Effect.Effect<A, E | SessionLost> {
    return Effect.suspend((): Effect.Effect<A, E | SessionLost> => {
      const { gone } = this
      if (gone !== undefined) return gone
      this.inFlight++
      return Effect.onExit(f(this.connection), () => Effect.sync(() => this.inFlight--))
    })
  }

  /** The failure of whoever wants to call, when that is not possible any more. */
  get gone(): Effect.Effect<never, SessionLost> | undefined {
    if (this.over) return this.lost(scopeClosed)
    return this.connection.isOpen() ? undefined : this.lost(closedReason(this.connection))
  }

  /** A connection on which calls go on must not be anybody else's. */
  end(lease: Lease.Lease<McpConnection>, close: boolean): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.over = true
      if (close) return lease.decide(Lease.Discard("its session was closed"))
      return this.inFlight > 0 ? lease.decide(Lease.Discard("calls of its session were still under way")) : Effect.void
    })
  }

  private lost(reason: string): Effect.Effect<never, SessionLost> {
    return Effect.fail(new SessionLost({ server: this.key.toString(), reason }))
  }
}

const scopeClosed = "its scope was closed"
