import { describe, expect, it } from "@effect/vitest"
import { ChildProcess, ProcessGroup } from "@mooring/node"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import type * as NodeChildProcess from "node:child_process"
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import process from "node:process"
import { afterEach, vi } from "vitest"
import * as Watchdog from "../src/Watchdog.js"

const shell = vi.hoisted((): { path: string; started?: NodeChildProcess.ChildProcess } => ({ path: "/bin/sh" }))
vi.mock("node:child_process", async (original) => {
  const real = await original<typeof NodeChildProcess>()
  const spawn = (command: string, args: ReadonlyArray<string>, options: NodeChildProcess.SpawnOptions) => {
    if (command !== "/bin/sh") return real.spawn(command, args, options)
    shell.started = real.spawn(shell.path, args, options)
    return shell.started
  }
  return { ...real, spawn }
})
afterEach(() => {
  // The one that stays for a moment belongs to the test before.
  Watchdog.kill()
  shell.path = "/bin/sh"
  vi.unstubAllEnvs()
})

/** A child that ends with its stdin. */
const child = (options?: Partial<ChildProcess.Options>) =>
  Effect.gen(function* () {
    const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
    const { exited, pid, stdout } = yield* ChildProcess.open({
      command: process.execPath,
      args: ["-e", "process.stdin.resume()"],
      env: {},
      close: { afterStdinEnd: "20 seconds", afterSigterm: "20 seconds" },
      ...options
    }).pipe(Scope.extend(scope))
    return { exited, pid, stdout, close: Scope.close(scope, Exit.void) }
  })

/** What is logged meanwhile. */
const logging = () => {
  const logged: Array<string> = []
  const logger = Logger.make(({ message }) => logged.push(String(message)))
  return { logged, layer: Logger.replace(Logger.defaultLogger, logger) }
}

