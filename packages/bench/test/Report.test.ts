import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { atLeast, atMost, type Benchmark, type Report } from "../src/Goal.js"
import * as Charts from "../src/report/Charts.js"
import * as Document from "../src/report/Document.js"
import * as Headlines from "../src/report/Headlines.js"
import * as Run from "../src/report/Run.js"
import * as Tables from "../src/report/Tables.js"

const figure = (name: string, median: number) => ({ name, median, low: median / 2, high: median * 2, rounds: 3 })

const scenario = {
  name: "Borrow and return, a slot free",
  unit: "µs",
  figures: [figure("Mooring: a", 2), figure("another", 8), figure("by hand", 1)],
  failed: [{ name: "broken", error: "it fell over\nat line 1" }]
}

const curve = {
  name: "Cost, by keys",
  axis: { name: "keys", values: [1, 10_000] },
  unit: "µs",
  lines: [{ name: "Mooring", values: [1, null] }]
}

const benchmark = (ids: ReadonlyArray<string>, run: Effect.Effect<Report>): Benchmark => ({
  ids,
  title: ids.join(),
  run: () => run
})
const options = { rounds: 3, roundMs: 10, full: false, seed: 7 }
const silent: Run.Progress = { began: () => {}, ended: () => {} }

const sound = benchmark(
  ["B1", "B2"],
  Effect.succeed({
    goals: [atMost("B1", 1, 2, "µs", "one"), atLeast("B2", 1, 2, "×", "two")],
    scenarios: [scenario],
    curves: [curve],
    subjects: [{ name: "another", version: "1.0.0", settings: "default" }]
  })
)
const broken = benchmark(["B2", "B3", "SCALING"], Effect.dieMessage("it fell over"))

const write = (ran: Run.Ran, only?: ReadonlyArray<string>) =>
  Document.write({ ...options, only, startedAt: 0, tookMs: 1234.5 }, ran)

describe("a run", () => {
  it.effect("has every goal that was asked for, those of a benchmark that failed with its error", () =>
    Effect.gen(function* () {
      const { goals, scenarios } = yield* Run.run([sound, broken], undefined, options, silent)
      expect(goals.map(({ id, met }) => [id, met])).toEqual([
        ["B1", true],
        ["B2", false],
        ["B2", false],
        ["B3", false]
      ])
      expect(goals.at(-1)).toMatchObject({ measured: Number.NaN, how: "failed: it fell over" })
      expect(scenarios).toEqual([scenario])
    })
  )

  it.effect("has the goals that were asked for, and no others", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const progress: Run.Progress = {
        began: ({ title }, place, of) => seen.push(`${place} of ${of}: ${title}`),
        ended: ({ title }) => seen.push(`${title} ended`)
      }
      const { goals } = yield* Run.run([sound, broken], ["B1"], options, progress)
      expect(goals.map(({ id }) => id)).toEqual(["B1"])
      expect(seen).toEqual(["1 of 1: B1,B2", "B1,B2 ended"])
    })
  )

  it.effect("says so of a goal that its benchmark did not report", () =>
    Effect.gen(function* () {
      const mute = benchmark(["B7"], Effect.succeed({ goals: [], scenarios: [] }))
      const { goals } = yield* Run.run([mute], undefined, options, silent)
      expect(goals).toMatchObject([{ id: "B7", met: false, how: "its benchmark did not measure it" }])
    })
  )

  it.effect("ends when it is interrupted", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Run.run([benchmark(["B1"], Effect.interrupt)], undefined, options, silent))
      expect(Exit.isInterrupted(exit)).toBe(true)
    })
  )
})

describe("the result file", () => {
  it.effect("is read again as what was written, what is no number as null", () =>
    Effect.gen(function* () {
      const ran = yield* Run.run([sound, broken], undefined, options, silent)
      const document = Document.parse(write(ran, ["B1", "B2", "B3"]))
      expect(document).toMatchObject({
        schema: 1,
        node: process.version,
        seed: 7,
        options: { full: false, rounds: 3, roundMs: 10, only: ["B1", "B2", "B3"] },
        startedAt: "1970-01-01T00:00:00.000Z",
        tookMs: 1235,
        scenarios: [scenario],
        curves: [curve],
        subjects: [{ name: "another" }]
      })
      expect(document.goals.at(-1)).toEqual({
        id: "B3",
        measured: null,
        goal: null,
        unit: "",
        met: false,
        how: "failed: it fell over"
      })
      expect(Object.keys(document.versions)).toContain("effect")
    })
  )

  it("is refused when it is of another schema", () => {
    const text = write({ goals: [], scenarios: [], curves: [], subjects: [] })
    expect(() => Document.parse(text.replace('"schema": 1', '"schema": 2'))).toThrow("1")
    expect(() => Document.parse(text.replace('"seed": 7', '"seed": "7"'))).toThrow("seed")
  })
})

