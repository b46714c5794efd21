/** What spans and metrics cost a call: where nobody wants them, and where somebody does. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as Comparison from "../calls/Comparison.js"
import * as Forked from "../calls/Forked.js"
import type { Watched } from "../calls/Settings.js"
import { atMost, type Benchmark } from "../Goal.js"
import { measure } from "../Rounds.js"

const concurrency = 64

const watched = (name: string, watched: Watched): Comparison.Entry => ({
  name,
  file: "mooringWatched",
  ours: true,
  sparse: watched !== "off" && watched !== "recorded, off",
  settings: { concurrency, watched }
})

const none: Comparison.Entry = {
  name: "Mooring: no tracer",
  file: "mooring",
  ours: true,
  settings: { concurrency }
}
/** Two processes that run the same code are not alike: this says by how much. */
const again: Comparison.Entry = { ...none, name: "no tracer, another process" }
const off = watched("no tracer, tracing switched off", "off")
const idle = watched("a tracer, tracing switched off", "recorded, off")

const entries: ReadonlyArray<Comparison.Entry> = [
  none,
  again,
  off,
  watched("no tracer, a trace from outside", "outside"),
  watched("no tracer, metrics read every second", "metrics"),
  idle,
  watched("a tracer that records nothing", "unsampled"),
  watched("a tracer that records in memory", "recorded")
]

/** As many buckets as the time of a call is counted in, and a call that fell into the first. */
const histogram = Metric.histogram(
  "bench.duration",
  MetricBoundaries.fromIterable([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300])
)
const update = {
  name: "Mooring: one update of a histogram",
  run: (times: number) =>
    Effect.sync(() => {
      for (let i = 0; i < times; i++) histogram.unsafeUpdate(0.001, noLabels)
    })
}
const noLabels: ReadonlyArray<never> = []

/** Milliseconds of a round in a short run. */
const shortRoundMs = 40

export const Tracing: Benchmark = {
  ids: ["TRACE"],
  title: "Spans and metrics of a call",
  run: ({ full, roundMs, rounds }) =>
    Effect.gen(function* () {
      // What is not to be there is small: many rounds tell more of that than long ones.
      const length = { rounds: 2 * rounds, roundMs: full ? roundMs : Math.min(roundMs, shortRoundMs) }
      const target = { command: process.execPath, args: [Forked.fileOf("servers/bareStdio")] }
      const subjects = yield* Comparison.open(entries, target)
      const results = yield* Comparison.compare(subjects, { atOnce: 64, timed: false }, length)
      const ratio = (one: Comparison.Entry, to: Comparison.Entry) =>
        Comparison.ratio(results, Comparison.cpuPerCall, one.name, to.name)
      const how = "client CPU per call, bare server, stdio, 64 at once"
      return {
        goals: [
          atMost(
            "TRACE",
            ratio(none, off),
            1.1,
            "×",
            `${how}: no tracer ÷ tracing switched off for good; ÷ another process without a tracer, ` +
              `${ratio(none, again).toFixed(2)} ×`
          ),
          atMost("TRACE", ratio(idle, none), 1.2, "×", `${how}: a tracer and tracing switched off ÷ no tracer`)
        ],
        scenarios: [
          Comparison.scenario("Spans and metrics, bare server, 64 at once", results, Comparison.cpuPerCall),
          {
            name: "What a call writes down for metrics, read or not",
            unit: "µs CPU",
            figures: yield* measure([update], { rounds: 5, roundMs: 10 })
          }
        ],
        subjects: Comparison.measured(subjects)
      }
    }).pipe(Effect.scoped)
}
