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
import process from "node:process"
import { fileURLToPath } from "node:url"
import type { Settings } from "../TestServer.js"
import { type CallScript, encode, type Script } from "./ProcessFault.js"
import { ServerFolder, type ServerLedger } from "./ServerFolder.js"

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
export type {
  /**
   * One run of a tool.
   *
   * @since 0.1.0
   * @category models
   */
  Run,
  /**
   * What the server has seen, over all its processes.
   *
   * @since 0.1.0
   * @category models
   */
  Stats
} from "./ServerFolder.js"

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
 * @since 0.1.0
 * @category models
 */
export interface FaultyServer extends ServerLedger {
  /** To configure a client with: the server of `McpPool.layer`, of `NodeMcp.layer`, or of a configuration file. */
  readonly config: ServerConfig.StdioServer
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
    ServerFolder.make({
      tools: options.tools ?? ["run"],
      calls: (options.calls ?? []).map(encode),
      connects: (options.connects ?? []).map(encode),
      ignoresStdinEnd: options.ignoresStdinEnd === true,
      ignoresSigterm: options.ignoresSigterm === true
    }),
    (folder): FaultyServer => ({
      config: { command: process.execPath, args: [program, folder.path], ...options.config },
      ...folder.ledger
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

// The same way from `src/node` and from `dist/node`.
const program = fileURLToPath(new URL("../../programs/faulty.mjs", import.meta.url))
