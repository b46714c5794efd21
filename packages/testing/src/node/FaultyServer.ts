/**
 * An MCP server that is a real process and goes wrong as its script says, for tests of what a pool, a supervisor or a
 * whole application does then. It writes down what it really ran, synchronously and before it answers, so that its
 * ledger is true even of a process that was killed. The server belongs to the scope that it was made in: when that
 * closes, whatever is left of its processes is killed, and its files are removed.
 *
 * @since 0.1.0
 */
import type { ServerConfig } from "@mooring/mcp"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Buffer } from "node:buffer"
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import type { Settings } from "../TestServer.js"
import { type CallScript, encode, type Script } from "./ProcessFault.js"
import * as Resources from "./Resources.js"

export {
  /**
   * What can go wrong with the start of a process.
   *
   * @since 0.1.0
   * @category constructors
   */
  ConnectFault
} from "../Fault.js"
export {
  /**
   * What can go wrong with a call.
   *
   * @since 0.1.0
   * @category constructors
   */
  ProcessFault as Fault
} from "./ProcessFault.js"

/**
 * What a faulty server can be given.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Script {
  /** The names of its tools; each answers with its arguments. Default: `run`. */
  readonly tools?: ReadonlyArray<string> | undefined
  /** Whether it goes on when its stdin ends. Default false. */
  readonly ignoresStdinEnd?: boolean | undefined
  /** Whether it goes on at SIGTERM. Default false. */
  readonly ignoresSigterm?: boolean | undefined
  /** The client's settings for this server. Default: those of a stdio server. */
  readonly config?: Settings | undefined
}

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
 * @since 0.1.0
 * @category models
 */
export interface FaultyServer {
  /** To configure a client with: the server of `McpPool.layer`, of `NodeMcp.layer`, or of a configuration file. */
  readonly config: ServerConfig.StdioServer
  /** Every run of a tool so far, in the order in which they began. */
  readonly ran: Effect.Effect<ReadonlyArray<Run>>
  /** The runs since this place in the ledger (the start is 0), and the place where the next ones will stand. */
  readonly ranSince: (place: number) => Effect.Effect<{ readonly runs: ReadonlyArray<Run>; readonly place: number }>
  readonly stats: Effect.Effect<Stats>
  /** The process IDs of those of its processes that still run, grandchildren among them. */
  readonly processes: Effect.Effect<ReadonlyArray<number>>
}

/**
 * Makes a faulty server. Nothing is started before a client connects to `config`.
 *
 * @example
 * ```ts
 * import { McpClient } from "@mooring/mcp"
 * import { NodeMcp } from "@mooring/node"
 * import { FaultyServer } from "@mooring/testing/node"
 * import { Effect } from "effect"
 *
 * // The server runs the tool and dies before it answers.
 * const test = Effect.gen(function* () {
 *   const server = yield* FaultyServer.make({ calls: [{ fault: FaultyServer.Fault.CrashAfter() }] })
 *   const error = yield* McpClient.McpClient.pipe(
 *     Effect.flatMap((mcp) => mcp.callTool("faulty", "run", { amount: 5 })),
 *     Effect.flip,
 *     Effect.provide(NodeMcp.layer({ servers: { faulty: server.config } }))
 *   )
 *   const runs = yield* server.ran
 *   return error._tag === "OutcomeUnknown" && runs.length === 1 && runs[0]?.args["amount"] === 5
 * }).pipe(Effect.scoped)
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<FaultyServer, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Folder(options)),
      (folder) => Effect.sync(() => folder.remove())
    ),
    (folder): FaultyServer => ({
      config: { command: process.execPath, args: [program, folder.path], ...options.config },
      ran: Effect.sync(() => folder.since(0).runs),
      ranSince: (place) => Effect.sync(() => folder.since(place)),
      stats: Effect.sync(() => folder.stats()),
      processes: Effect.sync(() => folder.processes())
    })
  )

/**
 * Arguments for a tool of a faulty server that bring the fault of this one call along, ahead of the server's script.
 *
 * @example
 * ```ts
 * import { FaultyServer } from "@mooring/testing/node"
 *
 * const args = { amount: 5, ...FaultyServer.meeting({ fault: FaultyServer.Fault.AnswerTwice() }) }
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const meeting = (script: CallScript): Readonly<Record<string, unknown>> => ({ fault: encode(script) })

type Entry =
  | { readonly event: "start"; readonly pid: number; readonly grandchild?: boolean }
  | { readonly event: "call" | "cancelled"; readonly pid: number }
  | ({ readonly event: "run" } & Run)

/** The folder that the processes of one server share. */
class Folder {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), "mooring-faulty-")))
  readonly #ledger = join(this.path, "ledger")

  constructor(options: Options) {
    const script = {
      tools: options.tools ?? ["run"],
      calls: (options.calls ?? []).map(encode),
      connects: (options.connects ?? []).map(encode),
      ignoresStdinEnd: options.ignoresStdinEnd === true,
      ignoresSigterm: options.ignoresSigterm === true
    }
    writeFileSync(join(this.path, "script.json"), JSON.stringify(script))
    writeFileSync(this.#ledger, "")
  }

  since(place: number): { readonly runs: ReadonlyArray<Run>; readonly place: number } {
    const { entries, next } = this.#read(place)
    const runs = entries.flatMap((entry) => {
      if (entry.event !== "run") return []
      const { args, at, pid, tool } = entry
      return [{ tool, args, pid, at }]
    })
    return { runs, place: next }
  }

  stats(): Stats {
    const { entries } = this.#read(0)
    const count = (is: (entry: Entry) => boolean) => entries.filter(is).length
    return {
      starts: count((entry) => entry.event === "start" && entry.grandchild !== true),
      received: count((entry) => entry.event === "call"),
      ran: count((entry) => entry.event === "run"),
      cancelled: count((entry) => entry.event === "cancelled")
    }
  }

  processes(): ReadonlyArray<number> {
    const started = this.#read(0).entries.flatMap((entry) => (entry.event === "start" ? [entry.pid] : []))
    // The ID of a process that has ended may be another's by now.
    return [...new Set(started)].filter((pid) => Resources.isRunning(pid, this.path))
  }

  /** Only whole lines: the last one may be on its way. They are what `programs/faulty.mjs` writes. */
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

  remove(): void {
    for (const pid of this.processes()) process.kill(pid, "SIGKILL")
    rmSync(this.path, { recursive: true, force: true })
  }
}

// The same way from `src/node` and from `dist/node`.
const program = fileURLToPath(new URL("../../programs/faulty.mjs", import.meta.url))
