import { describe, expect, it } from "@effect/vitest"
import * as Argv from "../src/Argv.js"

const run = (...tokens: ReadonlyArray<string>) => {
  const line = Argv.parse(tokens)
  return line._tag === "Run" ? line.argv : line
}

describe("Argv", () => {
  it("options may stand before the command, after it, or after its arguments", () => {
    const strict = ["call", "--output", "json", "--", "everything", "echo", "message=hi"]
    expect(run("call", "everything", "echo", "message=hi", "--output", "json")).toEqual(strict)
    expect(run("--output", "json", "call", "everything", "echo", "message=hi")).toEqual(strict)
    expect(run("call", "everything", "--output=json", "echo", "message=hi")).toEqual(strict)
  })

  it("the value of an option is never taken for the command", () => {
    expect(run("--config", "tools", "ping")).toEqual(["ping", "--config", "tools", "--"])
  })

  it("what follows -- is an argument, whatever it looks like", () => {
    expect(run("call", "s", "t", "--", "--help", "--output")).toEqual(["call", "--", "s", "t", "--help", "--output"])
  })

  it("a lone dash is a value", () => {
    expect(run("call", "s", "t", "--json", "-")).toEqual(["call", "--json", "-", "--", "s", "t"])
  })

  it("a negative number in key=value is no option", () => {
    expect(run("call", "s", "t", "a=-1")).toEqual(["call", "--", "s", "t", "a=-1"])
  })

  it("--json takes a value for call and none for demo", () => {
    expect(run("call", "s", "t", "--json", "{}")).toEqual(["call", "--json", "{}", "--", "s", "t"])
    expect(run("demo", "--json")).toEqual(["demo", "--json", "--"])
    expect(run("demo", "--json=x")).toMatchObject({ _tag: "Wrong", reason: '"--json" takes no value.' })
  })

  it("a value may stand before the command, also of an option that only one command gives a value", () => {
    expect(run("--json", "{}", "call", "fs", "tool")).toEqual(["call", "--json", "{}", "--", "fs", "tool"])
    expect(run("--json={}", "call", "fs", "tool")).toEqual(["call", "--json", "{}", "--", "fs", "tool"])
    expect(run("--json", "demo")).toEqual(["demo", "--json", "--"])
    expect(run("--json", "call", "fs", "tool")).toMatchObject({ reason: '"--json" needs a value: --json JSON' })
  })

  it("a file may be called like a command", () => {
    expect(run("--config", "ping", "ping")).toEqual(["ping", "--config", "ping", "--"])
  })

  it("debug is known before the command runs", () => {
    expect(Argv.parse(["tools", "--debug"])).toMatchObject({ _tag: "Run", debug: true })
    expect(Argv.parse(["tools"])).toMatchObject({ _tag: "Run", debug: false })
  })

  it("help is asked for with --help, -h or help, for everything or for one command", () => {
    expect(run()).toMatchObject({ _tag: "Help", command: undefined })
    expect(run("--help")).toMatchObject({ _tag: "Help", command: undefined })
    expect(run("help")).toMatchObject({ _tag: "Help", command: undefined })
    for (const line of [run("help", "call"), run("call", "--help"), run("call", "s", "-h"), run("-h", "call")]) {
      expect(line).toMatchObject({ _tag: "Help", command: { name: "call" } })
    }
    expect(run("help", "cal")).toMatchObject({ _tag: "Wrong", hint: expect.stringContaining('Did you mean "call"?') })
  })

  it("the version is asked for anywhere", () => {
    expect(run("--version")).toEqual({ _tag: "Version" })
    expect(run("tools", "--version")).toEqual({ _tag: "Version" })
  })

  it("completions are left to @effect/cli", () => {
    expect(run("--completions", "bash")).toEqual(["--completions", "bash"])
    expect(run("--completions=fish")).toEqual(["--completions", "fish"])
  })

  it("a shell without completions is refused, with those that have them", () => {
    expect(run("--completions", "zzz")).toMatchObject({
      reason: '"--completions" must be bash, zsh or fish, not "zzz".'
    })
    expect(run("--completions")).toMatchObject({
      reason: '"--completions" needs a value: --completions bash|zsh|fish'
    })
  })

  it("what needs no configuration takes none", () => {
    expect(run("demo", "--config", "x")).toMatchObject({
      reason: 'Unknown option "--config".',
      hint: expect.stringContaining('"demo" does not take it')
    })
  })

  it("an unknown command is named once, with the nearest", () => {
    expect(run("toools", "--whatever")).toEqual({
      _tag: "Wrong",
      reason: 'There is no command "toools".',
      hint: 'Did you mean "tools"?\nSee: mooring --help'
    })
    expect(run("xyzzy")).toMatchObject({ hint: expect.stringContaining("servers, tools, call, ping, trust, demo") })
  })

  it("an unknown option is named, with the nearest", () => {
    expect(run("tools", "--ouput", "json")).toMatchObject({
      reason: 'Unknown option "--ouput".',
      hint: expect.stringContaining('Did you mean "--output"')
    })
    expect(run("tools", "--zzzzzzzzzz")).toMatchObject({
      hint: expect.stringContaining("--help, --version.\nAn argument that begins with a dash")
    })
  })

  it("an option of another command is refused, not taken for an argument", () => {
    expect(run("ping", "--json")).toMatchObject({
      reason: 'Unknown option "--json".',
      hint: expect.stringContaining("ping")
    })
  })

  it("a missing value, a wrong value and an option twice are refused", () => {
    expect(run("tools", "--config")).toMatchObject({ reason: '"--config" needs a value: --config FILE' })
    expect(run("tools", "--output", "xml")).toMatchObject({ reason: '"--output" must be text or json, not "xml".' })
    expect(run("tools", "--debug", "--debug")).toMatchObject({ reason: '"--debug" was given twice.' })
  })

  it("options without a command say which commands there are", () => {
    expect(run("--debug")).toMatchObject({ reason: "No command was given.", hint: expect.stringContaining("servers") })
  })
})
