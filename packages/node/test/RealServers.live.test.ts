import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpPool, ServerKey } from "@mooring/mcp"
import { NodeMcp, ProcessGroup } from "@mooring/node"
import * as Effect from "effect/Effect"
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** A server that people use, and a call of it whose answer is known. */
interface Real {
  readonly name: string
  /** Its program below `node_modules`, and the name that npx finds it by. */
  readonly main: string
  readonly bin: string
  /** What the call needs, in a folder of its own. */
  readonly prepare?: (folder: string) => void
  readonly args?: (folder: string) => ReadonlyArray<string>
  readonly env?: (folder: string) => Readonly<Record<string, string>>
  readonly tools: number
  readonly call: (folder: string) => readonly [tool: string, args: Readonly<Record<string, unknown>>]
  /** Looks at the text of the answer, and at what was done. */
  readonly check: (text: string, folder: string) => void
}

const servers: ReadonlyArray<Real> = [
  {
    name: "everything",
    main: "@modelcontextprotocol/server-everything/dist/index.js",
    bin: "mcp-server-everything",
    args: () => ["stdio"],
    tools: 13,
    call: () => ["get-sum", { a: 20, b: 22 }],
    check: (text) => expect(text).toBe("The sum of 20 and 22 is 42.")
  },
  {
    name: "filesystem",
    main: "@modelcontextprotocol/server-filesystem/dist/index.js",
    bin: "mcp-server-filesystem",
    prepare: (folder) => writeFileSync(join(folder, "note.txt"), "one\ntwo é\nthree\n"),
    args: (folder) => [folder],
    tools: 14,
    call: (folder) => ["read_text_file", { path: join(folder, "note.txt"), head: 2 }],
    check: (text) => expect(text).toBe("one\ntwo é")
  },
  {
    name: "memory",
    main: "@modelcontextprotocol/server-memory/dist/index.js",
    bin: "mcp-server-memory",
    env: (folder) => ({ MEMORY_FILE_PATH: join(folder, "memory.jsonl") }),
    tools: 9,
    call: () => ["create_entities", { entities: [{ name: "buoy", entityType: "thing", observations: ["floats"] }] }],
    check: (text, folder) => {
      expect(JSON.parse(text)).toEqual([{ name: "buoy", entityType: "thing", observations: ["floats"] }])
      expect(readFileSync(join(folder, "memory.jsonl"), "utf8")).toContain('"floats"')
    }
  },
  {
    name: "sequential-thinking",
    main: "@modelcontextprotocol/server-sequential-thinking/dist/index.js",
    bin: "mcp-server-sequential-thinking",
    tools: 1,
    call: () => [
      "sequentialthinking",
      { thought: "so far", nextThoughtNeeded: true, thoughtNumber: 2, totalThoughts: 3 }
    ],
    check: (text) =>
      expect(JSON.parse(text)).toMatchObject({ thoughtNumber: 2, totalThoughts: 3, nextThoughtNeeded: true })
  },
  {
    name: "hello-world",
    main: "mcp-hello-world/build/stdio.js",
    bin: "mcp-hello-world",
    tools: 3,
    call: () => ["add", { a: 20, b: 22 }],
    check: (text) => expect(text).toBe("The sum is: 42")
  },
  {
    name: "eslint",
    main: "@eslint/mcp/src/mcp-cli.js",
    bin: "@eslint/mcp",
    prepare: (folder) => {
      writeFileSync(join(folder, "eslint.config.js"), "export default [{ rules: { 'no-debugger': 'error' } }]\n")
      writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n')
      writeFileSync(join(folder, "bad.js"), "debugger\n")
    },
    tools: 1,
    call: (folder) => ["lint-files", { filePaths: [join(folder, "bad.js")] }],
    check: (text) => expect(text).toContain('"ruleId":"no-debugger"')
  }
]

const temporary = Effect.acquireRelease(
  Effect.sync(() => realpathSync(mkdtempSync(join(tmpdir(), "mooring-real-")))),
  (folder) => Effect.sync(() => rmSync(folder, { force: true, recursive: true }))
)

/** The forms in which people start a server. npx finds it in this package: nothing is fetched. */
const forms = {
  node: ({ main }: Real) => ({ command: process.execPath, args: [here(`../node_modules/${main}`)], cwd: undefined }),
  npx: ({ bin }: Real) => ({ command: "npx", args: ["--no", "--", bin], cwd: here("..") })
}

/** Lists its tools and calls one, as an application does; then nothing of its process group is left. */
const exercise = (real: Real, form: (real: Real) => ReturnType<(typeof forms)[keyof typeof forms]>) =>
  Effect.gen(function* () {
    const folder = yield* temporary
    real.prepare?.(folder)
    const { args, command, cwd } = form(real)
    const config = { command, args: [...args, ...(real.args?.(folder) ?? [])], cwd: cwd ?? folder }
    const pid = yield* Effect.gen(function* () {
      const client = yield* McpClient.McpClient
      expect(yield* client.listTools(real.name)).toHaveLength(real.tools)
      const [tool, given] = real.call(folder)
      const { content, isError } = yield* client.callTool(real.name, tool, given)
      const text = content.map((one) => (one.type === "text" ? one.text : "")).join("\n")
      expect([isError ?? false, text]).toEqual([false, text])
      real.check(text, folder)
      const { pool } = yield* McpPool.McpPool
      const pid = yield* pool.use(ServerKey.shared(real.name), ({ pid = 0 }) => Effect.succeed(pid))
      expect(ProcessGroup.isRunning(pid)).toBe(true)
      return pid
    }).pipe(Effect.provide(NodeMcp.layer({ servers: { [real.name]: { ...config, env: real.env?.(folder) } } })))
    expect(ProcessGroup.isRunning(pid)).toBe(false)
  })

describe("real servers are listed, called and ended", () => {
  for (const real of servers) {
    it.scopedLive(`${real.name}, started by node`, () => exercise(real, forms.node))
    it.scopedLive(`${real.name}, started by npx, which is ended too`, () => exercise(real, forms.npx))
  }
})
