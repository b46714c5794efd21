/** A server that dies every so many calls: how many are answered, how fast, and how much work is lost. */
import * as Effect from "effect/Effect"
import type { Benchmark } from "../Goal.js"
import * as Books from "../scenes/Books.js"
import * as Player from "../scenes/Player.js"
import * as Tables from "../scenes/Tables.js"
import * as Versions from "../scenes/Versions.js"

const work: Books.Work = { takesMs: 1, oneAtATime: false, lastRun: 50 }

const roles: ReadonlyArray<Player.Role> = [
  { name: "Mooring: max 4", file: "mooring", settings: { max: 4 } },
  { name: "Mooring: max 4, calls may run twice", file: "mooring", settings: { max: 4, mayRunTwice: true } },
  { name: "SDK client, opened again by hand", file: "sdkReopened" },
  { name: "SDK client, held open", file: "sdkHeld" }
]

const measured = (role: Player.Role, calls: number) =>
  Effect.gen(function* () {
    const books = yield* Books.make(work)
    const player = yield* Player.open(role, books.stdio)
    const outcome = yield* player.play({ act: "steady", callers: 16, calls, forMs: 60_000 })
    return { calls, outcome, sums: yield* books.sums }
  }).pipe(Effect.scoped)

export const FlakyCalls: Benchmark = {
  ids: ["FLAKY"],
  title: "A server that dies every 50 calls",
  run: ({ full }) =>
    Effect.gen(function* () {
      const calls = full ? 5_000 : 400
      const results = yield* Effect.forEach(roles, (role) =>
        Effect.map(Player.attempt(role.name, measured(role, calls)), (tried) => ({ name: role.name, tried }))
      )
      const table = (
        what: string,
        unit: string,
        of: (result: Effect.Effect.Success<ReturnType<typeof measured>>) => number
      ) =>
        Tables.scenario(
          `server that dies every ${work.lastRun} calls, ${calls} calls by 16 callers: ${what}`,
          unit,
          results.map(({ name, tried }) => Tables.rowOf(name, tried, of))
        )
      return {
        goals: [],
        scenarios: [
          table("answered", "% of the calls", ({ outcome }) => (outcome.answered / calls) * 100),
          table("throughput", "answers per second", ({ outcome }) => (outcome.answered / outcome.wallMs) * 1000),
          table("runs whose answer nobody got", "runs", ({ outcome, sums }) => sums.runs - outcome.answered),
          table("processes", "started", ({ sums }) => sums.processes)
        ],
        subjects: Versions.of(roles)
      }
    })
}
