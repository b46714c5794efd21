/**
 * Times of stdio connections that are the application's and not one server's; what a server may send is in `Limits` of
 * `@mooring/mcp`. A reference: without one provided, the defaults hold.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type { CloseTimes } from "./ChildProcess.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  /** How a server is ended. Default: 2 seconds for each step, as in the SDK. */
  readonly close: CloseTimes
  /**
   * How long what a server wrote before it ended may still take to come through its pipes, when another process
   * holds them open. Also how long a server that closed its stdin or stdout may take to end. Default: 100 ms.
   */
  readonly exitGrace: Duration.DurationInput
}

/**
 * @since 0.1.0
 * @category constants
 */
export const defaults: Settings = {
  close: { afterStdinEnd: "2 seconds", afterSigterm: "2 seconds" },
  exitGrace: "100 millis"
}

/**
 * Read when a connector is made.
 *
 * @since 0.1.0
 * @category references
 */
export class StdioSettings extends Context.Reference<StdioSettings>()("@mooring/node/StdioSettings", {
  defaultValue: (): Settings => defaults
}) {}
