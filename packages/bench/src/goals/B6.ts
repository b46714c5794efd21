/** B6: a server that works on one call at a time. One connection has one process to wait for; a pool has eight. */
import * as Effect from "effect/Effect"
import * as Comparison from "../calls/Comparison.js"
import * as Peers from "../calls/Peers.js"
import { atLeast, type Benchmark } from "../Goal.js"
import * as Books from "../scenes/Books.js"

const callers = 64
const max = 8
const work: Books.Work = { takesMs: 20, oneAtATime: true }

const mooring = (concurrency: number): Comparison.Entry => ({
  name: `Mooring: max ${max}, concurrency ${concurrency}`,
  file: "mooring",
  ours: true,
  settings: { max, concurrency }
})

const single = mooring(1)
const ours = mooring(2)
const pools: ReadonlyArray<Comparison.Entry> = [ours, single, ...Peers.poolsOf(max)]

const singles: ReadonlyArray<Comparison.Entry> = [{ name: "SDK client, held open", file: "sdkHeld" }, ...Peers.clients]
const names = singles.map(({ name }) => name)

/** As many for each process, so that a round takes all of them as long. */
const loadOf = (connections: number) => ({ calls: callers * connections, atOnce: callers, timed: false })

export const B6: Benchmark = {
  ids: ["B6"],
  title: "A server that works on one call at a time",
  run: ({ full }) =>
    Effect.gen(function* () {
      yield* Peers.install
      const books = yield* Books.make(work)
      const many = yield* Comparison.open(pools, books.stdio)
      const one = yield* Comparison.open(singles, books.stdio)
      // One connection has next to nothing to do. Of a pool's each has eight processes: with all the others beside it, it would
      // be some 6 % slower on two cores, and the others 3 %.
      const groups = [
        ...many.map((subject) => ({ subjects: [subject], load: loadOf(max) })),
        { subjects: one, load: loadOf(1) }
      ]
      const results = yield* Comparison.inGroups(groups, full ? 11 : 3)
      const best = Comparison.leastRatio(results, Comparison.rate, ours.name, names)
      const byDefault = Comparison.leastRatio(results, Comparison.rate, single.name, names).ratio
      // A process that gets its next call only when its client has the last answer stands idle for that long: a
      // millisecond in twenty-one, by hand, too.
      const how =
        `calls per second ÷ the best client with one connection (${best.to}), ${work.takesMs} ms of work one at a time, ` +
        `${callers} callers, max ${max}, concurrency 2: one call at work and the next at hand; with concurrency 1, the ` +
        `default, ${byDefault.toFixed(2)} ×`
      return {
        goals: [atLeast("B6", best.ratio, 7.5, "×", how)],
        scenarios: [
          Comparison.scenario(`serial server, ${work.takesMs} ms a call, ${callers} at once`, results, Comparison.rate)
        ],
        subjects: Comparison.measured([...many, ...one])
      }
    }).pipe(Effect.scoped)
}
