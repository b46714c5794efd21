/**
 * The books that a server of `servers/work` keeps over all its processes: what was started, asked for and run, and what
 * each process has used when it ended. They belong to a scope; when that closes, whatever is left of the processes is
 * killed, and the books are gone.
 */
import { ServerFolder } from "@mooring/testing/node"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Forked from "../calls/Forked.js"

/** What the tool `echo` of a server takes. */
export interface Work {
  /** How long a call takes besides what it costs. Milliseconds; 0 for an answer at once. */
  readonly takesMs: number
  /** How much longer a process takes until it speaks MCP. Milliseconds; over stdio only. Default: no longer than it needs. */
  readonly startsMs?: number
  /** Whether a process works on one call at a time, and the others wait. */
  readonly oneAtATime: boolean
  /** A process runs so many calls; it dies in the last one, before it answers. Default: it lives on. */
  readonly lastRun?: number
}

/** What a server writes down, a line each. Times are the system's, in milliseconds. */
export type Entry =
  | { readonly event: "start"; readonly pid: number; readonly at: number }
  | { readonly event: "asked"; readonly pid: number; readonly method: string }
  | {
      readonly event: "run"
      readonly tool: string
      readonly args: { readonly text: string }
      readonly pid: number
      readonly at: number
    }
  | {
      readonly event: "end"
      readonly pid: number
      readonly at: number
      /** Processor time of its whole life. */
      readonly cpuUs: number
      /** The most memory that it had (resident). */
      readonly memoryKiB: number
    }

/** What a server has done and used. */
export interface Sums {
  readonly processes: number
  /** The most that ran at one time. */
  readonly mostAtOnce: number
  readonly handshakes: number
  readonly catalogues: number
  readonly runs: number
  /** Calls that were run more than once. */
  readonly runTwice: number
  /** `undefined` where a process has not ended by itself, or not yet: then nobody has said what it used. */
  readonly cpuMs: number | undefined
  /** The peaks of those that ran at one time, added up: no more than this. */
  readonly memoryMiB: number | undefined
}

export interface Books {
  /** The server as a program to start. */
  readonly stdio: { readonly command: string; readonly args: ReadonlyArray<string> }
  readonly folder: string
  readonly sums: Effect.Effect<Sums>
  /** The processes that still run. */
  readonly processes: Effect.Effect<ReadonlyArray<number>>
}

/** Nothing is started before a client does so. */
export const make = (work: Work): Effect.Effect<Books, never, Scope.Scope> =>
  Effect.map(ServerFolder.ServerFolder.make({ ...work }), (folder): Books => ({
    stdio: { command: process.execPath, args: [Forked.fileOf("servers/workStdio"), folder.path] },
    folder: folder.path,
    sums: Effect.sync(() => sum(read(folder.path))),
    processes: folder.ledger.processes
  }))

/** Only whole lines: the last one may be on its way. They are what `servers/work` writes. */
const read = (folder: string): ReadonlyArray<Entry> =>
  readFileSync(join(folder, "ledger"), "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line): Entry => JSON.parse(line))

/** The life of a process. Its ID may come back for another, when it has ended. */
interface Life {
  cpuUs: number | undefined
  memoryKiB: number
}

/** Adds up what was written down. */
export const sum = (entries: ReadonlyArray<Entry>): Sums => {
  const runs = new Map<string, number>()
  const asked = new Map<string, number>()
  const lives: Array<Life> = []
  const running = new Map<number, Life>()
  /** What began and ended, in that order. */
  const turns: Array<{ readonly life: Life; readonly by: 1 | -1 }> = []
  const count = (counts: Map<string, number>, name: string) => counts.set(name, (counts.get(name) ?? 0) + 1)
  for (const entry of entries) {
    switch (entry.event) {
      case "start": {
        const life: Life = { cpuUs: undefined, memoryKiB: 0 }
        lives.push(life)
        running.set(entry.pid, life)
        turns.push({ life, by: 1 })
        break
      }
      case "asked":
        count(asked, entry.method)
        break
      case "run":
        count(runs, entry.args.text)
        break
      case "end": {
        const life = running.get(entry.pid)
        running.delete(entry.pid)
        if (life === undefined) break
        life.cpuUs = entry.cpuUs
        life.memoryKiB = entry.memoryKiB
        turns.push({ life, by: -1 })
      }
    }
  }
  const times = [...runs.values()]
  const used = lives.flatMap(({ cpuUs }) => (cpuUs === undefined ? [] : [cpuUs]))
  const isKnown = lives.length > 0 && used.length === lives.length
  return {
    processes: lives.length,
    mostAtOnce: peak(turns.map(({ by }) => by)),
    handshakes: asked.get("initialize") ?? 0,
    catalogues: asked.get("tools/list") ?? 0,
    runs: added(times),
    runTwice: times.filter((times) => times > 1).length,
    cpuMs: isKnown ? added(used) / 1000 : undefined,
    memoryMiB: isKnown ? peak(turns.map(({ by, life }) => by * life.memoryKiB)) / 1024 : undefined
  }
}

const added = (values: ReadonlyArray<number>): number => values.reduce((sum, value) => sum + value, 0)

/** The most that what comes and goes adds up to. */
const peak = (changes: ReadonlyArray<number>): number => {
  let now = 0
  let most = 0
  for (const change of changes) most = Math.max(most, (now += change))
  return most
}
