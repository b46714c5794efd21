/**
 * An MCP server over Streamable HTTP that is a real process and goes wrong as its script says, for tests of what a
 * client does then. It writes down what it really ran, synchronously and before it answers, so that its ledger is true
 * even when it was killed. It listens on this machine only. The server belongs to the scope that it was made in: when
 * that closes, the process is killed, and its files are removed.
 *
 * An edge file: it starts a process and holds its pipes.
 *
 * @since 0.1.0
 */
import type { ServerConfig } from "@mooring/mcp"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import process from "node:process"
import { fileURLToPath } from "node:url"
import type { Settings } from "../TestServer.js"
import { type CallScript, encode, type Script } from "./HttpFault.js"
import { ServerFolder, type ServerLedger } from "./ServerFolder.js"

export {
  /**
   * What can go wrong with a handshake.
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
  HttpFault as Fault
} from "./HttpFault.js"

/**
 * What a faulty server can be given.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Script {
  /** The names of its tools; each answers with its arguments. Default: `run`. */
  readonly tools?: ReadonlyArray<string> | undefined
  /** Whether it answers as JSON, as streams of events, or now so and now so. Default: `json`. */
  readonly answers?: "json" | "events" | "both" | undefined
  /** Whether it gives each client a session, and knows no other. Default true. */
  readonly sessions?: boolean | undefined
  /** Whether it offers the stream of what a server says by itself (on which it says nothing). Default false. */
  readonly listens?: boolean | undefined
  /** The client's settings for this server. Default: those of an HTTP server. */
  readonly config?: (Settings & Pick<ServerConfig.HttpServer, "headers" | "listen">) | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface FaultyHttpServer extends ServerLedger {
  /** To configure a client with. */
  readonly config: ServerConfig.HttpServer
  /** Kills the process (SIGKILL), if it runs. Nobody listens at the port until `start`, and every session is lost. */
  readonly kill: Effect.Effect<void>
  /** Starts the process again at the same port, if it does not run. It takes connections when this is done. */
  readonly start: Effect.Effect<void>
}

/**
 * Starts a faulty server, on a port that the system chooses.
 *
 * @example
 * ```ts
 * import { McpClient } from "@mooring/mcp"
 * import { NodeMcp } from "@mooring/node"
 * import { FaultyHttpServer } from "@mooring/testing/node"
 * import { Effect } from "effect"
 *
 * // The server runs the tool, and the socket breaks within the answer.
 * const test = Effect.gen(function* () {
 *   const server = yield* FaultyHttpServer.make({ calls: [{ fault: FaultyHttpServer.Fault.Reset({ at: "body" }) }] })
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
export const make = (options: Options = {}): Effect.Effect<FaultyHttpServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const folder = yield* ServerFolder.make({
      tools: options.tools ?? ["run"],
      calls: (options.calls ?? []).map(encode),
      connects: (options.connects ?? []).map(encode),
      answers: options.answers ?? "json",
      sessions: options.sessions !== false,
      listens: options.listens === true
    })
    const host = new Host(folder.path)
    yield* Effect.acquireRelease(host.start, () => host.kill)
    return {
      config: { url: `http://127.0.0.1:${host.port}/mcp`, ...options.config },
      kill: host.kill,
      start: host.start,
      ...folder.ledger
    }
  })

/**
 * Arguments for a tool of a faulty server that bring the fault of this one call along, ahead of the server's script.
 *
 * @since 0.1.0
 * @category combinators
 */
export const meeting = (script: CallScript): Readonly<Record<string, unknown>> => ({ fault: encode(script) })

/** Starts and kills the process; one at a time. */
class Host {
  port = 0
  #child: ChildProcess | undefined
  readonly #turn = Effect.unsafeMakeSemaphore(1)

  constructor(private readonly folder: string) {}

  readonly start: Effect.Effect<void> = this.#alone(
    Effect.suspend(() => {
      if (this.#child !== undefined) return Effect.void
      const child = spawn(process.execPath, [program, this.folder, String(this.port)], {
        stdio: ["pipe", "pipe", "inherit"]
      })
      this.#child = child
      child.once("exit", () => {
        if (this.#child === child) this.#child = undefined
      })
      return Effect.async<void>((resume) => {
        child.once("exit", (code, signal) => resume(Effect.dieMessage(`the server ended (${code ?? signal})`)))
        child.once("error", (error) => resume(Effect.die(error)))
        child.stdout.setEncoding("utf8").once("data", (text: string) => {
          this.port = Number(text)
          resume(Effect.void)
        })
      })
    })
  )

  readonly kill: Effect.Effect<void> = this.#alone(
    Effect.async((resume) => {
      const child = this.#child
      if (child === undefined) return resume(Effect.void)
      // Not before its pipes are closed, too.
      child.once("close", () => resume(Effect.void))
      child.kill("SIGKILL")
    })
  )

  #alone(effect: Effect.Effect<void>): Effect.Effect<void> {
    return Effect.uninterruptible(this.#turn.withPermits(1)(effect))
  }
}

// The same way from `src/node` and from `dist/node`.
const program = fileURLToPath(new URL("../../programs/faultyHttp.mjs", import.meta.url))
