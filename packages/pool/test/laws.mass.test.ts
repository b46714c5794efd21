import { FastCheck as fc } from "effect"
import { describe } from "@effect/vitest"
import { mustHold, perform, plays, property } from "./lab/Law.js"

const anything = plays({
  key: {
    min: fc.constantFrom(0, 0, 1, 2),
    max: fc.integer({ min: 1, max: 4 }),
    maxIdle: fc.integer({ min: 0, max: 4 }),
    maxConnecting: fc.integer({ min: 1, max: 4 }),
    maxWaiters: fc.constantFrom(0, 1, 4, 8),
    acquireMs: fc.constantFrom(400, 1_000, 3_000)
  },
  pool: {
    maxTotal: fc.constantFrom(3, 5, 100),
    quota: fc.constantFrom(0, 0, 0, 4),
    validates: fc.constantFrom(false, false, true)
  },
  weights: { NextProbe: 2, Alive: 1 }
})

describe("all laws at once", () => {
  for (const part of [1, 2, 3, 4]) {
    property(
      `every law holds over lists of all kinds, part ${part} of 4`,
      anything,
      { runs: 1_200, offset: 100 * part },
      (play) => mustHold(perform(play).violations)
    )
  }
})
