/**
 * Process groups of our own making, each led by a child process that was spawned `detached`: a signal reaches the
 * child and all that it started (npx, uvx and shells start the server as a child of their own). This is the one place
 * that knows every living group of the process: what must end them all, whatever happens, belongs here. Groups are
 * added by `ChildProcess` and removed by it when they are gone.
 *
 * An edge file: signals and the `exit` event of the process have no counterpart in Effect. On Windows there are no
 * process groups: the child alone is signalled there. A process that leaves its group (`setsid`) is out of reach.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import { readdirSync, readFileSync } from "node:fs"
import process from "node:process"
import * as Watchdog from "./Watchdog.js"

const groups = new Set<number>()

/**
 * The leaders' process IDs of all groups that are alive, as far as is known.
 *
 * @since 0.1.0
 * @category getters
 */
export const living = (): ReadonlySet<number> => groups

/**
 * Takes a group into care: should the process exit before it was removed, the group is killed with it. Given a time
 * for the watchdog, it is also ended should this process be killed, within that time after SIGTERM.
 *
 * @since 0.1.0
 * @category combinators
 */
export const add = (leader: number, watchdog?: Duration.DurationInput): void => {
  if (groups.size === 0) process.on("exit", killAll)
  groups.add(leader)
  if (watchdog !== undefined) Watchdog.watch(leader, watchdog)
}

/**
 * The group is gone.
 *
 * @since 0.1.0
 * @category combinators
 */
export const remove = (leader: number): void => {
  groups.delete(leader)
  Watchdog.unwatch(leader)
  if (groups.size === 0) process.off("exit", killAll)
}

/**
 * Signals every process of the group. Says whether there was one.
 *
 * @since 0.1.0
 * @category combinators
 */
export const signal = (leader: number, name: NodeJS.Signals | 0): boolean => {
  try {
    return process.kill(process.platform === "win32" ? leader : -leader, name)
  } catch (error) {
    // EPERM: someone is there, but is not ours to signal (a program that changed its user). ESRCH: nobody is.
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}

/**
 * Whether any process of the group still runs. One that has ended and waits to be collected by its parent does not:
 * the init process of many a container takes its time with that, or never does it. Where that cannot be told from
 * outside (not Linux), it counts as running.
 *
 * @since 0.1.0
 * @category getters
 */
export const isRunning = (leader: number): boolean =>
  signal(leader, 0) && (process.platform !== "linux" || hasRunningMember(leader))

/**
 * Whether one process has ended, or has begun to and cannot turn back: its files are closed before its parent hears of
 * its end, and on a busy machine that takes a while. Where it cannot be told from outside (not Linux): `false`.
 *
 * @since 0.1.0
 * @category getters
 */
export const isEnding = (pid: number): boolean => {
  const [state, , , , , , flags] = process.platform === "linux" ? (statOf(String(pid)) ?? []) : []
  return state === "Z" || state === "X" || (Number(flags) & exiting) !== 0
}

// Each process has its state and its group in /proc/PID/stat, behind its name in brackets: proc(5).
const hasRunningMember = (leader: number): boolean => {
  try {
    return readdirSync("/proc").some((pid) => /^\d+$/.test(pid) && runsIn(leader, pid))
  } catch {
    // Without /proc there is only the signal to go by.
    return true
  }
}

const runsIn = (leader: number, pid: string): boolean => {
  const [state, , group] = statOf(pid) ?? []
  return group === String(leader) && state !== "Z" && state !== "X"
}

/** What follows the name in /proc/PID/stat. `undefined`: there is no such process any more, or no /proc. */
const statOf = (pid: string): ReadonlyArray<string> | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  } catch {
    return undefined
  }
}

// Set in the flags of a process from the moment when it begins to end: PF_EXITING of Linux.
const exiting = 0x4

const killAll = (): void => {
  for (const leader of groups) signal(leader, "SIGKILL")
  Watchdog.kill()
}
