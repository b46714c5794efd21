import { describe, expect, it } from "@effect/vitest"
import { argumentsOf, commands } from "../src/CommandLine.js"

describe("the arguments of a command", () => {
  it("are those of its usage", () => {
    expect(argumentsOf(commands.servers)).toEqual([])
    expect(argumentsOf(commands.ping)).toEqual([{ name: "SERVER", times: "optional" }])
    expect(argumentsOf(commands.call)).toEqual([
      { name: "SERVER", times: "once" },
      { name: "TOOL", times: "once" },
      { name: "key=value", times: "some" }
    ])
  })
})
