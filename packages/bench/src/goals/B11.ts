/** B11: what a thousand calls by 64 callers cost on the side of the servers: processes, their processor time and memory. */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Comparison from "../calls/Comparison.js"
import * as Peers from "../calls/Peers.js"
import { atMost, type Benchmark, type Failed, type Measured } from "../Goal.js"
import * as Books from "../scenes/Books.js"
import * as Tables from "../scenes/Tables.js"

const calls = 1_000
const max = 8
const work: Books.Work = { takesMs: 1, oneAtATime: false }
/** Mooring's idle time, and as much again for processes to end. */
const rest = "2 seconds"
/** Subjects at a time: what counts is what each server says of itself, not how long it takes. */
const sideBySide = 6

interface Subject extends Comparison.Entry {
  readonly atOnce: number
  /** Where a thousand take too long. What they use is scaled. */
  readonly calls: number
}

const mooring: Subject = {
  name: `Mooring: max ${max}, idle for 1 s at most`,
  file: "mooring",
  ours: true,
  atOnce: 64,
  calls,
  settings: { max, idleTimeToLive: "1 second" }
}

const others = (full: boolean): ReadonlyArray<Subject> => [
  { name: "SDK client, held open", file: "sdkHeld", atOnce: 64, calls },
  {
    // Sixty-four processes that start at the same time would take the machine for themselves.
    name: `SDK client for each call, 16 at once${full ? "" : ", 48 calls, scaled"}`,
    file: "sdkFresh",
    atOnce: 16,
    calls: full ? calls : 48
  },
  ...Peers.entries.map((entry) => ({ ...entry, atOnce: 64, calls }))
]

interface Used {
  readonly sums: Books.Sums
  /** Processes that ran some time after the last call, while the client was still open. */
  readonly left: number
  /** How many times as much a thousand calls would have used. */
  readonly scale: number
}

interface Tried {
  readonly name: string
  readonly subjects: ReadonlyArray<Measured>
  readonly used: Either.Either<Used, Failed>
}

/** What one subject has its servers do. Each has books of its own. */
const measured = (subject: Subject): Effect.Effect<Tried> =>
  Effect.gen(function* () {
    const books = yield* Books.make(work)
    const { ended, subjects } = yield* Effect.scoped(
      Effect.gen(function* () {
        const opened = yield* Comparison.open([subject], books.stdio)
        const load = { calls: subject.calls, atOnce: subject.atOnce, timed: false }
        const ended = yield* Effect.forEach(opened, ({ run }) => run(load)).pipe(
          Effect.zipRight(Effect.sleep(rest)),
          Effect.zipRight(books.processes),
          Effect.either
        )
        return { ended, subjects: Comparison.measured(opened) }
      })
    )
    // The client is closed, and every process has said what it used.
    const sums = yield* books.sums
    const used = Either.map(ended, ({ length }) => ({ sums, left: length, scale: calls / subject.calls }))
    return { name: subject.name, subjects, used }
  }).pipe(Effect.scoped)

export const B11: Benchmark = {
  ids: ["B11"],
  title: "The servers' side of a thousand calls",
  run: ({ full }) =>
    Effect.gen(function* () {
      yield* Peers.install
      // Alone, since time counts: that until an idle process has ended.
      const first = yield* measured(mooring)
      const results = [first, ...(yield* Effect.forEach(others(full), measured, { concurrency: sideBySide }))]
      const table = (what: string, unit: string, of: (used: Used) => number | undefined) =>
        Tables.scenario(
          `${calls} calls by 64 callers, the servers' ${what}`,
          unit,
          results.map(({ name, used }) =>
            Tables.rowOf(
              name,
              Either.flatMap(used, (used) => told(name, of(used))),
              (value) => value
            )
          )
        )
      const ours = yield* Effect.orDie(first.used)
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
        subjects: results.flatMap(({ subjects }) => subjects)
      }
    })
}

const told = (name: string, value: number | undefined): Either.Either<number, Failed> =>
  value === undefined
    ? Either.left({ name, error: "not measured: a process did not end by itself" })
    : Either.right(value)
