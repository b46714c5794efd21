import { describe, expect, it } from "@effect/vitest"
import { brief, describe as said, lastError, Trouble } from "../src/calls/Trouble.js"

describe("what is shown of an error", () => {
  it("is its first lines, not its stack", () => {
    const text = "Error: one\n  two\n    at open (file:///home/somebody/a.js:1:2)\n\nthree\nfour"
    expect(brief(text)).toBe("Error: one\ntwo\nthree")
    expect(brief("x".repeat(1_000))).toHaveLength(300)
  })

  const places: ReadonlyArray<readonly [text: string, shown: string]> = [
    ["Cannot find /home/somebody/work/a.mjs", "Cannot find a.mjs"],
    ["imported from file:///home/somebody/work/a.mjs:12", "imported from a.mjs:12"],
    ["spawn '/usr/bin/node' ENOENT", "spawn 'node' ENOENT"],
    ["in C:\\Users\\somebody\\a.mjs", "in a.mjs"],
    ["(/tmp/a/b.js, /tmp/c.js)", "(b.js, c.js)"]
  ]
  for (const [text, shown] of places) {
    it(`names no place on this machine: ${text}`, () => {
      expect(brief(text)).toBe(shown)
    })
  }

  for (const text of [
    "Cannot find package '@langchain/mcp-adapters'",
    "tools/call failed",
    "POST http://127.0.0.1:4711/mcp: 404",
    "1/2 of them",
    "text/event-stream; application/json"
  ]) {
    it(`keeps what is not a place: ${text}`, () => {
      expect(brief(text)).toBe(text)
    })
  }

  it("begins where the error does in what a process wrote before it ended", () => {
    const wrote =
      "a warning\nfile:///a.js:1\nthrow new Error('no')\n      ^\n\nError: no\n    at a.js:1\n\nNode.js v20.20.2\n"
    expect(lastError(wrote)).toBe("Error: no\n    at a.js:1\n\nNode.js v20.20.2")
    expect(lastError("killed\n")).toBe("killed")
  })

  it("names the causes, too", () => {
    const error = new Error("outer", { cause: new TypeError("inner", { cause: "why" }) })
    expect(brief(said(error))).toBe("Error: outer\ncaused by TypeError: inner\ncaused by why")
    expect(said({ code: 1 })).toBe('{"code":1}')
  })

  it("is a message, with all of it beside", () => {
    const trouble = new Trouble({ detail: "Error: no\n    at /home/somebody/a.js:1" })
    expect(trouble.message).toBe("Error: no")
    expect(trouble.detail).toContain("somebody")
  })
})
