/**
 * Calls that begin when they are due, whether those before them are answered or not, at shares of what the SDK's client can
 * do at most. Time counts from when a call was due: what waits because others take long is not left out, as it is where
 * the next call begins when the last one ends.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Forked from "../calls/Forked.js"
import type { Target } from "../calls/Subject.js"
import type { Benchmark, Report } from "../Goal.js"
import { quantile } from "../Rounds.js"
import type { Outcome } from "../scenes/Act.js"
import * as Player from "../scenes/Player.js"
import * as Tables from "../scenes/Tables.js"
import * as Versions from "../scenes/Versions.js"

const shares = [0.25, 0.5, 0.75]

const quantiles = [
  { name: "p50", share: 0.5 },
  { name: "p99", share: 0.99 },
  { name: "p99.9", share: 0.999 }
]

/** When a machine stands still for a moment, more are due at once than may wait by default. */
const maxWaiters = 100_000

interface Transport {
  readonly name: string
  readonly target: Effect.Effect<Target, never, Scope.Scope>
  readonly sdk: Player.Role
  readonly others: ReadonlyArray<Player.Role>
}

const transports: ReadonlyArray<Transport> = [
  {
    name: "stdio",
    // The SDK's server would write a warning for each answer too many that waits to be written.
    target: Effect.succeed({ command: process.execPath, args: ["--no-warnings", Forked.fileOf("servers/sdkStdio")] }),
    sdk: { name: "SDK client, held open", file: "sdkHeld" },
    others: [
      { name: "Mooring: McpClient.callTool", file: "mooring", settings: { concurrency: 64, maxWaiters } },
      { name: "JSON-RPC by hand", file: "bareStdio" }
    ]
  },
  {
    name: "HTTP",
    target: Effect.map(
      Forked.start("servers/sdkHttp", ["sse"], Schema.Struct({ url: Schema.String })),
      ([address]) => address
    ),
    sdk: { name: "SDK client, held open", file: "sdkHeld" },
    others: [
      { name: "Mooring: McpClient.callTool", file: "mooring", settings: { maxWaiters } },
      { name: "undici, by hand", file: "undici" }
    ]
  }
]

interface Length {
  readonly rounds: number
  readonly forMs: number
  readonly warmMs: number
}

const scene = (transport: Transport, { forMs, rounds, warmMs }: Length, seed: number): Effect.Effect<Report> =>
  Effect.gen(function* () {
    const target = yield* transport.target
    const players = yield* Effect.forEach([transport.sdk, ...transport.others], (role) => Player.open(role, target))
    const closed = { act: "steady", callers: 64, calls: Number.MAX_SAFE_INTEGER } as const
    for (const player of players) yield* player.play({ ...closed, forMs: warmMs })
    const [sdk] = players
    if (sdk === undefined) return yield* Effect.dieMessage("nobody plays")
    const most = yield* sdk.play({ ...closed, forMs: warmMs })
    const mostPerSecond = (most.answered / most.wallMs) * 1000

    const scenarios = yield* Effect.forEach(shares, (share) =>
      Effect.gen(function* () {
        const perSecond = Math.round(mostPerSecond * share)
        const calls = Math.ceil((perSecond * forMs) / 1000)
        const outcomes = players.map(() => new Array<Outcome>())
        // The first one is not counted: code is compiled in it that a closed loop does not run.
        for (let round = share === shares[0] ? -1 : 0; round < rounds; round++) {
          // All have the same arrivals in a round.
          const act = { act: "paced", calls, perSecond, seed: seed + round } as const
          for (const [n, player] of players.entries()) {
            const outcome = yield* player.play(act)
            if (round >= 0) outcomes[n]?.push(outcome)
          }
        }
        const title = `${transport.name}, SDK-built server, ${perSecond} calls a second (${share * 100} % of the SDK's ${mostPerSecond.toFixed(0)})`
        return quantiles.map(({ name, share }) =>
          Tables.scenario(
            `${title}: ${name} from when a call was due`,
            "µs; of all rounds together, and of the lowest and the highest",
            players.map((player, n) => latency(player.name, outcomes[n] ?? [], share))
          )
        )
      })
    )
    return { goals: [], scenarios: scenarios.flat(), subjects: Versions.of([transport.sdk, ...transport.others]) }
  }).pipe(Effect.scoped)

/** Of all calls of all rounds. One that failed has no time, so a subject with any has no row of figures. */
const latency = (name: string, outcomes: ReadonlyArray<Outcome>, share: number): Tables.Row => {
  const failed = outcomes.flatMap((outcome) => Object.entries(outcome.failed))
  if (failed.length > 0) {
    const what = failed.map(([error, times]) => `${times} × ${error}`).join(", ")
    return Either.left({ name, error: `calls failed: ${what}` })
  }
  const all = outcomes.flatMap(({ latenciesUs }) => latenciesUs).sort((a, b) => a - b)
  const each = outcomes.map(({ latenciesUs }) => quantile(latenciesUs, share))
  return Either.right({
    name,
    median: quantile(all, share),
    low: Math.min(...each),
    high: Math.max(...each),
    rounds: outcomes.length
  })
}

export const OpenLoop: Benchmark = {
  ids: ["OPEN"],
  title: "Calls that begin when they are due",
  run: ({ full, seed }) => {
    const length = full ? { rounds: 5, forMs: 5_000, warmMs: 3_000 } : { rounds: 2, forMs: 400, warmMs: 500 }
    return Effect.map(
      Effect.forEach(transports, (transport) => scene(transport, length, seed)),
      Tables.joined
    )
  }
}
