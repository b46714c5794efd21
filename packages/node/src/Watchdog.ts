/**
 * A small process that outlives this one, whatever becomes of it (`kill -9`, a crash, a signal that nobody handles),
 * and then ends the process groups that are still there. One for all children: it starts with the first of them and is
 * gone with the last, or a moment after a last one that has ended by itself, in whose place another is likely to start.
 * `ChildProcess` takes part in it; who knows the groups is `ProcessGroup`.
 *
 * It is a shell that reads from a pipe which groups there are. When this process ends, the kernel closes the pipe: the
 * groups get SIGTERM, and what is still there after its time, SIGKILL. The shell is in a session of its own, so that no
 * terminal ends it, ignores what asks it to end, and never keeps this process alive.
 *
 * An edge file: one for the whole process is state of this module, since a group must be watched whichever layer it
 * belongs to; and nothing but a process can outlive a process. It has the `PATH` of this one, to find `sleep`, which it
 * also looks for where it usually is. Not on Windows, which has neither process groups nor `/bin/sh`.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import * as NodeChildProcess from "node:child_process"
import { Socket } from "node:net"
import process from "node:process"

/** The groups by their leaders, and how many seconds each has from SIGTERM to SIGKILL. */
const watched = new Map<number, number>()
let holders = 0
let running: NodeChildProcess.ChildProcess | undefined
/** Ends the watchdog that stays for a moment although nobody takes part. */
let lingering: NodeJS.Timeout | undefined
// Where none can be started that is so for every child, and is told once.
let toldWhyNot = false

/**
 * The process ID of the watchdog, while there is one.
 *
 * @since 0.1.0
 * @category getters
 */
export const pid = (): number | undefined => running?.pid

/**
 * Takes part: there is a watchdog from here on, until whoever took part has left. One that has ended meanwhile is
 * started again, and told of all groups. Never fails: without a watchdog the application goes on, and a warning is
 * logged.
 *
 * @since 0.1.0
 * @category combinators
 */
export const enter: Effect.Effect<void> = Effect.flatMap(Effect.runtime<never>(), (runtime) =>
  Effect.sync(() => {
    holders++
    clearTimeout(lingering)
    if (running === undefined && process.platform !== "win32") start(Runtime.runFork(runtime))
  })
)

/**
 * Takes part no longer. Done when the watchdog has ended, if nobody else takes part.
 *
 * @since 0.1.0
 * @category combinators
 */
export const leave: Effect.Effect<void> = Effect.async<void>((resume) => {
  holders--
  const ended = running
  if (holders > 0 || ended === undefined) return resume(Effect.void)
  ended.once("exit", () => resume(Effect.void))
  ended.ref()
  kill()
})

/**
 * Takes part no longer, for a child that has ended by itself. A server that was lost is started again at once: the
 * watchdog is still there for it, and neither the end of one nor the start of another is waited for. If nobody else
 * takes part within a second, it ends.
 *
 * @since 0.1.0
 * @category combinators
 */
export const linger: Effect.Effect<void> = Effect.sync(() => {
  holders--
  clearTimeout(lingering)
  // A timer of Node's, since it belongs to no fiber and must not keep this process alive.
  if (holders === 0) lingering = setTimeout(kill, lingerMs).unref()
})

/**
 * From here on the group is ended with this process: by SIGTERM, and by SIGKILL after this time, in whole seconds.
 *
 * @since 0.1.0
 * @category combinators
 */
export const watch = (leader: number, afterSigterm: Duration.DurationInput): void => {
  // An infinite time too must end: there is nobody left who could wait for it.
  const seconds = Math.min(Math.ceil(Duration.toSeconds(afterSigterm)), longest)
  watched.set(leader, seconds)
  tell(leader, seconds)
}

/**
 * The group is gone: its number may be another's from here on.
 *
 * @since 0.1.0
 * @category combinators
 */
export const unwatch = (leader: number): void => {
  if (watched.delete(leader)) running?.stdin?.write(`- ${leader}\n`)
}

/**
 * Ends it at once: for this process's own end, when the groups have been ended already.
 *
 * @since 0.1.0
 * @category combinators
 */
export const kill = (): void => {
  clearTimeout(lingering)
  const ended = running
  running = undefined
  ended?.kill("SIGKILL")
}

const longest = 3600
const lingerMs = 1000

const tell = (leader: number, seconds: number): void => {
  // Written at once, before this returns: a pipe that has room takes it, and what is in it outlives us.
  running?.stdin?.write(`+ ${leader} ${seconds}\n`)
}

const start = (fork: (effect: Effect.Effect<void>) => unknown): void => {
  const failed = (cause: unknown) => {
    if (toldWhyNot) return
    toldWhyNot = true
    fork(Effect.logWarning(`The watchdog could not be started. ${consequence}`, cause))
  }
  let started: NodeChildProcess.ChildProcess
  try {
    started = NodeChildProcess.spawn("/bin/sh", ["-c", script, "mooring-watchdog", String(process.pid)], {
      cwd: "/",
      env: { PATH: process.env["PATH"] ?? "" },
      stdio: ["pipe", "ignore", "ignore"],
      detached: true
    })
  } catch (cause) {
    return failed(cause)
  }
  started.on("error", failed)
  // It has ended: `exit` says so.
  started.stdin?.on("error", () => {})
  if (started.pid === undefined) return
  running = started
  toldWhyNot = false
  started.once("exit", (code, signal) => {
    if (running !== started) return
    running = undefined
    fork(Effect.logWarning(`The watchdog ended (${signal ?? `code ${code}`}). ${consequence}`))
  })
  started.unref()
  if (started.stdin instanceof Socket) started.stdin.unref()
  for (const [leader, seconds] of watched) tell(leader, seconds)
}

const consequence =
  "Until it runs again, which is tried with the next server, stdio servers may outlive this process if it is killed."

// POSIX only: /bin/sh is dash here, bash there. A stopped process takes SIGTERM once it is continued. Who is a zombie
// for want of an init that collects it counts as alive, and costs the wait. Without `sleep` there would be no wait at all.
const script = `
set -f
PATH=$PATH:/usr/bin:/bin
trap '' HUP INT QUIT TERM
groups=
while read -r sign group seconds; do
  case $sign in
    +) groups="$groups $group:$seconds" ;;
    -) rest=
       for one in $groups; do [ "\${one%:*}" = "$group" ] || rest="$rest $one"; done
       groups=$rest ;;
  esac
done
for one in $groups; do
  kill -s TERM -- "-\${one%:*}"
  kill -s CONT -- "-\${one%:*}"
done
waited=0
while [ -n "$groups" ]; do
  rest=
  for one in $groups; do
    kill -s 0 -- "-\${one%:*}" || continue
    if [ "$waited" -ge "\${one#*:}" ]; then kill -s KILL -- "-\${one%:*}"; else rest="$rest $one"; fi
  done
  groups=$rest
  [ -z "$groups" ] || sleep 1
  waited=$((waited + 1))
done
`
