/**
 * The path of every call: takes a connection, sends the request on it, and decides what becomes of the call when the
 * connection is lost. One for all clients of a pool, and one for each session, which differ only in where the connection
 * comes from. It holds nothing between calls.
 *
 * @since 0.1.0
 */
import type { Pool } from "@mooring/pool"
import type { CallToolResult, Tool } from "@modelcontextprotocol/sdk/types.js"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as CallSpan from "./CallSpan.js"
import type { CallLimits, McpConnection } from "./McpConnection.js"
import {
  CallTimeout,
  type ConnectionLost,
  type InvalidResult,
  OutcomeUnknown,
  type OutputSchemaRefused,
  type RateLimited,
  type RequestError,
  type SessionLost,
  type ToolDenied,
  type UnsupportedCapability
} from "./McpError.js"
import type * as McpPool from "./McpPool.js"
import type { Reconciled } from "./Reconciled.js"
import * as Reconciliation from "./Reconciliation.js"
import * as Retry from "./Retry.js"
import * as RetryPolicy from "./RetryPolicy.js"
import type { ServerKey } from "./ServerKey.js"
import type { Server } from "./Servers.js"
import * as ToolHints from "./ToolHints.js"

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
  | ToolDenied
  | RateLimited
  | OutputSchemaRefused
  | InvalidResult

/**
 * What can be said of one call.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallOptions extends CallLimits {
  /**
   * This call may run twice: when its connection is lost and it is unknown whether it ran, it is run again on another
   * connection (see `RetryPolicy`) instead of failing with `OutcomeUnknown`. Default: as the tool says, then the server's
   * settings for the tool, then its hints where `trustHints` is set, then false.
   */
  readonly mayRunTwice?: boolean | undefined
  /**
   * Whether `structuredContent` is checked against the `outputSchema` that the server declares for the tool: then a
   * result that does not fit fails with `InvalidResult`, and before anything is sent a schema that cannot be checked
   * with `OutputSchemaRefused`. Default: the server's `checkOutput` (false).
   */
  readonly checkOutput?: boolean | undefined
}

/** How a request on a connection can fail. */
type UseError = RequestError | UnsupportedCapability | InvalidResult

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
}

/**
 * A call of a tool. A class, since objects in braces are dear on a busy path: see `Session`.
 *
 * @since 0.1.0
 * @category models
 */
export class ToolCall implements Call<CallToolResult> {
  readonly mayRunTwice: boolean | undefined
  constructor(
    readonly tool: string,
    readonly args: Readonly<Record<string, unknown>> | undefined,
    readonly limits: CallOptions | undefined
  ) {
    this.mayRunTwice = limits?.mayRunTwice
  }

  get method() {
    return "tools/call"
  }

  perform(restore: Pool.Restore, connection: McpConnection, limits: CallLimits | undefined) {
    return connection.callToolMasked(restore, this.tool, this.args, limits)
  }

  toolResult(given: CallToolResult): CallToolResult {
    return given
  }

  unknown(key: ServerKey, cause: ConnectionLost | CallTimeout): OutcomeUnknown {
    return new OutcomeUnknown({ server: key.toString(), tool: this.tool, cause })
  }
}

/**
 * What a tool answered, and the connection that it answered on: only that knows what must not be shown of it.
 *
 * @since 0.1.0
 * @category models
 */
export class Answered {
  constructor(
    readonly result: CallToolResult,
    readonly connection: McpConnection
  ) {}
}

/**
 * A call that is another one, but for what it gives.
 *
 * @since 0.1.0
 * @category models
 */
export abstract class Around<Inner, A> implements Call<A> {
  constructor(protected readonly call: Call<Inner>) {}

  get method() {
    return this.call.method
  }

  get tool() {
    return this.call.tool
  }

  get limits() {
    return this.call.limits
  }

  get mayRunTwice() {
    return this.call.mayRunTwice
  }

  unknown(key: ServerKey, failure: ConnectionLost | CallTimeout): OutcomeUnknown | undefined {
    return this.call.unknown?.(key, failure)
  }

  abstract perform(
    restore: Pool.Restore,
    connection: McpConnection,
    limits: CallLimits | undefined
  ): Effect.Effect<A, UseError>
}

/**
 * A call of a tool whose answer is read further.
 *
 * @since 0.1.0
 * @category models
 */
export class TypedCall extends Around<CallToolResult, Answered> {
  override perform(restore: Pool.Restore, connection: McpConnection, limits: CallLimits | undefined) {
    return Effect.map(this.call.perform(restore, connection, limits), (result) => new Answered(result, connection))
  }

