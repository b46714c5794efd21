/**
 * Calls of tools, as values: one whose result is given as it is, one whose result is read further, and what is another
 * call but for what it gives. How they are run is `CallPath`'s.
 *
 * @since 0.1.0
 */
import type { Pool } from "@mooring/pool"
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import { type CallOptions, firstOf } from "./CallOptions.js"
import type { Call } from "./CallPath.js"
import type { CallLimits, CallToolError, McpConnection } from "./McpConnection.js"
import { type CallTimeout, type ConnectionLost, type InvalidResult, OutcomeUnknown } from "./McpError.js"
import type { ServerKey } from "./ServerKey.js"
import type { Server } from "./Servers.js"
import { unchecked } from "./internal/Unchecked.js"

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
    readonly limits: CallOptions | undefined,
    /** What is said of it without the server's configuration. */
    private readonly said: CallOptions | undefined
  ) {
    this.mayRunTwice = limits?.mayRunTwice
  }

  static make(server: Server, tool: string, args: ToolCall["args"], said: CallOptions | undefined): ToolCall {
    return new ToolCall(tool, args, firstOf(said, server.tools?.get(tool)), said)
  }

  at(server: Server): ToolCall {
    return ToolCall.make(server, this.tool, this.args, this.said)
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
    return new OutcomeUnknown({ server: key.toString(), tool: this.tool, cause }, unchecked)
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
  ): Effect.Effect<A, CallToolError | InvalidResult>
}

/**
 * A call of a tool whose answer is read further.
 *
 * @since 0.1.0
 * @category models
 */
export class TypedCall extends Around<CallToolResult, Answered> {
  at(server: Server): TypedCall {
    return new TypedCall(this.call.at?.(server) ?? this.call)
  }

  override perform(restore: Pool.Restore, connection: McpConnection, limits: CallLimits | undefined) {
    return Effect.map(this.call.perform(restore, connection, limits), (result) => new Answered(result, connection))
  }

  toolResult({ result }: Answered): CallToolResult | undefined {
    return result
  }
}
