/**
 * A server whose work is known and who keeps books: the tool `echo`, built with the SDK, takes so long a call, one at a
 * time or side by side, and can be its process's last. What happens is written down synchronously and before it is
 * answered, so that the books are true even of a process that was killed. Argument: the folder that a `Books` has made.
 */
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import { openSync, readFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import * as z from "zod"
import type { Entry, Work } from "../scenes/Books.js"

const folder = process.argv[2] ?? ""
// It is what `Books` has written.
export const work = JSON.parse(readFileSync(join(folder, "script.json"), "utf8")) as Work
const ledger = openSync(join(folder, "ledger"), "a")
const { pid } = process

const note = (entry: Entry): void => void writeSync(ledger, `${JSON.stringify(entry)}\n`)

note({ event: "start", pid, at: Date.now() })
process.once("exit", () => {
  const { maxRSS, systemCPUTime, userCPUTime } = process.resourceUsage()
  note({ event: "end", pid, at: Date.now(), cpuUs: userCPUTime + systemCPUTime, memoryKiB: maxRSS })
})

let runs = 0
let last: Promise<unknown> = Promise.resolve()

const done = (): Promise<unknown> => {
  if (work.takesMs === 0) return last
  if (!work.oneAtATime) return setTimeout(work.takesMs)
  last = last.then(() => setTimeout(work.takesMs))
  return last
}

/** A server for one session. All sessions of a process share its work. */
export const workServer = (): McpServer => {
  const server = new McpServer({ name: "work", version: "1.0.0" })
  server.registerTool(
    "echo",
    { description: "Gives its text back", inputSchema: { text: z.string() } },
    async ({ text }) => {
      note({ event: "run", tool: "echo", args: { text }, pid, at: Date.now() })
      runs++
      if (runs === work.lastRun) process.exit(1)
      await done()
      return { content: [{ type: "text", text }], _meta: { pid } }
    }
  )
  return server
}

/** Writes down what a client asks for, but calls of tools, which are written down when they run. */
export const counted = <T extends Transport>(transport: T): T => {
  const { onmessage } = transport
  transport.onmessage = (message, extra) => {
    if ("method" in message && message.method !== "tools/call") note({ event: "asked", pid, method: message.method })
    onmessage?.(message, extra)
  }
  return transport
}
