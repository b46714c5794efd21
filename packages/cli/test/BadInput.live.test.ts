import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { chmodSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { httpServer, type Place, place, type Ran } from "./support/Mooring.js"

/** One clear message, nothing on stdout, no stack trace, no process left. */
const refused = (where: Place, ran: Ran, code: number, words: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    for (const word of words) expect(ran.stderr).toContain(word)
    expect(ran.stdout).toBe("")
    expect(ran.stderr).not.toMatch(/^\s+at .*:\d+/m)
    expect(ran.stderr.match(/^mooring: /gm)).toHaveLength(1)
    expect(ran.code).toBe(code)
    expect(yield* where.leftBehind).toEqual([])
  })

describe.concurrent("bad input: configuration", () => {
  it.live("none found: says where it looked and how to write one", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const here = yield* place
        const ran = yield* here.mooring(["servers"])
        yield* refused(here, ran, 2, [here.folder, "mooring.json", ".vscode/mcp.json", "--config FILE", "mcpServers"])
      })
    )
  )

  it.live("a file that is not there", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const here = yield* place
        const ran = yield* here.mooring(["servers", "--config", "gone.json"])
        yield* refused(here, ran, 2, ["gone.json"])
      })
    )
  )

  it.live("a file that cannot be read", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const here = yield* place
        const file = join(here.folder, "c.json")
        // Nothing is forbidden to root, but not even root can follow a link to itself.
        if (process.getuid?.() === 0) symlinkSync(file, file)
        else chmodSync(here.write("c.json", "{}"), 0)
        yield* refused(here, yield* here.mooring(["servers", "--config", file]), 2, [file])
      })
    )
  )

  it.live("a folder in place of a file", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const here = yield* place
        yield* refused(here, yield* here.mooring(["servers", "--config", "."]), 2, [here.folder])
      })
    )
  )

  it.live("not JSON: with line and column", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const here = yield* place
        here.write("mcp.json", '{\n  "mcpServers": {\n    "a": nonsense\n  }\n}')
        yield* refused(here, yield* here.mooring(["servers"]), 2, ["mcp.json", "line 3", "column 10"])
      })
    )
  )

  it.live("a field of the wrong type: with its path", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const here = yield* place
        here.write("mcp.json", { mcpServers: { files: { command: "node", args: ["x", 5] } } })
        yield* refused(here, yield* here.mooring(["tools"]), 2, ["mcp.json", "mcpServers.files.args[1]", "string"])
      })
    )
  )

  it.live("an unset variable: with its name", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const here = yield* place
        const file = here.write("c.json", { mcpServers: { web: { url: "https://${HARBOUR_HOST}/mcp" } } })
        yield* refused(here, yield* here.mooring(["tools", "--config", file]), 2, ["c.json", "HARBOUR_HOST", "web"])
      })
    )
  )

  it.live("an unknown server: with the nearest", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const here = yield* place
        const file = here.write("c.json", {
          mcpServers: { filesystem: here.server("silent"), memory: here.server("silent") }
        })
        const ran = yield* here.mooring(["tools", "filesytem", "--config", file])
        yield* refused(here, ran, 2, ['"filesytem"', 'did you mean "filesystem"?'])
      })
    )
  )

  it.live("a server that is disabled", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const here = yield* place
        const file = here.write("c.json", { mcpServers: { off: here.server("silent", { disabled: true }) } })
        yield* refused(here, yield* here.mooring(["ping", "off", "--config", file]), 2, ['"off"', "disabled", "c.json"])
      })
    )
  )

  it.live("a configuration that was merely found: nothing in it is run before it is trusted", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const here = yield* place
        here.write(".mcp.json", { mcpServers: { tools: here.server("tools") } })
        yield* refused(here, yield* here.mooring(["tools"]), 2, [".mcp.json", "not trusted", "mooring trust"])
      })
    )
  )
})

