/**
 * The second part of the demo: many calls from many fibers over all servers through the pool, in the middle of which
 * one server's process is killed. Keeps account of how every call ended.
 *
 * @since 0.1.0
 */
import { McpClient } from "@mooring/mcp"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { DemoError } from "../CliError.js"
import { millis } from "./Measure.js"
import type { Plan } from "./Plan.js"
import type { Progress } from "./Progress.js"
import type { KillReport } from "./Report.js"
import type { Outcome, Subject } from "./Subject.js"
import { Witness } from "./Witness.js"

/**
 * How the load went on one server.
 *
 * @since 0.1.0
 * @category models
 */
export interface Account {
  readonly outcomes: ReadonlyArray<Outcome>
  /** Wrong answers, in words. */
  readonly problems: ReadonlyArray<string>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Loaded {
  /** By the server's name. */
  readonly accounts: ReadonlyMap<string, Account>
  readonly kill: KillReport
  readonly tookMs: number
}

interface Books {
  readonly subject: Subject
  readonly outcomes: Array<Outcome>
  readonly problems: Array<string>
  /** Begun and not ended. */
  pending: number
  begun: number
  /** When each answered call ended. Nanoseconds on Effect's clock. */
  readonly successes: Array<bigint>
}

/** Waits until a call of the server was written, after half of them, and kills the process that serves it. */
const killer = (books: Books, half: number) =>
  Effect.gen(function* () {
    const witness = yield* Witness
    const name = books.subject.name
    const inFlight = yield* Deferred.make<void>()
    let seen = 0
    witness.onCall((server) => {
      if (server === name && ++seen === half) Deferred.unsafeDone(inFlight, Effect.void)
    })
    yield* Deferred.await(inFlight)
    const pid = witness.opened.findLast((connection) => connection.server === name)?.pid
    if (pid === undefined) return yield* new DemoError({ reason: `The process of "${name}" is not known.` })
    const affected = books.pending
    const atNanos = yield* Clock.currentTimeNanos
    yield* Effect.try({
      try: () => process.kill(pid, "SIGKILL"),
      catch: (cause) => new DemoError({ reason: `The process of "${name}" (${pid}) could not be killed.`, cause })
    })
    return { affected, atNanos }
  })

/** The server's next call, by its own count. Never fails: how it ended is entered. */
const call = (books: Books, progress: Progress) =>
  Effect.gen(function* () {
    const client = yield* McpClient.McpClient
    const number = books.begun++
    const { tool, args, wrong } = books.subject.load(number)
    books.pending++
    const end = yield* client.callTool(books.subject.name, tool, args).pipe(
      Effect.map((result): string => {
        const problem = wrong(result)
        if (problem !== undefined) books.problems.push(`${books.subject.name}, call ${number} of ${tool}: ${problem}`)
        return "answered"
      }),
      Effect.catchAll((error) => Effect.succeed<string>(error._tag))
    )
    books.pending--
    books.outcomes.push({ call: number, end })
    if (end === "answered") books.successes.push(yield* Clock.currentTimeNanos)
    yield* progress.step
  })

/**
 * Runs the load. Ends when every call has ended.
 *
 * @since 0.1.0
 * @category combinators
 */
export const run = (
  subjects: ReadonlyArray<Subject>,
  victim: string,
  plan: Plan,
  progress: Progress
): Effect.Effect<Loaded, DemoError, McpClient.McpClient | Witness> =>
  Effect.gen(function* () {
    const books = subjects.map((subject): Books => ({
      subject,
      outcomes: [],
      problems: [],
      pending: 0,
      begun: 0,
      successes: []
    }))
    const marked = books.find(({ subject }) => subject.name === victim)
    if (marked === undefined) return yield* new DemoError({ reason: `There is no server "${victim}" to kill.` })
    const witness = yield* Witness
    const begun = yield* Clock.currentTimeNanos

    const half = Math.max(1, Math.floor(plan.calls / subjects.length / 2))
    const calls = Effect.forEach(
      Array.from({ length: plan.calls }, (_, i) => i),
      (i) => {
        const next = books[i % books.length]
        return next === undefined ? Effect.void : call(next, progress)
      },
      { concurrency: plan.fibers, discard: true }
    )
    const killing = yield* Effect.fork(killer(marked, half))
    yield* calls
    const killed = yield* Effect.flatMap(Fiber.poll(killing), (exit) =>
      Option.getOrElse(exit, () =>
        Effect.zipRight(
          Fiber.interrupt(killing),
          new DemoError({ reason: `"${victim}" never got to half of its calls, so its process was not killed.` })
        )
      )
    )
    const ended = yield* Clock.currentTimeNanos

    // An answer may still have stood in the pipe when the process died: recovered is what a new connection answered.
    const reopened = witness.opened.find(({ server, atNanos }) => server === victim && atNanos > killed.atNanos)
    const recovered = reopened && marked.successes.find((at) => at > reopened.atNanos)
    if (recovered === undefined) {
      return yield* new DemoError({ reason: `"${victim}" answered nothing after its process was killed.` })
    }
    return {
      accounts: new Map(books.map(({ subject, outcomes, problems }) => [subject.name, { outcomes, problems }])),
      kill: {
        server: victim,
        callsAffected: killed.affected,
        outcomeUnknown: marked.outcomes.filter(({ end }) => end === "OutcomeUnknown").length,
        recoveredMs: millis(killed.atNanos, recovered)
      },
      tookMs: millis(begun, ended)
    }
  })
