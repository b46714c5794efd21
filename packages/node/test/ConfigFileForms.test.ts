import * as NodePath from "@effect/platform-node/NodePath"
import { describe, expect, it } from "@effect/vitest"
import { ServerConfig } from "@mooring/mcp"
import { ConfigFile } from "@mooring/node"
import * as Effect from "effect/Effect"
import { folder, load, one, path, textOf, withVariables } from "./config.js"

describe("the forms that people have", () => {
  const forms: ReadonlyArray<readonly [string, unknown, unknown]> = [
    [
      "Claude Desktop",
      { mcpServers: { memory: { command: "npx", args: ["-y", "x"], env: { A: "1" } } } },
      { memory: { command: "npx", args: ["-y", "x"], cwd: folder, env: { A: "1" } } }
    ],
    [
      "Claude Code",
      {
        mcpServers: {
          memory: { type: "stdio", command: "node", env: { TOKEN: "${TOKEN}", HOST: "${NOPE:-localhost}" } },
          remote: { type: "http", url: "https://${HOST}/mcp", headers: { Authorization: "Bearer ${TOKEN}" } }
        }
      },
      {
        memory: { command: "node", args: [], cwd: folder, env: { TOKEN: "t0ken", HOST: "localhost" } },
        remote: { url: "https://example.org/mcp", headers: { Authorization: "Bearer t0ken" } }
      }
    ],
    [
      "VS Code, with comments, trailing commas and inputs",
      `{
        // what we use
        "inputs": [{ "type": "promptString", "id": "region", "default": "eu", "password": false }, ],
        "servers": {
          "memory": {
            "type": "stdio", "command": "\${workspaceFolder}/bin/server", "cwd": "\${userHome}/data",
            "args": ["\${env:LIST}", "\${input:region}", "\${workspaceFolderBasename}"], /* three */
            "env": { "PORT": 8080, "DEBUG": null, "NAME": "x" },
          },
          "remote": { "type": "http", "url": "http://127.0.0.1:1/mcp" },
        },
      }`,
      {
        memory: {
          command: `${folder}/bin/server`,
          cwd: "/home/ada/data",
          args: ["a,b, c", "eu", "project"],
          env: { PORT: "8080", NAME: "x" }
        },
        remote: { url: "http://127.0.0.1:1/mcp", headers: {} }
      }
    ],
    [
      "Cursor",
      {
        mcpServers: {
          memory: { command: "node", cwd: "sub", env: { A: "${env:TOKEN}" } },
          remote: { url: "https://a.b/mcp", headers: {} }
        }
      },
      {
        memory: { command: "node", args: [], cwd: `${folder}/sub`, env: { A: "t0ken" } },
        remote: { url: "https://a.b/mcp", headers: {} }
      }
    ],
    [
      "names that other hosts have for the same",
      {
        mcpServers: {
          a: { type: "streamable-http", serverUrl: "https://a.b/1" },
          b: { httpUrl: "https://a.b/2", timeout: 5000, trust: true },
          c: { type: "streamableHttp", url: "https://a.b/3" }
        }
      },
      {
        a: { url: "https://a.b/1", headers: {} },
        b: { url: "https://a.b/2", headers: {}, callTimeout: 5000 },
        c: { url: "https://a.b/3", headers: {} }
      }
    ],
    [
      "our own settings",
      one({
        command: "x",
        timeout: 1000,
        mooring: {
          concurrency: 8,
          isolation: "perPartition",
          callTimeout: "2 minutes",
          inheritEnv: true,
          max: 3,
          min: 1,
          tools: { pay: { callTimeout: "5 minutes", mayRunTwice: false } },
          trustHints: true
        }
      }),
      {
        memory: {
          command: "x",
          args: [],
          cwd: folder,
          env: {},
          callTimeout: "2 minutes",
          concurrency: 8,
          isolation: "perPartition",
          inheritEnv: true,
          max: 3,
          min: 1,
          tools: { pay: { callTimeout: "5 minutes", mayRunTwice: false } },
          trustHints: true
        }
      }
    ],
    [
      "what may be called, how often, and what must be there",
      one({
        url: "https://a.b",
        mooring: {
          allowTools: ["read_*"],
          denyTools: ["read_secrets"],
          rateLimit: { calls: 60, per: "1 minute", burst: 5, mode: "fail" },
          checkOutput: true,
          catalogueRefresh: "1 hour",
          required: true
        }
      }),
      {
        memory: {
          url: "https://a.b",
          headers: {},
          allowTools: ["read_*"],
          denyTools: ["read_secrets"],
          rateLimit: { calls: 60, per: "1 minute", burst: 5, mode: "fail" },
          checkOutput: true,
          catalogueRefresh: "1 hour",
          required: true
        }
      }
    ],
    ["no servers", { mcpServers: {} }, {}],
    [
      "an old server",
      one({ type: "sse", url: "https://a.b/sse" }),
      { memory: { url: "https://a.b/sse", headers: {} } }
    ],
    [
      "disabled servers, of which nothing else matters",
      {
        mcpServers: {
          a: { command: "x", disabled: true, env: { A: "${NOT_SET}" } },
          b: { type: "sse", url: "https://a.b", mooring: { disabled: true } },
          c: { command: "x", disabled: true, mooring: { disabled: false } },
          d: { command: "x", args: "not a list", disabled: true, mooring: { concurency: 2 } },
          e: { type: "websocket", mooring: { disabled: true } },
          f: { disabled: true }
        }
      },
      { c: { command: "x", args: [], cwd: folder, env: {}, disabled: false } }
    ]
  ]
  for (const [title, value, expected] of forms) {
    it.effect(`${title}`, () =>
      Effect.gen(function* () {
        expect(yield* load(value)).toEqual(expected)
      })
    )
  }

  it.effect("a byte order mark, Windows line ends and a key called __proto__ are read as they are", () =>
    Effect.gen(function* () {
      const text = '{\r\n"mcpServers": {"__proto__": {"command": "x", "env": {"__proto__": "y"}}}}\r\n'
      const file = yield* ConfigFile.parse({ path, folder, text })
      expect([...file.entries.keys()]).toEqual(["__proto__"])
      const servers = yield* ConfigFile.servers(file).pipe(withVariables(), Effect.provide(NodePath.layerPosix))
      const config = servers.get("__proto__")
      expect(config !== undefined && ServerConfig.isStdio(config) && Object.keys(config.env ?? {})).toEqual([
        "__proto__"
      ])
    })
  )

  it.effect("every variable and header is redacted, from the moment the file is parsed", () =>
    Effect.gen(function* () {
      const file = yield* ConfigFile.parse({
        path,
        folder,
        text: textOf({
          mcpServers: {
            a: { command: "x", env: { A: "s3cret", B: "${TOKEN}" } },
            b: { url: "https://a.b", headers: { A: "s3cret" } }
          }
        })
      })
      const servers = yield* ConfigFile.servers(file).pipe(withVariables(), Effect.provide(NodePath.layerPosix))
      for (const value of [[...file.entries], [...servers]]) {
        const said = JSON.stringify(value, (_, item: unknown) => (item instanceof Map ? [...item] : item))
        expect(said).toContain("<redacted>")
        expect(said).not.toMatch(/s3cret|t0ken/)
      }
    })
  )

  it.effect("an entry says what it runs without its variables", () =>
    Effect.gen(function* () {
      const { entries } = yield* ConfigFile.parse({
        path,
        folder,
        text: textOf({
          servers: { a: { command: "npx", args: ["-y", "${NOT_SET}"] }, b: { type: "sse", url: "http://x" } }
        })
      })
      expect([...entries.values()].map(ConfigFile.target)).toEqual(["npx -y ${NOT_SET}", "http://x"])
    })
  )

  it.effect("a setting that stands outside of mooring is warned of", () =>
    Effect.gen(function* () {
      const { warnings } = yield* ConfigFile.parse({
        path,
        folder,
        text: textOf(one({ command: "x", concurrency: 4 }))
      })
      expect(warnings).toHaveLength(1)
      expect(warnings[0]).toContain(`${path}: mcpServers.memory.concurrency: has no effect here`)
    })
  )
})
