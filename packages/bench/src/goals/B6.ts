/** B6: a server that works on one call at a time. One connection has one process to wait for; a pool has eight. */
import * as Effect from "effect/Effect"
import * as Comparison from "../calls/Comparison.js"
import * as Peers from "../calls/Peers.js"
import { atLeast, type Benchmark } from "../Goal.js"
import * as Books from "../scenes/Books.js"

const callers = 64
const max = 8
const work: Books.Work = { takesMs: 20, oneAtATime: true }

const sdk: Comparison.Entry = { name: "SDK client, held open", file: "sdkHeld" }
const single: Comparison.Entry = {
  name: `Mooring: max ${max}, concurrency 1`,
  file: "mooring",
  ours: true,
  settings: { max }
}
const ours: Comparison.Entry = {
  name: `Mooring: max ${max}, concurrency 2`,
  file: "mooring",
  ours: true,
  settings: { max, concurrency: 2 }
}

/** Each of them has one connection over stdio. */
const rivals: ReadonlyArray<Comparison.Entry> = [sdk, ...Peers.entries]

/** As many for each process, so that a round takes all of them as long. */
const loadOf = ({ name }: { readonly name: string }) => ({
  calls: callers * (name === single.name || name === ours.name ? max : 1),
  atOnce: callers,
  timed: false
})

export const B6: Benchmark = {
  ids: ["B6"],
  title: "A server that works on one call at a time",
  run: ({ full }) =>
    Effect.gen(function* () {
      yield* Peers.install
      const books = yield* Books.make(work)
      const subjects = yield* Comparison.open([single, ours, ...rivals], books.stdio)
      // One connection has next to nothing to do. Of Mooring's each has eight processes: with all the others beside it, it would
      // be some 6 % slower on two cores, and the others 3 %.
      const isOurs = ({ name }: { readonly name: string }) => name === ours.name || name === single.name
      const turns = [...subjects.filter(isOurs).map((subject) => [subject]), subjects.filter((one) => !isOurs(one))]
      const results = (yield* Effect.forEach(turns, (turn) =>
        Comparison.sideBySide(turn, loadOf, full ? 11 : 2)
      )).flat()
      const names = rivals.map(({ name }) => name)
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
        subjects: Comparison.measured(subjects)
      }
    }).pipe(Effect.scoped)
}
