/**
 * Sockets and times of HTTP connections that are the application's and not one server's; what a server may send is in
 * `Limits`. A reference: without one provided, the defaults hold.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"

/**
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  /**
   * Requests of one connection that may be under way at once, each on a socket; more wait for one. Besides, a connection
   * holds two sockets at most for what must not wait behind requests (notifications, cancellations, answers to the
   * server's requests), and one for the stream that it listens on. Default: 16.
   *
   * A server sees at most so many for each connection, and `max` and `maxTotal` bound the connections. Nothing bounds
   * the sockets to one origin over all of them: slow calls of one partition would then hold up those of another.
   */
  readonly sockets: number
  /** How long closing a connection waits for the server to end its session (DELETE). Default: 2 seconds. */
  readonly endSession: Duration.DurationInput
  /**
   * How long a server may take to accept what it need not answer: notifications, cancellations, answers to its own
   * requests. Default: 10 seconds.
   */
  readonly acknowledge: Duration.DurationInput
  /**
   * How long a response may say nothing at all, not even a comment, before it counts as cut off. Longer than a call may
   * take without progress. Default: 5 minutes.
   */
  readonly streamIdle: Duration.DurationInput
  /** How long one response may last, whatever it says. Longer than a call may take. Default: 1 hour. */
  readonly streamTotal: Duration.DurationInput
  /** How often in a row a response that was cut is resumed without a message having come. Default: 3. */
  readonly maxResumes: number
  /** How long before a response that was cut is resumed, unless the server says another time. Default: 1 second. */
  readonly resumeDelay: Duration.DurationInput
  /**
   * How the stream of what a server says by itself is opened again after it ended: after pauses that double from
   * `first` to `longest`, with full jitter, or after the time that the server says; no more after `attempts` in a row
   * without a message, each shorter than `longest`. Default: 1 second, 30 seconds, 10.
   */
  readonly reopen: {
    readonly first: Duration.DurationInput
    readonly longest: Duration.DurationInput
    readonly attempts: number
  }
}

/**
 * @since 0.1.0
 * @category constants
 */
export const defaults: Settings = {
  sockets: 16,
  endSession: "2 seconds",
  acknowledge: "10 seconds",
  streamIdle: "5 minutes",
  streamTotal: "1 hour",
  maxResumes: 3,
  resumeDelay: "1 second",
  reopen: { first: "1 second", longest: "30 seconds", attempts: 10 }
}

/**
 * Read when a connector is made.
 *
 * @since 0.1.0
 * @category references
 */
export class HttpSettings extends Context.Reference<HttpSettings>()("@mooring/mcp/HttpSettings", {
  defaultValue: (): Settings => defaults
}) {}

/**
 * Other settings for all that is built on this layer; what is not said is at its default.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (settings: Partial<Settings>): Layer.Layer<never> =>
  Layer.succeed(HttpSettings, { ...defaults, ...settings })
