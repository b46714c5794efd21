/**
 * The demo: real servers, fresh connections against the pool, then load with a kill in the middle, and everything
 * checked. All that it starts and writes is gone when it ends, however it ends.
 *
 * @since 0.1.0
 */
import type * as CommandExecutor from "@effect/platform/CommandExecutor"
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as Path from "@effect/platform/Path"
import { McpClient, McpConnector, McpPool } from "@mooring/mcp"
import { NodeConnector } from "@mooring/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { DemoError } from "../CliError.js"
import * as ErrorText from "../ErrorText.js"
import * as Load from "./Load.js"
import * as Measure from "./Measure.js"
import { p50 } from "./Percentile.js"
import { type Plan, pooledPerRound } from "./Plan.js"
import type { Progress } from "./Progress.js"
import * as Report from "./Report.js"
import type { Subject } from "./Subject.js"
import * as Subjects from "./Subjects.js"
import * as Witness from "./Witness.js"

/** Well within the two minutes that the demo may take, closing included. */
const deadline = "100 seconds"

const measure = (subject: Subject, plan: Plan, progress: Progress) =>
  Effect.gen(function* () {
    const pooledCalls = pooledPerRound(plan) * plan.fresh
    const title = `${subject.name} over ${subject.transport}, ${plan.fresh} fresh and ${pooledCalls} pooled calls`
    yield* progress.begin(title, plan.fresh)
    const measured = yield* Measure.run(subject, plan, progress)
    yield* progress.end(`p50 ${p50(measured.fresh).toFixed(1)} ms fresh, ${p50(measured.pooled).toFixed(2)} ms pooled`)
    return { subject, measured }
  })

const load = (subjects: ReadonlyArray<Subject>, plan: Plan, progress: Progress) =>
  Effect.gen(function* () {
    const title = `all at once, ${plan.calls} calls from ${plan.fibers} fibers, one server killed on the way`
    yield* progress.begin(title, plan.calls)
    const loaded = yield* Load.run(subjects, Subjects.victim, plan, progress)
    yield* progress.end(`done in ${(loaded.tookMs / 1000).toFixed(1)} s`)
    return loaded
  })

/** What is wrong with how the calls of the load ended, and with what the server holds then. */
const judge = (subject: Subject, { outcomes, problems }: Load.Account): Effect.Effect<ReadonlyArray<string>> =>
  Effect.gen(function* () {
    const killed = subject.name === Subjects.victim
    const failed = outcomes
      .filter(({ end }) => end !== "answered" && !(killed && end === "OutcomeUnknown"))
      .map(({ call, end }) => `${subject.name}, call ${call}: ${end}`)
    const held = subject.verify === undefined ? [] : yield* subject.verify(outcomes)
    return [...problems, ...failed, ...held]
  })

/** A connection for each server, and one more for the killed one; over HTTP the pool may open up to two. */
const judgeConnections = ({ name, transport }: Subject, opened: number): ReadonlyArray<string> => {
  const least = name === Subjects.victim ? 2 : 1
  const most = transport === "http" ? 2 : least
  return opened >= least && opened <= most ? [] : [`${name}: the pool opened ${opened} connections, not ${least}`]
}

const failuresOf = ({ outcomes }: Load.Account): ReadonlyMap<string, number> => {
  const failures = new Map<string, number>()
  for (const { end } of outcomes) if (end !== "answered") failures.set(end, (failures.get(end) ?? 0) + 1)
  return failures
}

const measureAndLoad = (subjects: ReadonlyArray<Subject>, plan: Plan, progress: Progress) =>
  Effect.gen(function* () {
    const witness = yield* Witness.Witness
    const connector = yield* NodeConnector.make
    const measurements = yield* Effect.forEach(subjects, (subject) =>
      // The connections of fresh calls are nothing of the pool's: they go past the witness.
      Effect.provideService(measure(subject, plan, progress), McpConnector.McpConnector, connector)
    )
    const loaded = yield* load(subjects, plan, progress)
    const problems: Array<string> = []
    const tallies: Array<Report.Tally> = []
    for (const { subject, measured } of measurements) {
      const account = loaded.accounts.get(subject.name) ?? { outcomes: [], problems: [] }
      const opened = witness.opened.filter(({ server }) => server === subject.name).length
      problems.push(...measured.problems, ...(yield* judge(subject, account)), ...judgeConnections(subject, opened))
      tallies.push({
        name: subject.name,
        transport: subject.transport,
        fresh: measured.fresh,
        pooled: measured.pooled,
        calls: measured.calls + account.outcomes.length,
        connectionsOpened: opened,
        failures: failuresOf(account)
      })
    }
    const ended = tallies.reduce((sum, { calls }) => sum + calls, 0)
    const expected = plan.calls + measurements.length * (1 + plan.fresh * pooledPerRound(plan))
    // One connection that takes one call at a time: no more can have been in flight.
    if (loaded.kill.outcomeUnknown > 1)
      problems.push(`${loaded.kill.outcomeUnknown} calls were lost by the kill, not 1`)
    if (ended !== expected) problems.push(`${ended} of ${expected} calls came to an end`)
    return Report.make({ plan, tallies, kill: loaded.kill, problems })
  })

/**
 * Runs the demo. Fails when it cannot go through; what it finds wrong on the way stands in the report.
 *
 * @since 0.1.0
 * @category constructors
 */
export const run = (
  plan: Plan,
  progress: Progress
): Effect.Effect<Report.Report, DemoError, CommandExecutor.CommandExecutor | FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function* () {
    const subjects = yield* Subjects.make
    const servers = Object.fromEntries(subjects.map(({ name, config }) => [name, config]))
    const live = McpClient.layer.pipe(
      Layer.provide(McpPool.layer({ servers })),
      Layer.provideMerge(Witness.layer),
      Layer.provide(NodeConnector.layer)
    )
    return yield* measureAndLoad(subjects, plan, progress).pipe(Effect.provide(live))
  }).pipe(
    Effect.scoped,
    Effect.mapError((error) =>
      error instanceof DemoError
        ? error
        : new DemoError({
            reason: `The demo could not go on: ${error.message}`,
            hint: ErrorText.hint(error),
            cause: error
          })
    ),
    Effect.timeoutFail({
      duration: deadline,
      onTimeout: () => new DemoError({ reason: `The demo did not end within ${deadline}.` })
    })
  )
