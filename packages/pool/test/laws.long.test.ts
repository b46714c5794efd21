import { FastCheck as fc } from "effect"
import { describe, expect, it } from "@effect/vitest"
import { breathe, perform, plays, share } from "./lab/Law.js"
import { render } from "./lab/Violation.js"

/**
 * How many commands to play in all. 20,000 unless `MOORING_LONG` says otherwise; `npm run test:long` says a million.
 * A failure names the seed of its chunk, which `FC_SEED` repeats.
 */
const commands = Number(process.env["MOORING_LONG"] ?? Math.ceil(20_000 * share))

const chunk = 100

const anything = plays({
  key: {
    min: fc.constantFrom(0, 0, 1),
    max: fc.integer({ min: 1, max: 5 }),
    maxIdle: fc.integer({ min: 0, max: 5 }),
    concurrency: fc.integer({ min: 1, max: 4 }),
    maxConnecting: fc.integer({ min: 1, max: 5 }),
    connectWeight: fc.integer({ min: 1, max: 3 }),
    maxWaiters: fc.constantFrom(0, 1, 4, 16),
    idleMs: fc.constantFrom(200, 5_000),
    acquireMs: fc.constantFrom(400, 1_000, 3_000)
  },
  pool: {
    maxTotal: fc.constantFrom(2, 4, 8, 100),
    quota: fc.constantFrom(0, 0, 3),
    validates: fc.boolean(),
    closeTakesMs: fc.constantFrom(0, 20)
  },
  weights: { NextProbe: 2, Alive: 1 }
})

describe("all laws at length", () => {
  it(`every law holds over ${commands} commands`, async () => {
    const seed = fc.readConfigureGlobal().seed ?? 0
    let played = 0
    for (let part = 0; played < commands; part++) {
      for (const play of fc.sample(anything, { numRuns: chunk, seed: seed + part })) {
        played += play.commands.length
        const { violations } = perform(play)
        if (violations.length > 0) {
          const found = `${render(violations.slice(0, 5))}\n${JSON.stringify(play)}`
          throw new Error(`FC_SEED=${seed + part}, after ${played} commands:\n${found}`)
        }
      }
      await breathe()
    }
    expect(played).toBeGreaterThanOrEqual(commands)
  }, 3_600_000)
})
