/**
 * What a session counts. A record that its session alone writes, and anybody may read.
 *
 * @since 0.1.0
 */

/**
 * What a session has seen since it was made. Plain numbers that only grow.
 *
 * @since 0.1.0
 * @category models
 */
export interface SessionCounters {
  /** Answers that ended a request. */
  answered: number
  /** Requests that ended without an answer: cancelled, timed out, not delivered, or lost with the connection. */
  unanswered: number
  /** Answers to requests that had ended: late, or a second time. Dropped. */
  late: number
  /** Answers to requests that were never made. Dropped. */
  unknown: number
  /** Answers with a text as id, which no request has, whatever number it looks like. Dropped. */
  textId: number
  /** Progress of no request that is pending and asked for it. Dropped. */
  strayProgress: number
  /** What was received and is no message. Dropped. */
  junk: number
  /** Notifications, progress included, above the rate that `Limits` allow. Dropped. */
  flooded: number
  /** Requests of the server's that were refused: too many were open, or one of the same id. */
  refused: number
}

/**
 * Nothing was seen yet.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (): SessionCounters => ({
  answered: 0,
  unanswered: 0,
  late: 0,
  unknown: 0,
  textId: 0,
  strayProgress: 0,
  junk: 0,
  flooded: 0,
  refused: 0
})
