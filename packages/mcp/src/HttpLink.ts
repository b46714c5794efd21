/**
 * What the HTTP calls of one connection share, and what each of them is told: types only.
 *
 * @since 0.1.0
 */
import type { Deadlines } from "@mooring/pool"
import type * as Effect from "effect/Effect"
import type { HttpAddress } from "./HttpAddress.js"
import type { HttpBody } from "./HttpBody.js"
import type { HttpCarrier, HttpHead } from "./HttpCarrier.js"
import type * as HttpFailure from "./HttpFailure.js"
import type { HttpHeaders, Purpose } from "./HttpHeaders.js"
import type * as Limits from "./Limits.js"

/**
 * What the calls of one connection have in common.
 *
 * @since 0.1.0
 * @category models
 */
export interface HttpLink {
  readonly server: string
  readonly address: HttpAddress
  readonly carrier: HttpCarrier
  readonly headers: HttpHeaders
  readonly deadlines: Deadlines.Deadlines
  readonly times: Times
  readonly limits: Limits.Values
  /** The time of day, for dates that a server writes. */
  readonly wallMillis: () => number
  /** Runs an effect on a fiber of the connection; gives what stops it. */
  readonly run: (effect: Effect.Effect<void>) => () => void
}

/**
 * How long responses may take. Nanoseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Times {
  readonly idle: number
  readonly total: number
  readonly acknowledge: number
  /** Until headers are computed. */
  readonly headers: number
}

/**
 * Who a call is for. It hears of its end from the body, or from `failed`: once, unless it was aborted or not wanted any
 * more.
 *
 * @since 0.1.0
 * @category models
 */
export interface HttpUse {
  /** Whether to send it, asked when its turn has come, and again when the first byte is about to leave. */
  wanted(leaving: boolean): boolean
  /** A success: who reads the body (nobody: `undefined`), or why it is none. */
  accept(head: HttpHead): HttpBody | HttpFailure.HttpFailure | undefined
  failed(failure: HttpFailure.HttpFailure): void
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Order {
  readonly method: "POST" | "GET" | "DELETE"
  readonly purpose: Purpose
  readonly path?: string | undefined
  readonly body?: string | undefined
  /** Names and values in turn. */
  readonly extra?: ReadonlyArray<string> | undefined
  /** Nanoseconds in all. */
  readonly total: number
  /** Nanoseconds without a word. Default: that of the link. */
  readonly idle?: number | undefined
}
