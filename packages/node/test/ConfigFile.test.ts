import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { FileSystem } from "@effect/platform/FileSystem"
import { describe, expect, it } from "@effect/vitest"
import { ServerConfig } from "@mooring/mcp"
import { ConfigFile } from "@mooring/node"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { fileURLToPath } from "node:url"
import { folder, load, one, revealed, textOf, withVariables } from "./config.js"

const files = Layer.merge(NodeFileSystem.layer, NodePath.layerPosix)

const inFolder = <A, E, R>(
  layout: Readonly<Record<string, string>>,
  body: (folder: string) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem
    const root = yield* fs.makeTempDirectoryScoped()
    for (const [name, text] of Object.entries(layout)) {
      yield* fs.makeDirectory(`${root}/${name}`.replace(/\/[^/]*$/, ""), { recursive: true })
      yield* fs.writeFileString(`${root}/${name}`, text)
    }
    return yield* body(root)
  }).pipe(withVariables(), Effect.provide(files))

const stdioOf = (servers: ReadonlyMap<string, ServerConfig.ServerConfig>, name: string) => {
  const config = servers.get(name)
  return config !== undefined && ServerConfig.isStdio(config) ? config : undefined
}

describe("files on disk", () => {
  const empty = '{ "mcpServers": {} }'

  it.scoped("the nearest file wins, and within a folder the order of fileNames", () =>
    inFolder(
      {
        "mooring.json": empty,
        "a/.vscode/mcp.json": empty,
        "a/mcp.json": empty,
        "a/b/.mcp.json/not-a-file": "",
        "a/b/.vscode/mcp.json": empty,
        "a/b/c/d/other.json": empty
      },
      (root) =>
        Effect.gen(function* () {
          const found = (folder: string) => Effect.map(ConfigFile.find(`${root}/${folder}`), Option.getOrUndefined)
          expect(yield* found("")).toBe(`${root}/mooring.json`)
          expect(yield* found("a")).toBe(`${root}/a/mcp.json`)
          expect(yield* found("a/b")).toBe(`${root}/a/b/.vscode/mcp.json`)
          expect(yield* found("a/b/c/d")).toBe(`${root}/a/b/.vscode/mcp.json`)
          const fs = yield* FileSystem
          expect(ConfigFile.fileNames).toEqual(["mooring.json", ".mcp.json", "mcp.json", ".vscode/mcp.json"])
          for (const [index, name] of ConfigFile.fileNames.toReversed().entries()) {
            yield* fs.makeDirectory(`${root}/p/.vscode`, { recursive: true })
            yield* fs.writeFileString(`${root}/p/${name}`, empty)
            expect([index, yield* found("p/")]).toEqual([index, `${root}/p/${name}`])
          }
        })
    )
  )

  it.scoped("the project of .vscode/mcp.json is the folder that holds .vscode", () =>
    inFolder({ ".vscode/mcp.json": '{"servers": {"a": {"command": "${workspaceFolder}/x"}}}' }, (root) =>
      Effect.gen(function* () {
        const servers = yield* ConfigFile.load(`${root}/.vscode/mcp.json`)
        expect(stdioOf(servers, "a")).toMatchObject({ command: `${root}/x`, cwd: root })
      })
    )
  )

  it.scoped("an env file is merged under env, and is a part of the content that is trusted", () =>
    inFolder(
      {
        "mcp.json": textOf(
          one({ command: "x", envFile: "${workspaceFolder}/.env", env: { B: "2", GONE: null, D: "${TOKEN}" } })
        ),
        ".env": "\uFEFF# comment\nA=1\nexport B='old'\nGONE=3\nC=\"x # y\\nz\" # comment\r\nD=${TOKEN}\n"
      },
      (root) =>
        Effect.gen(function* () {
          const fs = yield* FileSystem
          const file = yield* ConfigFile.open(`${root}/mcp.json`)
          expect(revealed(stdioOf(yield* ConfigFile.servers(file), "memory")?.env)).toEqual({
            A: "1",
            B: "2",
            C: "x # y\nz",
            D: "t0ken"
          })
          yield* fs.writeFileString(`${root}/.env`, "A=2")
          const again = yield* ConfigFile.open(`${root}/mcp.json`)
          expect(again.content).not.toBe(file.content)
          expect(JSON.stringify([...again.envFiles])).not.toContain('"2"')
        })
    )
  )

  it.scoped("an env file that cannot be read fails the servers that need it, and no others", () =>
    inFolder(
      {
        "mcp.json": textOf({
          mcpServers: {
            ok: { command: "x" },
            gone: { command: "x", envFile: ".nope" },
            odd: { command: "x", envFile: ".odd" },
            unset: { command: "x", envFile: "${NOT_SET}/.env" }
          }
        }),
        ".odd": "just words\nA=1\n"
      },
      (root) =>
        Effect.gen(function* () {
          const file = yield* ConfigFile.open(`${root}/mcp.json`)
          expect(file.content).toContain(".odd")
          expect([...(yield* ConfigFile.servers(file, { only: ["ok"] })).keys()]).toEqual(["ok"])
          const { message } = yield* Effect.flip(ConfigFile.servers(file))
          expect(message).toContain(`mcpServers.gone.envFile: ${root}/.nope: there is no such file`)
          expect(message).toContain(`mcpServers.odd.envFile: ${root}/.odd: expected lines like NAME=value`)
          expect(message).toContain("mcpServers.unset.envFile: the environment variable NOT_SET is not set")
        })
    )
  )

  it.scoped("a file that cannot be read is refused with its name and the reason", () =>
    inFolder({ "utf16.json": "", "folder/x": "", "big.json": " ".repeat(1_048_577) }, (root) =>
      Effect.gen(function* () {
        const fs = yield* FileSystem
        yield* fs.writeFile(`${root}/utf16.json`, new Uint8Array([0xff, 0xfe, 0x7b, 0x00]))
        const reasons = [
          ["nope.json", "there is no such file"],
          ["folder", "expected a file, found a directory"],
          ["utf16.json", "is not UTF-8 text"],
          ["big.json", "is larger than 1048576 bytes"]
        ] as const
        for (const [name, reason] of reasons) {
          const error = yield* Effect.flip(ConfigFile.load(`${root}/${name}`))
          expect(error.message).toContain(`${root}/${name}: ${reason}`)
        }
      })
    )
  )

  it.scoped("a permission that is missing is said", () =>
    inFolder({ "mcp.json": empty }, (root) =>
      Effect.gen(function* () {
        const fs = yield* FileSystem
        yield* fs.chmod(`${root}/mcp.json`, 0)
        const result = yield* Effect.either(ConfigFile.load(`${root}/mcp.json`))
        // The superuser may read it all the same.
        if (Either.isLeft(result)) expect(result.left.message).toContain("permission denied")
        else expect(result.right.size).toBe(0)
      })
    )
  )

  it.scoped("the file that the README shows is read", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem
      const readme = yield* fs.readFileString(fileURLToPath(new URL("../README.md", import.meta.url)))
      const text = /```jsonc\n([^`]*)```/.exec(readme)?.[1] ?? ""
      const servers = yield* load(text)
      expect(servers).toMatchObject({
        memory: { command: "npx", env: { MEMORY_FILE_PATH: `${folder}/memory.jsonl` }, concurrency: 1 },
        github: { headers: { Authorization: "Bearer t0ken" } }
      })
    }).pipe(Effect.provide(files))
  )
})
