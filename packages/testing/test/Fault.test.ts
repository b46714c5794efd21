import { describe, expect, it } from "@effect/vitest"
import { Fault } from "@mooring/testing"
import { FastCheck } from "effect"

const tags = (arbitrary: FastCheck.Arbitrary<{ readonly _tag: string }>) =>
  new Set(FastCheck.sample(arbitrary, { numRuns: 1000, seed: 1 }).map(({ _tag }) => _tag))

describe("arbitrary faults", () => {
  it("are of every kind", () => {
    expect(tags(Fault.arbitraryFault()).size).toBe(14)
    expect(tags(Fault.arbitraryConnectFault()).size).toBe(7)
  })

  it("are none about half of the time", () => {
    const none = FastCheck.sample(Fault.arbitraryFault(), { numRuns: 1000, seed: 1 }).filter(
      ({ _tag }) => _tag === "None"
    ).length
    expect(none).toBeGreaterThan(400)
    expect(none).toBeLessThan(600)
  })

  it("are only those that were asked for", () => {
    expect(tags(Fault.arbitraryFault({ faults: ["Hang", "CrashAfter"] }))).toEqual(
      new Set(["None", "Hang", "CrashAfter"])
    )
    expect(tags(Fault.arbitraryFault({ faults: [] }))).toEqual(new Set(["None"]))
    expect(tags(Fault.arbitraryConnectFault({ connectFaults: ["Refuse"] }))).toEqual(new Set(["None", "Refuse"]))
  })

  it("shrink to none", () => {
    const found = FastCheck.check(
      FastCheck.property(Fault.arbitraryScript(), ({ calls }) => (calls ?? []).length < 3),
      { seed: 1 }
    )
    expect(found.counterexample).toEqual([
      { calls: Array.from({ length: 3 }, () => ({ fault: { _tag: "None" }, latency: 0 })), connects: [] }
    ])
  })

  it("keep within the given lengths and latencies", () => {
    const scripts = FastCheck.sample(
      Fault.arbitraryScript({ maxCalls: 3, maxConnects: 1, maxLatency: "2 millis" }),
      200
    )
    for (const { calls = [], connects = [] } of scripts) {
      expect(calls.length).toBeLessThanOrEqual(3)
      expect(connects.length).toBeLessThanOrEqual(1)
      for (const { latency } of [...calls, ...connects]) expect([0, 1, 2]).toContain(latency)
    }
  })
})
