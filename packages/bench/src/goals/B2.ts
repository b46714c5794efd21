/** B2: whether borrowing and giving back stays as cheap as keys and items grow in number. */
import { Pool } from "@mooring/pool"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { atMost, type Benchmark } from "../Goal.js"
import { measure, repeat, type Subject } from "../Rounds.js"

/** Borrows over `keys` keys in turn. */
const overKeys = (keys: number): Effect.Effect<Subject, never, Scope.Scope> =>
  Effect.gen(function* () {
    const pool = yield* Pool.make({ acquire: (key: number) => Effect.succeed({ key }), maxConnecting: keys })
    for (let key = 0; key < keys; key++) yield* pool.use(key, nothing)
    let key = 0
    const next = Effect.suspend(() => {
      key = key + 1 === keys ? 0 : key + 1
      return pool.use(key, nothing)
    })
    return { name: `${keys} keys`, run: repeat(next) }
  }).pipe(Effect.orDie)

/** Borrows from one key whose `items` items are all open; all but one of them are held when `held`. */
const overItems = (items: number, held: boolean): Effect.Effect<Subject, never, Scope.Scope> =>
  Effect.gen(function* () {
    const pool = yield* Pool.make({
      acquire: () => Effect.succeed({ item: true }),
      config: { max: items, maxConnecting: items },
      maxConnecting: items
    })
    const lease = Effect.forEach(Array.from({ length: items }), () => pool.lease("key"), { concurrency: "unbounded" })
    const leases = yield* lease
    yield* Effect.forEach(held ? leases.slice(0, 1) : leases, (one) => one.release, { discard: true })
    return {
      name: `${items} items${held ? ", all but one held" : ", all free"}`,
      run: repeat(Effect.suspend(() => pool.use("key", nothing)))
    }
  }).pipe(Effect.orDie)

const nothing = () => Effect.void

export const B2: Benchmark = {
  ids: ["B2"],
  title: "Borrow and return as keys and items grow",
  run: (options) =>
    Effect.scoped(
      Effect.gen(function* () {
        const byKeys = yield* measure(yield* Effect.forEach([1, 100, 10_000], overKeys), options)
        const byItems = yield* measure(
          [
            ...(yield* Effect.forEach([1, 16, 256], (items) => overItems(items, false))),
            ...(yield* Effect.forEach([16, 256], (items) => overItems(items, true)))
          ],
          options
        )
        const growth = (figures: typeof byKeys) =>
          Math.max(...figures.map(({ median }) => median)) / (figures[0]?.median ?? Number.NaN)
        return {
          goals: [
            atMost("B2", growth(byKeys), 1.3, "×", "the dearest of 1, 100 and 10,000 keys in turn ÷ one key"),
            atMost("B2", growth(byItems), 1.3, "×", "the dearest of 1, 16 and 256 items, free and held ÷ one item")
          ],
          scenarios: [
            { name: "Keys in turn", unit: "µs CPU per operation", figures: byKeys },
            { name: "Items of one key", unit: "µs CPU per operation", figures: byItems }
          ]
        }
      })
    )
}
