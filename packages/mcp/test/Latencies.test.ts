import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { Latencies, relativeError, windowNanos } from "../src/internal/Latencies.js"

/** Nanoseconds, of all magnitudes from nothing to an hour. */
const times = fc.array(
  fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 41 })).map(([x, e]) => x * 2 ** e),
  { minLength: 1, maxLength: 300 }
)

/** The value of the nearest rank. */
const exact = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(1, Math.ceil(share * values.length)) - 1] ?? Number.NaN
}

describe("Latencies", () => {
  it.prop(
    "gives every percentile within its bound of the true one",
    [times, fc.double({ min: 0, max: 1, noNaN: true })],
    ([values, share]) => {
      const latencies = new Latencies()
      for (const value of values) latencies.record(value, 0)
      const truth = exact(values, share) / 1e6
      const said = latencies.percentile(share, 0) ?? Number.NaN
      expect(Math.abs(said - truth)).toBeLessThanOrEqual(Math.max(truth * relativeError, 1e-3))
      expect(latencies.count(0)).toBe(values.length)
    },
    { fastCheck: { numRuns: 2000 } }
  )

  it.prop(
    "counts what was recorded in the last five minutes, and nothing that is older than ten",
    [
      fc.array(fc.integer({ min: 0, max: windowNanos }), { maxLength: 40 }),
      fc.integer({ min: 0, max: 3 * windowNanos })
    ],
    ([steps, rest]) => {
      const latencies = new Latencies()
      let now = 0
      const at = steps.map((step) => {
        now += step
        latencies.record(1e6, now)
        return now
      })
      now += rest
      const count = latencies.count(now)
      expect(count).toBeGreaterThanOrEqual(at.filter((time) => time > now - windowNanos).length)
      expect(count).toBeLessThanOrEqual(at.filter((time) => time > now - 2 * windowNanos).length)
    },
    { fastCheck: { numRuns: 500 } }
  )

  it("has nothing to say before anything was recorded", () => {
    expect(new Latencies().percentile(0.5, 0)).toBeUndefined()
    expect(new Latencies().count(0)).toBe(0)
  })

  it("counts what is longer than 71 minutes as that long, and what is less than nothing as nothing", () => {
    const latencies = new Latencies()
    latencies.record(1e15, 0)
    expect(latencies.percentile(1, 0)).toBeCloseTo(2 ** 32 / 1000, -6)
    latencies.record(-5, 0)
    expect(latencies.percentile(0, 0)).toBeLessThanOrEqual(1e-3)
  })
})
