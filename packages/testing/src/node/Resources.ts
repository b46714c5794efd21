/**
 * What this process holds of the operating system and of Node: file descriptors, child processes, timers and handles,
 * listeners. To show that code gives back all that it took, take a snapshot before and wait until nothing is left over
 * after: things that end do so a moment later than they were asked to.
 *
 * An edge file: it looks at the process itself. On systems without /proc, descriptors and processes are not seen.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { devNull } from "node:os"
import process from "node:process"

/**
 * A snapshot: how many there are of each thing, by a name that says what it is (`descriptor pipe`, `timer or handle
 * Timeout`, `child process node server.mjs (417)`, `listener exit`).
 *
 * @since 0.1.0
 * @category models
 */
export type Resources = ReadonlyMap<string, number>

/**
 * More is held than before. `grown` has a line for each thing.
 *
 * @since 0.1.0
 * @category errors
 */
export class Leaked extends Data.TaggedError("Leaked")<{
  readonly grown: ReadonlyArray<string>
}> {
  override get message(): string {
    return `More is held than before:\n  ${this.grown.join("\n  ")}`
  }
}

/**
 * What is held now.
 *
 * @since 0.1.0
 * @category constructors
 */
export const snapshot: Effect.Effect<Resources> = Effect.sync(() => {
  const counts = new Map<string, number>()
  const add = (name: string, by = 1) => counts.set(name, (counts.get(name) ?? 0) + by)
  for (const what of descriptors()) add(`descriptor ${what}`)
  for (const what of children()) add(`child process ${what}`)
  for (const what of process.getActiveResourcesInfo()) add(`timer or handle ${what}`)
  for (const event of process.eventNames()) add(`listener ${String(event)}`, process.listenerCount(event))
  return counts
})

/**
 * What there is more of in `after`: a line for each thing. What there is less of is no leak.
 *
 * @since 0.1.0
 * @category combinators
 */
export const grown = (before: Resources, after: Resources): ReadonlyArray<string> =>
  [...after].flatMap(([name, count]) => {
    const was = before.get(name) ?? 0
    return count > was ? [`${name}: ${was} before, ${count} now`] : []
  })

/**
 * Waits until nothing is held that was not held `before`. Fails with `Leaked` when that takes longer than `within`,
 * by default 30 seconds: a busy machine, and the timers of a test runner, take their time.
 *
 * @since 0.1.0
 * @category combinators
 */
export const settled = (
  before: Resources,
  options: { readonly within?: Duration.DurationInput | undefined } = {}
): Effect.Effect<void, Leaked> =>
  Effect.gen(function* () {
    const end = (yield* Clock.currentTimeMillis) + Duration.toMillis(options.within ?? "30 seconds")
    for (;;) {
      const more = grown(before, yield* snapshot)
      if (more.length === 0) return
      if ((yield* Clock.currentTimeMillis) >= end) return yield* new Leaked({ grown: more })
      yield* Effect.sleep("10 millis")
    }
  })

/**
 * Runs the effect, and fails with `Leaked` unless everything that it took is given back within `within` (by default
 * 30 seconds) of its end, or if Node warned meanwhile that listeners pile up. Nothing else may start or end anything
 * in this process while it runs, so such tests run one after another.
 *
 * @example
 * ```ts
 * import { McpClient } from "@mooring/mcp"
 * import { NodeMcp } from "@mooring/node"
 * import { Resources } from "@mooring/testing/node"
 * import { Effect } from "effect"
 *
 * const MainLive = NodeMcp.layer({ servers: { memory: { command: "mcp-server-memory" } } })
 *
 * const test = McpClient.McpClient.pipe(
 *   Effect.flatMap((mcp) => mcp.listTools("memory")),
 *   Effect.provide(MainLive),
 *   Resources.givenBack()
 * )
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const givenBack =
  (options: { readonly within?: Duration.DurationInput | undefined } = {}) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | Leaked, R> =>
    Effect.gen(function* () {
      const before = yield* atRest
      const warnings: Array<string> = []
      const hear = (warning: Error) => {
        if (warning.name === "MaxListenersExceededWarning") warnings.push(warning.message)
      }
      const result = yield* Effect.acquireUseRelease(
        Effect.sync(() => process.on("warning", hear)),
        () => self,
        () => Effect.sync(() => process.off("warning", hear))
      )
      if (warnings.length > 0) return yield* new Leaked({ grown: warnings })
      yield* settled(before, options)
      return result
    })

/**
 * The least that is held within a moment: a short timer of somebody else's that runs out meanwhile (test runners have
 * such) would else hide one that is left over.
 */
const atRest: Effect.Effect<Resources> = Effect.gen(function* () {
  let least = yield* snapshot
  for (let more = 15; more > 0 && least.has(timers); more--) {
    yield* Effect.sleep("10 millis")
    const next = yield* snapshot
    least = new Map(
      [...least].flatMap(([name, count]) => {
        const both = Math.min(count, next.get(name) ?? 0)
        return both === 0 ? [] : [[name, both] as const]
      })
    )
  }
  return least
})

const timers = "timer or handle Timeout"

/**
 * Whether a process runs, and, if `argument` is given and the system can tell, has it on its command line: the ID of
 * a process that has ended may be another's by now. One that has ended but was not collected by its parent does not
 * run.
 *
 * @since 0.1.0
 * @category getters
 */
export const isRunning = (pid: number, argument?: string): boolean => {
  try {
    process.kill(pid, 0)
  } catch {
    // ESRCH: there is no such process.
    return false
  }
  if (process.platform !== "linux") return true
  const { state } = statOf(String(pid)) ?? {}
  if (state === undefined || state === "Z" || state === "X") return false
  return argument === undefined || commandOf(String(pid)).includes(argument)
}

/** Their kinds, and the paths of files; but for those of /dev/null, of which Node opens one with its first pipe. */
const descriptors = (): ReadonlyArray<string> =>
  listed("/proc/self/fd").flatMap((fd) => {
    // The folder that is being read has a descriptor only while it is read.
    const target = attempt(() => readlinkSync(`/proc/self/fd/${fd}`))
    return target === undefined || target === devNull ? [] : [target.replace(/:\[\d+\]$/, "")]
  })

const children = (): ReadonlyArray<string> =>
  listed("/proc").flatMap((pid) =>
    /^\d+$/.test(pid) && statOf(pid)?.parent === process.pid ? [`${commandOf(pid).join(" ")} (${pid})`] : []
  )

// The state and the parent stand behind the name, which is in brackets: proc(5).
const statOf = (pid: string): { readonly state: string | undefined; readonly parent: number } | undefined => {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, "latin1"))
  if (stat === undefined) return undefined
  const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return { state, parent: Number(parent) }
}

const commandOf = (pid: string): ReadonlyArray<string> =>
  attempt(() => readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1)) ?? []

const listed = (folder: string): ReadonlyArray<string> => attempt(() => readdirSync(folder)) ?? []

/** What a process shows of itself and of others may be gone by the time it is read. */
const attempt = <A>(read: () => A): A | undefined => {
  try {
    return read()
  } catch {
    return undefined
  }
}
