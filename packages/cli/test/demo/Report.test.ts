import { describe, expect, it } from "@effect/vitest"
import { p50, percentile } from "../../src/demo/Percentile.js"
import * as Plan from "../../src/demo/Plan.js"
import * as Report from "../../src/demo/Report.js"
import * as ReportText from "../../src/demo/ReportText.js"

describe("Percentile", () => {
  it("is the sample in the middle, or between two", () => {
    expect(p50([3, 1, 2])).toBe(2)
    expect(p50([4, 1, 2, 3])).toBe(2.5)
    expect(percentile([1, 2, 3, 4, 5], 0)).toBe(1)
    expect(percentile([1, 2, 3, 4, 5], 1)).toBe(5)
    expect(percentile([10, 20], 0.25)).toBe(12.5)
    expect(p50([])).toBeNaN()
  })
})

describe("Plan", () => {
  it("the pooled calls fill the rounds, and are at least as many as said", () => {
    expect(Plan.pooledPerRound(Plan.standard) * Plan.standard.fresh).toBeGreaterThanOrEqual(Plan.standard.pooled)
  })
})

const make = (problems: ReadonlyArray<string>) =>
  Report.make({
    plan: Plan.standard,
    tallies: [
      {
        name: "files",
        transport: "stdio",
        fresh: [200, 220, 240],
        pooled: [0.5, 0.51, 0.52],
        calls: 1401,
        connectionsOpened: 2,
        failures: new Map([["OutcomeUnknown", 1]])
      },
      {
        name: "web",
        transport: "http",
        fresh: [50],
        pooled: [2.5],
        calls: 9,
        connectionsOpened: 1,
        failures: new Map()
      }
    ],
    kill: { server: "files", callsAffected: 13, outcomeUnknown: 1, recoveredMs: 212.345 },
    problems
  })

describe("Report", () => {
  it("has the figures under their stable names", () => {
    expect(make([])).toEqual({
      ok: true,
      servers: [
        {
          name: "files",
          transport: "stdio",
          freshP50Ms: 220,
          pooledP50Ms: 0.51,
          ratio: 431.4,
          calls: 1401,
          connectionsOpened: 2,
          failures: { OutcomeUnknown: 1 }
        },
        {
          name: "web",
          transport: "http",
          freshP50Ms: 50,
          pooledP50Ms: 2.5,
          ratio: 20,
          calls: 9,
          connectionsOpened: 1,
          failures: {}
        }
      ],
      kill: { server: "files", callsAffected: 13, outcomeUnknown: 1, recoveredMs: 212.3 },
      problems: [],
      plan: Plan.standard
    })
  })

  it("is not ok as soon as one thing is wrong", () => {
    expect(make(["a write was lost"]).ok).toBe(false)
  })

  it("the table has a row for each server, the kill its line", () => {
    const report = make([])
    expect(ReportText.rows(report.servers)).toEqual([
      ["server", "transport", "fresh p50", "pooled p50", "ratio", "calls", "connections", "failures"],
      ["files", "stdio", "220 ms", "0.51 ms", "431 x", "1,401", "2", "1 OutcomeUnknown"],
      ["web", "http", "50.0 ms", "2.50 ms", "20 x", "9", "1", "none"]
    ])
    expect(ReportText.killLine(report.kill)).toBe(
      'Killed the process of "files" in full run: 13 calls affected (in flight or waiting; 1 may have run and failed ' +
        "as OutcomeUnknown instead of running twice), next success after 212 ms."
    )
    const text = ReportText.render(report)
    for (const cell of ReportText.rows(report.servers).flat()) expect(text).toContain(cell)
    expect(text).toContain("Every answer was checked and is right")
  })

  it("what is wrong is said under the table", () => {
    expect(ReportText.render(make(["a write was lost", "another"]))).toContain(
      "2 things are wrong:\n  - a write was lost"
    )
  })
})
