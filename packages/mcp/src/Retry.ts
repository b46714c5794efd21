/**
 * What becomes of a call whose connection was lost: it is run again, or given up. A decision is a value; whoever asks
 * for it acts on it. The rule: what was certainly not sent may always be sent again; what may have run is run again
 * only with permission. Both a bounded number of times, and within the time that the call may take in all.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type { ConnectionLost } from "./McpError.js"

/**
 * How often a call was run again so far, and what is left of its time.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tries {
  /** Times that it was sent again since it had not been sent. */
  readonly unsent: number
  /** Times that it was run again although it may have run. */
  readonly reruns: number
  /** Milliseconds that are left of the time in all. `undefined` before the first try: all of it. */
  readonly leftMs: number | undefined
}

/**
 * How often at most a call is run again. Three tries outlast a connection that ends just then; more would only
 * hammer a server that is down.
 *
 * @since 0.1.0
 * @category constants
 */
export const limits = { unsent: 3, reruns: 2 } as const

/**
 * Before the first try.
 *
 * @since 0.1.0
 * @category constants
 */
export const none: Tries = { unsent: 0, reruns: 0, leftMs: undefined }

/**
 * @since 0.1.0
 * @category models
 */
export type Decision = Data.TaggedEnum<{
  /** After `waitMs`, which are taken off what is left of its time already. */
  Again: { readonly tries: Tries; readonly waitMs: number }
  GiveUp: {}
}>

const { Again, GiveUp } = Data.taggedEnum<Decision>()

/**
 * Decides about a call that was lost. `leftMs` is what is left of its time. Nothing is run again before the server wants
 * it (`retryAfterMs`), and not at all what it refused for its credential (401): a transport that could find another has
 * tried that.
 *
 * @since 0.1.0
 * @category combinators
 */
export const decide = (lost: ConnectionLost, tries: Tries, leftMs: number, mayRunTwice: boolean): Decision => {
  const waitMs = lost.retryAfterMs ?? 0
  const left = { ...tries, leftMs: leftMs - waitMs }
  if (left.leftMs <= 0 || lost.status === 401) return GiveUp()
  if (lost.delivery === "NotSent") {
    return tries.unsent < limits.unsent ? Again({ tries: { ...left, unsent: tries.unsent + 1 }, waitMs }) : GiveUp()
  }
  return mayRunTwice && tries.reruns < limits.reruns
    ? Again({ tries: { ...left, reruns: tries.reruns + 1 }, waitMs })
    : GiveUp()
}
