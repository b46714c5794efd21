/**
 * The path of every call: takes a connection, sends the request on it, and decides what becomes of the call when the
 * connection is lost. One for all clients of a pool, and one for each session, which differ only in where the connection
 * comes from. It holds nothing between calls.
 *
 * @since 0.1.0
 */
import type { Pool, PoolError } from "@mooring/pool"
import type { CallToolResult, Tool } from "@modelcontextprotocol/sdk/types.js"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { CallOptions } from "./CallOptions.js"
import { givenUp, remembering, unknownOf } from "./CallOutcome.js"
import * as CallSpan from "./CallSpan.js"
import type { CallLimits, CallToolError, McpConnection } from "./McpConnection.js"
import {
  CallTimeout,
  type ConnectionLost,
  type HandlersRefused,
  type InvalidResult,
  type OutcomeUnknown,
  type OutputSchemaRefused,
  type RateLimited,
  type RequestError,
  type SessionLost,
  type ToolDenied,
  type UnsupportedCapability
} from "./McpError.js"
import type { Lookup } from "./Lookup.js"
import type * as McpPool from "./McpPool.js"
import type { Reconciled } from "./Reconciled.js"
import * as Reconciliation from "./Reconciliation.js"
import * as Retry from "./Retry.js"
import * as RetryPolicy from "./RetryPolicy.js"
import type { ServerKey } from "./ServerKey.js"
import type { Server } from "./Servers.js"
import type { TaskMismatch } from "./TaskError.js"
import * as ToolHints from "./ToolHints.js"
import { unchecked } from "./internal/Unchecked.js"

/**
 * How a connection can be missing: borrowing one failed, or that of a session is gone.
 *
 * @since 0.1.0
 * @category errors
 */
export type SourceError = McpPool.BorrowError | SessionLost

/**
 * How a call can fail.
 *
 * @since 0.1.0
 * @category errors
 */
export type CallError<E = McpPool.BorrowError> =
  | E
  | RequestError
  | OutcomeUnknown
  | UnsupportedCapability
  | HandlersRefused
  | ToolDenied
  | RateLimited
  | OutputSchemaRefused
  | InvalidResult
  | TaskMismatch

export type {
  /**
   * What can be said of one call.
   *
   * @since 0.1.0
   * @category models
   */
  CallOptions
} from "./CallOptions.js"

/** How a request on a connection can fail. */
type UseError = CallToolError | InvalidResult

/**
 * Runs calls on one server, for one partition or in one session.
 *
 * @since 0.1.0
 * @category models
 */
export type Run<E> = <A>(call: Call<A>) => Effect.Effect<A, CallError<E>>

/**
 * One call: what it does on a connection, within `limits`, and what may be done when the connection is lost.
 *
 * @since 0.1.0
 * @category models
 */
export interface Call<A> extends CallSpan.Called {
  readonly limits: CallOptions | undefined
  /** `undefined`: as the server's hints have it, where they are trusted. */
  readonly mayRunTwice: boolean | undefined
  /** Where its tool runs as a task: whether this begins it, or collects its result. */
  readonly task?: "begins" | "collects" | undefined
  /** What it gives, as the result of a tool; absent where it is none. */
  readonly toolResult?: ((given: A) => CallToolResult | undefined) | undefined
  /** Run uninterruptibly, with what restores interruption. */
  readonly perform: (
    restore: Pool.Restore,
    connection: McpConnection,
    limits: CallLimits | undefined
  ) => Effect.Effect<A, UseError>
  /** The error of a call that may have run. Absent where it does not matter whether it has: a list, a ping. */
  readonly unknown?: ((key: ServerKey, failure: ConnectionLost | CallTimeout) => OutcomeUnknown | undefined) | undefined
  /** Finds out what became of a call whose outcome is unknown; `run` makes calls to the same server. */
  readonly reconcile?:
    | ((failure: OutcomeUnknown, run: Run<SourceError>) => Effect.Effect<Reconciled<A>, unknown>)
    | undefined
  /** The same with what the configuration of this server says of it; absent where that says nothing. */
  readonly at?: ((server: Server) => Call<A>) | undefined
}

/**
 * Where the connections of calls come from: the pool, or a session, which has one.
 *
 * @since 0.1.0
 * @category models
 */
