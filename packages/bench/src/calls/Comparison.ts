/**
 * Compares subjects in rounds: each does the same load in turn, in an order that changes, while the others wait. How
 * many calls fill a round follows from a warm-up, so that a slow subject does not take all the time. One that fails is
 * left out of the rounds that follow, and shown as failed.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { availableParallelism } from "node:os"
import type { Failed, Measured } from "../Goal.js"
import type { RoundsOptions } from "../Rounds.js"
import type { Result } from "./Measures.js"
import * as Opened from "./Opened.js"
import type { Load, Sample, Target } from "./Subject.js"

export {
  cpuPerCall,
  curve,
  held,
  leastRatio,
  p50,
  rate,
  ratio,
  scenario,
  type Measure,
  type Result
} from "./Measures.js"
export type { Entry, Opened } from "./Opened.js"

/** Opens every subject, each in a process of its own. As many start at a time as there are cores. */
export const open = (
  entries: ReadonlyArray<Opened.Entry>,
  target: Target
): Effect.Effect<ReadonlyArray<Opened.Opened>, never, Scope.Scope> =>
  Effect.parallelFinalizers(
    Effect.forEach(entries, (entry) => Opened.make(entry, target), { concurrency: availableParallelism() })
  )

/** Who was compared. */
export const measured = (subjects: ReadonlyArray<Opened.Opened>): ReadonlyArray<Measured> =>
  subjects.flatMap(({ measured }) => measured ?? [])

/**
 * Measures subjects under one load. They warm up one after the other, but those that are sparse, of which so many do at a
 * time as `warming` says. Default: as many as there are cores.
 */
export const compare = (
  subjects: ReadonlyArray<Opened.Opened>,
  load: Omit<Load, "calls" | "last">,
  { roundMs, rounds }: RoundsOptions,
  warming = availableParallelism()
): Effect.Effect<ReadonlyArray<Result>> =>
  Effect.gen(function* () {
    const callsOf = new Map<Opened.Opened, number>()
    const warm = (subject: Opened.Opened) =>
      Effect.match(warmUp(subject, load, lengthOf(subject, load, roundMs)), {
        onSuccess: (calls) => void callsOf.set(subject, calls),
        // What went wrong is in `failed()` when the rounds are over.
        onFailure: () => {}
      })
    yield* Effect.forEach(
      subjects.filter(({ sparse }) => !sparse),
      warm
    )
    yield* Effect.forEach(
      subjects.filter(({ sparse }) => sparse),
      warm,
      { concurrency: warming }
    )
    const taking = subjects.map((subject): Taking => ({ subject, calls: callsOf.get(subject) ?? 0, samples: [] }))
    for (let round = 0; round < rounds; round++) {
      for (const { calls, samples, subject } of inTurn(taking, round)) {
        if (!takesPart(subject, round) || subject.failed() !== undefined) continue
        const last = !range(round + 1, rounds).some((later) => takesPart(subject, later))
        yield* Effect.match(subject.run({ ...load, calls, last }), {
          onSuccess: (sample) => void samples.push({ ...sample, round }),
          onFailure: () => {}
        })
      }
    }
    return taking.map(resultOf)
  })

/** Subjects that do their rounds side by side: each waits nearly all the time, and none has to wait for another. */
export interface Group {
  readonly subjects: ReadonlyArray<Opened.Opened>
  readonly load: Load
}

/**
 * Measures groups of subjects in rounds, one group after the other. A quarter of a round comes first and is not counted:
 * in it connections open, and code is compiled that the others have.
 */
export const inGroups = (groups: ReadonlyArray<Group>, rounds: number): Effect.Effect<ReadonlyArray<Result>> =>
  Effect.gen(function* () {
    const taking = groups.map(({ load, subjects }) => ({
      load,
      members: subjects.map((subject): Taking => ({ subject, calls: load.calls, samples: [] }))
    }))
    for (const round of range(-1, rounds)) {
      for (const { load, members } of inTurn(taking, round)) {
        const calls = round < 0 ? Math.ceil(load.calls / 4) : load.calls
        yield* Effect.forEach(
          members,
          ({ samples, subject }) =>
            Effect.match(subject.run({ ...load, calls }), {
              onSuccess: (sample) => void (round < 0 || samples.push({ ...sample, round })),
              onFailure: () => {}
            }),
          { concurrency: "unbounded", discard: true }
        )
      }
    }
    return taking.flatMap(({ members }) => members).map(resultOf)
  })

const resultOf = ({ calls, samples, subject }: Taking): Result => ({
  name: subject.name,
  calls,
  samples,
  ...errorOf(subject)
})

interface Taking {
  readonly subject: Opened.Opened
  readonly calls: number
  readonly samples: Array<Sample & { readonly round: number }>
}

const errorOf = (subject: Opened.Opened): { readonly failed?: string } => {
  const failed = subject.failed()
  return failed === undefined ? {} : { failed: failed.error }
}

/** The median time of a call needs fewer calls than processor time does; those that are sparse make fewer. */
export const lengthOf = (
  { sparse }: Pick<Opened.Opened, "sparse">,
  { timed }: Pick<Load, "timed">,
  roundMs: number
): number => (sparse && timed ? roundMs / 2 : roundMs)

/** One round of two for those that are sparse, the first and the second in turn: every second one goes backwards. */
const takesPart = ({ sparse }: Opened.Opened, round: number): boolean => !sparse || (round + (round >> 1)) % 2 === 0

const range = (from: number, to: number): ReadonlyArray<number> =>
  Array.from({ length: Math.max(0, to - from) }, (_, n) => from + n)

/** Each round begins with another subject, every second goes backwards: nobody always comes after the same one. */
export const inTurn = <A>(items: ReadonlyArray<A>, round: number): ReadonlyArray<A> => {
  const from = (round >> 1) % Math.max(1, items.length)
  const turned = [...items.slice(from), ...items.slice(0, from)]
  return round % 2 === 0 ? turned : turned.reverse()
}

/**
 * So many calls until V8 has compiled what is hot: the first thousands over HTTP cost several times what they cost
 * in the end, by any client.
 */
const warmCalls = 20_000

/**
 * Until its process has made as many calls as compilers need, or has used twenty rounds' worth of processor time, or has
 * waited for thirty rounds, under whatever load. Gives the calls that fill a round: by processor time, since on a busy
 * machine a stretch of time holds few of them.
 */
const warmUp = (
  subject: Opened.Opened,
  load: Omit<Load, "calls" | "last">,
  roundMs: number
): Effect.Effect<number, Failed> =>
  Effect.gen(function* () {
    let calls = load.atOnce
    for (;;) {
      const { cpuUs, wallMs } = yield* subject.run({ ...load, calls })
      const byCpu = (calls * roundMs) / 2 / (cpuUs / 1000)
      const byTime = (calls * 2 * roundMs) / wallMs
      const fitting = Math.max(load.atOnce, Math.round(Math.min(byCpu, byTime)))
      const done = subject.done()
      const warm = done.calls >= warmCalls || done.cpuMs >= 20 * roundMs || done.wallMs >= 30 * roundMs
      // A few calls do not tell how many fill a round.
      if (warm && fitting <= 4 * calls) return fitting
      calls = Math.min(fitting, 4 * calls)
    }
  })
