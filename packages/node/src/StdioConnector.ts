/**
 * Opens transports to servers that are child processes, spoken to over stdin and stdout, a JSON-RPC message a line
 * (https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#stdio). The process belongs to the
 * transport's scope; its whole process group is gone when that has closed.
 *
 * An edge file: it listens to the pipes of the process directly, and reads `process.env`, since what a server
 * inherits is this process's environment itself and not a setting of ours.
 *
 * @since 0.1.0
 */
import { getDefaultEnvironment } from "@modelcontextprotocol/sdk/client/stdio.js"
import { JsonRpc, Limits, McpError, type McpTransport, Redaction, ServerConfig, ServerKey } from "@mooring/mcp"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import type { Buffer } from "node:buffer"
import process from "node:process"
import * as ChildProcess from "./ChildProcess.js"
import { LineReader } from "./LineReader.js"
import { MessageWriter } from "./MessageWriter.js"
import { ServerStderr } from "./ServerStderr.js"
import { StderrTail } from "./StderrTail.js"
import { type Settings, StdioSettings } from "./StdioSettings.js"

/**
 * Starts the server's process and opens a transport over its pipes. Fails with `McpConnectError` in phase `spawn`
 * when the process cannot be started; what happens later is told to the transport's receiver.
 *
 * Each line on the server's stderr is logged (`StdioSettings.stderrLevel`) and given to `ServerStderr`, and the last
 * of them are the transport's `diagnostics`; the configured values of environment variables are hidden in all three.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (
  key: ServerKey.ServerKey,
  config: ServerConfig.StdioServer
): Effect.Effect<McpTransport.McpTransport, McpError.McpConnectError, Scope.Scope> =>
  Effect.gen(function* () {
    const settings = yield* StdioSettings
    const limits = yield* Limits.Limits
    const runtime = yield* Effect.runtime<never>()
    const child = yield* ChildProcess.open({
      command: config.command,
      args: config.args ?? [],
      cwd: config.cwd,
      env: environment(config),
      close: settings.close,
      watchdog: settings.watchdog
    }).pipe(
      Effect.mapError(
        ({ cause, reason, retryable }) =>
          new McpError.McpConnectError({ server: key.toString(), phase: "spawn", reason, retryable, cause })
      )
    )
    const hub = yield* ServerStderr
    const log = logger(runtime, key)
    const pipes = new Pipes(child, settings, limits, {
      redaction: Redaction.make(ServerConfig.secrets(config)),
      log,
      onStderr: (text) => {
        log(settings.stderrLevel, text)
        hub.publish({ server: key, pid: child.pid, text })
      }
    })
    yield* Effect.forkScoped(pipes.supervise)
    yield* Effect.addFinalizer(() => Effect.sync(() => pipes.finish("closed by this side")))
    return pipes
  })

const environment = (config: ServerConfig.StdioServer): Record<string, string> => {
  const env = new Map(Object.entries(getDefaultEnvironment()))
  if (config.inheritEnv === true) {
    for (const [name, value] of Object.entries(process.env)) if (value !== undefined) env.set(name, value)
  }
  for (const [name, value] of Object.entries(config.env ?? {})) env.set(name, ServerConfig.reveal(value))
  // `fromEntries` makes `__proto__` a variable like any other.
  return Object.fromEntries(env)
}

type Log = (level: LogLevel.LogLevel, ...message: ReadonlyArray<unknown>) => void

/** Logs from outside of fibers, as the fiber that opened the transport would. Costs a comparison where not wanted. */
const logger = (runtime: Runtime.Runtime<never>, key: ServerKey.ServerKey): Log => {
  const minimum = FiberRefs.getOrDefault(runtime.fiberRefs, FiberRef.currentMinimumLogLevel)
  const run = Runtime.runSyncExit(runtime)
  return (level, ...message) => {
    if (level._tag === "None" || LogLevel.lessThan(level, minimum)) return
    run(Effect.annotateLogs(Effect.logWithLevel(level, ...message), ServerKey.logAnnotations(key)))
  }
}

class Pipes implements McpTransport.McpTransport {
  readonly network = "pipe"
  readonly pid: number
  /** Runs until the server has ended, or is of no use any more. */
  readonly supervise: Effect.Effect<void>
  readonly #child: ChildProcess.ChildProcess
  readonly #log: Log
  readonly #redaction: Redaction.Redaction
  readonly #depth: number
  readonly #reader: LineReader
  readonly #writer: MessageWriter
  readonly #tail: StderrTail
  readonly #started = Deferred.unsafeMake<void>(none)
  readonly #broken = Deferred.unsafeMake<string>(none)
  readonly #stdoutEnded = Deferred.unsafeMake<void>(none)
  readonly #stderrEnded = Deferred.unsafeMake<void>(none)
  readonly #early: Array<Buffer> = []
  #receiver: McpTransport.Receiver | undefined
  #ended = false

