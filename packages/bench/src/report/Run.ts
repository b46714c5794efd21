/**
 * Runs benchmarks one after the other. One that fails costs its own figures and no others': every goal that was asked
 * for is in what comes out, and says why where it could not be measured.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { Benchmark, Curve, Goal, Measured, Options, Report, Scenario } from "../Goal.js"

/** What all benchmarks found. */
export interface Ran {
  readonly goals: ReadonlyArray<Goal>
  readonly scenarios: ReadonlyArray<Scenario>
  readonly curves: ReadonlyArray<Curve>
  readonly subjects: ReadonlyArray<Measured>
}

/** Who hears how far it is. */
export interface Progress {
  /** The benchmark at this place of so many begins. */
  readonly began: (benchmark: Benchmark, place: number, of: number) => void
  readonly ended: (benchmark: Benchmark, report: Report) => void
}

/** The benchmarks that measure one of these, or all. */
export const chosen = (
  benchmarks: ReadonlyArray<Benchmark>,
  wanted: ReadonlyArray<string> | undefined
): ReadonlyArray<Benchmark> =>
  wanted === undefined ? benchmarks : benchmarks.filter(({ ids }) => ids.some((id) => wanted.includes(id)))

export const run = (
  benchmarks: ReadonlyArray<Benchmark>,
  wanted: ReadonlyArray<string> | undefined,
  options: Options,
  progress: Progress
): Effect.Effect<Ran> =>
  Effect.gen(function* () {
    const reports: Array<Report> = []
    const all = chosen(benchmarks, wanted)
    for (const [place, benchmark] of all.entries()) {
      progress.began(benchmark, place + 1, all.length)
      const ids = benchmark.ids.filter((id) => wanted?.includes(id) ?? true)
      const report = yield* reportOf(benchmark, ids, options)
      reports.push(report)
      progress.ended(benchmark, report)
    }
    const subjects = new Map(reports.flatMap(({ subjects = [] }) => subjects).map((one) => [one.name, one]))
    return {
      goals: reports.flatMap(({ goals }) => goals),
      scenarios: reports.flatMap(({ scenarios }) => scenarios),
      curves: reports.flatMap(({ curves = [] }) => curves),
      subjects: [...subjects.values()]
    }
  })

/** What the benchmark reports of these goals, and of each of them at least that it could not be measured. */
const reportOf = (benchmark: Benchmark, ids: ReadonlyArray<string>, options: Options): Effect.Effect<Report> =>
  Effect.catchAllCause(
    Effect.map(benchmark.run(options), (report): Report => {
      const goals = report.goals.filter(({ id }) => ids.includes(id))
      const silent = ids.filter((id) => isGoal(id) && !goals.some((goal) => goal.id === id))
      return { ...report, goals: [...goals, ...silent.map((id) => missing(id, "its benchmark did not measure it"))] }
    }),
    // Ctrl-C ends the run, and is no result.
    (cause) =>
      Cause.isInterruptedOnly(cause)
        ? Effect.interrupt
        : Effect.succeed({ goals: ids.filter(isGoal).map((id) => missing(id, whyOf(cause))), scenarios: [] })
  )

/** Benchmarks without a goal have a name. */
const isGoal = (id: string): boolean => /^B\d+$/.test(id)

const missing = (id: string, how: string): Goal => ({
  id,
  measured: Number.NaN,
  goal: Number.NaN,
  unit: "",
  met: false,
  how
})

const whyOf = (cause: Cause.Cause<never>): string => {
  const failure = Cause.squash(cause)
  return `failed: ${failure instanceof Error ? failure.message : String(failure)}`
}
