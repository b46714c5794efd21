import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpPool, ServerKey } from "@mooring/mcp"
import { NodeMcp, ProcessGroup } from "@mooring/node"
import * as Effect from "effect/Effect"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { type Real, servers, temporary } from "./fixtures/RealServer.js"

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** The forms in which people start a server. npx finds it in this package: nothing is fetched. */
const forms = {
  node: ({ main }: Real) => ({ command: process.execPath, args: [main], cwd: undefined }),
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
