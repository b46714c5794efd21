/** A comparison on one server after the other, with the peers installed, as one report. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Peers from "../calls/Peers.js"
import type { Measured, Options, Report } from "../Goal.js"
import type { RoundsOptions } from "../Rounds.js"

/** In a short run, a round takes about so many milliseconds: there are many subjects, and eight servers. */
const shortRoundMs = 80

/** What is opened for one server is closed before the next one. */
export const onEach = <Server>(
  servers: ReadonlyArray<Server>,
  options: Options,
  run: (server: Server, length: RoundsOptions) => Effect.Effect<Report, never, Scope.Scope>
): Effect.Effect<Report> => {
  const { full, roundMs, rounds } = options
  const length = { rounds, roundMs: full ? roundMs : Math.min(roundMs, shortRoundMs) }
  const all = Effect.forEach(servers, (server) => Effect.scoped(run(server, length)))
  return Effect.map(Effect.zipRight(Peers.install, all), merged)
}

/** A subject that was measured on several stands once. */
export const merged = (reports: ReadonlyArray<Report>): Report => {
  const subjects = new Map<string, Measured>()
  for (const subject of reports.flatMap(({ subjects = [] }) => subjects)) subjects.set(subject.name, subject)
  return {
    goals: reports.flatMap(({ goals }) => goals),
    scenarios: reports.flatMap(({ scenarios }) => scenarios),
    subjects: [...subjects.values()]
  }
}
