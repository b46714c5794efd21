import { describe, expect, it } from "@effect/vitest"
import type { ServerConfig } from "@mooring/mcp"
import { ChildProcess, ProcessGroup } from "@mooring/node"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import process from "node:process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import * as Everything from "./fixtures/Everything.js"

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
if (!existsSync(here("../dist/index.js"))) throw new Error("The package is not built: npm run build")

const node = (...args: ReadonlyArray<string>): ServerConfig.StdioServer => ({ command: process.execPath, args })
const servers = {
  plain: node(Everything.main, "stdio"),
  second: node(Everything.main, "stdio"),
  stopped: node(Everything.main, "stdio"),
  stubborn: node(here("fixtures/stubborn.mjs"), Everything.main),
  npx: { command: "npx", args: ["--no", "--", "mcp-server-everything", "stdio"], cwd: here("..") }
}
type Name = keyof typeof servers

/** Waits until it is so. */
const until = (condition: () => boolean) =>
  Effect.repeat(Effect.sync(condition), { until: (so) => so, schedule: Schedule.spaced("20 millis") })

const isNobody = (pid: number): boolean => !ProcessGroup.isRunning(pid)

/** The watchdog of a process. It leads a group of its own. */
const watchdogOf = (pid: number) =>
  Effect.promise(async () => {
    const { stdout } = await promisify(execFile)("ps", ["-A", "-ww", "-o", "pid=,args="])
    return [...stdout.matchAll(new RegExp(`^ *(\\d+) .*mooring-watchdog ${pid}$`, "gm"))].map(([, its]) => Number(its))
  })

/** An application in which calls of all these servers are under way. */
const application = (...names: ReadonlyArray<Name>) =>
  Effect.gen(function* () {
    const child = yield* ChildProcess.open({
      command: process.execPath,
      args: [here("fixtures/application.mjs"), JSON.stringify(servers), names.join(",")],
      env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "" },
      close: { afterStdinEnd: 0, afterSigterm: 0 }
    })
    child.stderr.pipe(process.stderr, { end: false })
    const pids = new Map<string, number>()
    const log: Array<string> = []
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (!line.startsWith("{")) return void log.push(line)
      const { pid, server } = JSON.parse(line)
      pids.set(server, pid)
    })
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        for (const pid of pids.values()) ProcessGroup.signal(pid, "SIGKILL")
      })
    )
    const busy = (name: Name) =>
      Effect.map(
        until(() => pids.has(name)),
        () => pids.get(name) ?? 0
      )
    yield* Effect.forEach(names, busy)
    const [watchdog = 0, ...more] = yield* watchdogOf(child.pid)
    expect(more).toEqual([])
    expect([...pids.values()].map(isNobody)).toEqual(names.map(() => false))
    const tell = (line: string) => child.stdin.write(`${line}\n`)
    const kill = (signal: NodeJS.Signals) => {
      process.kill(child.pid, signal)
      return Effect.map(Deferred.await(child.exited), ({ signal }) => signal)
    }
    return { pid: child.pid, exited: Deferred.await(child.exited), watchdog, pids, log, busy, tell, kill }
  })

describe("an application that is killed while calls are under way", () => {
  it.scopedLive("by SIGKILL leaves no process, though servers ignore SIGTERM, are stopped, or started by npx", () =>
    Effect.gen(function* () {
      const { kill, pids, watchdog } = yield* application("plain", "stubborn", "stopped", "npx")
      process.kill(pids.get("stopped") ?? 0, "SIGSTOP")
      expect(yield* kill("SIGKILL")).toBe("SIGKILL")
      yield* until(() => [...pids.values(), watchdog].every(isNobody))
      expect(pids.size).toBe(4)
    })
  )

  it.scopedLive("by a signal that it does not handle leaves no process", () =>
    Effect.forEach(
      ["SIGQUIT", "SIGHUP", "SIGTERM", "SIGABRT"] as const,
      (signal) =>
        Effect.gen(function* () {
          const { kill, pids, watchdog } = yield* application("stubborn")
          expect(yield* kill(signal)).toBe(signal)
          yield* until(() => [...pids.values(), watchdog].every(isNobody))
        }),
      { concurrency: "unbounded" }
    )
  )

  it.scopedLive("leaves no process either if its watchdog was killed before, and is told so once", () =>
    Effect.gen(function* () {
      const { busy, kill, log, pid, pids, tell, watchdog } = yield* application("plain", "stubborn")
      process.kill(watchdog, "SIGKILL")
      yield* until(() => log.length > 0)
      tell("open second")
      yield* busy("second")
      const [another = 0] = yield* watchdogOf(pid)
      expect(another).not.toBe(watchdog)
      expect(log).toHaveLength(1)
      expect(log[0]).toMatch(/level=WARN .*The watchdog ended \(SIGKILL\)/)
      yield* kill("SIGKILL")
      yield* until(() => [...pids.values(), another].every(isNobody))
      expect(pids.size).toBe(3)
    })
  )
})

describe("an application that exits while calls are under way", () => {
  it.scopedLive("leaves no process, its watchdog neither", () =>
    Effect.gen(function* () {
      const { exited, pids, tell, watchdog } = yield* application("plain", "stubborn")
      tell("exit")
      expect(yield* exited).toEqual({ code: 0, signal: null })
      yield* until(() => [...pids.values(), watchdog].every(isNobody))
    })
  )
})
