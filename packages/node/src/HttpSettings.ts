/**
 * Sockets and times of HTTP connections that are the application's and not one server's; what a server may send is in
 * `Limits` of `@mooring/mcp`. A reference: without one provided, the defaults hold.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"

/**
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  /** Sockets that requests of one connection may hold; more requests wait for one. Default: 16. */
  readonly sockets: number
  /** How long closing a connection waits for the server to end its session (DELETE). Default: 2 seconds. */
  readonly endSession: Duration.DurationInput
  /** How often in a row a stream that was cut is resumed without a message having come. Default: 3. */
  readonly maxResumes: number
  /** How long before a stream that was cut is resumed, unless the server says another time. Default: 1 second. */
  readonly resumeDelay: Duration.DurationInput
}

/**
 * @since 0.1.0
 * @category constants
 */
export const defaults: Settings = {
  sockets: 16,
  endSession: "2 seconds",
  maxResumes: 3,
  resumeDelay: "1 second"
}

/**
 * Read when a connector is made.
 *
 * @since 0.1.0
 * @category references
 */
export class HttpSettings extends Context.Reference<HttpSettings>()("@mooring/node/HttpSettings", {
  defaultValue: (): Settings => defaults
}) {}
