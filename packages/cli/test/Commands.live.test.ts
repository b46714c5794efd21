import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { readdirSync, rmSync } from "node:fs"
import { place, type Ran } from "./support/Mooring.js"

const parsed = (ran: Ran): unknown => JSON.parse(ran.stdout)

/** A place with one good server and one that exits, in a configuration that was named. */
const configured = Effect.gen(function* () {
  const here = yield* place
  const file = here.write("c.json", { mcpServers: { tools: here.server("tools") } })
  const both = here.write("both.json", { mcpServers: { tools: here.server("tools"), broken: here.server("exits") } })
  return { here, config: ["--config", file], both: ["--config", both] }
})

const withPlace = (body: (place: Effect.Effect.Success<typeof configured>) => Effect.Effect<void>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const given = yield* configured
      yield* body(given)
      expect(yield* given.here.leftBehind).toEqual([])
    })
  )

describe.concurrent("mooring servers", () => {
  it.live("lists what the nearest configuration above has, and starts none of it", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const here = yield* place
        here.write("mooring.json", {
          mcpServers: { tools: here.server("tools"), web: { url: "http://127.0.0.1:1/mcp", disabled: true } }
        })
        const ran = yield* here.mooring(["servers"], { below: "src/deep" })
        expect(ran).toMatchObject({ code: 0 })
        expect(ran.stderr).toContain("not trusted")
        expect(ran.stdout.split("\n")).toEqual([
          expect.stringMatching(/^tools {2}stdio {11}.*tools\.mjs/),
          "web    http, disabled  http://127.0.0.1:1/mcp",
          ""
        ])
      })
    )
  )

  it.live("as JSON", () =>
    withPlace(({ here, config }) =>
      Effect.gen(function* () {
        const ran = yield* here.mooring(["servers", ...config, "--output", "json"])
        expect(parsed(ran)).toMatchObject({
          trust: "named",
          servers: [{ name: "tools", transport: "stdio", disabled: false }]
        })
      })
    )
  )

  it.live("shows no secret", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const here = yield* place
        here.write("mcp.json", {
          mcpServers: {
            a: { command: "x", env: { TOKEN: "canary-one" } },
            b: { url: "http://h/", headers: { Authorization: "canary-two" } }
          }
        })
        for (const output of ["text", "json"]) {
          const ran = yield* here.mooring(["servers", "--output", output, "--debug"])
          expect(ran.code).toBe(0)
          expect(ran.stdout + ran.stderr).not.toContain("canary")
        }
      })
    )
  )
})

