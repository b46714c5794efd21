import { expect, it } from "@effect/vitest"
import { VirtualTime } from "@mooring/testing"
import { Effect, FastCheck as fc } from "effect"
import { mustHold } from "./Laws.js"
import { play } from "./Play.js"
import { worlds } from "./World.js"

/**
 * How many faults are to be met in all: scripted ones, connections killed, callers who give up. 500 unless
 * `MOORING_FAULTS` says otherwise; `npm run test:long` says 100,000. A failure names the seed of its part, which
 * `FC_SEED` repeats, and the smallest world that still fails.
 */
const faults = Number(process.env["MOORING_FAULTS"] ?? 500)

/** Worlds of one seed. */
const part = 50

/** How many faults were met in worlds of this seed. */
const met = async (seed: number): Promise<number> => {
  let sum = 0
  const property = fc.asyncProperty(worlds(), async (world) => {
    const played = await Effect.runPromise(VirtualTime.fast(play(world)))
    sum += played.faults
    mustHold(played)
  })
  await fc.assert(property, { numRuns: part, seed })
  return sum
}

it(`every law of calls holds over ${faults} faults`, async () => {
  const seed = fc.readConfigureGlobal().seed ?? 0
  let sum = 0
  for (let n = 0; sum < faults; n++) sum += await met(seed + n)
  expect(sum).toBeGreaterThanOrEqual(faults)
}, 3_600_000)
