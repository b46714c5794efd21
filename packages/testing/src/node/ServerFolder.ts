/**
 * What the processes of one faulty server share with whoever started them: a folder that holds their script and their
 * ledger. It belongs to the scope that it was made in: when that closes, whatever is left of the processes is killed,
 * and the folder is removed.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Buffer } from "node:buffer"
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import * as Resources from "./Resources.js"

/**
 * One run of a tool, from the moment at which it began.
 *
 * @since 0.1.0
 * @category models
 */
export interface Run {
  readonly tool: string
  readonly args: Readonly<Record<string, unknown>>
  /** The process that ran it. */
  readonly pid: number
  /** When it began, by the system's clock. Milliseconds. */
  readonly at: number
  /**
   * The headers of its request, names in small letters, but for those that HTTP and the protocol set: whose credential
   * a call came with. Over HTTP only.
   */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/**
 * What the server has seen, over all its processes.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stats {
  /** Processes that were started, grandchildren not counted. */
  readonly starts: number
  /** Calls of tools that were taken. */
  readonly received: number
  /** Calls that began to run. */
  readonly ran: number
  /** Cancellations that were heard. */
  readonly cancelled: number
}

/**
 * What a server has really done, over all its processes.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServerLedger {
  /** Every run of a tool so far, in the order in which they began. */
  readonly ran: Effect.Effect<ReadonlyArray<Run>>
  /** The runs since this place in the ledger (the start is 0), and the place where the next ones will stand. */
  readonly ranSince: (place: number) => Effect.Effect<{ readonly runs: ReadonlyArray<Run>; readonly place: number }>
  readonly stats: Effect.Effect<Stats>
  /** The process IDs of those of its processes that still run, grandchildren among them. */
  readonly processes: Effect.Effect<ReadonlyArray<number>>
}

/**
 * The folder that the processes of one server share.
 *
 * @since 0.1.0
 * @category models
 */
export class ServerFolder {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), "mooring-faulty-")))
  readonly #ledger = join(this.path, "ledger")

  /** Closing the scope kills what is left of the server's processes, and removes the folder. */
  static make(script: Readonly<Record<string, unknown>>): Effect.Effect<ServerFolder, never, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.sync(() => new ServerFolder(script)),
      (folder) => Effect.sync(() => folder.remove())
    )
  }

  private constructor(script: Readonly<Record<string, unknown>>) {
    writeFileSync(join(this.path, "script.json"), JSON.stringify(script))
    writeFileSync(this.#ledger, "")
  }

  readonly ledger: ServerLedger = {
    ran: Effect.sync(() => this.#since(0).runs),
    ranSince: (place) => Effect.sync(() => this.#since(place)),
    stats: Effect.sync(() => this.#stats()),
    processes: Effect.sync(() => this.#processes())
  }

  #since(place: number): { readonly runs: ReadonlyArray<Run>; readonly place: number } {
    const { entries, next } = this.#read(place)
    const runs = entries.flatMap((entry) => {
      if (entry.event !== "run") return []
      const { event: _, ...run } = entry
      return [run]
    })
    return { runs, place: next }
  }

  #stats(): Stats {
    const { entries } = this.#read(0)
    const count = (is: (entry: Entry) => boolean) => entries.filter(is).length
    return {
      starts: count((entry) => entry.event === "start" && entry.grandchild !== true),
      received: count((entry) => entry.event === "call"),
      ran: count((entry) => entry.event === "run"),
      cancelled: count((entry) => entry.event === "cancelled")
    }
  }

  #processes(): ReadonlyArray<number> {
    const started = this.#read(0).entries.flatMap((entry) => (entry.event === "start" ? [entry.pid] : []))
    // The ID of a process that has ended may be another's by now.
    return [...new Set(started)].filter((pid) => Resources.isRunning(pid, this.path))
  }

  /** Only whole lines: the last one may be on its way. They are what `programs/folder.mjs` writes. */
  #read(place: number): { readonly entries: ReadonlyArray<Entry>; readonly next: number } {
    const file = openSync(this.#ledger, "r")
    try {
      const bytes = Buffer.alloc(Math.max(0, fstatSync(file).size - place))
      const end = bytes.subarray(0, readSync(file, bytes, 0, bytes.length, place)).lastIndexOf(10) + 1
      const lines = bytes.toString("utf8", 0, end).split("\n").slice(0, -1)
      return { entries: lines.map((line): Entry => JSON.parse(line)), next: place + end }
    } finally {
      closeSync(file)
    }
  }

  private remove(): void {
    for (const pid of this.#processes()) process.kill(pid, "SIGKILL")
    rmSync(this.path, { recursive: true, force: true })
  }
}

type Entry =
  | { readonly event: "start"; readonly pid: number; readonly grandchild?: boolean }
  | { readonly event: "call" | "cancelled"; readonly pid: number }
  | ({ readonly event: "run" } & Run)