describe.concurrent("mooring trust", () => {
  it.live("what was trusted runs, until its content changes", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const here = yield* place
        const servers = { tools: here.server("tools") }
        here.write("mcp.json", { mcpServers: servers })
        const trusted = yield* here.mooring(["trust"])
        expect(trusted).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining("tools.mjs") })
        expect((yield* here.mooring(["ping"])).code).toBe(0)
        here.write("mcp.json", { mcpServers: { ...servers, more: here.server("tools") } })
        expect(yield* here.mooring(["ping"])).toMatchObject({
          code: 2,
          stdout: "",
          stderr: expect.stringContaining("has changed since it was trusted")
        })
        expect((yield* here.mooring(["trust", "mcp.json", "--output", "json"])).stdout).toContain('"trusted": true')
        expect((yield* here.mooring(["servers"])).stderr).toContain("(trusted)")
        expect(yield* here.leftBehind).toEqual([])
      })
    )
  )

  it.live("shows all that decides which code runs, and no secret", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const here = yield* place
        here.write("local.env", "TOKEN_OF_FILE=canary-one\nLD_PRELOAD=./planted.so\n")
        const env = { TOKEN: "canary-two", NODE_OPTIONS: "--require ./planted.js" }
        here.write("mcp.json", {
          mcpServers: {
            tools: here.server("tools", { cwd: "sub", envFile: "local.env", env }),
            web: { url: "http://h/", headers: { Authorization: "canary-three" } }
          }
        })
        for (const command of ["servers", "trust"]) {
          const text = yield* here.mooring([command])
          for (const line of [
            "  cwd: sub",
            "  env: TOKEN",
            "  envFile: local.env (TOKEN_OF_FILE)",
            "! env: NODE_OPTIONS=--require ./planted.js",
            "! envFile: LD_PRELOAD=./planted.so",
            "  headers: Authorization"
          ]) {
            expect(text.stdout).toContain(`    ${line}`)
          }
          const json = yield* here.mooring([command, "--output", "json"])
          expect(parsed(json)).toMatchObject({
            servers: [
              {
                name: "tools",
                cwd: "sub",
                envFile: "local.env",
                env: [
                  { name: "TOKEN", from: "env" },
                  { name: "NODE_OPTIONS", value: "--require ./planted.js", risk: "decides which code runs" },
                  { name: "LD_PRELOAD", from: "envFile", value: "./planted.so", risk: "decides which code runs" },
                  { name: "TOKEN_OF_FILE", from: "envFile" }
                ]
              },
              { name: "web", headers: ["Authorization"] }
            ]
          })
          expect(text.stdout + text.stderr + json.stdout + json.stderr).not.toContain("canary")
        }
      })
    )
  )

  it.live("--revoke takes it back, also of a file that is gone", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const here = yield* place
        const file = here.write("mcp.json", { mcpServers: { tools: here.server("tools") } })
        yield* here.mooring(["trust"])
        expect(yield* here.mooring(["trust", "--revoke"])).toMatchObject({
          code: 0,
          stdout: `${file} is not trusted any more.\n`
        })
        expect((yield* here.mooring(["servers"])).stderr).toContain("not trusted")
        yield* here.mooring(["trust"])
        rmSync(file)
        const json = ["trust", "--revoke", "mcp.json", "--output", "json"]
        expect(parsed(yield* here.mooring(json))).toEqual({ file, trusted: false, revoked: true })
        expect(parsed(yield* here.mooring(json))).toEqual({ file, trusted: false, revoked: false })
        expect(yield* here.mooring(["trust", "--revoke"])).toMatchObject({ code: 2, stdout: "" })
      })
    )
  )

  it.live("a file that cannot be parsed is not trusted", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const here = yield* place
        here.write("mcp.json", "{")
        expect(yield* here.mooring(["trust"])).toMatchObject({ code: 2, stdout: "" })
      })
    )
  )
})

describe.concurrent("mooring tools", () => {
  it.live("lists the tools of all servers, one a line", () =>
    withPlace(({ here, config }) =>
      Effect.gen(function* () {
        const ran = yield* here.mooring(["tools", ...config])
        expect(ran.code).toBe(0)
        expect(ran.stdout).toContain("tools  show     Shows its arguments as JSON\n")
        expect(ran.stdout).toContain("tools  refuse   Says isError\n")
      })
    )
  )

  it.live("shows the arguments of one server's tools", () =>
    withPlace(({ here, config }) =>
      Effect.gen(function* () {
        const ran = yield* here.mooring(["tools", "tools", ...config])
        expect(ran.stdout).toContain(
          "show\n  Shows its arguments as JSON\n  text   string   Any text\n  count  integer\n"
        )
      })
    )
  )

  it.live("as JSON, each with its server and schema", () =>
    withPlace(({ here, config }) =>
      Effect.gen(function* () {
        const ran = yield* here.mooring(["--output=json", "tools", ...config])
        expect(parsed(ran)).toEqual(
          expect.arrayContaining([
            expect.objectContaining({ server: "tools", name: "show", inputSchema: expect.any(Object) })
          ])
        )
      })
    )
  )

  it.live("of several servers one that fails is told, the others are shown; exit code 1", () =>
    withPlace(({ here, both }) =>
      Effect.gen(function* () {
        const ran = yield* here.mooring(["tools", ...both])
        expect(ran.code).toBe(1)
        expect(ran.stdout).toContain("tools  show")
        expect(ran.stderr).toContain("cannot open the harbour")
        expect(ran.stderr).toContain("1 of 2 servers failed")
        const alone = yield* here.mooring(["tools", "broken", ...both])
        expect(alone).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("cannot open the harbour") })
        expect(alone.stderr).not.toContain("No tools")
      })
    )
  )
})

