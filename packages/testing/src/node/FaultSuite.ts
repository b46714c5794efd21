/**
 * What a client must do when a server process goes wrong, as a list of cases to be run by any test framework, one
 * after another. Each case starts real processes that misbehave, calls them through a client, and looks: the typed
 * error comes within its deadline, what the error says of the call is true by the server's ledger, nothing runs twice,
 * the next call is answered, and in the end nothing is left of processes, descriptors, timers or listeners.
 *
 * An edge file: it starts an application with the `PATH` of this process, and signals processes.
 *
 * @since 0.1.0
 */
import { McpClient, type McpError, McpPool, type ServerConfig } from "@mooring/mcp"
import { ChildProcess, NodeConnector, StdioSettings } from "@mooring/node"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { type Case, type ContractBroken, equal } from "../Contract.js"
import { ConnectFault } from "../Fault.js"
import * as FaultyServer from "./FaultyServer.js"
import { ProcessFault } from "./ProcessFault.js"
import * as Resources from "./Resources.js"
import { ended, Trial, waited } from "./Trial.js"

/**
 * What is put to the test. For a client of your own give `client`; what is left out is Mooring's.
 *
 * @since 0.1.0
 * @category models
 */
export interface Subject<out E> {
  /** The client of these servers. Closing the layer must end every process. */
  readonly client: (servers: Readonly<Record<string, ServerConfig.StdioServer>>) => Layer.Layer<McpClient.McpClient, E>
  /**
   * A program that is given a server's configuration as its last argument, in JSON, calls the tool `run` of it, and
   * goes on for ever, with another call under way that is never answered. It is killed. Default: one with Mooring.
   */
  readonly application?: { readonly command: string; readonly args: ReadonlyArray<string> } | undefined
  /** How much later than its deadline an error may come, on a machine that is slow and busy. Default 10 seconds. */
  readonly patience?: Duration.DurationInput | undefined
}

/**
 * Mooring for Node as it is, but ending stubborn processes faster, so that the suite takes less time.
 *
 * @since 0.1.0
 * @category constructors
 */
export const mooring: Subject<McpError.ConfigError | McpError.ServersUnavailable> = {
  client: (servers) =>
    McpClient.layer.pipe(
      Layer.provideMerge(McpPool.layer({ servers })),
      Layer.provide(NodeConnector.layer),
      Layer.provide(
        Layer.succeed(StdioSettings.StdioSettings, {
          ...StdioSettings.defaults,
          close: { afterStdinEnd: "250 millis", afterSigterm: "250 millis" }
        })
      )
    )
}

/**
 * How a case can fail.
 *
 * @since 0.1.0
 * @category errors
 */
export type Failure = ContractBroken | Resources.Leaked | ChildProcess.SpawnFailure

/** For calls that nobody will answer. */
const short: Duration.DurationInput = "300 millis"

