/**
 * At most `limit` events in any window of time: a ring of the last times. Asked when something is due; says when it
 * may happen.
 */
export class RateLimit {
  private readonly times: Array<number> = []

  constructor(
    private readonly limit: number,
    private readonly window: number
  ) {}

  /** When the next one may happen; `now` if at once. */
  next(now: number): number {
    const oldest = this.times[this.times.length - this.limit]
    return oldest === undefined ? now : Math.max(now, oldest + this.window)
  }

  /** One has happened. */
  record(now: number): void {
    if (this.limit === Infinity) return
    this.times.push(now)
    if (this.times.length > this.limit) this.times.shift()
  }
}