describe.concurrent("mooring --partition", () => {
  it.live("says for whom a server is asked that keeps partitions apart", () =>
    withPlace(({ here }) =>
      Effect.gen(function* () {
        const apart = { ...here.server("tools"), mooring: { isolation: "perPartition" } }
        const config = ["--config", here.write("apart.json", { mcpServers: { apart } })]
        const refused = yield* here.mooring(["call", "apart", "show", ...config])
        expect(refused).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("--partition NAME") })
        const named = [...config, "--partition", "ada"]
        expect(yield* here.mooring(["call", "apart", "show", "free=1", ...named])).toMatchObject({ code: 0 })
        expect(yield* here.mooring(["tools", "apart", ...named])).toMatchObject({ code: 0 })
        expect(yield* here.mooring(["ping", ...named])).toMatchObject({ code: 0 })
      })
    )
  )
})

describe.concurrent("mooring ping", () => {
  it.live("gives the round trip of each server", () =>
    withPlace(({ here, config }) =>
      Effect.gen(function* () {
        const ran = yield* here.mooring(["ping", ...config])
        expect(ran).toMatchObject({ code: 0, stderr: "", stdout: expect.stringMatching(/^tools {2}\d+\.\d\d ms\n$/) })
        const json = yield* here.mooring(["ping", "tools", ...config, "--output", "json"])
        expect(parsed(json)).toEqual([{ server: "tools", ms: expect.any(Number) }])
      })
    )
  )

  it.live("as JSON, a server that failed is there with its error", () =>
    withPlace(({ here, both }) =>
      Effect.gen(function* () {
        const ran = yield* here.mooring(["ping", ...both, "--output", "json"])
        expect(ran.code).toBe(1)
        expect(parsed(ran)).toEqual([
          { server: "tools", ms: expect.any(Number) },
          {
            server: "broken",
            error: { tag: "McpConnectError", message: expect.stringContaining("cannot open the harbour") }
          }
        ])
      })
    )
  )
})

describe.concurrent("mooring call", () => {
  it.live("prints the answer, with key=value read by the tool's schema", () =>
    withPlace(({ here, config }) =>
      Effect.gen(function* () {
        const args = ["text=5", "count=5", "on=true", 'list:=[{"name":"a"}]']
        const ran = yield* here.mooring(["call", "tools", "show", ...args, ...config])
        expect(ran).toMatchObject({ code: 0, stderr: "" })
        expect(parsed(ran)).toEqual({ text: "5", count: 5, on: true, list: [{ name: "a" }] })
      })
    )
  )

  it.live("takes its arguments as JSON, from the line or from stdin", () =>
    withPlace(({ here, config }) =>
      Effect.gen(function* () {
        const line = yield* here.mooring(["call", "tools", "show", "--json", '{"text":"é\\n"}', ...config])
        expect(parsed(line)).toEqual({ text: "é\n" })
        const stdin = yield* here.mooring(["call", "tools", "show", "--json", "-", "count=2", ...config], {
          input: '{"text": "x", "count": 1}'
        })
        expect(parsed(stdin)).toEqual({ text: "x", count: 2 })
      })
    )
  )

  it.live("as JSON prints the whole result", () =>
    withPlace(({ here, config }) =>
      Effect.gen(function* () {
        const ran = yield* here.mooring(["call", "tools", "show", ...config, "--output", "json"])
        expect(parsed(ran)).toEqual({ content: [{ type: "text", text: "{}" }] })
      })
    )
  )

  it.live("a tool that says isError: exit code 1, its text on stderr, the result on stdout only as JSON", () =>
    withPlace(({ here, config }) =>
      Effect.gen(function* () {
        const text = yield* here.mooring(["call", "tools", "refuse", ...config])
        expect(text).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("no room in the harbour") })
        const json = yield* here.mooring(["call", "tools", "refuse", ...config, "--output", "json"])
        expect(json.code).toBe(1)
        expect(parsed(json)).toMatchObject({ isError: true })
      })
    )
  )

  it.live("a call that is not answered in time: exit code 1", () =>
    withPlace(({ here }) =>
      Effect.gen(function* () {
        const file = here.write("slow.json", {
          mcpServers: { tools: here.server("tools", { mooring: { callTimeout: "300 millis" } }) }
        })
        const ran = yield* here.mooring(["call", "tools", "hang", "--config", file])
        expect(ran).toMatchObject({
          code: 1,
          stdout: "",
          stderr: expect.stringMatching(/Tool "hang".* 300 ms\..*may have run/)
        })
      })
    )
  )

  it.live("programs get the answer to the letter", () =>
    withPlace(({ here, config }) =>
      Effect.gen(function* () {
        const ran = yield* here.mooring(["call", "tools", "colours", ...config])
        expect(ran.stdout).toBe("\u001b[31mred\u001b[0m\n")
      })
    )
  )
})

