import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { FileSystem } from "@effect/platform/FileSystem"
import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpPool, McpTool, ServerKey } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { createRequire } from "node:module"
import process from "node:process"
import * as Everything from "./fixtures/Everything.js"

const memory = createRequire(import.meta.url).resolve("@modelcontextprotocol/server-memory/dist/index.js")

const Echo = McpTool.make("echo", { parameters: { message: Schema.String }, success: McpTool.text })

const Graph = Schema.Struct({ entities: Schema.Array(Schema.Struct({ name: Schema.String })) })
const ReadGraph = McpTool.make("read_graph", { parameters: {}, success: McpTool.structured(Graph) })

/** Calls both servers, and gives the processes that answered. */
const useBoth = Effect.gen(function* () {
  const mcp = yield* McpClient.McpClient
  expect(yield* mcp.call("everything", Echo, { message: "hello" })).toBe("Echo: hello")
  const entities = [{ name: "mooring", entityType: "library", observations: ["keeps connections"] }]
  const created = yield* mcp.callTool("memory", "create_entities", { entities })
  expect(created.isError ?? false).toBe(false)
  expect((yield* mcp.call("memory", ReadGraph, {})).entities).toEqual([{ name: "mooring" }])
  const { pool } = yield* McpPool.McpPool
  const pids = yield* Effect.forEach(["everything", "memory"], (server) =>
    pool.use(ServerKey.shared(server), (connection) => Effect.succeed(connection.pid ?? 0))
  )
  for (const pid of pids) expect([pid, isRunning(pid)]).toEqual([pid, true])
  return pids
})

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    // ESRCH: there is no such process.
    return false
  }
}

/** A folder that is gone after the test, and the path of the memory server's file in it. */
const temporary = Effect.gen(function* () {
  const fs = yield* FileSystem
  const folder = yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
  return { fs, folder, store: `${folder}/memory.jsonl` }
}).pipe(Effect.provide(NodeFileSystem.layer))

describe("real servers", () => {
  it.scopedLive("are called through the layer of a program, and closing it leaves no process", () =>
    Effect.gen(function* () {
      const { fs, store } = yield* temporary
      const pids = yield* useBoth.pipe(
        Effect.provide(
          NodeMcp.layer({
            servers: {
              everything: { command: process.execPath, args: [Everything.main, "stdio"] },
              memory: { command: process.execPath, args: [memory], env: { MEMORY_FILE_PATH: store } }
            }
          })
        )
      )
      expect(pids.map(isRunning)).toEqual([false, false])
      expect(yield* fs.readFileString(store)).toContain("keeps connections")
    })
  )

  it.scopedLive("are called through the layer of a file with variables, an env file and a folder of its own", () =>
    Effect.gen(function* () {
      const { folder, fs, store } = yield* temporary
      yield* fs.writeFileString(`${folder}/.env`, "MEMORY_FILE_PATH=memory.jsonl\n")
      yield* fs.writeFileString(
        `${folder}/mcp.json`,
        `{
          // Both by this Node.
          "mcpServers": {
            "everything": { "command": "\${NODE}", "args": ["\${EVERYTHING}", "stdio"], "mooring": { "concurrency": 4 } },
            "memory": {
              "command": "\${NODE}", "args": ["\${MEMORY}"],
              "env": { "MEMORY_FILE_PATH": "\${workspaceFolder}/memory.jsonl" }, "envFile": ".env",
            },
            "unset": { "command": "\${NOT_SET}" },
          }
        }`
      )
      const variables = new Map([
        ["NODE", process.execPath],
        ["EVERYTHING", Everything.main],
        ["MEMORY", memory]
      ])
      const pids = yield* useBoth.pipe(
        Effect.provide(NodeMcp.layerConfigFile(`${folder}/mcp.json`, { only: ["everything", "memory"] })),
        Effect.withConfigProvider(ConfigProvider.fromMap(variables))
      )
      expect(pids.map(isRunning)).toEqual([false, false])
      expect(yield* fs.readFileString(store)).toContain("keeps connections")
    })
  )

  it.scopedLive("are called over HTTP through the layer of a Config", () =>
    Effect.gen(function* () {
      const url = yield* Everything.overHttp("streamableHttp")
      const servers = Config.map(Config.string("ADDRESS"), (address) => ({ everything: { url: address } }))
      const reply = yield* Effect.flatMap(McpClient.McpClient, (mcp) =>
        mcp.call("everything", Echo, { message: "é" })
      ).pipe(
        Effect.provide(NodeMcp.layerConfig({ servers })),
        Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["ADDRESS", url]])))
      )
      expect(reply).toBe("Echo: é")
    })
  )

  it.scopedLive("a command that does not exist fails the call, with the command's name, and not the layer", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flatMap(McpClient.McpClient, (mcp) => mcp.callTool("gone", "x")).pipe(
        Effect.provide(NodeMcp.layer({ servers: { gone: { command: "no-such-command-here" } } })),
        Effect.flip
      )
      expect(error._tag).toBe("McpConnectError")
      expect(error.message).toContain("no-such-command-here")
    })
  )

  it.scopedLive(
    "a server that is required is connected by the layer, and fails it by its name where it cannot be",
    () =>
      Effect.gen(function* () {
        const { folder, fs } = yield* temporary
        const file = `${folder}/mcp.json`
        const write = (command: string) =>
          fs.writeFileString(
            file,
            JSON.stringify({
              mcpServers: {
                everything: { command, args: [Everything.main, "stdio"], mooring: { required: true } },
                gone: { command: "no-such-command-here" }
              }
            })
          )
        yield* write(process.execPath)
        const stats = yield* Effect.flatMap(McpClient.McpClient, (mcp) => mcp.stats).pipe(
          Effect.provide(NodeMcp.layerConfigFile(file))
        )
        expect(stats).toMatchObject({ open: 1, connects: 1 })
        yield* write("no-such-node-here")
        const error = yield* Effect.flip(Effect.scoped(Layer.build(NodeMcp.layerConfigFile(file))))
        expect(error).toMatchObject({ _tag: "ServersUnavailable", failures: [{ server: "everything" }] })
        expect(error.message).toContain("no-such-node-here")
      })
  )
})