describe.concurrent("bad input: the command line", () => {
  const cases: ReadonlyArray<readonly [string, ReadonlyArray<string>, ReadonlyArray<string>]> = [
    ["a command that does not exist", ["cal", "x"], ['There is no command "cal"', 'Did you mean "call"?']],
    ["an option that does not exist", ["servers", "--jsn"], ['Unknown option "--jsn"']],
    ["a value that an option does not take", ["servers", "--output", "xml"], ['"--output" must be text or json']],
    ["a missing argument", ["call", "server"], ["TOOL", "Usage: mooring call SERVER TOOL"]],
    ["an argument too many", ["ping", "one", "two"], ["two", "Usage: mooring ping [SERVER]"]],
    ["a value that looks like the end of the options", ["ping", "--config=--", "one"], ["/--: there is no such file"]]
  ]
  for (const [title, args, words] of cases) {
    it.live(title, () =>
      Effect.scoped(
        Effect.gen(function* () {
          const here = yield* place
          yield* refused(here, yield* here.mooring(args), 2, words)
        })
      )
    )
  }

  const calls: ReadonlyArray<readonly [string, ReadonlyArray<string>, ReadonlyArray<string>]> = [
    [
      "an unknown tool: with the nearest",
      ["shwo"],
      ['"tools"', '"shwo"', 'Did you mean "show"?', "mooring tools tools"]
    ],
    ["a wrong type: with its path", ["show", "count=many"], ['"show"', "count must be integer"]],
    ["a wrong type deep inside", ["show", 'list=[{"name": 5}]'], ["list[0].name must be string"]],
    ["a missing key deep inside", ["show", "list:=[{}]"], ["list[0].name is required"]],
    ["a value out of range", ["show", "count=0"], ["count must be >= 1"]],
    ["what is no argument", ["show", "hello"], ['"hello" is not an argument', "key=value"]],
    ["--json that is no JSON", ["show", "--json", "{"], ["--json is not JSON"]],
    ["--json - without anything", ["show", "--json", "-"], ["standard input was empty", "mooring call SERVER TOOL"]]
  ]
  for (const [title, args, words] of calls) {
    it.live(`arguments: ${title}`, () =>
      Effect.scoped(
        Effect.gen(function* () {
          const here = yield* place
          const file = here.write("c.json", { mcpServers: { tools: here.server("tools") } })
          yield* refused(here, yield* here.mooring(["call", "tools", ...args, "--config", file]), 2, words)
        })
      )
    )
  }
})

describe.concurrent("bad input: servers", () => {
  const failing = (server: (here: Place) => object, words: ReadonlyArray<string>) =>
    Effect.scoped(
      Effect.gen(function* () {
        const here = yield* place
        const file = here.write("c.json", { mcpServers: { broken: server(here) } })
        yield* refused(here, yield* here.mooring(["ping", "broken", "--config", file]), 1, ['"broken"', ...words])
      })
    )

  it.live("a program that does not exist", () =>
    failing(() => ({ command: "no-such-program-of-ours" }), ["no-such-program-of-ours", "PATH"])
  )

  it.live("a server that exits at once: with its last words", () =>
    failing((here) => here.server("exits"), ["exit", "3", "cannot open the harbour", "code of the lock: 1842"])
  )

  it.live("a server that never answers initialize: after the connect deadline", () =>
    failing(
      (here) => here.server("silent", { mooring: { connectTimeout: "700 millis" } }),
      ["700 ms", "connectTimeout"]
    )
  )

  const answering = (status: number, type: string, body: string, words: ReadonlyArray<string>) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { url } = yield* httpServer((_, response) =>
          response.writeHead(status, { "content-type": type }).end(body)
        )
        yield* failing(() => ({ url }), words)
      })
    )

  it.live("a URL that refuses", () =>
    Effect.gen(function* () {
      const gone = yield* Effect.scoped(httpServer((_, response) => response.end()))
      yield* failing(() => ({ url: gone.url }), ["url and headers"])
    })
  )

  it.live("a URL that is not MCP", () => answering(200, "text/html", "<h1>Hello</h1>", ["text/html"]))
  it.live("a URL that answers 401", () => answering(401, "text/plain", "who are you?", ["401"]))
  it.live("a URL that answers 500", () => answering(500, "text/plain", "oh dear", ["500"]))
})