  toolResult({ result }: Answered): CallToolResult | undefined {
    return result
  }
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
export interface CallPath<out E> {
  /** Runs one call on a connection of `key`, which belongs to `server`. */
  readonly run: <A>(server: Server, key: ServerKey, call: Call<A>) => Effect.Effect<A, CallError<E>>
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
  source: Source<E>,
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
    tries: Retry.Tries | undefined
  ): Effect.Effect<A, CallError<E>> => {
    let startedAt = 0
    let leftMs: number | undefined
    const used = source.useMasked(restore, key, (connection) => {
      startedAt = nowMs()
      if (tries !== undefined) leftMs = tries.leftMs
      const limits = tries === undefined ? call.limits : { ...call.limits, totalTimeout: tries.leftMs }
      return call.perform(restore, trace === undefined ? connection : trace.on(connection), limits)
    })
    return Effect.catchAllCause(used, (cause) => {
      const failure = Cause.failureOption(cause)
      if (failure._tag === "None") return Effect.failCause(cause)
      const error = failure.value
      if (error._tag !== "ConnectionLost" && error._tag !== "CallTimeout") return Effect.failCause(cause)
      const counted = tries ?? new Retry.Tries(policy, totalMs(server, call))
      counted.leftMs -= nowMs() - startedAt
      if (error._tag === "ConnectionLost") return lost(restore, server, key, call, trace, counted, error)
      // What was left of the time was the limit of this try; that of the call is the time in all.
      return error.timeoutMs === leftMs
        ? Effect.fail(new CallTimeout({ ...error, timeoutMs: totalMs(server, call) }))
        : Effect.failCause(cause)
    })
  }

  const lost = <A>(
    restore: Pool.Restore,
    server: Server,
    key: ServerKey,
    call: Call<A>,
    trace: CallSpan.CallTrace | undefined,
    tries: Retry.Tries,
    error: ConnectionLost
  ): Effect.Effect<A, CallError<E>> =>
    Effect.flatMap(permission(restore, server, key, call, tries, error), (mayRunTwice) =>
      Effect.flatMap(tries.lost(error, mayRunTwice), (decision) => {
        if (decision._tag === "GiveUp") return Effect.fail(givenUp(call, key, error))
        const again = after(restore, decision.pauseMs, attempt(restore, server, key, call, trace, tries))
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
    tries: Retry.Tries
  ): Effect.Effect<A, CallError<E>> =>
    Effect.catchAll(attempt(restore, server, key, call, trace, tries), (error) => {
      const unknown = unknownOf(call, key, error)
      if (unknown === undefined) return Effect.fail(error)
      const asked = Effect.suspend(() => reconcile(unknown, (other) => run(server, key, other)))
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
              : after(restore, decision.pauseMs, reconciled(restore, server, key, call, reconcile, trace, tries))
          )
        }
      })
    })

  const run: CallPath<E>["run"] = (server, key, call) =>
    // One mask over the borrow and the request: pool, session and this each need one, and each has its price.
    Effect.uninterruptibleMask((restore) =>
      CallSpan.traced(server, call, (trace) =>
        call.reconcile === undefined
          ? attempt(restore, server, key, call, trace, undefined)
          : reconciled(
              restore,
              server,
              key,
              call,
              call.reconcile,
              trace,
              new Retry.Tries(policy, totalMs(server, call))
            )
      )
    )

  return { run }
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

const givenUp = <A>(call: Call<A>, key: ServerKey, lost: ConnectionLost): ConnectionLost | OutcomeUnknown =>
  lost.delivery === "NotSent" ? lost : (call.unknown?.(key, lost) ?? lost)

/** What a failed call is asked about: the outcome that it left open. */
const unknownOf = <A, E extends SourceError>(
  call: Call<A>,
  key: ServerKey,
  error: CallError<E>
): OutcomeUnknown | undefined => {
  if (error._tag === "OutcomeUnknown") return error
  return error._tag === "CallTimeout" && error.delivery === "Unknown" ? call.unknown?.(key, error) : undefined
}

/**
 * A call that may have run and then could not even be sent again has still an unknown outcome: what stopped the second
 * try (no connection, a full queue) must not read as if nothing had run.
 */
const remembering = <A, E extends SourceError>(
  call: Call<A>,
  key: ServerKey,
  lost: ConnectionLost,
  again: Effect.Effect<A, CallError<E>>
): Effect.Effect<A, CallError<E>> => {
  const unknown = call.unknown?.(key, lost)
  if (unknown === undefined) return again
  return Effect.catchAll(again, (error): Effect.Effect<never, CallError<E>> => {
    switch (error._tag) {
      case "OutcomeUnknown":
      case "ProtocolError":
      // It has run, and was answered.
      case "InvalidResult":
        return Effect.fail(error)
      case "CallTimeout":
        return Effect.fail(error.delivery === "Unknown" ? error : unknown)
      default:
        return Effect.fail(unknown)
    }
  })
}
