import { describe, expect, it } from "@effect/vitest"
import { nearest, suggestion } from "../src/Nearest.js"

describe("Nearest", () => {
  it("finds the names that are a few letters away, nearest first", () => {
    expect(nearest("memry", ["filesystem", "memory2", "memory"])).toEqual(["memory", "memory2"])
  })

  it("finds names that contain the word, whatever the case", () => {
    expect(nearest("GRAPH", ["read_graph", "create_entities"])).toEqual(["read_graph"])
  })

  it("gives three at most", () => {
    expect(nearest("a", ["b", "c", "d", "e"])).toHaveLength(3)
  })

  it("suggests, or else lists what there is", () => {
    expect(suggestion("eco", ["echo"], "tools")).toBe('Did you mean "echo"?')
    expect(suggestion("zzzzzz", ["echo", "add"], "tools")).toBe("The tools: echo, add.")
    expect(suggestion("zzzzzz", [], "tools")).toBe("There are no tools.")
    expect(
      suggestion(
        "zzzzzz",
        Array.from({ length: 25 }, (_, i) => `tool-number-${i}`),
        "tools"
      )
    ).toContain("and 5 more")
  })
})