/**
 * Every case.
 *
 * @example
 * ```ts
 * import { it } from "@effect/vitest"
 * import { NodeMcp } from "@mooring/node"
 * import { FaultSuite } from "@mooring/testing/node"
 *
 * const cases = FaultSuite.cases({ client: (servers) => NodeMcp.layer({ servers }) })
 * for (const { effect, title } of cases) it.live(title, () => effect)
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const cases = <E>(subject: Subject<E>): ReadonlyArray<Case<E | Failure, never>> => {
  const patience = Duration.decode(subject.patience ?? "10 seconds")

  const clean = <E2>(title: string, effect: Effect.Effect<void, E2, Scope.Scope>) => ({
    title,
    effect: Resources.givenBack({ within: patience })(Effect.scoped(effect))
  })

  /** A case with a client of one faulty server. */
  const one = (
    title: string,
    options: FaultyServer.Options,
    run: (trial: Trial) => Effect.Effect<void, ContractBroken, Scope.Scope>
  ) =>
    clean(
      title,
      Effect.gen(function* () {
        const server = yield* FaultyServer.make(options)
        const trial = yield* Effect.gen(function* () {
          const trial = new Trial(server, yield* McpClient.McpClient, patience)
          yield* Effect.scoped(run(trial))
          return trial
        }).pipe(Effect.provide(subject.client({ faulty: server.config })))
        yield* ended(server, patience)
        yield* trial.truthful
      })
    )

  /** A case of one call with this fault, and then of a good one: after how many starts of the server? */
  const fault = (title: string, given: ProcessFault, expected: string, starts: number, timeout?: typeof short) =>
    one(title, { calls: [{ fault: given }] }, (trial) =>
      Effect.gen(function* () {
        yield* equal("the outcome", expected)(yield* trial.call("first", { timeout }))
        yield* trial.calls({ second: "answered" })
        yield* trial.starts(starts)
      })
    )

  /** A case of a process that does not come up, and then of one that does. */
  const start = (title: string, given: ConnectFault, said: string) =>
    one(title, { connects: [{ fault: given }] }, (trial) =>
      Effect.gen(function* () {
        yield* trial.calls({ first: "McpConnectError" })
        const message = trial.messageOf("first")
        yield* equal(`whether "${message}" says "${said}"`, true)(message.includes(said))
        yield* trial.calls({ second: "answered" })
      })
    )

  /** A case of a process that says nothing at its start. */
  const silent = (title: string, given: ConnectFault) =>
    one(title, { connects: [{ fault: given }], config: { connectTimeout: short } }, (trial) =>
      trial.calls({ first: "McpConnectError" })
    )

  const timedOut = "CallTimeout Unknown"
  const open = "OutcomeUnknown"

  return [
    one("a server that behaves is called on one process", {}, (trial) =>
      Effect.zipRight(trial.calls({ first: "answered", second: "answered", third: "answered" }), trial.starts(1))
    ),

    fault("a call that is neither run nor answered ends at its deadline", ProcessFault.Hang(), timedOut, 1, short),
    fault("a call that is run and never answered ends at its deadline", ProcessFault.NoAnswer(), timedOut, 1, short),
    fault("answers to nothing are nobody's", ProcessFault.WrongId(), timedOut, 1, short),
    fault("an answer that comes twice is taken once", ProcessFault.AnswerTwice(), "answered", 1),
    one(
      "an answer that comes late is not taken for that of the next call",
      { calls: [{ fault: ProcessFault.AnswerLate({ by: 600 }) }, { fault: ProcessFault.AnswerLate({ by: 600 }) }] },
      (trial) =>
        Effect.gen(function* () {
          yield* equal("the outcome", timedOut)(yield* trial.call("late", { timeout: short }))
          // Answered after the late answer has come.
          yield* trial.calls({ next: "answered" })
        })
    ),

    fault("half a line is no answer", ProcessFault.HalfLine({ exits: false }), timedOut, 1, short),
    fault("junk on stdout harms nobody", ProcessFault.Junk({ times: 1000 }), "answered", 1),
    fault("a line over the limit ends the connection", ProcessFault.LongLine({ bytes: 9 * 1024 * 1024 }), open, 2),
    fault("an answer that is nested a million deep is refused", ProcessFault.Deep({ levels: 1e6 }), "ProtocolError", 1),
    fault("a burst of notifications is let pass", ProcessFault.FloodNotifications({ count: 20_000 }), "answered", 1),
    fault("a flood without end ends the connection", ProcessFault.FloodNotifications({ count: Infinity }), open, 2),
    fault("a flood on stderr is drained", ProcessFault.FloodStderr({ bytes: 4 * 1024 * 1024 }), "answered", 1),

    fault("a server that exits before it runs a call leaves it open", ProcessFault.CrashUnrun(), open, 2),
    fault("a server that exits in a call leaves it open", ProcessFault.CrashDuring({ after: 20 }), open, 2),
    fault("a server that exits before it answers leaves it open", ProcessFault.CrashAfter(), open, 2),
    fault(
      "a server that exits in the middle of a line leaves it open",
      ProcessFault.HalfLine({ exits: true }),
      open,
      2
    ),
    one(
      "a server that exits after its answer has answered",
      { calls: [{ fault: ProcessFault.CrashAnswered() }] },
      (trial) => Effect.zipRight(trial.calls({ first: "answered" }), trial.untilAnswered("next", open))
    ),
    one(
      "a server that is killed fails every call on it at once",
      { config: { concurrency: 8 }, calls: Array.from({ length: 8 }, () => ({ fault: ProcessFault.Hang() })) },
      (trial) =>
        Effect.gen(function* () {
          const ids = Array.from({ length: 8 }, (_, n) => `killed ${n}`)
          const outcomes = yield* Effect.fork(
            Effect.forEach(ids, (id) => trial.call(id, { timeout: "1 minute" }), { concurrency: "unbounded" })
          )
          yield* trial.until("8 calls are under way", ({ received }) => received === 8)
          for (const pid of yield* trial.server.processes) process.kill(pid, "SIGKILL")
          const found = yield* Effect.timeout(Fiber.join(outcomes), patience).pipe(
            Effect.catchTag("TimeoutException", () => Effect.succeed(["nothing within a minute"]))
          )
          yield* equal("the outcomes", [open])([...new Set(found)])
          yield* trial.calls({ next: "answered" })
        })
    ),
    one(
      "a call that may run twice is run again when its connection is lost, and not more often than needed",
      { calls: [{ fault: ProcessFault.CrashAfter() }] },
      (trial) =>
        Effect.gen(function* () {
          yield* equal("the outcome", "answered")(yield* trial.call("twice", { mayRunTwice: true }))
          yield* equal("its runs", 2)((yield* trial.server.ran).length)
        })
    ),

    start("a server that exits at its start is quoted", ConnectFault.Refuse({ reason: "no licence" }), "no licence"),
    start("a server that exits in the handshake fails the call", ConnectFault.CrashHandshake(), "exited with code 1"),
    start("a server that refuses the handshake is quoted", ConnectFault.RejectHandshake(), "rejects the handshake"),
    start("a server of a version that nobody knows fails the call", ConnectFault.WrongVersion(), "1999-12-31"),
    silent("a server that neither reads nor writes fails the call at the deadline of connecting", ConnectFault.Hang()),
    silent("a handshake that is not answered fails the call at its deadline", ConnectFault.HangHandshake()),

    one("a server that ignores the end of its stdin is ended", { ignoresStdinEnd: true }, (trial) =>
      trial.calls({ first: "answered" })
    ),
    one("a server that ignores SIGTERM, too, is killed", { ignoresStdinEnd: true, ignoresSigterm: true }, (trial) =>
      trial.calls({ first: "answered" })
    ),
    one("a grandchild that holds stdout holds up nobody, and is ended with the rest", {}, (trial) =>
      Effect.gen(function* () {
        yield* equal("the outcome", "answered")(yield* trial.call("first", { fault: ProcessFault.LeaveGrandchild() }))
        yield* trial.untilAnswered("next", open)
      })
    ),
    one("a server that is stopped by SIGSTOP fails the call in time, and is ended", {}, (trial) =>
      Effect.flatMap(
        trial.call("stopped", { fault: ProcessFault.Stop(), timeout: short }),
        equal("the outcome", timedOut)
      )
    ),
    one(
      "what a server does not read ends at its deadline, and is said to be unsent only if it is",
      { config: { concurrency: 64 } },
      (trial) =>
        Effect.gen(function* () {
          yield* equal("the outcome", "answered")(yield* trial.call("stop", { fault: ProcessFault.StopReading() }))
          const ids = Array.from({ length: 32 }, (_, n) => `unread ${n}`)
          const outcomes = yield* Effect.forEach(ids, (id) => trial.call(id, { timeout: short, filler: 50_000 }), {
            concurrency: "unbounded"
          })
          // A pipe holds 64 KiB, and the server's reader some more.
          yield* equal("the outcomes", ["CallTimeout NotSent", timedOut])([...new Set(outcomes)].toSorted())
        })
    ),
    one(
      "callers that give up leave nothing behind, and the server hears of it",
      { config: { concurrency: 8 } },
      (trial) =>
        Effect.gen(function* () {
          yield* trial.calls({ warm: "answered" })
          const ids = Array.from({ length: 8 }, (_, n) => `given up ${n}`)
          const fibers = yield* Effect.forEach(ids, (id) =>
            Effect.fork(trial.call(id, { fault: ProcessFault.Hang(), timeout: "1 minute" }))
          )
          yield* trial.until("8 calls are under way", ({ received }) => received === 9)
          yield* Fiber.interruptAll(fibers)
          yield* trial.calls({ next: "answered" })
          yield* trial.until("8 calls were cancelled", ({ cancelled }) => cancelled === 8)
        })
    ),
    clean(
      "an application that is killed by SIGKILL leaves no server, though that ignores everything else",
      Effect.gen(function* () {
        const calls = [{}, { fault: ProcessFault.Hang() }]
        const server = yield* FaultyServer.make({ calls, ignoresStdinEnd: true, ignoresSigterm: true })
        const killed = yield* application(subject.application ?? ownApplication, server)
        yield* waited(
          "the application has called the server",
          Effect.map(server.stats, ({ received }) => received === 2),
          patience
        )
        process.kill(killed.pid, "SIGKILL")
        yield* Deferred.await(killed.exited)
        yield* ended(server, patience)
      })
    )
  ]
}

// The same way from `src/node` and from `dist/node`.
const ownApplication = {
  command: process.execPath,
  args: [fileURLToPath(new URL("../../programs/application.mjs", import.meta.url))]
}

const application = (
  { args, command }: NonNullable<Subject<never>["application"]>,
  server: FaultyServer.FaultyServer
): Effect.Effect<ChildProcess.ChildProcess, ChildProcess.SpawnFailure, Scope.Scope> =>
  ChildProcess.open({
    command,
    args: [...args, JSON.stringify(server.config)],
    env: { PATH: process.env["PATH"] ?? "" },
    close: { afterStdinEnd: 0, afterSigterm: 0 }
  }).pipe(
    Effect.tap(({ stderr, stdout }) => {
      stdout.resume()
      // What it has to say, as that it could not start, is for whoever runs the suite.
      stderr.pipe(process.stderr, { end: false })
      return Effect.void
    })
  )
