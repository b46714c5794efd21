import { describe, expect, it } from "@effect/vitest"
import { ConfigFile } from "@mooring/node"
import { Either } from "effect"
import * as Listing from "../src/Listing.js"

const listed = (server: object): Listing.Listed => {
  const text = JSON.stringify({ mcpServers: { one: server } })
  const file = Either.getOrThrow(ConfigFile.parse({ path: "/p/mcp.json", folder: "/p", text }))
  const [entry] = file.entries.values()
  if (entry === undefined) throw new Error("There is no server in the file")
  return Listing.of(file, entry)
}

describe("Listing", () => {
  it.each([
    "NODE_OPTIONS",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "DYLD_INSERT_LIBRARIES",
    "PATH",
    "Path",
    "PYTHONPATH",
    "PERL5OPT",
    "RUBYOPT",
    "JAVA_TOOL_OPTIONS",
    "BASH_ENV",
    "GIT_SSH_COMMAND",
    "npm_config_registry",
    "UV_INDEX_URL"
  ])("%s is marked and shown whole, since it can make a harmless command run other code", (name) => {
    const server = listed({ command: "npx", env: { [name]: "as-written" } })
    expect(server.env).toEqual([{ name, from: "env", risk: expect.any(String), value: "as-written" }])
    expect(Listing.render([server]).split("\n")[1]).toMatch(new RegExp(`^ {4}! env: ${name}=as-written  <- decides `))
  })

  it.each(["TOKEN", "MEMORY_FILE_PATH", "MY_PATH", "npm_config__authToken", "GIT_CONFIG_TOKEN"])(
    "the value of %s is never shown",
    (name) => {
      const server = listed({ command: "npx", env: { [name]: "canary" } })
      expect(JSON.stringify(server)).toContain(name)
      expect(Listing.render([server])).toContain(name)
      expect(JSON.stringify(server) + Listing.render([server])).not.toContain("canary")
    }
  )

  it("what a marked value refers to is not put in, and the credential of an address is hidden", () => {
    expect(listed({ command: "x", env: { PATH: "${HOME}/bin" } }).env).toMatchObject([{ value: "${HOME}/bin" }])
    expect(listed({ command: "x", env: { PIP_INDEX_URL: "https://me:canary@h/simple" } }).env).toMatchObject([
      { value: "https://«redacted»@h/simple" }
    ])
  })

  it("a variable that is left out, and an environment that is passed on, are said", () => {
    const server = listed({ command: "x", env: { A: null, PATH: null }, mooring: { inheritEnv: true } })
    expect(server).toMatchObject({ inheritEnv: true, env: [{ leftOut: true }, { leftOut: true }] })
    const text = Listing.render([server])
    expect(text).toContain("  env: A (left out)\n")
    expect(text).toContain("! env: PATH (left out)  <- decides which code runs")
    expect(text).toContain("! inheritEnv")
  })

  it("a server with nothing besides takes one line", () => {
    expect(Listing.render([listed({ command: "npx", args: ["-y", "x"] })])).toBe("one  stdio  npx -y x")
  })

  it("a line break cannot pass for another server, nor an escape sequence hide one", () => {
    const server = listed({
      command: "sh",
      args: ["-c", "a\nweb  http  b\u001b[2K"],
      cwd: "c\nd",
      env: { "E\nF": "g" }
    })
    const text = Listing.render([server])
    expect(text.split("\n")).toEqual(["one  stdio  sh -c a\\nweb  http  b", "      cwd: c\\nd", "      env: E\\nF"])
  })
})
