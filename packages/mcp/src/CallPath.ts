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
import * as CallSpan from "./CallSpan.js"
import type { CallLimits, McpConnection } from "./McpConnection.js"
import { type ConnectionLost, OutcomeUnknown, type RequestError, type UnsupportedCapability } from "./McpError.js"
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
export type CallError = McpPool.BorrowError | RequestError | OutcomeUnknown | UnsupportedCapability

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
}

/** How a request on a borrowed connection can fail. */
type UseError = RequestError | UnsupportedCapability

/**
 * One call: what it does on a connection, within `limits`, and what may be done when the connection is lost.
 *
 * @since 0.1.0
 * @category models
 */
export interface Call<A> extends CallSpan.Called {
  readonly limits: CallLimits | undefined
  readonly mayRunTwice: boolean
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

  get method() {
    return "tools/call"
  }

  perform(restore: Pool.Restore, connection: McpConnection, limits: CallLimits | undefined) {
    return connection.callToolMasked(restore, this.tool, this.args, limits)
  }

  unknown(key: ServerKey, cause: ConnectionLost): OutcomeUnknown {
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
 * A call of a tool whose answer is read further.
 *
 * @since 0.1.0
 * @category models
 */
export class TypedCall implements Call<Answered> {
  constructor(private readonly call: ToolCall) {}

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

  perform(restore: Pool.Restore, connection: McpConnection, limits: CallLimits | undefined) {
    return Effect.map(this.call.perform(restore, connection, limits), (result) => new Answered(result, connection))
  }

  unknown(key: ServerKey, cause: ConnectionLost): OutcomeUnknown {
    return this.call.unknown(key, cause)
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
      trace: CallSpan.CallTrace | undefined,
      tries: Retry.Tries
    ): Effect.Effect<A, CallError> => {
      let startedAt = 0
      const used = pool.useMasked(restore, key, (connection) => {
        startedAt = nowMs()
        const { leftMs } = tries
        const limits = leftMs === undefined ? call.limits : { ...call.limits, totalTimeout: leftMs }
        return call.perform(restore, trace === undefined ? connection : trace.on(connection), limits)
      })
      return Effect.catchAllCause(used, (cause) => {
        const lost = Cause.failureOption(cause)
        if (lost._tag === "None" || lost.value._tag !== "ConnectionLost") return Effect.failCause(cause)
        const error = lost.value
        const totalMs = tries.leftMs ?? Duration.toMillis(call.limits?.totalTimeout ?? server.settings.totalTimeout)
        const decision = Retry.decide(error, tries, totalMs - (nowMs() - startedAt), call.mayRunTwice)
        if (decision._tag === "GiveUp") return Effect.fail(givenUp(call, key, error))
        // Between two tries it can be interrupted.
        const pause = decision.waitMs > 0 ? Effect.sleep(decision.waitMs) : Effect.void
        const again = Effect.zipRight(restore(pause), attempt(restore, server, key, call, trace, decision.tries))
        return error.delivery === "NotSent" ? again : remembering(call, key, error, again)
      })
    }

    return {
      // One mask over the borrow and the request: pool, session and this each need one, and each has its price.
      run: (server, key, call) =>
        Effect.uninterruptibleMask((restore) =>
          CallSpan.traced(server, call, (trace) => attempt(restore, server, key, call, trace, Retry.none))
        )
    }
  })

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
