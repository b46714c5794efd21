/** B6: a server that works on one call at a time. One connection has one process to wait for; a pool has eight. */
import * as Effect from "effect/Effect"
import * as Comparison from "../calls/Comparison.js"
import { atLeast, type Benchmark } from "../Goal.js"
import * as Books from "../scenes/Books.js"
import * as Versions from "../scenes/Versions.js"

const names = {
  ours: "Mooring: max 8, concurrency 2",
  single: "Mooring: max 8, concurrency 1",
  sdk: "SDK client, held open"
}

/** A subject that holds its connections open belongs here with a line. */
const subjects: ReadonlyArray<Comparison.Entry & { readonly settings?: object }> = [
  { name: names.sdk, file: "sdkHeld" },
  { name: names.single, file: "mooringEight", settings: { max: 8 } },
  { name: names.ours, file: "mooringEightAhead", settings: { max: 8, concurrency: 2 } }
]

const work: Books.Work = { takesMs: 20, oneAtATime: true }

export const B6: Benchmark = {
  ids: ["B6"],
  title: "A server that works on one call at a time",
  run: ({ full }) =>
    Effect.gen(function* () {
      const books = yield* Books.make(work)
      const opened = yield* Comparison.open(subjects, books.stdio)
      const length = full ? { rounds: 11, roundMs: 300 } : { rounds: 3, roundMs: 80 }
      const results = yield* Comparison.compare(opened, { atOnce: 64, timed: false }, length)
      const faster = (name: string) => Comparison.ratio(results, Comparison.rate, name, names.sdk)
      // A process that gets its next call only when its client has the last answer stands idle for that long: a
      // millisecond in twenty-one, by hand, too.
      const how =
        `calls per second ÷ SDK client held open, ${work.takesMs} ms of work one at a time, 64 callers, max 8, concurrency 2: ` +
        `one call at work and the next at hand; with concurrency 1, the default, ${faster(names.single).toFixed(2)} ×`
      return {
        goals: [atLeast("B6", faster(names.ours), 7.5, "×", how)],
        scenarios: [
          Comparison.scenario(`serial server, ${work.takesMs} ms a call, 64 at once`, results, Comparison.rate)
        ],
        subjects: Versions.of(subjects)
      }
    }).pipe(Effect.scoped)
}
