/** B1: what borrowing and giving back costs while a slot is free, beside `Effect.scoped(Pool.get)` of Effect itself. */
import { Pool } from "@mooring/pool"
import * as Effect from "effect/Effect"
import * as EffectPool from "effect/Pool"
import { atMost, type Benchmark } from "../Goal.js"
import { measure, repeat } from "../Rounds.js"

const names = {
  ours: "Mooring: Pool.use",
  fresh: "Mooring: Pool.use, built for each call",
  effect: "Effect.scoped(Pool.get) of effect",
  floor: "an empty effect"
}

export const B1: Benchmark = {
  ids: ["B1"],
  title: "Borrow and return, a slot free",
  run: (options) =>
    Effect.scoped(
      Effect.gen(function* () {
        const acquire = () => Effect.succeed({ item: true })
        const pool = yield* Pool.make({ acquire, isOpen: (item) => item.item, config: { max: 1, concurrency: 64 } })
        const theirs = yield* EffectPool.make({ acquire: acquire(), size: 1, concurrency: 64 })
        const use = () => Effect.void
        const figures = yield* measure(
          [
            { name: names.ours, run: repeat(pool.use("key", use)) },
            { name: names.fresh, run: repeat(Effect.suspend(() => pool.use("key", use))) },
            { name: names.effect, run: repeat(Effect.scoped(EffectPool.get(theirs))) },
            { name: names.floor, run: repeat(Effect.void) }
          ],
          options
        )
        const of = (name: string) => figures.find((figure) => figure.name === name)?.median ?? Number.NaN
        return {
          goals: [
            atMost(
              "B1",
              of(names.fresh),
              1.5,
              "µs CPU",
              "Pool.use built for each call, one key, one item, isOpen asked"
            ),
            atMost("B1", of(names.fresh) / of(names.effect), 1 / 8, "×", "the same ÷ Effect.scoped(Pool.get)")
          ],
          scenarios: [{ name: B1.title, unit: "µs CPU per operation", ours: names.fresh, floor: names.floor, figures }]
        }
      })
    ).pipe(Effect.orDie)
}
