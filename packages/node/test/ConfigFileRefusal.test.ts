import { describe, expect, it } from "@effect/vitest"
import { ConfigFile } from "@mooring/node"
import * as Effect from "effect/Effect"
import { folder, load, one, path, refusal } from "./config.js"

describe("what is refused", () => {
  const refused: ReadonlyArray<readonly [string, unknown, ReadonlyArray<string>]> = [
    ["an empty file", " \n", ["the file is empty"]],
    ["a file of comments", "// nothing", ["not JSON", "expected a value"]],
    ["text", "hello", ["line 1, column 1", "expected a value"]],
    ["an unclosed object", '{\n  "mcpServers": {', ["line 2, column 18", "end of the file"]],
    ["a missing comma", '{\n  "a": 1\n  "mcpServers": {}\n}', ["line 3, column 3", 'expected ","']],
    ["a missing colon", '{\r\n"mcpServers" {}}', ["line 2, column 14", 'expected ":", found "{"']],
    ["a missing value", '{"mcpServers": }', ["line 1, column 16", 'expected a value, found "}"']],
    ["single quotes", "{'mcpServers': {}}", ["line 1, column 2", "expected double quotes"]],
    ["an unclosed text", '{"mcpServers', ["line 1, column 2", "closing double quote"]],
    ["a lone backslash", '{"mcpServers": {"a": {"command": "C:\\x"}}}', ["line 1, column 34", "backslash"]],
    ["an unclosed comment", "{} /* x", ["line 1, column 4", 'expected "*/"']],
    ["two documents", "{} {}", ["line 1, column 4", "nothing more"]],
    ["an array that is nested without end", "[".repeat(200_000), ["nested too deeply"]],
    ["an array", [], ["expected an object, found an array"]],
    ["null", "null", ["expected an object, found null"]],
    [
      "no servers",
      { mcpServer: {} },
      ['expected "mcpServers" or "servers", found neither; did you mean "mcpServers"?']
    ],
    ["both forms", { mcpServers: {}, servers: {} }, ["servers: ", "found both; keep one"]],
    ["servers in a list", { mcpServers: [] }, ["mcpServers: expected an object of servers by name, found an array"]],
    ["a server without a name", { mcpServers: { "": {} } }, ['mcpServers[""]: ', "name that is not empty"]],
    ["a server that is text", one("npx"), ['mcpServers.memory: expected an object, found "npx"']],
    ["a server that is null", one(null), ["mcpServers.memory: expected an object, found null"]],
    [
      "neither command nor url",
      one({ comand: "x" }),
      ["mcpServers.memory: ", "found neither", 'did you mean "command"?']
    ],
    ["both command and url", one({ command: "x", url: "http://x" }), ["one way", '"command" and "url"']],
    ["two addresses", one({ serverUrl: "http://x", url: "http://x" }), ["one way", '"serverUrl" and "url"']],
    [
      "an unknown type",
      one({ type: "htpp", url: "http://x" }),
      ["memory.type: ", '"http"', 'found "htpp"', 'mean "http"?']
    ],
    ["a type that is no text", one({ type: 1, url: "http://x" }), ["mcpServers.memory.type: ", "found 1"]],
    ["stdio without command", one({ type: "stdio" }), ["mcpServers.memory.command: ", "found nothing"]],
    ["http without url", one({ type: "http", command: "x" }), ["mcpServers.memory.url: ", "found nothing"]],
    ["an old server without url", one({ type: "sse" }), ["mcpServers.memory.url: ", "found nothing"]],
    [
      "a credential in the open",
      one({ url: "http://a.b/mcp", headers: { Authorization: "Bearer 1" } }),
      ["mcpServers.memory.url: ", "https://", "allowInsecure"]
    ],
    [
      "an empty command",
      one({ command: "" }),
      ["memory.command: expected a string that is not empty, found an empty string"]
    ],
    ["a command that is a list", one({ command: ["npx"] }), ["memory.command: expected a string", "found an array"]],
    ["args that are text", one({ command: "x", args: "-y" }), ["memory.args: expected an array, found a string"]],
    [
      "an argument that is no text",
      '{\n"mcpServers": {"memory": {"command": "x",\n "args": ["a", 3]}}}',
      [`${path}: mcpServers.memory.args[1]: expected a string, found a number (line 3, column 16)`]
    ],
    ["a number for cwd", one({ command: "x", cwd: 1 }), ["mcpServers.memory.cwd: expected a string"]],
    [
      "env in a list",
      one({ command: "x", env: ["A=1"] }),
      ["mcpServers.memory.env: expected an object, found an array"]
    ],
    [
      "a variable that is an object",
      one({ command: "x", env: { A: {} } }),
      ["memory.env.A: expected a string, a number or null, found an object"]
    ],
    [
      "a variable that is true",
      one({ command: "x", env: { A: true } }),
      ["memory.env.A: expected a string, a number or null, found a boolean"]
    ],
    ["a variable without a name", one({ command: "x", env: { "": "1" } }), ['memory.env[""]: ', "name of a variable"]],
    ["a NUL character", one({ command: "x", args: ["a\0b"] }), ["memory.args[0]: ", "NUL"]],
    [
      "a header that is a number",
      one({ url: "http://x", headers: { "X-Pin": 1234 } }),
      ["memory.headers.X-Pin: expected a string, found a number"]
    ],
    [
      "a header with a line break",
      one({ url: "http://x", headers: { A: "a\r\nB: c" } }),
      ["memory.headers.A: ", "line breaks"]
    ],
    [
      "a header with a bad name",
      one({ url: "http://x", headers: { "A B": "a" } }),
      ['memory.headers["A B"]: is not the name of a header']
    ],
    ["an address that is none", one({ url: "localhost/mcp" }), ["memory.url: ", "begins with http:// or https://"]],
    [
      "an address of another kind",
      one({ serverUrl: "ftp://x/mcp" }),
      ["memory.serverUrl: ", "found one that begins with ftp:"]
    ],
    [
      "a negative timeout",
      one({ command: "x", timeout: -1 }),
      ["memory.timeout: expected a positive number of milliseconds, found -1"]
    ],
    [
      "a server that is enabled again, as one that never was disabled",
      one({ command: "x", args: "y", disabled: true, mooring: { disabled: false } }),
      ["memory.args"]
    ],
    [
      "disabled as text",
      one({ command: "x", disabled: "true" }),
      ['memory.disabled: expected a boolean, found "true"']
    ],
    [
      "an unknown setting",
      one({ command: "x", mooring: { concurency: 4 } }),
      ["memory.mooring.concurency: is not a known setting", 'mean "concurrency"?']
    ],
    ["settings in a list", one({ command: "x", mooring: [] }), ["memory.mooring: expected an object, found an array"]],
    [
      "a setting of stdio for http",
      one({ url: "http://x", mooring: { inheritEnv: true } }),
      ["memory.mooring.inheritEnv: is not a known setting"]
    ],
    [
      "no concurrency",
      one({ command: "x", mooring: { concurrency: 0 } }),
      ["memory.mooring.concurrency: expected a positive number, found 0"]
    ],
    [
      "half a connection",
      one({ command: "x", mooring: { max: 1.5 } }),
      ["memory.mooring.max: expected an integer, found 1.5"]
    ],
    [
      "an unknown isolation",
      one({ command: "x", mooring: { isolation: "sharde" } }),
      ['"shared", "perPartition" or "exclusive"', 'found "sharde"', 'mean "shared"?']
    ],
    [
      "a duration that is none",
      one({ command: "x", mooring: { callTimeout: "30 sec" } }),
      ["memory.mooring.callTimeout: expected a duration", 'found "30 sec"']
    ],
    [
      "a setting of a tool that is not known",
      one({ command: "x", mooring: { tools: { pay: { callTimeot: 5 } } } }),
      ["memory.mooring.tools.pay.callTimeot: is not a known setting", 'mean "callTimeout"?']
    ],
    [
      "a negative duration",
      one({ command: "x", mooring: { idleTimeToLive: -5 } }),
      ["memory.mooring.idleTimeToLive: expected a duration", "found -5"]
    ],
    [
      "more kept ready than allowed",
      one({ command: "x", mooring: { min: 3, max: 2 } }),
      ["memory.mooring.min: must not be above max (2), not 3"]
    ],
    [
      "an exclusive connection for two at once",
      one({ command: "x", mooring: { isolation: "exclusive", concurrency: 2 } }),
      ['memory.mooring.concurrency: expected 1, as isolation "exclusive" means, found 2']
    ],
    [
      "fewer idle than kept ready",
      one({ command: "x", mooring: { min: 2, maxIdle: 1 } }),
      ["memory.mooring.maxIdle: must not be below min (2), not 1"]
    ],
    [
      "a limit that is none",
      one({ command: "x", mooring: { rateLimit: { calls: 2.5, per: "1 minute", mod: "fail" } } }),
      ["memory.mooring.rateLimit.calls: expected", 'rateLimit.mod: is not a known setting; did you mean "mode"?']
    ],
    [
      "one that is required for each partition",
      one({ command: "x", mooring: { required: true, isolation: "perPartition" } }),
      ['memory.mooring.required: expected false with isolation "perPartition"']
    ],
    [
      "a list of tools that is refreshed all the time",
      one({ command: "x", mooring: { catalogueRefresh: "1 millis" } }),
      ["memory.mooring.catalogueRefresh: expected at least 1 second"]
    ],
    ["inputs that are no list", { inputs: {}, servers: {} }, ["inputs: expected an array, found an object"]],
    [
      "a variable that is not set",
      one({ command: "x", env: { A: "${NOT_SET}" } }),
      ["mcpServers.memory.env.A: ", "NOT_SET is not set", "${NOT_SET:-default}"]
    ],
    [
      "an env: variable that is not set",
      one({ url: "http://${env:NOT_SET}/" }),
      ["mcpServers.memory.url: ", "NOT_SET is not set"]
    ],
    [
      "an input without a default",
      one({ command: "x", args: ["${input:key}"] }),
      ["memory.args[0]: ${input:key} asks for an input", "environment variable"]
    ],
    [
      "something else in braces",
      one({ command: "x", args: ["${command:pick}"] }),
      ["mcpServers.memory.args[0]: expected ${VAR}"]
    ]
  ]
  for (const [title, value, parts] of refused) {
    it.effect(`${title}`, () =>
      Effect.gen(function* () {
        const message = yield* refusal(value)
        expect(message.startsWith(`${path}: `)).toBe(true)
        for (const part of parts) expect(message).toContain(part)
      })
    )
  }

  it.effect("a name twice, with both places", () =>
    Effect.gen(function* () {
      const text = '{"mcpServers": {\n"a": {"command": "x"},\n"a": {"command": "y", "env": {"A": "1", "A": "2"}}\n}}'
      const message = yield* refusal(text)
      expect(message).toContain(
        "mcpServers.a: expected each name once, found it at line 2, column 1 and again at line 3, column 1"
      )
      expect(message).toContain(`\n${path}: mcpServers.a.env.A: expected each name once`)
    })
  )

  it.effect("all problems of a file are said at once", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        load({ mcpServers: { a: { command: 1, args: [2] }, b: {}, c: { url: "http://x", mooring: { mx: 1 } } } })
      )
      expect(error.path).toBe("mcpServers.a.command")
      expect(error.file).toBe(path)
      for (const place of ["a.command", "a.args[0]", "b", "c.mooring.mx"]) {
        expect(error.message).toContain(`${path}: mcpServers.${place}: `)
      }
    })
  )

  // Where each of n things costs n, these take minutes, in which nothing else in the process goes on.
  const wrong = [
    ["has a name over and over", (n: number) => `{"mcpServers":{${'"a":{},\n'.repeat(n)}"a":{}}}`, "line 50, column 1"],
    [
      "has as many servers that are wrong",
      (n: number) => `{"mcpServers":{\n${Array.from({ length: n }, (_, i) => `"a${i}":{"command":5}`).join(",\n")}}}`,
      "a49.command: expected a string, found a number (line 51, column 18)"
    ]
  ] as const
  for (const [title, text, place] of wrong) {
    it.effect(`a file of a megabyte that ${title} is refused soon, with as much as can be read`, () =>
      Effect.gen(function* () {
        const message = yield* refusal(text(30_000))
        const lines = message.split("\n")
        expect([lines.length, lines[50]]).toEqual([51, "… and 29950 more"])
        expect(message).toContain(place)
      })
    )
  }

  it.effect("a file of a megabyte that has as many warnings is read soon", () =>
    Effect.gen(function* () {
      const servers = Array.from({ length: 25_000 }, (_, i) => `"a${i}":{"command":"x","max":1}`)
      const file = yield* ConfigFile.parse({ path, folder, text: `{"mcpServers":{${servers.join(",\n")}}}` })
      expect(file.warnings).toHaveLength(25_000)
      expect(file.warnings.at(-1)).toMatch(/a24999\.max: has no effect here.* \(line 25000, column 31\)$/)
    })
  )

  it.effect("no value that may be a secret stands in a message", () =>
    Effect.gen(function* () {
      const messages = yield* Effect.all([
        refusal('{"mcpServers": {"a": {"command": "x", "env": {"A": sk-s3cret}}}}'),
        refusal(one({ command: "x", env: { A: { b: "s3cret" } } })),
        refusal(one({ command: "x", env: ["s3cret"] })),
        refusal(one({ command: "x", env: "s3cret" })),
        refusal(one({ command: "x", args: "s3cret" })),
        refusal(one({ url: "http://x", headers: { A: ["s3cret"] } })),
        refusal(one({ url: "http://x", headers: { A: "s3cret\n" } })),
        refusal(one({ url: "s3cret" })),
        refusal(one({ command: "x", env: { A: "${NOT_SET}${a b:-s3cret}" } })),
        refusal(one({ command: "x", env: { A: "${command:s3cret}" } }))
      ])
      for (const message of messages) expect(message).not.toContain("s3cret")
    })
  )

  it.effect("a server that is not wanted is not looked at, and one that is not there is named with its nearest", () =>
    Effect.gen(function* () {
      const value = { mcpServers: { memory: { command: "x" }, broken: { command: "${NOT_SET}" } } }
      expect(Object.keys(yield* load(value, { only: ["memory"] }))).toEqual(["memory"])
      const message = yield* refusal(value, { only: ["memroy"] })
      expect(message).toContain(
        'there is no server "memroy" in this file; did you mean "memory"? (it has "memory", "broken")'
      )
    })
  )
})
