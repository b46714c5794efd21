/**
 * What a client must do when a server process goes wrong, as a list of cases to be run by any test framework, one
 * after another. Each case starts real processes that misbehave, calls them through a client, and looks: the typed
 * error comes within its deadline, what the error says of the call is true by the server's ledger, nothing runs twice,
 * the next call is answered, and in the end nothing is left of processes, descriptors, timers or listeners.
 *
 * @since 0.1.0
 */
import { McpClient, type McpError, McpPool, type ServerConfig } from "@mooring/mcp"
import { ChildProcess, NodeConnector, StdioSettings } from "@mooring/node"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { type Case, ContractBroken, equal } from "../Contract.js"
import { ConnectFault } from "../Fault.js"
import * as FaultyServer from "./FaultyServer.js"
import { ProcessFault } from "./ProcessFault.js"
import * as Resources from "./Resources.js"

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
   * A program that is given a server's configuration as its last argument, in JSON, calls the tool `run` of it, says
   * `ready` on stdout while another call of it is running, and goes on for ever. It is killed.
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
export const mooring: Subject<McpError.ConfigError> = {
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

/** What a case has. */
interface Trial {
  readonly server: FaultyServer.FaultyServer
  /**
   * Calls `run` with this id and, if given, ahead of the script, this fault: `answered`, or the tag of the error with
   * the delivery it claims. An answer that is not this call's is a broken contract, and so is one that comes too late.
   */
  readonly call: (id: string, options?: Calling) => Effect.Effect<string, ContractBroken>
  /** Expects the outcomes of calls made one after another. */
  readonly calls: (expected: Readonly<Record<string, string>>) => Effect.Effect<void, ContractBroken>
}

interface Calling {
  readonly fault?: ProcessFault | undefined
  readonly timeout?: Duration.DurationInput | undefined
  /** Bytes to go along. */
  readonly filler?: number | undefined
}

/** Long enough for a good answer on a busy machine. */
const enough: Duration.DurationInput = "20 seconds"
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
export const cases = <E>(
  subject: Subject<E>
): ReadonlyArray<Case<E | ContractBroken | Resources.Leaked | ChildProcess.SpawnFailure, never>> => {
  const patience = Duration.decode(subject.patience ?? "10 seconds")

  const clean = <E2>(title: string, effect: Effect.Effect<void, E2, Scope.Scope>) => ({
    title,
    effect: Effect.scoped(effect).pipe(Resources.givenBack({ within: patience }))
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
        const outcomes = new Map<string, string>()
        yield* Effect.flatMap(McpClient.McpClient, (mcp) => run(trial(server, mcp, outcomes, patience))).pipe(
          Effect.scoped,
          Effect.provide(subject.client({ faulty: server.config }))
        )
        yield* ended(server, patience)
        yield* truthful(server, outcomes)
      })
    )

  /** A case that is one call with this fault, and then a good one on the same or on another process. */
  const fault = (
    title: string,
    given: ProcessFault,
    expected: string,
    { starts, timeout }: { readonly starts: number; readonly timeout?: Duration.DurationInput }
  ) =>
    one(title, { calls: [{ fault: given }] }, ({ call, server }) =>
      Effect.gen(function* () {
        yield* equal("the outcome", expected)(yield* call("first", { timeout }))
        yield* equal("the next call", "answered")(yield* call("second"))
        const { starts: found } = yield* server.stats
        yield* equal("the processes that were started", starts)(found)
      })
    )

  /** A case of a process that does not come up, and then of one that does. */
  const start = (title: string, given: ConnectFault, config: FaultyServer.Options["config"] = {}) =>
    one(title, { connects: [{ fault: given }], config }, ({ calls }) =>
      calls({ first: "McpConnectError", second: "answered" })
    )

  return [
    one("a server that behaves is called on one process", {}, ({ calls, server }) =>
      Effect.gen(function* () {
        yield* calls({ first: "answered", second: "answered", third: "answered" })
        yield* equal("the processes that were started", 1)((yield* server.stats).starts)
      })
    ),

    fault(
      "a call that is never answered and never run ends at its deadline",
      ProcessFault.Hang(),
      "CallTimeout Unknown",
      {
        starts: 1,
        timeout: short
      }
    ),

    fault(
      "a call that is run and never answered ends at its deadline",
      ProcessFault.NoAnswer(),
      "CallTimeout Unknown",
      {
        starts: 1,
        timeout: short
      }
    ),

    one(
      "an answer that comes late is not taken for that of the next call",
      {
        calls: [
          { fault: ProcessFault.AnswerLate({ by: "600 millis" }) },
          { fault: ProcessFault.AnswerLate({ by: "1 second" }) }
        ]
      },
      ({ call }) =>
        Effect.gen(function* () {
          yield* equal("the outcome", "CallTimeout Unknown")(yield* call("late", { timeout: short }))
          // Answered after the late answer has come.
          yield* equal("the next call", "answered")(yield* call("next"))
        })
    ),

    fault("an answer that comes twice is taken once", ProcessFault.AnswerTwice(), "answered", { starts: 1 }),

    fault("answers to nothing are nobody's", ProcessFault.WrongId(), "CallTimeout Unknown", {
      starts: 1,
      timeout: short
    }),

    fault("half a line is no answer", ProcessFault.HalfLine({ exits: false }), "CallTimeout Unknown", {
      starts: 1,
      timeout: short
    }),

    fault(
      "a server that exits in the middle of a line leaves the outcome open",
      ProcessFault.HalfLine({ exits: true }),
      "OutcomeUnknown",
      {
        starts: 2
      }
    ),

    fault("junk on stdout harms nobody", ProcessFault.Junk({ times: 1000 }), "answered", { starts: 1 }),

    fault(
      "a line over the limit ends the connection",
      ProcessFault.LongLine({ bytes: 9 * 1024 * 1024 }),
      "OutcomeUnknown",
      {
        starts: 2
      }
    ),

    fault(
      "a server that exits before it runs a call leaves the outcome open",
      ProcessFault.CrashUnrun(),
      "OutcomeUnknown",
      {
        starts: 2
      }
    ),

    fault(
      "a server that exits in a call leaves the outcome open",
      ProcessFault.CrashDuring({ after: "20 millis" }),
      "OutcomeUnknown",
      {
        starts: 2
      }
    ),

    fault(
      "a server that exits before it answers leaves the outcome open",
      ProcessFault.CrashAfter(),
      "OutcomeUnknown",
      {
        starts: 2
      }
    ),

    one(
      "a server that exits after its answer has answered",
      { calls: [{ fault: ProcessFault.CrashAnswered() }] },
      ({ call }) => Effect.flatMap(call("first"), equal("the outcome", "answered"))
    ),

    one(
      "a call that may run twice is run again when its connection is lost, and no more",
      { calls: [{ fault: ProcessFault.CrashAfter() }] },
      ({ call, server }) =>
        Effect.gen(function* () {
          yield* equal("the outcome", "answered")(yield* call("may run twice"))
          yield* equal("its runs", 2)((yield* server.ran).length)
        })
    ),

    start(
      "a server that exits at its start fails the call with its last words",
      ConnectFault.Refuse({ reason: "no licence" })
    ),
    start("a server that exits in the handshake fails the call", ConnectFault.CrashHandshake()),
    start("a server that refuses the handshake fails the call", ConnectFault.RejectHandshake()),
    start("a server of a version that nobody knows fails the call", ConnectFault.WrongVersion()),

    one("a server that ignores the end of its stdin is ended", { ignoresStdinEnd: true }, ({ calls }) =>
      calls({ first: "answered" })
    ),

    one("a server that ignores SIGTERM, too, is killed", { ignoresStdinEnd: true, ignoresSigterm: true }, ({ calls }) =>
      calls({ first: "answered" })
    ),

    one(
      "a grandchild that holds stdout holds up nobody, and is ended with the rest",
      { calls: [{ fault: ProcessFault.LeaveGrandchild() }] },
      ({ calls }) => calls({ first: "answered", second: "answered" })
    ),

    fault("a flood on stderr is drained", ProcessFault.FloodStderr({ bytes: 4 * 1024 * 1024 }), "answered", {
      starts: 1
    }),

    one(
      "what a server does not read ends at its deadline, and is not said to have been sent when it was not",
      { config: { concurrency: 64 } },
      ({ call }) =>
        Effect.gen(function* () {
          yield* equal("the outcome", "answered")(yield* call("stop", { fault: ProcessFault.StopReading() }))
          const outcomes = yield* Effect.forEach(
            Array.from({ length: 32 }, (_, n) => `unread ${n}`),
            (id) => call(id, { timeout: short, filler: 50_000 }),
            { concurrency: "unbounded" }
          )
          // A pipe holds 64 KiB, and the reader of the server some more.
          yield* equal("the outcomes", ["CallTimeout NotSent", "CallTimeout Unknown"])(
            [...new Set(outcomes)].toSorted()
          )
        })
    ),

    one("a server that is stopped by SIGSTOP fails the call in time, and is ended", {}, ({ call }) =>
      Effect.flatMap(
        call("stopped", { fault: ProcessFault.Stop(), timeout: short }),
        equal("the outcome", "CallTimeout Unknown")
      )
    ),

    one(
      "callers that give up leave nothing behind, and the server hears of it",
      { config: { concurrency: 8 } },
      ({ call, server }) =>
        Effect.gen(function* () {
          yield* call("warm")
          const calls = Array.from({ length: 8 }, (_, n) => call(`given up ${n}`, { fault: ProcessFault.Hang() }))
          const fibers = yield* Effect.forEach(calls, Effect.forkScoped)
          yield* until(server, ({ received }) => received === 9, patience)
          yield* Effect.forEach(fibers, (fiber) => fiber.interruptAsFork(fiber.id()))
          yield* equal("the next call", "answered")(yield* call("next"))
          yield* until(server, ({ cancelled }) => cancelled === 8, patience)
        })
    )
  ]
}

