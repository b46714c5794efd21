/**
 * Compares subjects in rounds: each does the same load in turn, in an order that changes, while the others wait. How
 * many calls fill a round follows from a warm-up, so that a slow subject does not take all the time.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Scenario } from "../Goal.js"
import { figure, type RoundsOptions } from "../Rounds.js"
import * as Forked from "./Forked.js"
import { type Load, Sample, type Target } from "./Subject.js"

/** A subject in a comparison. */
export interface Entry {
  readonly name: string
  /** Its file in `subjects/`. */
  readonly file: string
  /** What it calls, where that is not what the others call. */
  readonly target?: Target
  /** Variables of its environment besides those of this process. */
  readonly env?: Readonly<Record<string, string>>
}

/** A subject whose client is open. */
export interface Opened {
  readonly name: string
  readonly run: (load: Load) => Effect.Effect<Sample>
}

/** The samples of one subject under one load, with the number of calls that each of them stands for. */
export interface Result {
  readonly name: string
  readonly calls: number
  readonly samples: ReadonlyArray<Sample>
}

/** Opens every subject, each in a process of its own. */
export const open = (
  entries: ReadonlyArray<Entry>,
  target: Target
): Effect.Effect<ReadonlyArray<Opened>, never, Scope.Scope> =>
  Effect.forEach(entries, ({ env, file, name, target: own }) =>
    Effect.map(
      Forked.start(
        "calls/main",
        [file, JSON.stringify(own ?? target)],
        Schema.Struct({ ready: Schema.Literal(true) }),
        env
      ),
      ([, client]): Opened => ({ name, run: (load) => client.ask(load, Sample) })
    )
  )

/** Measures subjects under one load. */
export const compare = (
  subjects: ReadonlyArray<Opened>,
  load: Omit<Load, "calls">,
  { roundMs, rounds }: RoundsOptions
): Effect.Effect<ReadonlyArray<Result>> =>
  Effect.gen(function* () {
    const results: Array<{ readonly subject: Opened; readonly calls: number; readonly samples: Array<Sample> }> = []
    for (const subject of subjects) {
      const calls = yield* warmUp(subject, load, roundMs)
      results.push({ subject, calls, samples: [] })
    }
    for (let round = 0; round < rounds; round++) {
      for (const { calls, samples, subject } of inTurn(results, round)) {
        samples.push(yield* subject.run({ ...load, calls }))
      }
    }
    return results.map(({ calls, samples, subject: { name } }) => ({ name, calls, samples }))
  })

/** What a round's samples are shown and judged by. */
export interface Measure {
  readonly name: string
  readonly unit: string
  readonly of: (sample: Sample, calls: number) => number
}

export const cpuPerCall: Measure = { name: "client CPU", unit: "µs per call", of: ({ cpuUs }, calls) => cpuUs / calls }
export const rate: Measure = {
  name: "throughput",
  unit: "calls per second",
  of: ({ wallMs }, calls) => (calls / wallMs) * 1000
}
export const p50: Measure = { name: "p50 of a call", unit: "µs", of: (sample) => sample.p50Us }

/** A table of one measure of all subjects. */
export const scenario = (title: string, results: ReadonlyArray<Result>, measure: Measure): Scenario => ({
  name: `${title}: ${measure.name}`,
  unit: measure.unit,
  figures: results.map(({ calls, name, samples }) =>
    figure(
      name,
      samples.map((sample) => measure.of(sample, calls))
    )
  )
})

/**
 * One subject's measure ÷ another's, of the same round: the median over the rounds. A core that falls asleep between two
 * calls, or a machine that is busy for a while, makes rounds several times as slow; it is the same for those that come
 * one after the other, which two medians over all rounds would not show.
 */
export const ratio = (results: ReadonlyArray<Result>, measure: Measure, name: string, to: string): number => {
  const of = (wanted: string) => {
    const result = results.find((result) => result.name === wanted)
    return result?.samples.map((sample) => measure.of(sample, result.calls)) ?? []
  }
  const beside = of(to)
  return figure(
    name,
    of(name).map((value, round) => value / (beside[round] ?? Number.NaN))
  ).median
}

/** Each round begins with another subject, every second goes backwards: nobody always comes after the same one. */
const inTurn = <A>(items: ReadonlyArray<A>, round: number): ReadonlyArray<A> => {
  const from = (round >> 1) % Math.max(1, items.length)
  const turned = [...items.slice(from), ...items.slice(0, from)]
  return round % 2 === 0 ? turned : turned.reverse()
}

/**
 * So many calls until V8 has compiled what is hot: the first thousands over HTTP cost several times what they cost
 * in the end, by any client.
 */
const warmCalls = 10_000

/**
 * Until it has made as many calls as compilers need, or has used ten rounds' worth of processor time, or has waited forty
 * rounds. Gives the calls that fill a round: by processor time, since on a busy machine a stretch of time holds few of
 * them.
 */
const warmUp = (subject: Opened, load: Omit<Load, "calls">, roundMs: number): Effect.Effect<number> =>
  Effect.gen(function* () {
    let calls = load.atOnce
    let made = 0
    let cpuMs = 0
    let spentMs = 0
    for (;;) {
      const sample = yield* subject.run({ ...load, calls })
      made += calls
      cpuMs += sample.cpuUs / 1000
      spentMs += sample.wallMs
      const byCpu = (calls * roundMs) / 2 / (sample.cpuUs / 1000)
      const byTime = (calls * 2 * roundMs) / sample.wallMs
      const fitting = Math.max(load.atOnce, Math.round(Math.min(byCpu, byTime)))
      if (made >= warmCalls || cpuMs >= 10 * roundMs || spentMs >= 40 * roundMs) return fitting
      calls = Math.min(fitting, 4 * calls)
    }
  })
