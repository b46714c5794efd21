/**
 * What a server logs over MCP (`notifications/message`), read and made fit to be shown. Values only.
 *
 * @since 0.1.0
 */
import { type LoggingLevel, LoggingMessageNotificationParamsSchema } from "@modelcontextprotocol/sdk/types.js"
import * as Answer from "./Answer.js"
import * as ErrorData from "./ErrorData.js"

/**
 * How severe a message is: `debug`, `info`, `notice`, `warning`, `error`, `critical`, `alert` or `emergency`.
 *
 * @since 0.1.0
 * @category models
 */
export type Level = LoggingLevel

/**
 * One message of a server's log. Texts are cut, and secrets hidden in them; of large `data` a part is kept.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServerLog {
  readonly level: Level
  /** Which part of the server says so, where it tells. */
  readonly logger: string | undefined
  /** What it says: often a text, and any JSON. */
  readonly data: unknown
  /** The number of the connection that it came on, as the pool's events have it. */
  readonly connection: number | undefined
}

/**
 * What can be said of a stream of log messages.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * The least severe messages that are wanted; the server is told to send them (`logging/setLevel`). Default: asks for
   * nothing, and tells whatever the server sends.
   */
  readonly level?: Level | undefined
}

/**
 * From the least severe to the most.
 *
 * @since 0.1.0
 * @category constants
 */
export const levels: ReadonlyArray<Level> = [
  "debug",
  "info",
  "notice",
  "warning",
  "error",
  "critical",
  "alert",
  "emergency"
]

/**
 * How many messages may wait for one reader; the oldest of more are lost.
 *
 * @since 0.1.0
 * @category constants
 */
export const waiting = 256

/**
 * Whether a message of this level is at least as severe as `least`.
 *
 * @since 0.1.0
 * @category predicates
 */
export const reaches = (level: Level, least: Level): boolean => levels.indexOf(level) >= levels.indexOf(least)

/**
 * The least severe of these levels; `undefined` where there is none.
 *
 * @since 0.1.0
 * @category combinators
 */
export const leastOf = (asked: Iterable<Level | undefined>): Level | undefined => {
  let least: Level | undefined
  for (const level of asked) if (level !== undefined && (least === undefined || !reaches(level, least))) least = level
  return least
}

/**
 * Reads what a notification says; `undefined` if that is no log message. `clean` makes a server's text fit to be shown.
 *
 * @since 0.1.0
 * @category constructors
 */
export const read = (
  params: unknown,
  connection: number | undefined,
  clean: (text: string) => string
): ServerLog | undefined => {
  const message = reader(params)
  if (message instanceof Answer.Malformed) return undefined
  const { data, level, logger } = message
  return {
    level,
    logger: logger === undefined ? undefined : clean(logger),
    data: ErrorData.clean(data, clean),
    connection
  }
}

const reader = Answer.fromSchema(LoggingMessageNotificationParamsSchema)
