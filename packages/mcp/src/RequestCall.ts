/**
 * Calls that only ask: requests and lists. Asking twice changes nothing, so what was lost is asked again, as the
 * `RetryPolicy` has it, also when the server may have heard it already.
 *
 * @since 0.1.0
 */
import type { Pool } from "@mooring/pool"
import type * as Effect from "effect/Effect"
import type { Call, CallOptions } from "./CallPath.js"
import type { CallLimits, CallToolError, McpConnection } from "./McpConnection.js"
import type { McpList, McpRequest } from "./McpRequest.js"

/**
 * One request.
 *
 * @since 0.1.0
 * @category models
 */
export class RequestCall<A> implements Call<A> {
  readonly mayRunTwice = true
  constructor(
    private readonly request: McpRequest<A>,
    readonly limits: CallOptions | undefined
  ) {}

  get method() {
    return this.request.method
  }

  get prompt() {
    return this.request.prompt
  }

  get resource() {
    return this.request.resource
  }

  perform(
    restore: Pool.Restore,
    connection: McpConnection,
    limits: CallLimits | undefined
  ): Effect.Effect<A, CallToolError> {
    return restore(connection.ask(this.request, limits))
  }
}

/**
 * All pages of a list.
 *
 * @since 0.1.0
 * @category models
 */
export class ListCall<A> implements Call<ReadonlyArray<A>> {
  readonly mayRunTwice = true
  constructor(
    private readonly list: McpList<A>,
    readonly limits: CallLimits | undefined
  ) {}

  get method() {
    return this.list.method
  }

  perform(restore: Pool.Restore, connection: McpConnection, limits: CallLimits | undefined) {
    return restore(connection.list(this.list, limits))
  }
}
