/** B7: a thousand calls at once at a server that nobody is connected to. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Forked from "../calls/Forked.js"
import type { Settings } from "../calls/Settings.js"
import type { Target } from "../calls/Subject.js"
import { atMost, type Benchmark, type Report } from "../Goal.js"
import { figure, quantile } from "../Rounds.js"
import * as Books from "../scenes/Books.js"
import * as Player from "../scenes/Player.js"
import * as Tables from "../scenes/Tables.js"
import * as Versions from "../scenes/Versions.js"

const burst = 1_000

interface Place {
  readonly name: string
  readonly work: Books.Work
  readonly max: number
  readonly target: (books: Books.Books) => Effect.Effect<Target, never, Scope.Scope>
  /** Connections that were opened. */
  readonly connects: (sums: Books.Sums) => number
}

const places: ReadonlyArray<Place> = [
  {
    name: "stdio, 5 ms a call one at a time",
    work: { takesMs: 5, oneAtATime: true },
    max: 8,
    target: (books) => Effect.succeed(books.stdio),
    connects: ({ processes }) => processes
  },
  {
    name: "HTTP, 20 ms a call",
    work: { takesMs: 20, oneAtATime: false },
    // What Mooring has by itself over HTTP.
    max: 2,
    target: ({ folder }) =>
      Effect.map(
        Forked.start("servers/workHttp", [folder], Schema.Struct({ url: Schema.String })),
        ([address]) => address
      ),
    connects: ({ handshakes }) => handshakes
  }
]

/** One burst of Mooring's, and what stands beside it. */
interface Burst {
  readonly p99Ms: number
  /** The same calls once everything is connected. */
  readonly workMs: number
  /** What as many connections take by hand, all at once. */
  readonly connectMs: number
  readonly connects: number
  /** p99 by hand. */
  readonly byHandMs: number
}

const p99Of = ({ p99Ms }: Burst) => p99Ms
const workOf = ({ workMs }: Burst) => workMs
const connectOf = ({ connectMs }: Burst) => connectMs
const byHandOf = ({ byHandMs }: Burst) => byHandMs

/** Of `calls` calls at once; dies when one of them fails. */
const play = (player: Player.Player, cold: boolean, calls: number, atOnce = calls) =>
  Effect.flatMap(player.play({ act: "burst", calls, atOnce, cold }), ({ answered, failed, latenciesUs, wallMs }) =>
    answered === calls
      ? Effect.succeed({ p99Ms: quantile(latenciesUs, 0.99) / 1000, wallMs })
      : Effect.dieMessage(`${calls - answered} of ${calls} calls failed: ${JSON.stringify(failed)}`)
  )

const scene = (place: Place, full: boolean): Effect.Effect<Report> =>
  Effect.gen(function* () {
    const { max } = place
    const rounds = full ? 7 : 2
    const books = yield* Books.make(place.work)
    const target = yield* place.target(books)
    const roles: Array<Player.Role> = []
    const open = (name: string, file: string, settings: Settings = {}) => {
      const role = { name, file, settings }
      roles.push(role)
      return Player.open(role, target)
    }
    const connects = Effect.map(books.sums, place.connects)

    // Over stdio no more than 256 may wait unless one says otherwise.
    const ours = yield* open(`Mooring: max ${max}`, "mooring", { max, maxWaiters: burst })
    const many = yield* open(`SDK clients by hand, ${max} of them`, "sdkMany", { max })
    const bursts: Array<Burst> = []
    // In the first one, code is compiled that the others have.
    for (let round = -1; round < rounds; round++) {
      const before = yield* connects
      const cold = yield* play(ours, true, burst)
      const after = yield* connects
      const warm = yield* play(ours, false, burst)
      const byHand = yield* play(many, true, burst)
      const connectAndCall = yield* play(many, true, max)
      const call = yield* play(many, false, max)
      if (round < 0) continue
      bursts.push({
        p99Ms: cold.p99Ms,
        workMs: warm.wallMs,
        connectMs: connectAndCall.wallMs - call.wallMs,
        connects: after - before,
        byHandMs: byHand.p99Ms
      })
    }
    const held = yield* open("SDK client, held open", "sdkHeld")
    const heldOnce = yield* Player.attempt(held.name, play(held, true, burst))
    // Each of these calls starts its own connection, so that a thousand take so many times as long.
    const freshCalls = full ? burst : 24
    const fresh = yield* open(
      `SDK client for each call, 16 at once${full ? "" : `, ${freshCalls} calls, scaled`}`,
      "sdkFresh"
    )
    const freshOnce = yield* Player.attempt(fresh.name, play(fresh, true, freshCalls, 16))

    const each = (of: (one: Burst) => number) => bursts.map(of)
    const median = (of: (one: Burst) => number) => figure(ours.name, each(of)).median
    const p99 = Tables.scenario(
      `${burst} calls at a cold server, ${place.name}: p99 from the beginning of the burst`,
      "ms",
      [
        Tables.row(ours.name, each(p99Of)),
        Tables.row(many.name, each(byHandOf)),
        Tables.rowOf(held.name, heldOnce, ({ p99Ms }) => p99Ms),
        Tables.rowOf(fresh.name, freshOnce, ({ p99Ms }) => (p99Ms * burst) / freshCalls)
      ]
    )
    const where = `${place.name}, max ${max}`
    const work = `the work: the time of the same calls once warm (${median(workOf).toFixed(0)} ms)`
    const connecting = `connecting is that of ${max} SDK clients at once (${median(connectOf).toFixed(0)} ms)`
    return {
      goals: [
        atMost(
          "B7",
          Math.max(...each(({ connects }) => connects)),
          max,
          "connections",
          `${where}: connections that ${burst} calls at a cold server opened, by the server's books`
        ),
        atMost(
          "B7",
          median(({ connectMs, p99Ms, workMs }) => (p99Ms - connectMs) / workMs),
          1.2,
          "×",
          `${where}: (p99 of ${burst} calls at once at a cold server − time to connect) ÷ ${work}; ${connecting}`
        )
      ],
      scenarios: [p99],
      subjects: Versions.of(roles)
    }
  }).pipe(Effect.scoped)

export const B7: Benchmark = {
  ids: ["B7"],
  title: "A burst of calls at a cold server",
  run: ({ full }) =>
    Effect.map(
      Effect.forEach(places, (place) => scene(place, full)),
      Tables.joined
    )
}