describe.concurrent("mooring", () => {
  it.live("help, a command's help and the version go to stdout", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const here = yield* place
        const help = yield* here.mooring(["--help"])
        expect(help).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining("Exit codes") })
        const call = yield* here.mooring(["call", "--help"])
        expect(call).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining("key:=value") })
        const version = yield* here.mooring(["--version"])
        expect(version).toMatchObject({ code: 0, stderr: "", stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
      })
    )
  )

  it.live("prints a completion script", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const here = yield* place
        const ran = yield* here.mooring(["--completions", "bash"])
        expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining("ping") })
      })
    )
  )

  it.live("with --debug the whole cause and the log are on stderr, never on stdout", () =>
    withPlace(({ here, both }) =>
      Effect.gen(function* () {
        const ran = yield* here.mooring(["ping", "broken", ...both, "--debug"])
        expect(ran).toMatchObject({ code: 1, stdout: "" })
        expect(ran.stderr).toMatch(/^\s+at .*:\d+/m)
      })
    )
  )

  it.live("a reader who has seen enough is no error", () =>
    withPlace(({ here, config }) =>
      Effect.gen(function* () {
        const ran = yield* here.mooring(["tools", "tools", ...config, "--output", "json"], { deaf: true })
        expect(ran).toMatchObject({ code: 0, stderr: "" })
      })
    )
  )

  it.live("help, the version and completions that cannot be written are told, with exit code 1", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const here = yield* place
        for (const args of [["--help"], ["--version"], ["--completions", "bash"]]) {
          const ran = yield* here.mooring(args, { unwritable: true })
          expect(ran).toMatchObject({
            code: 1,
            stderr: expect.stringContaining("could not be written to stdout: EBADF")
          })
          expect((yield* here.mooring(args, { deaf: true })).code).toBe(0)
        }
      })
    )
  )

  it.live("a result that cannot be written is told, with exit code 1", () =>
    withPlace(({ here, config }) =>
      Effect.gen(function* () {
        const ran = yield* here.mooring(["tools", "tools", ...config], { unwritable: true })
        expect(ran.code).toBe(1)
        expect(ran.stderr).toContain("mooring: The result could not be written to stdout: EBADF")
      })
    )
  )

  it.live("Ctrl-C in the middle of a call leaves no process, and the exit code says so", () =>
    withPlace(({ here, config }) =>
      Effect.gen(function* () {
        const ran = yield* here.mooring(["call", "tools", "hang", ...config, "--debug"], {
          interruptWhen: (family) => family.some((line) => line.includes("tools.mjs"))
        })
        expect(ran).toMatchObject({ code: 130, stdout: "", survivors: [] })
      })
    )
  )
})

describe.concurrent("mooring demo", () => {
  it.live("Ctrl-C in the middle leaves neither a process nor a file", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const here = yield* place
        const ran = yield* here.mooring(["demo", "--json"], {
          env: { TMPDIR: here.folder },
          interruptWhen: (family) => family.some((line) => line.endsWith("server-everything/dist/index.js"))
        })
        expect(ran).toMatchObject({ code: 130, stdout: "", survivors: [] })
        expect(readdirSync(here.folder)).toEqual([])
      })
    )
  )
})