describe("the tables", () => {
  it("show where each subject stands beside Mooring and the floor, and those that failed", () => {
    const lines = Tables.scenario(scenario).split("\n")
    const row = (name: string) =>
      lines
        .find((line) => line.includes(name))
        ?.split("│")
        .map((cell) => cell.trim())
    expect(row("median")).toEqual(["", scenario.name, "median", "p10", "p90", "rounds", "÷ Mooring", "÷ floor", ""])
    expect(row("another")).toEqual(["", "another", "8.00", "4.00", "16.0", "3", "4.00", "8.00", ""])
    expect(row("broken")?.[2]).toBe("failed: it fell over")
  })

  it("take the subjects that a scenario names for Mooring and the floor, and show no ratio without one", () => {
    const named = Tables.scenario({ ...scenario, ours: "another", floor: "Mooring: a" })
    expect(named.split("\n").find((line) => line.includes("by hand"))).toMatch(/0\.125 │\s+0\.500/)
    const without = { name: "x", unit: "y", figures: [figure("a", 1)] }
    expect(Tables.scenario(without)).not.toContain("÷")
  })

  it("say of a goal that it was not measured", () => {
    const goal = { id: "B3", measured: Number.NaN, goal: Number.NaN, unit: "", met: false, how: "failed: why" }
    expect(Tables.goal(goal)).toBe("B3 MISSED: not measured (failed: why)")
    expect(Tables.goal(atLeast("B4", 3, 2.5, "×", "what"))).toBe("B4 met: 3.00 ×, goal ≥ 2.5 (what)")
  })
})

describe("what is made from a result file", () => {
  const document = Document.parse(
    write({ goals: [atMost("B1", 1, 2, "µs", "a | b")], scenarios: [scenario], curves: [curve], subjects: [] })
  )

  it("are the same charts each time, with a place for each subject and colours for a dark surface", () => {
    const charts = Charts.all(document)
    expect(charts.map(({ file }) => file)).toEqual(["borrow-and-return-a-slot-free.svg", "cost-by-keys.svg"])
    expect(Charts.all(document)).toEqual(charts)
    for (const name of ["Mooring: a", "another", "by hand", "broken", "failed", "prefers-color-scheme: dark"]) {
      expect(charts[0]?.svg).toContain(name)
    }
    expect(charts[1]?.svg).toContain("10,000")
  })

  it("is a part of a page, which is replaced and leaves the rest as it was", () => {
    const text = Headlines.markdown(document)
    expect(text).toContain(
      "| borrow and return in the pool | µs | 2.00 | another: 8.00; by hand: 1.00; broken: failed |"
    )
    expect(text).toContain("1 of 1 goals were met")
    const page = `before\n${Headlines.begin}\nold\n${Headlines.end}\nafter\n`
    const put = Headlines.put(page, text)
    expect(put).toBe(`before\n${Headlines.begin}\n\n${text}\n\n${Headlines.end}\nafter\n`)
    expect(Headlines.put(put ?? "", text)).toBe(put)
    expect(Headlines.put("no markers", text)).toBeUndefined()
  })

  it("is a page with every goal and every chart", () => {
    const page = Headlines.page(document, ["cost-by-keys.svg"])
    expect(page).toContain("| B1 | a \\| b | 1.00 µs | ≤ 2.00 | met |")
    expect(page).toContain("![cost by keys](../charts/cost-by-keys.svg)")
  })

  it("needs every scenario that README shows, of a run that was to measure all", () => {
    expect(Headlines.missing(document)).toContain("Memory of an idle connection")
    expect(Headlines.missing({ ...document, options: { ...document.options, only: ["B1"] } })).toEqual([])
  })
})
