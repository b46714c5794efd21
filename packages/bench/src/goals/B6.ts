/** B6: a server that works on one call at a time. One connection has one process to wait for; a pool has eight. */
import * as Effect from "effect/Effect"
import { atLeast, type Benchmark } from "../Goal.js"
import { figure } from "../Rounds.js"
import * as Books from "../scenes/Books.js"
import * as Player from "../scenes/Player.js"
import * as Tables from "../scenes/Tables.js"
import * as Versions from "../scenes/Versions.js"

const callers = 64
const max = 8
const work: Books.Work = { takesMs: 20, oneAtATime: true }

interface Role extends Player.Role {
  readonly connections: number
}

const sdk: Role = { name: "SDK client, held open", file: "sdkHeld", connections: 1 }
const single: Role = {
  name: `Mooring: max ${max}, concurrency 1`,
  file: "mooring",
  settings: { max },
  connections: max
}
const ours: Role = {
  name: `Mooring: max ${max}, concurrency 2`,
  file: "mooring",
  settings: { max, concurrency: 2 },
  connections: max
}

/** A subject that holds its connections open belongs here with a line. */
const roles: ReadonlyArray<Role> = [sdk, single, ours]

export const B6: Benchmark = {
  ids: ["B6"],
  title: "A server that works on one call at a time",
  run: ({ full }) =>
    Effect.gen(function* () {
      const rounds = full ? 11 : 2
      const books = yield* Books.make(work)
      const stages = yield* Effect.forEach(roles, (role) =>
        Effect.map(Player.open(role, books.stdio), (player) => ({ role, player, rates: new Array<number>() }))
      )
      // In the first round connections open, and code is compiled that the others have.
      for (let round = -1; round < rounds; round++) {
        for (const { player, rates, role } of stages) {
          // As many for each process, so that a round takes all of them as long.
          const calls = callers * role.connections
          const { answered, failed, wallMs } = yield* player.play({ act: "steady", callers, calls, forMs: 60_000 })
          if (answered < calls) return yield* Effect.dieMessage(`${role.name}: ${JSON.stringify(failed)}`)
          if (round >= 0) rates.push((calls / wallMs) * 1000)
        }
      }
      const ratesOf = (role: Role) => stages.find((stage) => stage.role === role)?.rates ?? []
      const faster = (role: Role) => {
        const beside = ratesOf(sdk)
        return figure(
          role.name,
          ratesOf(role).map((rate, round) => rate / (beside[round] ?? Number.NaN))
        ).median
      }
      // A process that gets its next call only when its client has the last answer stands idle for that long: a
      // millisecond in twenty-one, by hand, too.
      const how =
        `calls per second ÷ SDK client held open, ${work.takesMs} ms of work one at a time, ${callers} callers, max ${max}, ` +
        `concurrency 2: one call at work and the next at hand; with concurrency 1, the default, ${faster(single).toFixed(2)} ×`
      return {
        goals: [atLeast("B6", faster(ours), 7.5, "×", how)],
        scenarios: [
          Tables.scenario(
            `serial server, ${work.takesMs} ms a call, ${callers} at once: throughput`,
            "calls per second",
            roles.map((role) => Tables.row(role.name, ratesOf(role)))
          )
        ],
        subjects: Versions.of(roles)
      }
    }).pipe(Effect.scoped)
}