const socketsOf = (pid: number): ReadonlyArray<string> =>
  readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/${pid}/fd/${fd}`)
      return target.startsWith("socket:") ? [target] : []
    } catch {
      // It was closed meanwhile: that of the folder itself.
      return []
    }
  })

describe("the watchdog", () => {
  it.scopedLive("is one for all children, starts with the first, and is gone when the last is closed", () =>
    Effect.gen(function* () {
      expect(Watchdog.pid()).toBeUndefined()
      const first = yield* child()
      const pid = Watchdog.pid() ?? 0
      expect(ProcessGroup.isRunning(pid)).toBe(true)
      const second = yield* child()
      yield* first.close
      expect(Watchdog.pid()).toBe(pid)
      expect(ProcessGroup.isRunning(pid)).toBe(true)
      yield* second.close
      expect(Watchdog.pid()).toBeUndefined()
      expect(ProcessGroup.isRunning(pid)).toBe(false)
    })
  )

  it.scopedLive("stays for the child that comes in the place of one that has ended by itself", () =>
    Effect.gen(function* () {
      const first = yield* child({ args: ["-e", ""] })
      const pid = Watchdog.pid() ?? 0
      first.stdout.resume()
      yield* Deferred.await(first.exited)
      yield* first.close
      expect(Watchdog.pid()).toBe(pid)
      const second = yield* child()
      expect(Watchdog.pid()).toBe(pid)
      expect(ProcessGroup.isRunning(pid)).toBe(true)
      // Longer than it stays for nobody.
      yield* Effect.sleep("1500 millis")
      expect(Watchdog.pid()).toBe(pid)
      yield* second.close
      expect(Watchdog.pid()).toBeUndefined()
      expect(ProcessGroup.isRunning(pid)).toBe(false)
    })
  )

  it.scopedLive("is gone soon after the last child has ended by itself, and keeps nothing alive meanwhile", () =>
    Effect.gen(function* () {
      const { close, exited, stdout } = yield* child({ args: ["-e", ""] })
      const pid = Watchdog.pid() ?? 0
      stdout.resume()
      yield* Deferred.await(exited)
      const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
      const before = timers()
      yield* close
      expect(timers()).toBeLessThanOrEqual(before)
      while (ProcessGroup.isRunning(pid)) yield* Effect.sleep("10 millis")
      expect(Watchdog.pid()).toBeUndefined()
    })
  )

  it.scopedLive("does not stay for a command that cannot be started", () =>
    Effect.gen(function* () {
      yield* Effect.flip(child({ command: "no-such-program" }))
      expect(Watchdog.pid()).toBeUndefined()
    })
  )

  it.scopedLive("is not there for a child that does without it", () =>
    Effect.gen(function* () {
      yield* child({ watchdog: false })
      expect(Watchdog.pid()).toBeUndefined()
    })
  )

  it.scopedLive(
    "is in a session of its own, ignores what asks it to end, and has no more of this process than the PATH",
    () =>
      Effect.gen(function* () {
        yield* child()
        const pid = Watchdog.pid() ?? 0
        const stat = (of: number | "self") => readFileSync(`/proc/${of}/stat`, "latin1").replace(/.*\) /, "").split(" ")
        const [, , group, session] = stat(pid)
        expect([group, session]).toEqual([String(pid), String(pid)])
        // It ignores SIGHUP, SIGINT, SIGQUIT and SIGTERM, from its first command on.
        const ignored = () => BigInt(`0x${/^SigIgn:\s*(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]}`)
        while ((ignored() & 0x4007n) !== 0x4007n) yield* ChildProcess.nextTurn
        expect(readlinkSync(`/proc/${pid}/cwd`)).toBe("/")
        expect(readFileSync(`/proc/${pid}/environ`, "utf8").split("\0")).toEqual([`PATH=${process.env["PATH"]}`, ""])
      })
  )

  it.scopedLive("hears when this process ends: no child holds this process's end of a pipe", () =>
    Effect.gen(function* () {
      const children = [yield* child(), yield* child(), yield* child()]
      const pid = Watchdog.pid() ?? 0
      const ours = new Set(socketsOf(process.pid))
      // Each child has three pipes, and the watchdog one, all with an end here; Node makes them of sockets.
      expect(ours.size).toBeGreaterThanOrEqual(10)
      for (const other of [pid, ...children.map(({ pid }) => pid)]) {
        const theirs = socketsOf(other)
        expect(theirs.length).toBeGreaterThan(0)
        expect(theirs.filter((end) => ours.has(end))).toEqual([])
      }
    })
  )

  it.scopedLive("is ended when this process exits, before it hears of that by itself", () =>
    Effect.gen(function* () {
      yield* child()
      const pid = Watchdog.pid() ?? 0
      // What Node does when the process exits.
      process.listeners("exit").at(-1)?.call(process, 0)
      while (ProcessGroup.isRunning(pid)) yield* ChildProcess.nextTurn
      expect(Watchdog.pid()).toBeUndefined()
    })
  )

  it.scopedLive("gives a group its time after SIGTERM, wherever the PATH of this process leads", () =>
    Effect.gen(function* () {
      vi.stubEnv("PATH", "/nowhere")
      // It takes a while to end, as a server does that saves its state.
      const slow = `process.on("SIGTERM", () => setTimeout(() => process.exit(7), 500)); console.log("ready")`
      const { exited, stdout } = yield* child({ args: ["-e", `${slow}; process.stdin.resume()`] })
      yield* Effect.async<void>((resume) => void stdout.once("data", () => resume(Effect.void)))
      // As if this process had been killed.
      shell.started?.stdin?.end()
      expect(yield* Deferred.await(exited)).toEqual({ code: 7, signal: null })
    }).pipe(Effect.provide(logging().layer))
  )

  it.scopedLive("that cannot be started is told once, and starts when it can", () => {
    const { layer, logged } = logging()
    return Effect.gen(function* () {
      shell.path = "/no/such/shell"
      const first = yield* child()
      const second = yield* child()
      yield* ChildProcess.nextTurn
      expect(Watchdog.pid()).toBeUndefined()
      expect(logged).toHaveLength(1)
      expect(logged[0]).toContain("The watchdog could not be started.")
      shell.path = "/bin/sh"
      const third = yield* child()
      const pid = Watchdog.pid() ?? 0
      expect(ProcessGroup.isRunning(pid)).toBe(true)
      yield* Effect.forEach([first, second, third], ({ close }) => close)
      expect(Watchdog.pid()).toBeUndefined()
      expect(ProcessGroup.isRunning(pid)).toBe(false)
      expect(logged).toHaveLength(1)
    }).pipe(Effect.provide(layer))
  })

  it.scopedLive("says nothing when it is ended because nobody needs it", () => {
    const { layer, logged } = logging()
    return Effect.gen(function* () {
      const { close } = yield* child()
      yield* close
      yield* ChildProcess.nextTurn
      expect(logged).toEqual([])
    }).pipe(Effect.provide(layer))
  })
})
