import { FastCheck as fc } from "effect"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "@effect/vitest"
import { plays, share } from "./lab/Law.js"
import { runOnTestClock } from "./lab/TestClockRun.js"
import { render } from "./lab/Violation.js"

const lists = Math.ceil(320 * share)

const anything = plays({
  key: { max: fc.integer({ min: 1, max: 3 }), maxConnecting: fc.integer({ min: 1, max: 3 }) },
  pool: { maxTotal: fc.constantFrom(3, 100), validates: fc.constantFrom(false, false, true) },
  weights: { NextProbe: 2, Advance: 10 },
  maxLength: 40
})

describe("all laws at once, on Effect's own clock", () => {
  it("every law holds over a sample of lists under the stock TestClock and scheduler", async () => {
    const sample = fc.sample(anything, { numRuns: lists, seed: (fc.readConfigureGlobal().seed ?? 0) + 7 })
    const broken = await Effect.runPromise(
      Effect.forEach(
        sample,
        (play, index) =>
          Effect.map(runOnTestClock(play.setup, play.commands), (violations) =>
            violations.length === 0
              ? []
              : [{ index, violations: render(violations.slice(0, 5)), play: JSON.stringify(play) }]
          ),
        { concurrency: 16 }
      )
    )
    expect(broken.flat().slice(0, 3)).toEqual([])
    expect(sample.some((play) => play.commands.length >= 30)).toBe(true)
  }, 300_000)
})
