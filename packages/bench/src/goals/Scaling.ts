/** How cost grows: with the number of keys from 1 to 10,000, and with that of callers from 1 to 10,000. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Comparison from "../calls/Comparison.js"
import * as Forked from "../calls/Forked.js"
import type { Benchmark, Curve } from "../Goal.js"
import { type RoundsOptions } from "../Rounds.js"

const sizes = [1, 10, 100, 1_000, 10_000]

const Medians = Schema.Struct({ ours: Schema.Number, theirs: Schema.Number, calls: Schema.Number })

const keys = (options: RoundsOptions): Effect.Effect<ReadonlyArray<Curve>> =>
  Effect.scoped(
    Effect.gen(function* () {
      const [, bench] = yield* Forked.start("memory/keys", [], Schema.Struct({ ready: Schema.Literal(true) }))
      const medians = yield* Effect.forEach(sizes, (count) => bench.ask({ count, ...options }, Medians))
      const axis = { name: "keys, used in turn", values: sizes }
      const unit = "µs CPU"
      const of = (what: keyof typeof Medians.Type) => medians.map((median) => median[what])
      return [
        {
          name: "Borrow and return, by keys",
          axis,
          unit,
          lines: [
            { name: "Mooring: Pool.use", values: of("ours") },
            { name: "Effect.scoped(KeyedPool.get) of effect", values: of("theirs") }
          ]
        },
        {
          name: "A call to a server in memory, by partitions",
          axis,
          unit,
          lines: [{ name: "Mooring: McpClient.callTool", values: of("calls") }]
        }
      ]
    })
  )

const subjects: ReadonlyArray<Comparison.Entry> = [
  {
    name: "Mooring: McpClient.callTool",
    file: "mooring",
    // More may wait than by default, where the 257th that waits is refused.
    settings: { concurrency: 64, maxWaiters: 10_000 }
  },
  // It would write a warning for each listener too many, thousands of them, and pay for that.
  { name: "SDK client, held open", file: "sdkHeld", env: { NODE_NO_WARNINGS: "1" } },
  { name: "JSON-RPC by hand", file: "bareStdio" }
]

const callers = (options: RoundsOptions): Effect.Effect<ReadonlyArray<Curve>> =>
  Effect.scoped(
    Effect.gen(function* () {
      const target = { command: process.execPath, args: [Forked.fileOf("servers/bareStdio")] }
      const opened = yield* Comparison.open(subjects, target)
      const results = yield* Effect.forEach(sizes, (atOnce) =>
        Comparison.compare(opened, { atOnce, timed: false }, options)
      )
      const curve = (measure: Comparison.Measure) =>
        Comparison.curve(
          `${measure.name} over stdio, by callers`,
          { name: "callers at once", values: sizes },
          results,
          measure
        )
      return [curve({ ...Comparison.cpuPerCall, name: "Client CPU of a call", unit: "µs" }), curve(apart)]
    })
  )

const apart: Comparison.Measure = {
  name: "Time of a call",
  unit: "µs from one answer to the next",
  of: ({ wallMs }, calls) => (wallMs * 1000) / calls
}

export const Scaling: Benchmark = {
  ids: ["SCALING"],
  title: "How cost grows with keys and callers",
  run: (asked) => {
    // There are five sizes of each: a third of the rounds, and shorter ones.
    const options = { rounds: Math.ceil(asked.rounds / 3), roundMs: Math.round(asked.roundMs / 3) }
    return Effect.map(Effect.all([keys(options), callers(options)]), (curves) => ({
      goals: [],
      scenarios: [],
      curves: curves.flat()
    }))
  }
}
