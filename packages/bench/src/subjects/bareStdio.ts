/** JSON-RPC by hand over the pipes of a process: what no client can do for less. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import type { About, Open } from "../calls/Subject.js"
import type { OpenCaller } from "../scenes/Caller.js"

export const about: About = {
  settings: "JSON-RPC over the pipes of one process, any number of calls, those of one tick in one write"
}

export const caller: OpenCaller = async (target) => {
  if ("url" in target) throw new Error("it speaks stdio only")
  const child = spawn(target.command, target.args, { stdio: ["pipe", "pipe", "inherit"] })
  const exited = once(child, "exit")
  const pending = new Map<number, (result: unknown) => void>()
  let rest = ""
  child.stdout.setEncoding("utf8")
  child.stdout.on("data", (chunk: string) => {
    rest += chunk
    // A long message comes in many chunks: they are not looked through again for each of them.
    if (!chunk.includes("\n")) return
    const lines = rest.split("\n")
    rest = lines.pop() ?? ""
    for (const line of lines) {
      // What comes is from the servers of these benchmarks.
      const { id, result } = JSON.parse(line) as { readonly id: number; readonly result: unknown }
      pending.get(id)?.(result)
      pending.delete(id)
    }
  })
  let leaving = ""
  const send = (message: object): void => {
    if (leaving === "") {
      process.nextTick(() => {
        child.stdin.write(leaving)
        leaving = ""
      })
    }
    leaving += `${JSON.stringify(message)}\n`
  }
  let lastId = 0
  const request = (method: string, params: object): Promise<unknown> =>
    new Promise((resolve) => {
      const id = ++lastId
      pending.set(id, resolve)
      send({ jsonrpc: "2.0", id, method, params })
    })
  await request("initialize", {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "bare", version: "1.0.0" }
  })
  send({ jsonrpc: "2.0", method: "notifications/initialized" })
  return {
    call: (text) => request("tools/call", { name: "echo", arguments: { text } }),
    close: async () => {
      child.stdin.end()
      await exited
    }
  }
}

export const open: Open = (target) => caller(target, {})
