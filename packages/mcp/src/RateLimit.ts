/**
 * A token bucket as one number: the instant at which it will be full again. No timer, and no allocation for what it
 * counts.
 *
 * @since 0.1.0
 */

/**
 * `perSecond` over time, and as many at once as were left unused in the last `seconds`.
 *
 * @since 0.1.0
 * @category models
 */
export class RateLimit {
  /** How often it has refused since it was last full. */
  refused = 0
  private fullAt = -Infinity
  private readonly interval: number
  private readonly capacity: number

  constructor(perSecond: number, seconds: number) {
    this.interval = 1e9 / perSecond
    this.capacity = seconds * 1e9
  }

  /** Takes one, if one is left. `now` is in nanoseconds of a monotonic clock. */
  take(now: number): boolean {
    if (this.fullAt <= now) this.refused = 0
    const fullAt = Math.max(this.fullAt, now) + this.interval
    if (fullAt - now > this.capacity) {
      this.refused++
      return false
    }
    this.fullAt = fullAt
    return true
  }
}
