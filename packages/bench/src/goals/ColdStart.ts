/** How soon the command is there: beside Node itself, and beside the server that it calls. */
import * as Effect from "effect/Effect"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { fileOf } from "../calls/Forked.js"
import { atMost, type Benchmark } from "../Goal.js"
import { figure } from "../Rounds.js"

const names = {
  node: "node, doing nothing",
  version: "mooring --version",
  server: "the server itself, to its end, by hand",
  call: "mooring call"
}

const command = fileURLToPath(new URL("../../../cli/bin/mooring.js", import.meta.url))
const server = fileOf("servers/sdkStdio")

/** A configuration file that names the server, in a folder of its own. */
const configuration = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "mooring-bench-"))
    const file = join(folder, "mooring.json")
    writeFileSync(file, JSON.stringify({ mcpServers: { echo: { command: process.execPath, args: [server] } } }))
    return { file, folder }
  }),
  ({ folder }) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/**
 * The milliseconds from the start of a program until it has ended: after `done` of it, which checks what it says, its
 * stdin ends. A command that has called a server has seen to its end, too, so that both are measured to theirs.
 */
const timed = (args: ReadonlyArray<string>, done: (child: ChildProcess) => Promise<void>): Effect.Effect<number> =>
  Effect.promise(async (signal) => {
    const startedAt = performance.now()
    const child = spawn(process.execPath, args, { signal, stdio: ["pipe", "pipe", "inherit"] })
    const ended = new Promise<void>((resolve, reject) => child.once("exit", () => resolve()).once("error", reject))
    await done(child)
    child.stdin?.end()
    await ended
    return performance.now() - startedAt
  })

/** Waits for the end, and wants this in what was said. */
const says = (text: string) => async (child: ChildProcess) => {
  let said = ""
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => (said += chunk))
  const code = await new Promise((resolve) => child.once("close", resolve))
  if (code !== 0 || !said.includes(text))
    throw new Error(`${child.spawnargs.join(" ")} ended with ${String(code)}: ${said}`)
}

const request = (id: number, method: string, params: object) =>
  `${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`

/** Speaks to a server by hand: the handshake and one call. */
const byHand = async (child: ChildProcess): Promise<void> => {
  const clientInfo = { name: "by hand", version: "1.0.0" }
  const answered = new Promise<void>((resolve, reject) => {
    let said = ""
    child.once("error", reject)
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      const before = said
      said += chunk
      if (said.includes('"id":1') && !before.includes('"id":1')) {
        child.stdin?.write(`${JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" })}\n`)
        child.stdin?.write(request(2, "tools/call", { name: "echo", arguments: { text: "hello" } }))
      }
      if (said.includes('"text":"hello"')) resolve()
    })
  })
  child.stdin?.write(request(1, "initialize", { protocolVersion: "2025-11-25", capabilities: {}, clientInfo }))
  await answered
}

export const ColdStart: Benchmark = {
  ids: ["START"],
  title: "Cold start of the command",
  run: ({ rounds }) =>
    Effect.gen(function* () {
      const { file } = yield* configuration
      const call = [command, "call", "echo", "echo", "text=hello", "--config", file]
      const subjects = [
        { name: names.node, run: timed(["-e", "0"], says("")) },
        { name: names.version, run: timed([command, "--version"], says("0.1.0")) },
        { name: names.server, run: timed([server], byHand) },
        { name: names.call, run: timed(call, says("hello")) }
      ]
      const samples = new Map<string, Array<number>>(subjects.map(({ name }) => [name, []]))
      for (let round = -1; round < rounds; round++) {
        for (const { name, run } of round % 2 === 0 ? subjects : [...subjects].reverse()) {
          const tookMs = yield* run
          // The first finds nothing in the caches of the disk.
          if (round >= 0) samples.get(name)?.push(tookMs)
        }
      }
      const over = (name: string, to: string) => {
        const beside = samples.get(to) ?? []
        return figure(
          name,
          (samples.get(name) ?? []).map((value, n) => value - (beside[n] ?? Number.NaN))
        ).median
      }
      return {
        goals: [
          atMost("START", over(names.version, names.node), 60, "ms", `${names.version}, over ${names.node}`),
          atMost("START", over(names.call, names.server), 100, "ms", `${names.call}, over ${names.server}`)
        ],
        scenarios: [
          { name: "Cold start", unit: "ms", figures: subjects.map(({ name }) => figure(name, samples.get(name) ?? [])) }
        ]
      }
    }).pipe(Effect.scoped)
}
