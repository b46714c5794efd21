import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { fileURLToPath } from "node:url"
import * as Comparison from "../src/calls/Comparison.js"

const file = fileURLToPath(new URL("fixtures/subject.mjs", import.meta.url))
const target = { command: "none", args: [] }

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Compares a subject that goes wrong with one that does not. Both have ended then. */
const beside = (fault: string, more: Partial<Comparison.Entry> = {}) =>
  Effect.gen(function* () {
    const subjects = yield* Comparison.open(
      [
        { name: "good", file },
        { name: "bad", file, env: { FAULT: fault }, ...more }
      ],
      target
    )
    const results = yield* Comparison.compare(subjects, { atOnce: 8, timed: false }, { rounds: 7, roundMs: 20 })
    return { measured: Comparison.measured(subjects), results }
  }).pipe(
    Effect.scoped,
    Effect.tap(({ measured }) =>
      Effect.sync(() => expect(measured.filter(({ settings }) => isAlive(Number(settings)))).toEqual([]))
    )
  )

describe("a comparison", () => {
  const faults: ReadonlyArray<readonly [fault: string, error: string | RegExp]> = [
    ["import", /^the process ended \(code 1\): Error: it does not load\ncaused by Error: for a reason$/],
    ["open throws", "TypeError: no such file: subject.mjs"],
    ["open hangs", "no answer within 5 seconds"],
    ["call throws", "Error: it broke"],
    ["call hangs", "no answer within 5 seconds"],
    [
      "answers another",
      /^Error: wrong answer to "message \d+": \[\{"type"|^Error: wrong answer to "message \d+": "message \d+ or so"$/
    ],
    ["last round throws", "Error: it broke in the end"],
    ["dies", "the process ended (SIGKILL)"],
    ["throws aside", "the process ended (code 1): RangeError: nobody catches this"]
  ]
  for (const [fault, error] of faults) {
    it.live(`shows a subject as failed, with what it said, and goes on with the others: ${fault}`, () =>
      Effect.gen(function* () {
        const { results } = yield* beside(fault, fault.endsWith("hangs") ? { limit: "5 seconds" } : {})
        const [good, bad] = results
        expect(good?.failed).toBeUndefined()
        expect(good?.samples).toHaveLength(7)
        expect(bad?.failed).toEqual(typeof error === "string" ? error : expect.stringMatching(error))
        const { failed, figures } = Comparison.scenario("load", results, Comparison.rate)
        expect(figures.map(({ name }) => name)).toEqual(["good"])
        expect(failed).toEqual([{ name: "bad", error: bad?.failed }])
      })
    )
  }

  it.live("dies of Mooring's own failure", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(beside("open throws", { ours: true }))
      expect(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : exit).toContain("bad: TypeError: no such file")
    })
  )

  it.live("knows who was measured, whether it could be or not", () =>
    Effect.gen(function* () {
      const { measured } = yield* beside("open throws")
      const [version, settings] = [/^3\./, /^\d+$/].map((pattern): unknown => expect.stringMatching(pattern))
      expect(measured).toEqual(["good", "bad"].map((name) => ({ name, version, settings })))
    })
  )

  it.live("measures who is sparse in half of the rounds, and what each holds in the last", () =>
    Effect.gen(function* () {
      const { results } = yield* beside("none", { sparse: true })
      const [good, bad] = results
      expect(good?.samples.map(({ round }) => round)).toEqual([0, 1, 2, 3, 4, 5, 6])
      expect(bad?.samples.map(({ round }) => round)).toEqual([0, 3, 4])
      const holding = results.map(({ samples }) =>
        samples.filter(({ held }) => held !== undefined).map(({ round }) => round)
      )
      expect(holding).toEqual([[6], [4]])
      expect(bad?.samples[2]?.held?.peakMiB).toBeGreaterThan(10)
    })
  )

  it.live("tells a subject what is set, and says so of it", () =>
    Effect.gen(function* () {
      const { measured, results } = yield* beside("none", { settings: { max: 0 } })
      expect(results.map(({ failed }) => failed)).toEqual([undefined, "RangeError: max is 0"])
      expect(measured[1]?.settings).toBe('{"max":0}')
    })
  )

  it.live("measures groups side by side, each with calls of its own, and goes on without one that fails", () =>
    Effect.gen(function* () {
      const entries = [
        { name: "few", file },
        { name: "many", file },
        { name: "bad", file, env: { FAULT: "call throws" } }
      ]
      const subjects = yield* Comparison.open(entries, target)
      const load = (calls: number) => ({ calls, atOnce: 5, timed: false })
      const groups = [
        { subjects: subjects.slice(0, 1), load: load(10) },
        { subjects: subjects.slice(1), load: load(30) }
      ]
      const results = yield* Comparison.inGroups(groups, 2)
      expect(results.map(({ calls, name, samples }) => [name, calls, samples.map(({ round }) => round)])).toEqual([
        ["few", 10, [0, 1]],
        ["many", 30, [0, 1]],
        ["bad", 30, [0]]
      ])
      expect(results.map(({ failed }) => failed)).toEqual([undefined, undefined, "Error: it broke"])
      expect(subjects.map((subject) => subject.done().calls)).toEqual([23, 68, 38])
    }).pipe(Effect.scoped)
  )

  it.live("ends a client that does not close", () =>
    Effect.gen(function* () {
      const { results } = yield* beside("close hangs")
      expect(results.map(({ failed }) => failed)).toEqual([undefined, undefined])
    })
  )
})
