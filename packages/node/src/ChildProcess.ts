/**
 * A child process with piped stdin, stdout and stderr, in a process group of its own. It belongs to the scope that
 * opened it: when that closes, the whole group is ended, step by step, and collected.
 *
 * An edge file: it uses `node:child_process` directly, since `Command` of `@effect/platform` can neither start a
 * process group nor await what is left of one, and since a pooled call cannot afford streams between it and the pipe.
 * Time is Effect's: the clock of the effect that opened the process.
 *
 * @since 0.1.0
 */
import spawn from "cross-spawn"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as NodeChildProcess from "node:child_process"
import { existsSync, statSync } from "node:fs"
import process from "node:process"
import type { Readable, Writable } from "node:stream"
import * as ProcessGroup from "./ProcessGroup.js"
import * as Watchdog from "./Watchdog.js"

/**
 * What to start.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The program, found on the `PATH` of `env`. Started without a shell. */
  readonly command: string
  readonly args: ReadonlyArray<string>
  /** Default: the working folder of this process. */
  readonly cwd?: string | undefined
  /** The whole environment of the child. */
  readonly env: Readonly<Record<string, string>>
  /** How it is ended. */
  readonly close: CloseTimes
  /** Whether it is ended also if this process is killed (see the README; not on Windows). Default: true. */
  readonly watchdog?: boolean | undefined
}

/**
 * How long each step of ending a process may take. The next one is taken only if it is still there.
 *
 * @since 0.1.0
 * @category models
 */
export interface CloseTimes {
  /** After its stdin was ended, until SIGTERM. */
  readonly afterStdinEnd: Duration.DurationInput
  /** After SIGTERM, until SIGKILL. */
  readonly afterSigterm: Duration.DurationInput
}

/**
 * How a process ended: one of the two is not null.
 *
 * @since 0.1.0
 * @category models
 */
