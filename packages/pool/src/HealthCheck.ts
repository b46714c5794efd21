/**
 * Decides whether an item may keep serving. A health check never closes an item itself: it reports, and the pool
 * retires what fails. It runs on a fiber of the pool, one for each open item, which ends with the item.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"

/**
 * How to ask an item whether it still works. With `{ probe }` alone it is asked when it idles, and before a borrow that
 * finds it unproven.
 *
 * @since 0.1.0
 * @category models
 */
export interface HealthCheck<in A, out R = never> {
  /** Fails, or outlasts `timeout`, when the item must not serve. Any other answer counts as alive. */
  readonly probe: (item: A) => Effect.Effect<unknown, unknown, R>
  /**
   * When an idle item is probed; a busy one proves itself by answering. Default: every 30 seconds, jittered. A
   * schedule that ends is reported as a `Fault` and started again.
   */
  readonly schedule?: Schedule.Schedule<unknown> | undefined
  /** Whether this item is probed while it is idle. Asked once, when it has opened. Default: every item is. */
  readonly probesIdle?: ((item: A) => boolean) | undefined
  /** How long one probe may take. Default 5 seconds. */
  readonly timeout?: Duration.DurationInput | undefined
  /** Failed probes in a row before the item is closed. Default 2. */
  readonly threshold?: number | undefined
  /**
   * Whether the probe also runs before a borrow, when the item has not answered within the key's `validationBypass`.
   * One failure is enough there. Default true.
   */
  readonly onBorrow?: boolean | undefined
}
