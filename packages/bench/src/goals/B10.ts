/** B10: whether chaos leaves anything behind. The soak of `npm run soak`, over both transports side by side. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Forked from "../calls/Forked.js"
import { atMost, type Benchmark, type Goal, type Scenario } from "../Goal.js"
import { figure } from "../Rounds.js"

const Rest = Schema.Struct({
  heap: Schema.Number,
  descriptors: Schema.Number,
  children: Schema.Number,
  timers: Schema.Number,
  fibers: Schema.Number,
  open: Schema.Number,
  waiting: Schema.Number
})

const Ended = Schema.Struct({
  calls: Schema.Number,
  runs: Schema.Number,
  kills: Schema.Number,
  rests: Schema.Array(Rest),
  wrong: Schema.Array(Schema.String)
})
const Running = Schema.Struct({ runs: Schema.Null })

const soak = (transport: string, minutes: number, seed: number): Effect.Effect<typeof Ended.Type> =>
  Effect.scoped(
    Effect.gen(function* () {
      const args = [transport, String(minutes), "64", String(seed)]
      const [, process] = yield* Forked.start("soak/forked", args, Schema.Struct({ ready: Schema.Literal(true) }))
      for (;;) {
        yield* Effect.sleep("1 second")
        const said = yield* process.ask({}, Schema.Union(Ended, Running))
        if (said.runs !== null) return said
      }
    })
  )

const kinds = [
  ["slots in use", ({ open, waiting }: typeof Rest.Type) => open + waiting],
  ["fibers", ({ fibers }: typeof Rest.Type) => fibers],
  ["file descriptors", ({ descriptors }: typeof Rest.Type) => descriptors],
  ["processes", ({ children }: typeof Rest.Type) => children],
  ["timers", ({ timers }: typeof Rest.Type) => timers],
  ["heap, MiB", ({ heap }: typeof Rest.Type) => heap]
] as const

/** What was there at the first rest, and what at the last. */
const scenario = (name: string, rests: ReadonlyArray<typeof Rest.Type>): Scenario => ({
  name,
  unit: "how many there are",
  figures: kinds.flatMap(([kind, of]) => [
    figure(`${kind}, first rest`, rests.slice(0, 1).map(of)),
    figure(`${kind}, last rest`, rests.slice(-1).map(of))
  ])
})

const goalOf = (transport: string, { calls, kills, runs, wrong }: typeof Ended.Type): Goal => {
  const load = `${calls} calls over ${transport}, ${runs} runs, ${kills} processes killed`
  const what = wrong.length === 0 ? "" : `: ${wrong.join("; ")}`
  return atMost("B10", wrong.length, 0, "faults", `what is left or untrue after ${load}${what}`)
}

export const B10: Benchmark = {
  ids: ["B10"],
  title: "Chaos, and what is left after it",
  run: ({ full, seed }) =>
    Effect.map(
      Effect.forEach(
        ["stdio", "http"],
        (transport) => Effect.map(soak(transport, full ? 10 : 1 / 3, seed), (ended) => ({ transport, ended })),
        { concurrency: "unbounded" }
      ),
      (soaks) => ({
        goals: soaks.map(({ ended, transport }) => goalOf(transport, ended)),
        scenarios: soaks.map(({ ended, transport }) => scenario(`Chaos over ${transport}, at rest`, ended.rests))
      })
    )
}
