/**
 * When a call whose connection was lost is sent again, and how often. One setting for all calls of a client, the
 * application's and not a caller's. A reference: without one provided, the defaults hold. It is read when the layer of
 * the client is built. That a call which may have run is run again at all needs permission besides: see `Retry`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type { ConnectionLost } from "./McpError.js"

/**
 * Each schedule says how long to wait before the next try, and ends where there is to be none. Its input is the failure
 * of the last try. A pause that what is left of the call's total time does not cover is not begun: the call fails at
 * once. Where the server says how long to wait (`retryAfterMs`), no pause is shorter than that.
 *
 * @since 0.1.0
 * @category models
 */
export interface Values {
  /**
   * For a call that was certainly not sent. Default: at once, then after 100 ms, then after 400 ms. The first finds
   * another connection as a rule; three outlast a server that is being restarted, and more would only hammer it.
   */
  readonly notSent: Schedule.Schedule<unknown, ConnectionLost>
  /**
   * For a call that may have run and has permission to run twice, and for one whose `reconcile` found that it did not
   * run. Default: at once, then after 100 ms. A call that takes its server down with it should not do so for long.
   */
  readonly rerun: Schedule.Schedule<unknown, ConnectionLost | undefined>
}

/**
 * @since 0.1.0
 * @category constants
 */
export const defaults: Values = {
  notSent: Schedule.fromDelays(0, 100, 400),
  rerun: Schedule.fromDelays(0, 100)
}

/**
 * @since 0.1.0
 * @category references
 */
export class RetryPolicy extends Context.Reference<RetryPolicy>()("@mooring/mcp/RetryPolicy", {
  defaultValue: (): Values => defaults
}) {}

/**
 * Another policy for every client that is built on this layer; what is not said is at its default.
 *
 * @example
 * ```ts
 * import { McpClient, RetryPolicy } from "@mooring/mcp"
 * import { Layer, Schedule } from "effect"
 *
 * export const ClientLive = McpClient.layer.pipe(
 *   Layer.provide(
 *     RetryPolicy.layer({
 *       notSent: Schedule.exponential("50 millis").pipe(Schedule.jittered, Schedule.intersect(Schedule.recurs(5)))
 *     })
 *   )
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (policy: Partial<Values>): Layer.Layer<never> =>
  Layer.succeed(RetryPolicy, { ...defaults, ...policy })