export interface Source<out E> {
  /** See `Pool.useMasked`. */
  readonly useMasked: <A, E2>(
    restore: Pool.Restore,
    key: ServerKey,
    f: (connection: McpConnection) => Effect.Effect<A, E2>
  ) => Effect.Effect<A, E | E2>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface CallPath<in out E> {
  /**
   * Runs one call on a connection of `key`, which belongs to `server`. Without a `lookup`, what it was made with holds
   * whatever becomes of the server's configuration.
   */
  readonly run: <A>(server: Server, key: ServerKey, call: Call<A>, lookup?: Lookup<E>) => Effect.Effect<A, CallError<E>>
  /** As `run`, for a call that has begun: it goes on under the settings that it began with. */
  readonly proceed: CallPath<E>["run"]
}

/**
 * What every call path of a client has in common.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  readonly policy: RetryPolicy.Values
  readonly nowMs: () => number
}

/**
 * Reads the `RetryPolicy`, and takes the clock that the time of calls is counted by.
 *
 * @since 0.1.0
 * @category constructors
 */
export const settings: Effect.Effect<Settings> = Effect.zipWith(
  Effect.clock,
  RetryPolicy.RetryPolicy,
  (clock, policy) => ({ policy, nowMs: () => Number(clock.unsafeCurrentTimeNanos()) / 1e6 })
)

/**
 * What a server says of its tools.
 *
 * @since 0.1.0
 * @category models
 */
export type ToolsOf<E> = (server: Server, key: ServerKey) => Effect.Effect<ReadonlyArray<Tool>, CallError<E>>

/**
 * The call path over a source of connections. `toolsOf` is asked for the hints of a tool whose call was lost.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <E extends SourceError>(
  { nowMs, policy }: Settings,
  source: Source<E | PoolError.UnknownKey>,
  toolsOf: ToolsOf<E>
): CallPath<E> => {
  const totalMs = (server: Server, call: { readonly limits: CallLimits | undefined }): number =>
    Duration.toMillis(call.limits?.totalTimeout ?? server.settings.totalTimeout)

  /** Runs what counts against the time of the call, and is interrupted when that is over. */
  const within = <A, E2>(restore: Pool.Restore, tries: Retry.Tries, effect: Effect.Effect<A, E2>) =>
    Effect.suspend(() => {
      const startedAt = nowMs()
      // Disconnected: what does not let itself be interrupted must not hold up the call.
      const bounded = Effect.timeoutFail(Effect.disconnect(effect), {
        duration: tries.leftMs,
        onTimeout: () => new Reconciliation.OutOfTime()
      })
      return Effect.onExit(restore(bounded), () => Effect.sync(() => (tries.leftMs -= nowMs() - startedAt)))
    })

  /** Between two tries a call can be interrupted. */
  const after = <A, E2>(restore: Pool.Restore, pauseMs: number, effect: Effect.Effect<A, E2>) =>
    Effect.zipRight(restore(pauseMs > 0 ? Effect.sleep(pauseMs) : Effect.void), effect)

  /** `tries` is there from the second try on, and for a call that can be reconciled. */
  const attempt = <A>(
    restore: Pool.Restore,
    server: Server,
    key: ServerKey,
    call: Call<A>,
    trace: CallSpan.CallTrace | undefined,
    tries: Retry.Tries | undefined,
    lookup: Lookup<E> | undefined
  ): Effect.Effect<A, CallError<E>> =>
    server.isCurrent || lookup === undefined
      ? once(restore, server, key, call, trace, tries, lookup)
      : Effect.flatMap(restore(lookup.keyOf(server.name)), onceOn(restore, server, call, trace, tries, lookup))

  // Apart, since what a function captures costs whoever calls it.
  const onceOn =
    <A>(
      restore: Pool.Restore,
      server: Server,
      call: Call<A>,
      trace: CallSpan.CallTrace | undefined,
      tries: Retry.Tries | undefined,
      lookup: Lookup<E>
    ) =>
    (key: ServerKey) =>
      once(restore, server, key, call, trace, tries, lookup)

  const once = <A>(
    restore: Pool.Restore,
    server: Server,
    key: ServerKey,
    call: Call<A>,
    trace: CallSpan.CallTrace | undefined,
    tries: Retry.Tries | undefined,
    lookup: Lookup<E> | undefined
  ): Effect.Effect<A, CallError<E>> => {
    let startedAt = 0
    let leftMs: number | undefined
    const used = source.useMasked(restore, key, (connection) => {
      startedAt = nowMs()
      if (tries !== undefined) leftMs = tries.leftMs
      const limits = tries === undefined ? call.limits : tries.limit(call.limits)
      return call.perform(restore, trace === undefined ? connection : trace.on(connection), limits)
    })
    return Effect.catchAllCause(used, (cause): Effect.Effect<A, CallError<E>> => {
      const failure = Cause.failureOption(cause)
      const error = Option.getOrUndefined(failure)
      // It waited for a connection when the key went: it is looked up again, or the server has gone with it.
      if (error?._tag === "UnknownKey" && lookup !== undefined) {
        return attempt(restore, server, key, call, trace, tries, lookup)
      }
      // What is left is none of `UnknownKey`: only keys of a pool go, and whoever takes from one has a lookup.
      const failed = Effect.failCause(cause as Cause.Cause<CallError<E>>)
      if (error?._tag !== "ConnectionLost" && error?._tag !== "CallTimeout") return failed
      const counted = tries ?? new Retry.Tries(policy, totalMs(server, call))
      counted.leftMs -= nowMs() - startedAt
      if (error._tag === "ConnectionLost") return lost(restore, server, key, call, trace, counted, lookup, error)
      // What was left of the time was the limit of this try; that of the call is the time in all.
      return error.timeoutMs === leftMs
        ? Effect.fail(new CallTimeout({ ...error, timeoutMs: totalMs(server, call) }, unchecked))
        : failed
    })
  }

