import { describe, expect, it } from "@effect/vitest"
import { lengthOf } from "../src/calls/Comparison.js"
import * as Measures from "../src/calls/Measures.js"
import { merged } from "../src/goals/Servers.js"
import { descendants } from "../src/calls/Held.js"

/** A subject whose rounds took so long, for a hundred calls each. */
const took = (name: string, walls: ReadonlyArray<number | undefined>, failed?: string): Measures.Result => ({
  name,
  calls: 100,
  samples: walls.flatMap((wallMs, round) => (wallMs === undefined ? [] : [{ wallMs, cpuUs: 1, p50Us: 1, round }])),
  ...(failed === undefined ? {} : { failed })
})

describe("a round", () => {
  it("is half as long for those that are sparse where calls are timed, and for nobody else", () => {
    const lengths = [true, false].flatMap((sparse) =>
      [true, false].map((timed) => lengthOf({ sparse }, { timed }, 100))
    )
    expect(lengths).toEqual([50, 100, 100, 100])
  })
})

describe("measures", () => {
  it("a ratio is of the rounds that both have", () => {
    const results = [took("one", [10, 20, 40, 10]), took("other", [undefined, 40, 80, undefined])]
    expect(Measures.ratio(results, Measures.rate, "one", "other")).toBe(2)
  })

  it("a ratio to somebody who failed, or was not there, is none", () => {
    const results = [took("one", [10]), took("other", [10], "broke")]
    expect(Measures.ratio(results, Measures.rate, "one", "other")).toBeNaN()
    expect(Measures.ratio(results, Measures.rate, "one", "nobody")).toBeNaN()
  })

  it("the least ratio is that to the best of those who were measured", () => {
    const results = [took("one", [10]), took("slow", [40]), took("fast", [5]), took("broken", [1], "broke")]
    const rivals = ["slow", "fast", "broken", "nobody"]
    expect(Measures.leastRatio(results, Measures.rate, "one", rivals)).toEqual({ ratio: 0.5, to: "fast" })
    expect(Measures.leastRatio(results, Measures.rate, "one", ["broken"])).toEqual({ ratio: Number.NaN, to: "nobody" })
  })

  it("who failed has no figure but what it said", () => {
    const { failed, figures } = Measures.scenario("t", [took("one", [10]), took("two", [10], "broke")], Measures.rate)
    expect(figures).toEqual([{ name: "one", median: 10_000, low: 10_000, high: 10_000, rounds: 1 }])
    expect(failed).toEqual([{ name: "two", error: "broke" }])
  })

  it("what a client holds is told by its last round, where the system tells", () => {
    const sample = { wallMs: 1, cpuUs: 1, p50Us: 1 }
    const samples = [
      { ...sample, round: 0 },
      { ...sample, round: 1, held: { peakMiB: 80, sockets: 16 } }
    ]
    const tables = Measures.held.map((measure) => Measures.scenario("t", [{ name: "one", calls: 1, samples }], measure))
    expect(tables.map(({ figures }) => figures.map(({ median, rounds }) => [median, rounds]))).toEqual([
      [],
      [[16, 1]],
      [[80, 1]]
    ])
  })

  it("processes below a process are its children and theirs", () => {
    const parents = new Map([
      [2, 1],
      [3, 2],
      [4, 3],
      [5, 1]
    ])
    expect(descendants(2, parents)).toBe(2)
    expect(descendants(1, parents)).toBe(4)
    expect(descendants(5, parents)).toBe(0)
  })

  it("a subject that was measured on several servers stands once in a report", () => {
    const subject = { name: "one", version: "1.0.0", settings: "none" }
    const report = { goals: [], scenarios: [], subjects: [subject] }
    expect(merged([report, report, { goals: [], scenarios: [] }])).toEqual(report)
  })
})