export interface ExitStatus {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/**
 * @since 0.1.0
 * @category models
 */
export interface ChildProcess {
  readonly pid: number
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** Done as soon as the child itself has ended, whoever still holds its pipes. */
  readonly exited: Deferred.Deferred<ExitStatus>
}

/**
 * The process could not be started. `reason` names the command and says what to do; it holds no secret.
 *
 * @since 0.1.0
 * @category errors
 */
export class SpawnFailure extends Data.TaggedError("SpawnFailure")<{
  readonly reason: string
  /** Whether trying again later may help: the machine was out of processes, files or memory. */
  readonly retryable: boolean
  readonly cause?: unknown
}> {}

/**
 * Starts a process. Closing the scope ends stdin, then sends SIGTERM, then SIGKILL to the group, and is done when the
 * child is collected, its pipes are closed and nothing of the group runs any more. What does not end by SIGKILL within
 * half a second (a program that changed its user, a file system that hangs) is logged and left.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (options: Options): Effect.Effect<ChildProcess, SpawnFailure, Scope.Scope> =>
  Effect.flatMap(Effect.clock, (clock) => {
    const { enter, leave, linger } = options.watchdog === false ? unwatched : Watchdog
    // The watchdog is there before the child: what is killed between the start of the child and word of it to the
    // watchdog is what no watchdog can end.
    const acquire = Effect.zipRight(
      enter,
      Effect.onError(start(options), () => leave)
    )
    return Effect.acquireRelease(acquire, ([child, node]) => {
      // Asked now: what ends from here on was asked to.
      const left = child.stdout.readableEnded || node.exitCode !== null || node.signalCode !== null ? linger : leave
      // On a fiber of its own: the waits in it can be interrupted, and an interruption of the fiber that closes the
      // scope, once under way, would reach them and leave the process running.
      return Effect.zipRight(close(child, node, options.close), left).pipe(
        Effect.withClock(clock),
        Effect.forkDaemon,
        Effect.flatMap(Fiber.join)
      )
    })
  }).pipe(Effect.map(([child]) => child))

/**
 * Waits for the child to end, for as long as it may take. One that is ending by then, but whose end this process has
 * not heard of, is waited for all the same: how long that takes says something about the machine, not about the child.
 *
 * @since 0.1.0
 * @category combinators
 */
export const exitWithin = (
  child: ChildProcess,
  duration: Duration.DurationInput
): Effect.Effect<Option.Option<ExitStatus>> => {
  // Interruptible, since a finalizer is not, and the clock could not end the wait.
  const within = (duration: Duration.DurationInput) =>
    Effect.timeoutOption(Effect.interruptible(Deferred.await(child.exited)), duration)
  const late = Effect.suspend(() => within(ProcessGroup.isEnding(child.pid) ? endingFor : 0))
  return Effect.flatMap(within(duration), (status) =>
    Option.isSome(status) ? Effect.succeed(status) : Effect.zipRight(nextTurn, late)
  )
}

/**
 * Lets the event loop tell what has happened already. A timer that is over says nothing of events that did not come:
 * a process that was busy hears of the timer first.
 *
 * @since 0.1.0
 * @category combinators
 */
export const nextTurn: Effect.Effect<void> = Effect.async<void>(
  (resume) => void setImmediate(() => resume(Effect.void))
)

/**
 * An exit status for people.
 *
 * @since 0.1.0
 * @category combinators
 */
export const describe = (status: ExitStatus): string =>
  status.signal === null ? `its process exited with code ${status.code}` : `its process was killed by ${status.signal}`

/** For a child that does without the watchdog. */
const unwatched = { enter: Effect.void, leave: Effect.void, linger: Effect.void }

type Started = readonly [ChildProcess, NodeChildProcess.ChildProcess]

const start = (options: Options): Effect.Effect<Started, SpawnFailure> =>
  Effect.flatMap(Deferred.make<ExitStatus>(), (exited) =>
    Effect.async<Started, SpawnFailure>((resume) => {
      const nul = nulByteIn(options)
      if (nul !== undefined) {
        resume(new SpawnFailure({ reason: `its ${nul} holds a NUL character; take it out`, retryable: false }))
        return
      }
      const fail = (error: unknown) => resume(failureOf(error, options))
      let node: NodeChildProcess.ChildProcess
      try {
        node = spawn(options.command, options.args, {
          cwd: options.cwd,
          env: options.env,
          stdio: ["pipe", "pipe", "pipe"],
          shell: false,
          detached: process.platform !== "win32",
          windowsHide: true
        })
      } catch (error) {
        return fail(error)
      }
      // For good: an `error` event without a listener would end this process.
      node.on("error", fail)
      const { pid, stderr, stdin, stdout } = node
      for (const stream of [stdin, stdout, stderr]) stream?.on("error", ignore)
      if (pid === undefined || stdin === null || stdout === null || stderr === null) {
        for (const stream of [stdin, stdout, stderr]) stream?.destroy()
        // The `error` event says why; without one, this does.
        node.once("close", () => fail(new Error("it could not be started")))
        return
      }
      ProcessGroup.add(pid, options.watchdog === false ? undefined : options.close.afterSigterm)
      node.once("exit", (code, signal) => {
        // It was collected just now: if nobody else is in the group, its number may be another's from here on.
        if (!ProcessGroup.signal(pid, 0)) ProcessGroup.remove(pid)
        Deferred.unsafeDone(exited, Effect.succeed({ code, signal }))
      })
      node.once("spawn", () => resume(Effect.succeed([{ pid, stdin, stdout, stderr, exited }, node])))
    })
  )

// Whoever needs to know listens too; without any listener, a broken pipe would end this process.
const ignore = (): void => {}

// One that hangs in the kernel (a file system that does not answer) is not waited for much longer.
const endingFor = "2 seconds"

const close = (child: ChildProcess, node: NodeChildProcess.ChildProcess, times: CloseTimes): Effect.Effect<void> => {
  const endsWithin = (duration: Duration.DurationInput) => Effect.map(exitWithin(child, duration), Option.isSome)
  const signal = (name: NodeJS.Signals) => Effect.sync(() => ProcessGroup.signal(child.pid, name))
  return Effect.gen(function* () {
    child.stdin.end()
    if (!(yield* endsWithin(times.afterStdinEnd))) {
      yield* signal("SIGTERM")
      if (!(yield* endsWithin(times.afterSigterm))) {
        yield* signal("SIGKILL")
        yield* Deferred.await(child.exited)
      }
    }
    yield* closePipes(child, node)
    if (ProcessGroup.living().has(child.pid)) yield* endGroup(child.pid)
    ProcessGroup.remove(child.pid)
  })
}

const closePipes = (child: ChildProcess, node: NodeChildProcess.ChildProcess): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    const streams = [child.stdin, child.stdout, child.stderr]
    if (streams.every((stream) => stream.closed)) return resume(Effect.void)
    // The child has exited: this event comes when the last of its pipes is closed, which is now done by us.
    node.once("close", () => resume(Effect.void))
    for (const stream of streams) stream.destroy()
  })