  const lost = <A>(
    restore: Pool.Restore,
    server: Server,
    key: ServerKey,
    call: Call<A>,
    trace: CallSpan.CallTrace | undefined,
    tries: Retry.Tries,
    lookup: Lookup<E> | undefined,
    error: ConnectionLost
  ): Effect.Effect<A, CallError<E>> =>
    Effect.flatMap(permission(restore, server, key, call, tries, error), (mayRunTwice) =>
      Effect.flatMap(tries.lost(error, mayRunTwice), (decision) => {
        if (decision._tag === "GiveUp") return Effect.fail(givenUp(call, key, error))
        const again = after(restore, decision.pauseMs, attempt(restore, server, key, call, trace, tries, lookup))
        return error.delivery === "NotSent" ? again : remembering(call, key, error, again)
      })
    )

  const permission = (
    restore: Pool.Restore,
    server: Server,
    key: ServerKey,
    { mayRunTwice, tool }: Pick<Call<never>, "mayRunTwice" | "tool">,
    tries: Retry.Tries,
    error: ConnectionLost
  ): Effect.Effect<boolean> => {
    if (mayRunTwice !== undefined || tool === undefined || error.delivery === "NotSent") {
      return Effect.succeed(mayRunTwice === true)
    }
    if (!server.settings.trustHints || tries.leftMs <= 0) return Effect.succeed(false)
    const harmless = Effect.map(toolsOf(server, key), (tools) => ToolHints.isHarmless(tools, tool))
    return Effect.catchAllCause(within(restore, tries, harmless), (cause) => {
      const log = Effect.logDebug(`MCP server "${server.name}": the hints of tool "${tool}" could not be read`, cause)
      // Interrupted before it, if it was the caller that was interrupted.
      return restore(Effect.as(log, false))
    })
  }

  const reconciled = <A>(
    restore: Pool.Restore,
    server: Server,
    key: ServerKey,
    call: Call<A>,
    reconcile: NonNullable<Call<A>["reconcile"]>,
    trace: CallSpan.CallTrace | undefined,
    tries: Retry.Tries,
    lookup: Lookup<E> | undefined
  ): Effect.Effect<A, CallError<E>> =>
    Effect.catchAll(attempt(restore, server, key, call, trace, tries, lookup), (error) => {
      const unknown = unknownOf(call, key, error)
      if (unknown === undefined) return Effect.fail(error)
      const asked = Effect.suspend(() => reconcile(unknown, (other) => run(server, key, other, lookup)))
      const outcome = tries.leftMs > 0 ? within(restore, tries, asked) : Reconciliation.noTime
      return Effect.matchCauseEffect(outcome, {
        // Interrupted here, if it was the caller that was interrupted.
        onFailure: (cause) => restore(Reconciliation.failed(unknown, cause)),
        onSuccess: (found) => {
          if (found._tag === "Ran") return Effect.succeed(found.result)
          if (found._tag !== "DidNotRun") return Reconciliation.open(unknown, "Unresolved")
          return Effect.flatMap(tries.didNotRun(), (decision) =>
            decision._tag === "GiveUp"
              ? Reconciliation.open(unknown, "DidNotRun")
              : after(
                  restore,
                  decision.pauseMs,
                  reconciled(restore, server, key, call, reconcile, trace, tries, lookup)
                )
          )
        }
      })
    })

  const begun = <A>(
    restore: Pool.Restore,
    server: Server,
    key: ServerKey,
    call: Call<A>,
    lookup: Lookup<E> | undefined
  ): Effect.Effect<A, CallError<E>> =>
    CallSpan.traced(server, call, (trace) =>
      call.reconcile === undefined
        ? attempt(restore, server, key, call, trace, undefined, lookup)
        : reconciled(
            restore,
            server,
            key,
            call,
            call.reconcile,
            trace,
            new Retry.Tries(policy, totalMs(server, call)),
            lookup
          )
    )

  const run: CallPath<E>["run"] = (server, key, call, lookup) =>
    // One mask over the borrow and the request: pool, session and this each need one, and each has its price.
    Effect.uninterruptibleMask((restore) =>
      server.isCurrent || lookup === undefined
        ? begun(restore, server, key, call, lookup)
        : restore(lookup.restart(server.name, call))
    )

  const proceed: CallPath<E>["run"] = (server, key, call, lookup) =>
    Effect.uninterruptibleMask((restore) => begun(restore, server, key, call, lookup))

  return { run, proceed }
}

/**
 * Every tool. Reading a list twice changes nothing.
 *
 * @since 0.1.0
 * @category calls
 */
export const listTools: Call<ReadonlyArray<Tool>> = {
  method: "tools/list",
  limits: undefined,
  mayRunTwice: true,
  perform: (restore, connection) => restore(connection.listTools)
}

/**
 * A ping that is lost is an answer to the question; only one that was not sent is sent again.
 *
 * @since 0.1.0
 * @category calls
 */
export const ping: Call<Duration.Duration> = {
  method: "ping",
  limits: undefined,
  mayRunTwice: false,
  perform: (restore, connection) => restore(connection.ping)
}
