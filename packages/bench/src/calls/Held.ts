/** What this process holds: processes below it, TCP sockets, memory. Where there is no `/proc`, memory alone is known. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import * as Schema from "effect/Schema"

export const Held = Schema.Struct({
  /** The highest that its memory has been, in MiB. */
  peakMiB: Schema.Number,
  /** Processes that it has started and those that they have, which run. */
  processes: Schema.optional(Schema.Number),
  /** TCP sockets that it has open. Pipes to a process are none. */
  sockets: Schema.optional(Schema.Number)
})
export type Held = typeof Held.Type

export const now = (): Held => {
  const processes = attempt(() => descendants(process.pid, parents()))
  const sockets = attempt(openSockets)
  return {
    peakMiB: attempt(peakMiB) ?? process.resourceUsage().maxRSS / 1024,
    ...(processes === undefined ? {} : { processes }),
    ...(sockets === undefined ? {} : { sockets })
  }
}

/** `undefined` where the system does not tell. */
const attempt = <A>(read: () => A): A | undefined => {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** `maxRSS` begins with that of the process which has started this one; this does not. */
const peakMiB = (): number => Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1024

/** Who has started whom: the parent of each process that runs. */
const parents = (): ReadonlyMap<number, number> => {
  const found = new Map<number, number>()
  for (const name of readdirSync("/proc")) {
    // The name of the program stands in brackets, and may hold anything. One may end meanwhile.
    const stat = /^\d+$/.test(name) ? attempt(() => readFileSync(`/proc/${name}/stat`, "utf8")) : undefined
    const [state, parent] = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? []
    if (parent !== undefined && state !== "Z") found.set(Number(name), Number(parent))
  }
  return found
}

/** How many processes have this one among those above them. */
export const descendants = (pid: number, parents: ReadonlyMap<number, number>): number => {
  const isBelow = (child: number): boolean => {
    const parent = parents.get(child)
    return parent !== undefined && (parent === pid || isBelow(parent))
  }
  return [...parents.keys()].filter(isBelow).length
}

const openSockets = (): number => {
  const ofTcp = tcpInodes()
  return readdirSync("/proc/self/fd").filter((fd) => {
    // The folder was read by one that is closed by now.
    const inode = /^socket:\[(\d+)\]$/.exec(attempt(() => readlinkSync(`/proc/self/fd/${fd}`)) ?? "")?.[1]
    return inode !== undefined && ofTcp.has(inode)
  }).length
}

const tcpInodes = (): ReadonlySet<string> =>
  new Set(
    ["tcp", "tcp6"].flatMap((name) =>
      (attempt(() => readFileSync(`/proc/self/net/${name}`, "utf8")) ?? "")
        .split("\n")
        .slice(1)
        .flatMap((line) => line.trim().split(/\s+/)[9] ?? [])
    )
  )
