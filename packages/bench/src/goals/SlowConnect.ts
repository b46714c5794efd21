/**
 * A client of several servers, one of which takes its time to start: when its first calls are answered, and what they
 * cost calls to the others meanwhile.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Comparison from "../calls/Comparison.js"
import type { Benchmark, Failed } from "../Goal.js"
import { figure, quantile } from "../Rounds.js"
import type { Beside, Outcome } from "../scenes/Act.js"
import * as Books from "../scenes/Books.js"
import * as Player from "../scenes/Player.js"
import * as Tables from "../scenes/Tables.js"
import * as Versions from "../scenes/Versions.js"

const startsMs = 300
const slow: Books.Work = { takesMs: 0, oneAtATime: false, startsMs }
const quick: Books.Work = { takesMs: 0, oneAtATime: false }
const others = 2
const calls = 64

interface Role extends Player.Role {
  /** Calls under way at a time at the slow server. */
  readonly atOnce: number
  readonly perSecond: number
  /** Where everything takes so long that a short run has one round of it, and fewer calls. */
  readonly short?: { readonly calls: number }
}

const held = { atOnce: calls, perSecond: 200 }

const rolesOf = (full: boolean): ReadonlyArray<Role> => [
  { name: "Mooring: concurrency 64", file: "mooring", settings: { concurrency: calls }, ...held },
  { name: "SDK client, opened by hand by the first call", file: "sdkReopened", ...held },
  { name: "SDK clients in Effect's Pool", file: "effectPool", ...held },
  // Each of its calls starts a process, those to the other servers, too.
  {
    name: `SDK client for each call, 8 at once${full ? "" : ", 16 calls"}`,
    file: "sdkFresh",
    atOnce: 8,
    perSecond: 4,
    short: { calls: 16 }
  }
]

interface Stage {
  readonly role: Role
  readonly player: Player.Player
  /** Those that count, or why there are none. */
  played: Either.Either<ReadonlyArray<Outcome>, Failed>
}

/** Plays one round of a subject that has not failed. One of which a call fails has. */
const play = (stage: Stage, act: typeof Beside.Type) =>
  Effect.gen(function* () {
    if (Either.isLeft(stage.played)) return
    const { name } = stage.role
    const tried = yield* Player.attempt(name, stage.player.play(act))
    const all = stage.played.right
    stage.played = Either.flatMap(tried, (outcome) => {
      const parts = [outcome, outcome.others?.meanwhile, outcome.others?.afterwards]
      const failed = parts.flatMap((part) => Object.keys(part?.failed ?? {}))
      return failed.length > 0
        ? Either.left({ name, error: `calls failed: ${failed.join(", ")}` })
        : Either.right([...all, outcome])
    })
  })

export const SlowConnect: Benchmark = {
  ids: ["CONNECT"],
  title: "A server that starts slowly beside others",
  run: ({ full, seed }) =>
    Effect.gen(function* () {
      const rounds = full ? 11 : 3
      const books = yield* Effect.forEach([slow, ...Array.from({ length: others }, () => quick)], Books.make)
      const targets = books.map(({ stdio }) => stdio)
      const fresh = yield* Player.open({ name: "connect", file: "sdkHeld" }, ...targets.slice(0, 1))
      const roles = rolesOf(full)
      const stages = yield* Effect.forEach(roles, (role) =>
        Effect.map(Player.open(role, ...targets), (player): Stage => ({ role, player, played: Either.right([]) }))
      )
      const connects: Array<number> = []
      // In the first one, code is compiled that the others have.
      for (let round = -1; round < rounds; round++) {
        const { wallMs } = yield* fresh.play({ act: "burst", calls: 1, atOnce: 1, cold: true })
        if (round >= 0) connects.push(wallMs)
        for (const stage of Comparison.inTurn(stages, round)) {
          const { atOnce, perSecond, short } = stage.role
          if (!full && short !== undefined && round > 0) continue
          const all = full ? calls : (short?.calls ?? calls)
          const forMs = round < 0 ? 50 : startsMs
          const act = { act: "beside", calls: all, atOnce, perSecond, forMs, seed: seed + round } as const
          yield* play(stage, act)
          if (round < 0) stage.played = Either.map(stage.played, () => [])
        }
      }
      const connectMs = figure("", connects).median
      const title = `A server that starts ${startsMs} ms later than others`
      const first = Tables.scenario(
        `${title}, ${calls} calls at once: until all are answered, beyond the time to connect`,
        `ms; the SDK's client connects and has its first answer in ${connectMs.toFixed(0)} ms`,
        stages.map(({ played, role }) =>
          Tables.rowOf(role.name, played, (outcomes) =>
            outcomes.map(({ latenciesUs }) => quantile(latenciesUs, 1) / 1000 - connectMs)
          )
        )
      )
      const beside = (what: string, share: number) =>
        Tables.scenario(
          `${title}, calls to the ${others} others: ${what}`,
          "ms, from when a call was due",
          stages.flatMap(({ played, role }) =>
            (["meanwhile", "afterwards"] as const).map((when) =>
              Tables.rowOf(`${role.name}: ${when}`, played, (outcomes) =>
                outcomes.map(({ others }) => quantile(others?.[when].latenciesUs ?? [], share) / 1000)
              )
            )
          )
        )
      return {
        goals: [],
        scenarios: [first, beside("p50", 0.5), beside("the slowest", 1)],
        subjects: Versions.of(roles)
      }
    }).pipe(Effect.scoped)
}