const trial = (
  server: FaultyServer.FaultyServer,
  mcp: McpClient.Service,
  outcomes: Map<string, string>,
  patience: Duration.Duration
): Trial => {
  const call: Trial["call"] = (id, { fault, filler, timeout = enough } = {}) =>
    Effect.gen(function* () {
      const args = {
        id,
        ...(filler === undefined ? {} : { filler: "x".repeat(filler) }),
        ...(fault === undefined ? {} : FaultyServer.meeting({ fault }))
      }
      outcomes.set(id, "unknown")
      const outcome = yield* mcp.callTool("faulty", "run", args, { timeout, mayRunTwice: id === mayRunTwice }).pipe(
        Effect.map(({ structuredContent }) => {
          const { args: run } = Object(structuredContent) as { readonly args?: { readonly id?: unknown } }
          return run?.id === id ? "answered" : `answered for ${String(run?.id)}`
        }),
        Effect.catchAll((error) => Effect.succeed(outcomeOf(error))),
        Effect.timeoutFail({
          duration: Duration.sum(Duration.decode(timeout), patience),
          onTimeout: () =>
            new ContractBroken({ what: `call "${id}"`, expected: "an end by its deadline", found: "none" })
        })
      )
      outcomes.set(id, outcome)
      return outcome
    })
  return {
    server,
    call,
    calls: (expected) =>
      Effect.forEach(
        Object.entries(expected),
        ([id, outcome]) => Effect.flatMap(call(id), equal(`the outcome of "${id}"`, outcome)),
        { discard: true }
      )
  }
}

