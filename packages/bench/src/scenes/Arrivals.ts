/** When the calls of an open loop are due: at random, as they come from many callers who know nothing of each other. */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

/** Milliseconds from the beginning, in order: a Poisson process of so many a second. The same for the same seed. */
export const poisson = (calls: number, perSecond: number, seed: number): ReadonlyArray<number> => {
  const drawn = Effect.runSync(Effect.withRandom(Effect.replicateEffect(Random.next, calls), Random.make(seed)))
  let due = 0
  return drawn.map((share) => (due += (-Math.log(1 - share) / perSecond) * 1000))
}
