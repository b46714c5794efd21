/** A comparison on one server after the other, with the peers installed, as one report. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Comparison from "../calls/Comparison.js"
import * as Peers from "../calls/Peers.js"
import type { Target } from "../calls/Subject.js"
import type { Measured, Options, Report } from "../Goal.js"
import type { RoundsOptions } from "../Rounds.js"

/** What the subjects call. */
export interface Server {
  readonly target: Effect.Effect<Target, never, Scope.Scope>
}

/** Opens the subjects on one server after the other. They are closed before the next server starts. */
export const onEach = <A extends Server>(
  entries: ReadonlyArray<Comparison.Entry>,
  servers: ReadonlyArray<A>,
  { full, roundMs, rounds }: Options,
  /** How long a round is at most in a short run, in milliseconds: there are many subjects, on eight servers. */
  shortRoundMs: number,
  run: (server: A, subjects: ReadonlyArray<Comparison.Opened>, length: RoundsOptions) => Effect.Effect<Report>
): Effect.Effect<Report> =>
  Effect.gen(function* () {
    yield* Peers.install
    const length = { rounds, roundMs: full ? roundMs : Math.min(roundMs, shortRoundMs) }
    const reports = yield* Effect.forEach(servers, (server) =>
      Effect.gen(function* () {
        const subjects = yield* Comparison.open(entries, yield* server.target)
        const report = yield* run(server, subjects, length)
        return { ...report, subjects: Comparison.measured(subjects) }
      }).pipe(Effect.scoped)
    )
    return merged(reports)
  })

/** A subject that was measured on several servers stands once. */
export const merged = (reports: ReadonlyArray<Report>): Report => {
  const subjects = new Map<string, Measured>()
  for (const subject of reports.flatMap(({ subjects = [] }) => subjects)) subjects.set(subject.name, subject)
  return {
    goals: reports.flatMap(({ goals }) => goals),
    scenarios: reports.flatMap(({ scenarios }) => scenarios),
    subjects: [...subjects.values()]
  }
}
