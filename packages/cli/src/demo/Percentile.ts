/**
 * Percentiles of what was measured.
 *
 * @since 0.1.0
 */

/**
 * The value that a share `p` (0 to 1) of the samples does not exceed, between two samples in proportion; `NaN` of none.
 *
 * @since 0.1.0
 * @category combinators
 */
export const percentile = (samples: ReadonlyArray<number>, p: number): number => {
  if (samples.length === 0) return Number.NaN
  const sorted = samples.toSorted((a, b) => a - b)
  const position = (sorted.length - 1) * p
  const below = sorted[Math.floor(position)] ?? Number.NaN
  const above = sorted[Math.ceil(position)] ?? Number.NaN
  return below + (above - below) * (position - Math.floor(position))
}

/**
 * The middle one.
 *
 * @since 0.1.0
 * @category combinators
 */
export const p50 = (samples: ReadonlyArray<number>): number => percentile(samples, 0.5)
