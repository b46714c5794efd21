import { describe, expect, it } from "@effect/vitest"
import { expecting, traces } from "../../src/demo/Subject.js"

const trace = (call: number) => `line ${call}`
const outcomes = [
  { call: 0, end: "answered" },
  { call: 1, end: "OutcomeUnknown" },
  { call: 2, end: "ConnectionLost" }
]

describe("what a server holds in the end", () => {
  it("is right when answered calls ran once and an unknown one at most once", () => {
    expect(traces("files", outcomes, ["line 0"], trace)).toEqual([])
    expect(traces("files", outcomes, ["line 1", "line 0"], trace)).toEqual([])
  })

  it("is wrong when an answered call is missing or ran twice", () => {
    expect(traces("files", outcomes, [], trace)).toEqual([
      'files: the call that leaves "line 0" ended as answered, but ran 0 times'
    ])
    expect(traces("files", outcomes, ["line 0", "line 0"], trace)).toHaveLength(1)
  })

  it("is wrong when a call that may have run ran twice", () => {
    expect(traces("files", outcomes, ["line 0", "line 1", "line 1"], trace)).toEqual([
      'files: the call that leaves "line 1" ended as OutcomeUnknown, but ran 2 times'
    ])
  })

  it("is wrong when a call that failed otherwise ran, or a trace is nobody's", () => {
    expect(traces("files", outcomes, ["line 0", "line 2"], trace)).toHaveLength(1)
    expect(traces("files", outcomes, ["line 0", "line 9"], trace)).toEqual([
      'files holds "line 9", which no call left there'
    ])
  })
})

describe("an answer", () => {
  it("is wrong when it says isError, or is another one", () => {
    const wrong = expecting("a", (result) => result.content.length === 1)
    expect(wrong({ content: [{ type: "text", text: "x" }] })).toBeUndefined()
    expect(wrong({ isError: true, content: [{ type: "text", text: "x" }] })).toBe("said isError: x")
    expect(wrong({ content: [] })).toContain("instead of a")
  })
})
