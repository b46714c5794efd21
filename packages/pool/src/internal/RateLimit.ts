/**
 * At most `limit` events in any window of time: a ring of the last times. Asked when something is due; says when it
 * may happen.
 */
export class RateLimit {
  private readonly times: Array<number> = []
  private count = 0

  constructor(
    private readonly limit: number,
    private readonly window: number
  ) {}

  /** When the next one may happen; `now` if at once. */
  next(now: number): number {
    const oldest = this.times[this.count % this.limit]
    return oldest === undefined ? now : Math.max(now, oldest + this.window)
  }

  /** One has happened. */
  record(now: number): void {
    this.times[this.count % this.limit] = now
    this.count++
  }
}