  constructor(
    child: ChildProcess.ChildProcess,
    settings: Settings,
    limits: Limits.Values,
    {
      log,
      onStderr,
      redaction
    }: { readonly log: Log; readonly onStderr: (line: string) => void; readonly redaction: Redaction.Redaction }
  ) {
    this.#child = child
    this.pid = child.pid
    this.#log = log
    this.#redaction = redaction
    this.#depth = limits.depth
    this.#writer = new MessageWriter(child.stdin, limits)
    this.#tail = new StderrTail(redaction, onStderr)
    this.#reader = new LineReader({
      limit: limits.messageBytes,
      onLine: (line) => this.#line(line),
      onTooLong: () =>
        this.finish(`it sent a message of more than ${limits.messageBytes} bytes, which Limits.messageBytes allows`)
    })
    this.supervise = this.#supervise(settings)
    this.#listen(child)
  }

  start(receiver: McpTransport.Receiver): Effect.Effect<void> {
    return Effect.sync(() => {
      this.#receiver = receiver
      for (const chunk of this.#early.splice(0)) this.#reader.push(chunk)
      this.#child.stdout.resume()
      Deferred.unsafeDone(this.#started, Effect.void)
    })
  }

  send(outgoing: McpTransport.Outgoing): void {
    this.#writer.send(outgoing)
  }

  diagnostics(): string {
    return this.#tail.text()
  }

  /** The variables of its process: a connector around this one may have added some that the pool knows nothing of. */
  clean(text: string): string {
    return Redaction.passage(this.#redaction, text)
  }

  /** Nothing is read, written or told after this. */
  finish(reason: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#writer.stop()
    this.#reader.stop()
    // Not left to fill up: the server must see that nobody listens.
    this.#child.stdout.destroy()
    this.#tell((receiver) => receiver.closed(reason))
  }

  #listen({ stderr, stdin, stdout }: ChildProcess.ChildProcess): void {
    const broken = (reason: string) => () => void Deferred.unsafeDone(this.#broken, Effect.succeed(reason))
    stderr.on("data", (chunk) => this.#tail.push(chunk))
    stderr.once("close", () => Deferred.unsafeDone(this.#stderrEnded, Effect.void))
    stdin.once("error", broken("closed its stdin"))
    stdin.once("close", broken("closed its stdin"))
    stdout.once("close", () => {
      Deferred.unsafeDone(this.#stdoutEnded, Effect.void)
      broken("closed its stdout")()
    })
    // Nothing is read before `start`; but Node makes a paused pipe flow when the process exits, so what comes is kept.
    stdout.pause()
    stdout.on("data", (chunk) => {
      if (this.#receiver === undefined) this.#early.push(chunk)
      else this.#reader.push(chunk)
    })
  }

  #supervise(settings: Settings): Effect.Effect<void> {
    const ended = Effect.zipRight(Deferred.await(this.#stdoutEnded), Deferred.await(this.#stderrEnded))
    const { exited } = this.#child
    return Effect.gen(this, function* () {
      yield* Deferred.await(this.#started)
      yield* Effect.raceFirst(Effect.asVoid(Deferred.await(exited)), Effect.asVoid(Deferred.await(this.#broken)))
      // Nobody will answer what is sent from here on: it is better not sent.
      this.#writer.stop()
      // Pipes of a process that ends break a moment before it has ended; then the exit is what there is to say.
      const status = yield* ChildProcess.exitWithin(this.#child, settings.exitGrace)
      const reason = Option.isSome(status) ? ChildProcess.describe(status.value) : yield* Deferred.await(this.#broken)
      const all = yield* Effect.timeoutOption(ended, settings.exitGrace)
      if (Option.isNone(all)) yield* ChildProcess.nextTurn
      this.#tail.end()
      const half = this.#reader.end()
      if (half !== undefined && half.trim() !== "") this.#junk("half a line at its end", half)
      this.finish(reason)
    })
  }

  #line(line: string): void {
    for (const message of JsonRpc.parse(line, this.#depth)) {
      if (this.#ended) return
      if (!(message instanceof JsonRpc.Junk)) this.#tell((receiver) => receiver.message(message))
      else if (line.trim() !== "") this.#junk(message.what, line)
    }
  }

  #junk(what: string, text: string): void {
    const reason = `${what}: ${Redaction.excerpt(this.#redaction, text, 120)}`
    this.#tell((receiver) => receiver.junk(reason))
  }

  // A receiver that throws is a defect of ours, and must not stop the reading of what concerns others.
  #tell(what: (receiver: McpTransport.Receiver) => void): void {
    if (this.#receiver === undefined) return
    try {
      what(this.#receiver)
    } catch (defect) {
      this.#log(LogLevel.Error, "The receiver of a transport threw", defect)
    }
  }
}

// The deferreds of a transport are completed by events and belong to no fiber.
const none = FiberId.none
