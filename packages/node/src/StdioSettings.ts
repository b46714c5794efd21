/**
 * Times of stdio connections that are the application's and not one server's; what a server may send is in `Limits` of
 * `@mooring/mcp`. A reference: without one provided, the defaults hold.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import * as LogLevel from "effect/LogLevel"
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
  /**
   * The level at which each line of a server's stderr is logged, annotated with `mcp.server`; `LogLevel.None`: not at
   * all. Default: Debug, since most servers greet there. As a stream, whatever the level: `ServerStderr.lines`.
   */
  readonly stderrLevel: LogLevel.LogLevel
  /**
   * Whether servers are ended also if this process is killed (`kill -9`, a crash): by one small process for all of
   * them, which sends SIGTERM at once and SIGKILL after `close.afterSigterm`, in whole seconds. Default: true. Without
   * effect on Windows, and on a server that leaves its process group.
   */
  readonly watchdog: boolean
}

/**
 * @since 0.1.0
 * @category constants
 */
export const defaults: Settings = {
  close: { afterStdinEnd: "2 seconds", afterSigterm: "2 seconds" },
  exitGrace: "100 millis",
  stderrLevel: LogLevel.Debug,
  watchdog: true
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

/**
 * Other settings for all that is built on this layer; what is not said is at its default.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (settings: Partial<Settings>): Layer.Layer<never> =>
  Layer.succeed(StdioSettings, { ...defaults, ...settings })
