import * as fc from "effect/FastCheck"
import { describe, expect, it } from "@effect/vitest"
import { RateLimit } from "../src/internal/RateLimit.js"

describe("RateLimit", () => {
  it("lets as many happen at once as the limit says, and the next when the first is a window ago", () => {
    const limit = new RateLimit(2, 100)
    expect(limit.next(0)).toBe(0)
    limit.record(0)
    expect(limit.next(10)).toBe(10)
    limit.record(10)
    expect(limit.next(20)).toBe(100)
    expect(limit.next(100)).toBe(100)
    limit.record(100)
    expect(limit.next(101)).toBe(110)
    expect(limit.next(500)).toBe(500)
  })

  it("never lets more happen in any window, whenever it is asked, and holds nothing up for longer than a window", () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 40 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 100 }), gaps, (most, window, waits) => {
        const limit = new RateLimit(most, window)
        const times: Array<number> = []
        let now = 0
        for (const wait of waits) {
          now += wait
          const at = limit.next(now)
          expect(at).toBeGreaterThanOrEqual(now)
          const last = times.at(-most)
          expect(at).toBe(last === undefined ? now : Math.max(now, last + window))
          now = at
          limit.record(now)
          times.push(now)
          expect(times.filter((time) => time > now - window).length).toBeLessThanOrEqual(most)
        }
      })
    )
  })

  it("holds nothing up in a window of 0", () => {
    const limit = new RateLimit(1, 0)
    for (let n = 0; n < 50; n++) limit.record(7)
    expect(limit.next(7)).toBe(7)
  })
})
