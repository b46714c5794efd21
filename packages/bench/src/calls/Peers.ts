/**
 * Those that Mooring is measured beside, and pools of the SDK's clients as one writes them by hand. They are installed
 * below `node_modules/.cache` by the first run that measures them, and never with Mooring.
 */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Entry } from "./Opened.js"

const root = fileURLToPath(new URL("../../../..", import.meta.url))

/** Where they are installed, and run from. */
export const folder = join(root, "node_modules/.cache/bench-peers")

const peer = (name: string, file: string): Entry => ({ name, file: join(folder, `${file}.mjs`), sparse: true })

/** They hold one connection. Every one of them speaks stdio and HTTP, as the pools do. */
export const clients: ReadonlyArray<Entry> = [
  peer("@langchain/mcp-adapters", "langchain"),
  peer("mcp-use", "mcpUse"),
  peer("@ai-sdk/mcp", "aiSdk"),
  peer("@mastra/mcp", "mastra"),
  peer("@openai/agents", "openaiAgents"),
  peer("mcporter, its runtime", "mcporter"),
  peer("Effect 4: McpClient", "effect4")
]

const genericPool: Entry = { name: "SDK clients in a generic-pool", file: "genericPool", sparse: true }
const effectPool: Entry = { name: "SDK clients in Effect's Pool", file: "effectPool", sparse: true }

/** Pools by hand of at most so many connections, with a call at a time on each. */
export const poolsOf = (max: number): ReadonlyArray<Entry> => [
  { ...genericPool, name: `${genericPool.name}: max ${max}`, settings: { max } },
  { ...effectPool, name: `${effectPool.name}: max ${max}`, settings: { max, concurrency: 1 } }
]

export const entries: ReadonlyArray<Entry> = [...clients, genericPool, effectPool]

/**
 * Installs them, unless they are there. Without them, which a machine with no registry is, the run goes on: each that
 * does not open is shown as failed.
 */
export const install: Effect.Effect<void> = Effect.async<void>((resume) => {
  const child = spawn(process.execPath, [join(root, "scripts/aside.mjs"), "bench-peers"], { stdio: ["ignore", 2, 2] })
  child.once("error", (error) => resume(Effect.die(error)))
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()))
  void exited.then(() => resume(Effect.void))
  // It passes the signal on, and ends after npm.
  return Effect.promise(() => {
    child.kill("SIGTERM")
    return exited
  })
})
