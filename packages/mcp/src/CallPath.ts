/**
 * The path of every call of a client: borrows a connection, sends the request on it, and decides what becomes of the
 * call when the connection is lost. One for all clients of a pool; it holds nothing between calls.
 *
 * @since 0.1.0
 */
import type { Pool } from "@mooring/pool"
import type { CallToolResult, Tool } from "@modelcontextprotocol/sdk/types.js"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { CallLimits, McpConnection } from "./McpConnection.js"
import {
  type ConnectionLost,
  type InvalidResult,
  OutcomeUnknown,
  type OutputSchemaRefused,
  type RateLimited,
  type RequestError,
  type ToolDenied,
  type UnsupportedCapability
} from "./McpError.js"
import type * as McpPool from "./McpPool.js"
import * as Retry from "./Retry.js"
import type { ServerKey } from "./ServerKey.js"
import type { Server } from "./Servers.js"

/**
 * How a call can fail.
 *
 * @since 0.1.0
 * @category errors
 */
export type CallError =
  | McpPool.BorrowError
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
   * connection (at most twice more) instead of failing with `OutcomeUnknown`. Default false.
   */
  readonly mayRunTwice?: boolean | undefined
  /**
   * Whether `structuredContent` is checked against the `outputSchema` that the server declares for the tool: then a
   * result that does not fit fails with `InvalidResult`, and before anything is sent a schema that cannot be checked
   * with `OutputSchemaRefused`. Default: the server's `checkOutput` (false).
   */
  readonly checkOutput?: boolean | undefined
}

/** How a request on a borrowed connection can fail. */
type UseError = RequestError | UnsupportedCapability

/**
 * One call: what it does on a connection, within `limits`, and what may be done when the connection is lost.
 *
 * @since 0.1.0
 * @category models
 */
export interface Call<A> {
  /** The tool that it calls; absent where it calls none. */
  readonly tool?: string | undefined
  readonly limits: CallOptions | undefined
  readonly mayRunTwice: boolean
  /** What it gives, as the result of a tool; absent where it is none. */
  readonly toolResult?: ((given: A) => CallToolResult) | undefined
  /** Run uninterruptibly, with what restores interruption. */
  readonly perform: (
    restore: Pool.Restore,
    connection: McpConnection,
    limits: CallLimits | undefined
  ) => Effect.Effect<A, UseError>
  /** The error of a call that may have run. Absent where it does not matter whether it has: a list, a ping. */
  readonly unknown?: ((key: ServerKey, lost: ConnectionLost) => OutcomeUnknown) | undefined
}

/**
 * A call of a tool. A class, since objects in braces are dear on a busy path: see `Session`.
 *
 * @since 0.1.0
 * @category models
 */
export class ToolCall implements Call<CallToolResult> {
  readonly mayRunTwice: boolean
  constructor(
    readonly tool: string,
    readonly args: Readonly<Record<string, unknown>> | undefined,
    readonly limits: CallOptions | undefined
  ) {
    this.mayRunTwice = limits?.mayRunTwice === true
  }

  perform(restore: Pool.Restore, connection: McpConnection, limits: CallLimits | undefined) {
    return connection.callToolMasked(restore, this.tool, this.args, limits)
  }

  toolResult(given: CallToolResult): CallToolResult {
    return given
  }

  unknown(key: ServerKey, cause: ConnectionLost): OutcomeUnknown {
    return new OutcomeUnknown({ server: key.toString(), tool: this.tool, cause })
  }
}

/**
 * @since 0.1.0
 * @category models
 */
export interface CallPath {
  /** Runs one call on a connection of `key`, which belongs to `server`. */
  readonly run: <A>(server: Server, key: ServerKey, call: Call<A>) => Effect.Effect<A, CallError>
}

/**
 * The call path over a pool.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = ({ pool }: McpPool.Service): Effect.Effect<CallPath> =>
  Effect.map(Effect.clock, (clock) => {
    const nowMs = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6

    const attempt = <A>(
      restore: Pool.Restore,
      server: Server,
      key: ServerKey,
      call: Call<A>,
      tries: Retry.Tries
    ): Effect.Effect<A, CallError> => {
      let startedAt = 0
      const used = pool.useMasked(restore, key, (connection) => {
        startedAt = nowMs()
        const { leftMs } = tries
        const limits = leftMs === undefined ? call.limits : { ...call.limits, totalTimeout: leftMs }
        return call.perform(restore, connection, limits)
      })
      return Effect.catchAllCause(used, (cause) => {
        const lost = Cause.failureOption(cause)
        if (lost._tag === "None" || lost.value._tag !== "ConnectionLost") return Effect.failCause(cause)
        const error = lost.value
        const totalMs = tries.leftMs ?? Duration.toMillis(call.limits?.totalTimeout ?? server.settings.totalTimeout)
        const decision = Retry.decide(error, tries, totalMs - (nowMs() - startedAt), call.mayRunTwice)
        if (decision._tag === "GiveUp") return Effect.fail(givenUp(call, key, error))
        // Between two tries it can be interrupted.
        const again = Effect.zipRight(restore(Effect.void), attempt(restore, server, key, call, decision.tries))
        return error.delivery === "NotSent" ? again : remembering(call, key, error, again)
      })
    }

    return {
      // One mask over the borrow and the request: pool, session and this each need one, and each has its price.
      run: (server, key, call) =>
        Effect.uninterruptibleMask((restore) => attempt(restore, server, key, call, Retry.none))
    }
  })

/**
 * Every tool. Reading a list twice changes nothing.
 *
 * @since 0.1.0
 * @category calls
 */
export const listTools: Call<ReadonlyArray<Tool>> = {
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
  limits: undefined,
  mayRunTwice: false,
  perform: (restore, connection) => restore(connection.ping)
}

const givenUp = <A>(call: Call<A>, key: ServerKey, lost: ConnectionLost): ConnectionLost | OutcomeUnknown =>
  lost.delivery === "NotSent" ? lost : (call.unknown?.(key, lost) ?? lost)

/**
 * A call that may have run and then could not even be sent again has still an unknown outcome: what stopped the second
 * try (no connection, a full queue) must not read as if nothing had run.
 */
const remembering = <A>(
  call: Call<A>,
  key: ServerKey,
  lost: ConnectionLost,
  again: Effect.Effect<A, CallError>
): Effect.Effect<A, CallError> => {
  const unknown = call.unknown?.(key, lost)
  if (unknown === undefined) return again
  return Effect.catchAll(again, (error): Effect.Effect<never, CallError> => {
    switch (error._tag) {
      case "OutcomeUnknown":
      case "ProtocolError":
        return Effect.fail(error)
      case "CallTimeout":
        return Effect.fail(error.delivery === "Unknown" ? error : unknown)
      default:
        return Effect.fail(unknown)
    }
  })
}
