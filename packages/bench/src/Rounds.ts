/**
 * Measures subjects side by side in one process: rounds in turn, in an order that changes, so that what disturbs the
 * machine disturbs all of them alike. CPU of the process, not wall time. Medians, with the spread shown.
 */
import * as Effect from "effect/Effect"

/** Something to be measured: runs its operation `times` times. */
export interface Subject {
  readonly name: string
  readonly run: (times: number) => Effect.Effect<void>
}

/** What the rounds of one subject came to; the unit is the scenario's. */
export interface Figure {
  readonly name: string
  readonly median: number
  readonly low: number
  readonly high: number
  readonly rounds: number
}

export interface RoundsOptions {
  /** Rounds that count. */
  readonly rounds: number
  /** About how long one round takes, in milliseconds: the number of operations follows from it. */
  readonly roundMs: number
}

/** Measures every subject in every round, after a warm-up that also finds out how many operations fill a round. */
export const measure = (
  subjects: ReadonlyArray<Subject>,
  options: RoundsOptions
): Effect.Effect<ReadonlyArray<Figure>> =>
  Effect.gen(function* () {
    const times = new Map<string, number>()
    const samples = new Map<string, Array<number>>()
    for (const subject of subjects) {
      times.set(subject.name, yield* warmUp(subject, options.roundMs))
      samples.set(subject.name, [])
    }
    for (let round = 0; round < options.rounds; round++) {
      const order = round % 2 === 0 ? subjects : [...subjects].reverse()
      for (const subject of order) {
        const perOperation = yield* cpu(subject, times.get(subject.name) ?? 1)
        samples.get(subject.name)?.push(perOperation)
      }
    }
    return subjects.map(({ name }) => figure(name, samples.get(name) ?? []))
  })

const warmUp = (subject: Subject, roundMs: number): Effect.Effect<number> =>
  Effect.gen(function* () {
    let times = 1_000
    for (;;) {
      const perOperation = yield* cpu(subject, times)
      if (perOperation * times >= roundMs * 1_000) {
        return Math.max(1, Math.round((roundMs * 1_000) / (yield* cpu(subject, times))))
      }
      times *= 2
    }
  })

const cpu = (subject: Subject, times: number): Effect.Effect<number> =>
  Effect.suspend(() => {
    const before = process.cpuUsage()
    return Effect.map(subject.run(times), () => {
      const used = process.cpuUsage(before)
      return (used.user + used.system) / times
    })
  })

/** Sums up the samples of one subject. */
export const figure = (name: string, samples: ReadonlyArray<number>): Figure => {
  const sorted = [...samples].sort((a, b) => a - b)
  return {
    name,
    median: quantile(sorted, 0.5),
    low: quantile(sorted, 0.1),
    high: quantile(sorted, 0.9),
    rounds: sorted.length
  }
}

/** The value below which this share of them lies; they are in order. */
export const quantile = (sorted: ReadonlyArray<number>, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN

/** Runs an operation again and again, in one fiber. */
export const repeat =
  (operation: Effect.Effect<unknown, unknown>) =>
  (times: number): Effect.Effect<void> =>
    Effect.orDie(
      Effect.gen(function* () {
        for (let i = 0; i < times; i++) yield* operation
      })
    )
