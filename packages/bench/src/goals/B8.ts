/** B8: the server's process is killed while many call it. */
import * as Effect from "effect/Effect"
import { atMost, type Benchmark } from "../Goal.js"
import { figure } from "../Rounds.js"
import type { Outcome } from "../scenes/Act.js"
import * as Books from "../scenes/Books.js"
import * as Player from "../scenes/Player.js"
import * as Tables from "../scenes/Tables.js"
import * as Versions from "../scenes/Versions.js"

const callers = 64
/** Who has no answer by then will have none. */
const within = 3_000
const work: Books.Work = { takesMs: 0, oneAtATime: false }

const names = {
  ours: "Mooring",
  permitted: "Mooring, calls may run twice",
  byHand: "SDK client, opened again by hand",
  held: "SDK client, held open"
}

/** Each kill on one connection for all callers, so that nobody is answered before there is another process. */
const roles: ReadonlyArray<Player.Role> = [
  { name: names.ours, file: "mooring", settings: { concurrency: callers } },
  { name: names.permitted, file: "mooring", settings: { concurrency: callers, mayRunTwice: true } },
  { name: names.byHand, file: "sdkReopened" },
  { name: names.held, file: "sdkHeld" }
]

interface Kills {
  readonly name: string
  readonly outcomes: ReadonlyArray<Outcome>
  readonly sums: Books.Sums
}

/** What the calls of one subject came to, over all kills. */
const totals = ({ name, outcomes, sums }: Kills): string => {
  const failed = new Map<string, number>()
  for (const outcome of outcomes) {
    for (const [what, times] of Object.entries(outcome.failed)) failed.set(what, (failed.get(what) ?? 0) + times)
  }
  const answered = outcomes.reduce((all, outcome) => all + outcome.answered, 0)
  const failures = [...failed].map(([what, times]) => `${times} × ${what}`).join(", ")
  return `${name}, ${outcomes.length} kills: ${answered} answered, ${failures === "" ? "none failed" : failures}, ${sums.runTwice} run twice`
}

const recovered = ({ name, outcomes }: Kills): Effect.Effect<ReadonlyArray<number>> => {
  const times = outcomes.flatMap(({ recoveryMs }) => (recoveryMs === null ? [] : [recoveryMs]))
  if (times.length === outcomes.length) return Effect.succeed(times)
  const [last] = Object.entries(outcomes.at(-1)?.failed ?? {}).sort(([, a], [, b]) => b - a)
  return Effect.dieMessage(
    `${name} was not answered any more within ${within / 1000} s: ${last?.[0] ?? "no call ended"}`
  )
}

export const B8: Benchmark = {
  ids: ["B8"],
  title: "kill -9 of the server while it is called",
  run: ({ full }) =>
    Effect.gen(function* () {
      const kills = full ? 20 : 7
      const connecting = yield* Books.make(work)
      const fresh = yield* Player.open({ name: "connect", file: "sdkHeld" }, connecting.stdio)
      const connects: Array<number> = []
      // A server that has just started answers none of the calls that reach it together before it has worked on them all.
      const connectsOfMany: Array<number> = []
      const connect = (calls: number, times: Array<number>) =>
        Effect.map(fresh.play({ act: "burst", calls, atOnce: calls, cold: true }), ({ latenciesUs: [first = 0] }) => {
          times.push(first / 1000)
        })
      const stages = yield* Effect.forEach(roles, (role) =>
        Effect.gen(function* () {
          const books = yield* Books.make(work)
          return { books, outcomes: new Array<Outcome>(), player: yield* Player.open(role, books.stdio) }
        })
      )
      const kill = { act: "steady", callers, calls: Number.MAX_SAFE_INTEGER, forMs: within, killAfterMs: 300 } as const
      // In the first one, code is compiled that the others have.
      for (let round = -1; round < kills; round++) {
        yield* connect(1, connects)
        yield* connect(callers, connectsOfMany)
        for (const [place, { outcomes, player }] of stages.entries()) {
          if (outcomes.at(-1)?.recoveryMs === null) continue
          // Goals are about the first. Of the others every second kill is enough.
          if (!full && place > 0 && round % 2 === 1) continue
          const outcome = yield* player.play(kill)
          if (round >= 0 || outcome.recoveryMs === null) outcomes.push(outcome)
        }
        if (round < 0) connects.length = connectsOfMany.length = 0
      }
      const results = yield* Effect.forEach(stages, ({ books, outcomes, player }) =>
        Effect.map(books.sums, (sums): Kills => ({ name: player.name, outcomes, sums }))
      )
      const rows = yield* Effect.forEach(results, (result) =>
        Effect.map(Player.attempt(result.name, recovered(result)), (times) =>
          Tables.rowOf(result.name, times, (all) => all)
        )
      )
      const [ours, permitted] = results
      if (ours === undefined || permitted === undefined) return yield* Effect.dieMessage("Mooring was not measured")
      const beyond = ours.outcomes.map(
        ({ recoveryMs }, n) => (recoveryMs ?? Number.POSITIVE_INFINITY) - (connects[n] ?? 0)
      )
      const { median } = figure("", beyond)
      const failed = ours.outcomes.flatMap(({ failed }) => Object.entries(failed))
      const notSent = failed.reduce((all, [what, times]) => (what === "OutcomeUnknown" ? all : all + times), 0)
      const how = `stdio, ${callers} callers on one connection, ${kills} kills`
      return {
        goals: [
          atMost(
            "B8",
            median,
            20,
            "ms",
            `${how}: from the kill to the next answer, beyond the time in which the SDK's client connects and has its first answer ` +
              `(${figure("", connects).median.toFixed(0)} ms); at worst ${Math.max(...beyond).toFixed(0)} ms`
          ),
          atMost("B8", notSent, 0, "calls", `${how}: failed with anything but OutcomeUnknown. ${totals(ours)}`),
          atMost(
            "B8",
            ours.sums.runTwice,
            0,
            "calls",
            `${how}: run twice without permission, by the server's books. ${totals(permitted)}`
          )
        ],
        scenarios: [
          Tables.scenario(`kill -9 under load, ${callers} callers: from the kill to the next answer`, "ms", [
            Tables.row("SDK client, connects and has its first answer", connects),
            Tables.row(`SDK client, connects and has the first of ${callers} answers`, connectsOfMany),
            ...rows
          ])
        ],
        subjects: Versions.of(roles)
      }
    }).pipe(Effect.scoped)
}
