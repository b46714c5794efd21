import { describe, expect, it } from "@effect/vitest"
import { Accounts } from "../src/soak/Accounts.js"
import * as Samples from "../src/soak/Samples.js"

describe("the soak's accounts", () => {
  /** What is said of one call that ended so, and was run so often. */
  const said = (outcome: string | undefined, runs: number, mayRunTwice = false) => {
    const accounts = new Accounts()
    const id = accounts.open(mayRunTwice)
    if (outcome !== undefined) accounts.ended(id, outcome)
    accounts.ran(Array.from({ length: runs }, () => ({ tool: "run", args: { id }, pid: 1, at: 0 })))
    accounts.close()
    return accounts.wrong
  }

  it("find nothing in what is true", () => {
    expect(said("answered", 1)).toEqual([])
    expect(said("answered", 3, true)).toEqual([])
    expect(said("OutcomeUnknown", 0)).toEqual([])
    expect(said("OutcomeUnknown", 1)).toEqual([])
    expect(said("given up", 1)).toEqual([])
    expect(said("CallTimeout NotSent", 0)).toEqual([])
  })

  it("find a call that was run twice without permission, or more often than three times with it", () => {
    expect(said("answered", 2)).toEqual(["call 0 (answered) was run 2 times, and may be run 1 times"])
    expect(said("given up", 2)).toHaveLength(1)
    expect(said("answered", 4, true)).toHaveLength(1)
  })

  it("find a call that was run although nothing was sent", () => {
    expect(said("CallTimeout NotSent", 1)).toEqual([
      "call 0 (CallTimeout NotSent) was run 1 times, and may be run 0 times"
    ])
    expect(said("PoolSaturated", 1)).toHaveLength(1)
  })

  it("find an answer of a call that was not run, and a call that has not ended", () => {
    expect(said("answered", 0)).toEqual(["call 0 was answered and not run"])
    expect(said(undefined, 0)).toEqual(["call 0 has not ended"])
  })

  it("find a call that is run after everything had ended", () => {
    const accounts = new Accounts()
    accounts.close()
    accounts.ran([{ tool: "run", args: { id: 7 }, pid: 1, at: 0 }])
    expect(accounts.wrong).toEqual(["call 7 was run when all servers had ended"])
  })
})

describe("the soak's samples", () => {
  const rest = (second: number, more: Partial<Samples.Sample> = {}): Samples.Sample => ({
    second,
    phase: "rest",
    calls: 0,
    kills: 0,
    heap: 30,
    rss: 100,
    descriptors: 20,
    children: 0,
    timers: 1,
    fibers: 1,
    open: 0,
    waiting: 0,
    connects: 0,
    ...more
  })
  const rests = (last: Partial<Samples.Sample>) => [rest(0), rest(60), rest(120, last)]

  it("find nothing where nothing has grown, and nothing to compare in one rest", () => {
    expect(Samples.grown(rests({}))).toEqual([])
    expect(Samples.grown([rest(0)])).toEqual(["there are not two rests to compare"])
  })

  it("find one descriptor, one process, and one timer more than the pool's own two", () => {
    expect(Samples.grown(rests({ descriptors: 21 }))).toEqual(["descriptors: 20 after the warm-up, 21 at the end"])
    expect(Samples.grown(rests({ children: 1 }))).toHaveLength(1)
    expect(Samples.grown(rests({ timers: 3 }))).toEqual([])
    expect(Samples.grown(rests({ timers: 4, fibers: 4 }))).toHaveLength(2)
  })

  it("find a heap that is larger than allowed, and one that grows slowly but surely", () => {
    expect(Samples.grown(rests({ heap: 37 }))).toEqual(["heap: 7.0 MiB more than after the warm-up"])
    const slowly = Array.from({ length: 10 }, (_, n) => rest(60 * n, { heap: 30 + 0.6 * n }))
    expect(Samples.grown(slowly)).toEqual(["heap: it grows by 0.60 MiB a minute"])
    const once = Array.from({ length: 10 }, (_, n) => rest(60 * n, { heap: n < 4 ? 30 : 35 }))
    expect(Samples.grown(once)).toEqual([])
  })
})
