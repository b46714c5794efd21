/** What the rounds of subjects are shown by, and how two subjects are set beside each other. */
import type { Curve, Scenario } from "../Goal.js"
import { figure } from "../Rounds.js"
import type { Sample } from "./Subject.js"

/** The samples of one subject under one load, with the number of calls that each of them stands for. */
export interface Result {
  readonly name: string
  readonly calls: number
  readonly samples: ReadonlyArray<Sample & { readonly round: number }>
  /** What went wrong: then the samples say nothing. */
  readonly failed?: string
}

/** What a round's samples are shown and judged by. */
export interface Measure {
  readonly name: string
  readonly unit: string
  /** `undefined` where a round does not tell. */
  readonly of: (sample: Sample, calls: number) => number | undefined
}

export const cpuPerCall: Measure = { name: "client CPU", unit: "µs per call", of: ({ cpuUs }, calls) => cpuUs / calls }
export const rate: Measure = {
  name: "throughput",
  unit: "calls per second",
  of: ({ wallMs }, calls) => (calls / wallMs) * 1000
}
export const p50: Measure = { name: "p50 of a call", unit: "µs", of: (sample) => sample.p50Us }

/** What a client's process holds in the end. */
export const held: ReadonlyArray<Measure> = [
  { name: "processes", unit: "below the client's", of: (sample) => sample.held?.processes },
  { name: "sockets", unit: "of TCP, open in the client", of: (sample) => sample.held?.sockets },
  { name: "memory", unit: "MiB, the client's process at its peak", of: (sample) => sample.held?.peakMiB }
]

/** A table of one measure of all subjects. */
export const scenario = (title: string, results: ReadonlyArray<Result>, measure: Measure): Scenario => ({
  name: `${title}: ${measure.name}`,
  unit: measure.unit,
  figures: results.flatMap((result) => {
    const values = [...valuesOf(result, measure).values()]
    return values.length === 0 ? [] : [figure(result.name, values)]
  }),
  failed: results.flatMap(({ failed, name }) => (failed === undefined ? [] : [{ name, error: failed }]))
})

/** How a measure grows: the results at each place on an axis. */
export const curve = (
  name: string,
  axis: Curve["axis"],
  results: ReadonlyArray<ReadonlyArray<Result>>,
  measure: Measure
): Curve => {
  const columns = results.map((result) => scenario(name, result, measure).figures)
  return {
    name,
    axis,
    unit: measure.unit,
    lines: (results[0] ?? []).map((subject) => ({
      name: subject.name,
      values: columns.map((figures) => figures.find((figure) => figure.name === subject.name)?.median ?? null)
    }))
  }
}

/**
 * One subject's measure ÷ another's, of the same round: the median over the rounds that both have. A core that falls asleep
 * between two calls, or a machine that is busy for a while, makes rounds several times as slow; it is the same for those
 * that come one after the other, which two medians over all rounds would not show.
 */
export const ratio = (results: ReadonlyArray<Result>, measure: Measure, name: string, to: string): number => {
  const of = (wanted: string) => {
    const result = results.find((result) => result.name === wanted)
    return result === undefined ? new Map<number, number>() : valuesOf(result, measure)
  }
  const beside = of(to)
  const ratios = [...of(name)].flatMap(([round, value]) => {
    const other = beside.get(round)
    return other === undefined ? [] : [value / other]
  })
  return figure(name, ratios).median
}

/** The least ratio to any of these, and whose it is. Those that were not measured are no rivals. */
export const leastRatio = (
  results: ReadonlyArray<Result>,
  measure: Measure,
  name: string,
  rivals: ReadonlyArray<string>
): { readonly ratio: number; readonly to: string } =>
  rivals
    .map((to) => ({ ratio: ratio(results, measure, name, to), to }))
    .filter(({ ratio }) => !Number.isNaN(ratio))
    .reduce((least, next) => (Number.isNaN(least.ratio) || next.ratio < least.ratio ? next : least), {
      ratio: Number.NaN,
      to: "nobody"
    })

/** By round; none of a subject that has failed. */
const valuesOf = ({ calls, failed, samples }: Result, measure: Measure): ReadonlyMap<number, number> =>
  new Map(
    samples.flatMap((sample) => {
      const value = failed === undefined ? measure.of(sample, calls) : undefined
      return value === undefined ? [] : [[sample.round, value] as const]
    })
  )