const mayRunTwice = "may run twice"

const outcomeOf = (error: McpClient.CallError): string =>
  "delivery" in error ? `${error._tag} ${error.delivery}` : error._tag

/** What was said of each call is true by the ledger. */
const truthful = (
  server: FaultyServer.FaultyServer,
  outcomes: ReadonlyMap<string, string>
): Effect.Effect<void, ContractBroken> =>
  Effect.flatMap(server.ran, (ran) =>
    Effect.forEach(
      outcomes,
      ([id, outcome]) => {
        const runs = ran.filter(({ args }) => args["id"] === id).length
        if (id === mayRunTwice) return Effect.void
        const lies =
          runs > 1 ||
          (outcome === "answered" && runs === 0) ||
          (runs > 0 && (outcome.endsWith("NotSent") || outcome === "McpConnectError"))
        return lies ? new ContractBroken({ what: `the runs of "${id}"`, expected: outcome, found: runs }) : Effect.void
      },
      { discard: true }
    )
  )

const waited = (
  what: string,
  so: Effect.Effect<boolean>,
  patience: Duration.Duration
): Effect.Effect<void, ContractBroken> =>
  so.pipe(
    Effect.zipLeft(Effect.sleep("10 millis")),
    Effect.repeat({ until: (is) => is }),
    Effect.asVoid,
    Effect.timeoutFail({
      duration: patience,
      onTimeout: () => new ContractBroken({ what, expected: true, found: false })
    })
  )

const until = (
  server: FaultyServer.FaultyServer,
  predicate: (stats: FaultyServer.Stats) => boolean,
  patience: Duration.Duration
): Effect.Effect<void, ContractBroken> =>
  waited("what the server has seen", Effect.map(server.stats, predicate), patience)

const ended = (server: FaultyServer.FaultyServer, patience: Duration.Duration): Effect.Effect<void, ContractBroken> =>
  waited(
    "whether every process has ended",
    Effect.map(server.processes, (processes) => processes.length === 0),
    patience
  )
