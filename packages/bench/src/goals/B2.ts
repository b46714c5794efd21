/** B2: whether borrowing and giving back stays as cheap as keys and items grow in number. */
import { Pool } from "@mooring/pool"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { atMost, type Benchmark } from "../Goal.js"
import { measure, repeat, type Subject } from "../Rounds.js"

/** Borrows over `keys` in turn. */
export const inTurn = <K>(name: string, keys: ReadonlyArray<K>): Effect.Effect<Subject, never, Scope.Scope> =>
  Effect.gen(function* () {
    const pool = yield* Pool.make({ acquire: (key: K) => Effect.succeed({ key }), maxConnecting: keys.length })
    for (const key of keys) yield* pool.use(key, nothing)
    let at = 0
    const next = Effect.suspend(() => {
      at = at + 1 === keys.length ? 0 : at + 1
      // `at` is within the array.
      return pool.use(keys[at] as K, nothing)
    })
    return { name, run: repeat(next) }
  }).pipe(Effect.orDie)

const numbers = (count: number) =>
  inTurn(
    `${count} numbers`,
    Array.from({ length: count }, (_, n) => n)
  )

/** A key like those of MCP connections: equal by value, made once and kept. */
class Key extends Data.Class<{ readonly server: string; readonly partition: string }> {}

const objects = (count: number) =>
  inTurn(
    `${count} objects, equal by value`,
    Array.from({ length: count }, (_, n) => new Key({ server: "server", partition: `tenant ${n}` }))
  )

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
        const byNumbers = yield* measure(yield* Effect.forEach([1, 100, 10_000], numbers), options)
        const byObjects = yield* measure(yield* Effect.forEach([1, 100, 10_000], objects), options)
        const byItems = yield* measure(
          [
            ...(yield* Effect.forEach([1, 16, 256], (items) => overItems(items, false))),
            ...(yield* Effect.forEach([16, 256], (items) => overItems(items, true)))
          ],
          options
        )
        const growth = (figures: typeof byItems) =>
          Math.max(...figures.map(({ median }) => median)) / (figures[0]?.median ?? Number.NaN)
        return {
          goals: [
            atMost("B2", growth(byNumbers), 1.3, "×", "the dearest of 1, 100 and 10,000 keys in turn ÷ one key"),
            atMost("B2", growth(byObjects), 1.3, "×", "the same over keys that are objects, equal by value"),
            atMost("B2", growth(byItems), 1.3, "×", "the dearest of 1, 16 and 256 items, free and held ÷ one item")
          ],
          scenarios: [
            { name: "Keys in turn", unit: "µs CPU per operation", figures: byNumbers },
            { name: "Keys in turn, objects", unit: "µs CPU per operation", figures: byObjects },
            { name: "Items of one key", unit: "µs CPU per operation", figures: byItems }
          ]
        }
      })
    )
}
