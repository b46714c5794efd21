/** B11: what a thousand calls by 64 callers cost on the side of the servers: processes, their processor time and memory. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Comparison from "../calls/Comparison.js"
import { atMost, type Benchmark, type Failed } from "../Goal.js"
import * as Books from "../scenes/Books.js"
import * as Player from "../scenes/Player.js"
import * as Tables from "../scenes/Tables.js"
import * as Versions from "../scenes/Versions.js"

const calls = 1_000
const max = 8
const work: Books.Work = { takesMs: 1, oneAtATime: false }
/** The idle time of `subjects/mooringBrief`, and as much again for processes to end. */
const rest = "2 seconds"

interface Subject extends Comparison.Entry {
  readonly atOnce: number
  /** Where a thousand take too long. What they use is scaled. */
  readonly calls: number
  readonly settings?: object
}

const names = { ours: `Mooring: max ${max}, idle for 1 s at most` }

const subjects = (full: boolean): ReadonlyArray<Subject> => [
  {
    name: names.ours,
    file: "mooringBrief",
    atOnce: 64,
    calls,
    settings: { max, idleTimeToLive: "1 second" }
  },
  { name: "SDK client, held open", file: "sdkHeld", atOnce: 64, calls },
  {
    // Sixty-four processes that start at the same time would take the machine for themselves.
    name: `SDK client for each call, 16 at once${full ? "" : ", 48 calls, scaled"}`,
    file: "sdkFresh",
    atOnce: 16,
    calls: full ? calls : 48
  }
]

interface Used {
  readonly sums: Books.Sums
  /** Processes that ran some time after the last call, while the client was still open. */
  readonly left: number
  /** How many times as much a thousand calls would have used. */
  readonly scale: number
}

const measured = (subject: Subject): Effect.Effect<Used> =>
  Effect.gen(function* () {
    const books = yield* Books.make(work)
    const left = yield* Effect.scoped(
      Effect.gen(function* () {
        const opened = yield* Comparison.open([subject], books.stdio)
        for (const { run } of opened) {
          const round = run({ calls: subject.calls, atOnce: subject.atOnce, timed: false })
          yield* Effect.catchAll(round, ({ error }) => Effect.dieMessage(error))
        }
        yield* Effect.sleep(rest)
        return (yield* books.processes).length
      })
    )
    // The client is closed, and every process has said what it used.
    return { sums: yield* books.sums, left, scale: calls / subject.calls }
  }).pipe(Effect.scoped)

export const B11: Benchmark = {
  ids: ["B11"],
  title: "The servers' side of a thousand calls",
  run: ({ full }) =>
    Effect.gen(function* () {
      const results = yield* Effect.forEach(subjects(full), (subject) =>
        Effect.map(Player.attempt(subject.name, measured(subject)), (tried) => ({ name: subject.name, tried }))
      )
      const table = (what: string, unit: string, of: (used: Used) => number | undefined) =>
        Tables.scenario(
          `${calls} calls by 64 callers, the servers' ${what}`,
          unit,
          results.map(({ name, tried }) =>
            Tables.rowOf(
              name,
              Either.flatMap(tried, (used) => told(name, of(used))),
              (value) => value
            )
          )
        )
      const ours = yield* Effect.orDie(results[0]?.tried ?? Either.left({ name: names.ours, error: "not measured" }))
      const how = `${calls} calls by 64 callers, max ${max}, by the server's books`
      return {
        goals: [
          atMost("B11", ours.sums.processes, max, "processes", `${how}: started`),
          atMost("B11", ours.sums.handshakes / ours.sums.processes, 1, "handshakes", `${how}: for each process`),
          atMost("B11", ours.sums.catalogues / ours.sums.processes, 1, "catalogues", `${how}: for each process`),
          atMost(
            "B11",
            ours.left,
            0,
            "processes",
            `${how}: left ${rest} after the last call, with 1 s as the idle time`
          )
        ],
        scenarios: [
          table("processes", "started", ({ scale, sums }) => sums.processes * scale),
          table("processes at a time", "at most", ({ sums }) => sums.mostAtOnce),
          table("handshakes", "requests", ({ scale, sums }) => sums.handshakes * scale),
          table("catalogues", "requests", ({ scale, sums }) => sums.catalogues * scale),
          table("processor time", "ms", ({ scale, sums }) =>
            sums.cpuMs === undefined ? undefined : sums.cpuMs * scale
          ),
          table("memory", "MiB, the peaks of all that ran at one time", ({ sums }) => sums.memoryMiB),
          table(`processes ${rest} after the last call`, "running", ({ left }) => left)
        ],
        subjects: Versions.of(subjects(full))
      }
    })
}

const told = (name: string, value: number | undefined): Either.Either<number, Failed> =>
  value === undefined
    ? Either.left({ name, error: "not measured: a process did not end by itself" })
    : Either.right(value)