const endGroup = (leader: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    // On Windows the child was the whole group, and it has exited: its ID may be another's by now.
    if (process.platform === "win32" || !ProcessGroup.signal(leader, "SIGKILL")) return Effect.void
    return Effect.sync(() => ProcessGroup.isRunning(leader)).pipe(
      Effect.repeat({
        while: (running) => running,
        schedule: Schedule.intersect(Schedule.spaced("10 millis"), Schedule.recurs(50))
      }),
      Effect.flatMap(() =>
        ProcessGroup.isRunning(leader)
          ? Effect.logWarning(`Processes of group ${leader} are still there after SIGKILL`)
          : Effect.void
      )
    )
  })

const nulByteIn = (options: Options): string | undefined => {
  const has = (text: string) => text.includes("\0")
  if (has(options.command)) return "command"
  if (options.args.some(has)) return "args"
  if (has(options.cwd ?? "")) return "cwd"
  const variable = Object.entries(options.env).find(([name, value]) => has(name) || has(value))
  return variable === undefined ? undefined : `environment variable ${JSON.stringify(variable[0])}`
}

const failureOf = (error: unknown, options: Options): SpawnFailure => {
  const code = error instanceof Error && "code" in error ? String(error.code) : undefined
  // Node puts the arguments into the error, and they may hold a secret.
  if (error instanceof Error) Reflect.deleteProperty(error, "spawnargs")
  return new SpawnFailure({
    reason: reasonOf(code, options),
    retryable: code !== undefined && exhausted.has(code),
    cause: error
  })
}

const exhausted = new Set(["EAGAIN", "EMFILE", "ENFILE", "ENOMEM"])

const reasonOf = (code: string | undefined, { command, cwd }: Options): string => {
  const program = JSON.stringify(command)
  if (cwd !== undefined && !isFolder(cwd)) {
    return `its working folder ${JSON.stringify(cwd)} is not there, or is no folder; correct \`cwd\``
  }
  switch (code) {
    case "ENOENT":
      return /[\\/]/.test(command) && existsSync(command)
        ? `the command ${program} is there, but not the interpreter that its first line names`
        : `the command ${program} was not found; install it, correct its name, or give its full path`
    case "EACCES":
    case "EPERM":
      return `the command ${program} may not be run; make it executable, or correct its path`
    case "ENOEXEC":
      return `the command ${program} is not a program that this machine can run`
    case "E2BIG":
      return `the arguments and environment of ${program} are too long`
    default:
      return exhausted.has(code ?? "")
        ? `the machine could not start ${program} (${code}): it is out of processes, open files or memory`
        : `the command ${program} could not be started${code === undefined ? "" : ` (${code})`}`
  }
}

const isFolder = (path: string): boolean => {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}
