/**
 * How long calls took lately, in fixed memory: a histogram whose buckets grow with what is in them (eight for each
 * power of two, from 1 µs to 71 minutes), so that a percentile is off by no more than 1/16 of itself, or 1 µs where
 * that is more. Two such windows take turns, so that what is read is five to ten minutes old at most.
 */

/** Nanoseconds until a window gives way to the next. */
export const windowNanos = 5 * 60 * 1e9

/** Of `percentile`: the most that it can be off, as a share of the true value. */
export const relativeError = 1 / 16

/** Buckets for each power of two, as a power of two. */
const precision = 3
/** What is longer counts as this long. Microseconds. */
const longest = 2 ** 32 - 1

/** Values up to 15 have a bucket of their own; above, the top four bits say which. */
const bucketOf = (micros: number): number => {
  const shift = 31 - Math.clz32(micros) - precision
  return shift <= 0 ? micros : (shift << precision) + (micros >>> shift)
}

const buckets = bucketOf(longest) + 1

/** The middle of a bucket. Microseconds. */
const middleOf = (bucket: number): number => {
  const shift = (bucket >> precision) - 1
  if (shift <= 0) return bucket + 0.5
  return ((bucket & 7) + 8.5) * 2 ** shift
}

class Window {
  count = 0
  readonly counts = new Uint32Array(buckets)

  clear(): void {
    this.count = 0
    this.counts.fill(0)
  }
}

export class Latencies {
  // Made when there is something to count: most partitions of a server may never be called.
  private current: Window | undefined
  private previous: Window | undefined
  private endsAt = 0

  /** Counts one call. Both in nanoseconds; `now` never goes back. */
  record(took: number, now: number): void {
    if (now >= this.endsAt) this.turn(now)
    const window = (this.current ??= new Window())
    const micros = Math.min(Math.max(took / 1000, 0), longest) >>> 0
    const bucket = bucketOf(micros)
    window.counts[bucket] = (window.counts[bucket] ?? 0) + 1
    window.count++
  }

  private turn(now: number): void {
    const isStale = now >= this.endsAt + windowNanos
    const { current, previous } = this
    previous?.clear()
    if (isStale) current?.clear()
    this.current = previous
    this.previous = current
    this.endsAt = (isStale ? now : this.endsAt) + windowNanos
  }

  /** How many calls are counted. */
  count(now: number): number {
    if (now >= this.endsAt) this.turn(now)
    return (this.current?.count ?? 0) + (this.previous?.count ?? 0)
  }

  /**
   * The time that this share of the calls did not exceed, by nearest rank. Milliseconds; `undefined` when nothing is
   * counted.
   */
  percentile(share: number, now: number): number | undefined {
    const count = this.count(now)
    if (count === 0) return undefined
    let left = Math.max(1, Math.ceil(share * count))
    for (let bucket = 0; bucket < buckets; bucket++) {
      left -= (this.current?.counts[bucket] ?? 0) + (this.previous?.counts[bucket] ?? 0)
      if (left <= 0) return middleOf(bucket) / 1000
    }
    return undefined
  }
}
