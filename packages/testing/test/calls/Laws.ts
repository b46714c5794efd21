/**
 * The laws of calls, each a check of what was seen of a world. What a client says of a call is compared with what the
 * server ran, never with what the client says elsewhere.
 */
import type { Ledger } from "@mooring/testing"
import { Cause, Duration, Exit, Option } from "effect"
import type { Ended, Played } from "./Play.js"
import type { ServerPlan } from "./World.js"

interface Violation {
  readonly law: string
  readonly what: string
}

type Check = (played: Played) => ReadonlyArray<string | false>

/** How often a call with permission may run: once, and twice more. */
export const most = 3

/** How a call ended, in a word: its error and what that says of its delivery. */
export const outcomeOf = ({ exit }: Ended): string =>
  Exit.match(exit, {
    onSuccess: ({ kind }) => (kind === "other" ? "answered" : kind),
    onFailure: (cause) => {
      if (Cause.isInterruptedOnly(cause)) return "interrupted"
      return Option.match(Cause.failureOption(cause), {
        onNone: () => `defect: ${Cause.pretty(cause)}`,
        onSome: (error) => ("delivery" in error ? `${error._tag} ${error.delivery}` : error._tag)
      })
    }
  })

/** Every way in which a call may end here, and how often the tool can have run then without permission. */
const ways: Readonly<Record<string, readonly [number, number]>> = {
  tool: [1, 1],
  isError: [0, 0],
  ToolFailed: [0, 0],
  ProtocolError: [0, 0],
  interrupted: [0, 1],
  OutcomeUnknown: [0, 1],
  "CallTimeout Unknown": [0, 1],
  "CallTimeout NotSent": [0, 0],
  "ConnectionLost NotSent": [0, 0],
  AcquireTimeout: [0, 0],
  PoolSaturated: [0, 0],
  CircuitOpen: [0, 0],
  McpConnectError: [0, 0],
  "RateLimited NotSent": [0, 0]
}

/** What asks a server and changes nothing may end so, too. */
const waysOfOthers = new Set(["answered", "session", "SessionLost", "ConnectionLost Unknown", ...Object.keys(ways)])

/** After these nothing has run, whatever permission there was. */
const ofNothing = new Set(
  Object.keys(ways).filter((way) => ways[way]?.[1] === 0 && !["isError", "ToolFailed", "ProtocolError"].includes(way))
)

const isTool = ({ call }: Ended) => call.what.kind === "call" || call.what.kind === "callTool"

const runsOf = ({ runs }: Played, { call }: Ended) =>
  (runs.get(call.what.server) ?? []).filter(({ args, tool }) => tool === "run" && args["id"] === call.id)

/** What finds out says what is not so: then it is that which a call ends with, and which has it run again. */
const isLiedTo = ({ call }: Ended) =>
  call.what.kind === "call" && (call.what.reconcile === "ran" || call.what.reconcile === "did not run")

const name = (ended: Ended) => `call ${ended.call.id} of ${ended.call.who} (${outcomeOf(ended)})`

const planOf = ({ world }: Played, server: string): ServerPlan => {
  const plan = world.servers.find((one) => one.name === server)
  if (plan === undefined) throw new Error(`no plan of ${server}`)
  return plan
}

const oneOutcome: Check = ({ ended }) =>
  ended.flatMap((one) => {
    const outcome = outcomeOf(one)
    const known = isTool(one) ? outcome in ways : waysOfOthers.has(outcome)
    const mayGiveUp = outcome !== "interrupted" || one.call.patience !== undefined
    return [
      !known && `${name(one)} ended as no call may`,
      !mayGiveUp && `${name(one)} was interrupted though nobody gave up`,
      Exit.isSuccess(one.exit) &&
        one.exit.value.kind === "tool" &&
        !isLiedTo(one) &&
        one.exit.value.value.id !== one.call.id &&
        `${name(one)} got the answer of call ${one.exit.value.value.id}`
    ]
  })

const inTime: Check = (played) =>
  played.ended.map((one) => {
    const { config } = planOf(played, one.call.what.server)
    // The pool waits for a connect a little longer than the connection does, which says why.
    const borrow = Math.max(config.acquireTimeout, config.connectTimeout + 5000)
    // Tries again: three that were not sent, two that may have run. A list has its total time for each page, here one.
    const calls = one.call.what.kind === "session" ? one.call.what.steps : 1
    // Each waits for its turn for as long as for a connection, where there is a rate.
    const bound = calls * (config.totalTimeout + config.acquireTimeout) + 6 * borrow
    const took = one.endedAt - one.startedAt
    return took > bound && `${name(one)} took ${took} ms, more than ${bound}`
  })

const givesUpAtOnce: Check = ({ ended }) =>
  ended.map((one) => {
    const { patience } = one.call
    const took = one.endedAt - one.startedAt
    return patience !== undefined && took > patience && `${name(one)} went on for ${took - patience} ms when given up`
  })

/** How often the call ran; of a session, that of its calls which ran most often. */
const timesRun = (played: Played, one: Ended): number => {
  const times = new Map<unknown, number>()
  for (const { args } of runsOf(played, one)) times.set(args["step"], (times.get(args["step"]) ?? 0) + 1)
  return Math.max(0, ...times.values())
}

const runsOnce: Check = (played) =>
  played.ended.map((one) => {
    const runs = timesRun(played, one)
    const permitted = one.call.what.mayRunTwice || isLiedTo(one)
    return !permitted && runs > 1 && `${name(one)} ran ${runs} times without permission`
  })

const runsWithinBudget: Check = (played) =>
  played.ended.map((one) => {
    const runs = timesRun(played, one)
    return runs > most && `${name(one)} ran ${runs} times`
  })

const findsOut: Check = (played) =>
  played.ended.map((one) => {
    const { kind, mayRunTwice, reconcile } = one.call.what
    const runs = timesRun(played, one)
    const told = kind === "call" && reconcile !== undefined && !mayRunTwice && !isLiedTo(one)
    return told && runs > 1 && `${name(one)} ran ${runs} times, though what finds out (${reconcile}) never said it may`
  })

const oneConnection: Check = (played) => [
  ...played.ended.flatMap((one) => {
    if (one.call.what.kind !== "session") return []
    const steps = Exit.isSuccess(one.exit) && one.exit.value.kind === "session" ? one.exit.value.steps : []
    const connections = new Set([
      ...runsOf(played, one).map(({ connection }) => connection),
      ...steps.flatMap((step) => ("connection" in step ? [step.connection] : []))
    ])
    const lostAt = steps.findIndex((step) => "failed" in step && step.failed === "SessionLost")
    const later = lostAt < 0 ? [] : steps.slice(lostAt)
    return [
      connections.size > 1 && `the calls of ${name(one)} ran on connections ${[...connections].join(", ")}`,
      later.some((step) => !("failed" in step && step.failed === "SessionLost")) &&
        `${name(one)} went on after it had said that it is lost`
    ]
  }),
  ...[...played.runs].flatMap(([server, runs]) => {
    const owners = new Map<number, unknown>()
    return runs
      .filter(({ tool }) => tool === "run")
      .map(({ args, connection }) => {
        const owner = owners.get(connection) ?? args["affinity"]
        owners.set(connection, owner)
        return (
          owner !== args["affinity"] &&
          `connection ${connection} of ${server} served affinity "${String(owner)}" and "${String(args["affinity"])}"`
        )
      })
  })
]

/** A call passes between when it was made and when it first runs: what lies in a window as a whole has passed in it. */
const withinRate: Check = (played) =>
  played.world.servers.flatMap(({ config, name: server }) => {
    const { rateLimit } = config
    if (rateLimit === undefined) return []
    const interval = Duration.toMillis(rateLimit.per) / rateLimit.calls
    const burst = rateLimit.burst ?? rateLimit.calls
    const passed = played.ended.flatMap((one) => {
      if (one.call.what.server !== server) return []
      const first = new Map<unknown, Ledger.Call>()
      for (const run of runsOf(played, one)) if (!first.has(run.args["step"])) first.set(run.args["step"], run)
      return [...first.values()].map((run) => ({ from: one.startedAt, to: run.startedAt, of: run.partition }))
    })
    return passed.flatMap(({ from, of }) =>
      passed.map(({ of: whose, to }) => {
        const inside = passed.filter((one) => one.of === of && one.from >= from && one.to <= to).length
        // A clock of milliseconds may take one off.
        const room = burst + (to - from + 1) / interval
        return (
          whose === of &&
          to >= from &&
          inside > room &&
          `${inside} calls of ${server} for ${of} passed in ${to - from} ms`
        )
      })
    )
  })

const withinQuota: Check = ({ held, world }) =>
  [...held].map(
    ([partition, most]) =>
      world.partitionQuota !== undefined &&
      most > world.partitionQuota &&
      `${partition} had ${most} connections, more than ${world.partitionQuota}`
  )

const truthful: Check = (played) =>
  played.ended
    .filter((one) => isTool(one) && !isLiedTo(one))
    .map((one) => {
      const runs = runsOf(played, one).length
      const outcome = outcomeOf(one)
      if (ofNothing.has(outcome)) return runs > 0 && `${name(one)} had run`
      if (one.call.what.mayRunTwice) return outcome === "tool" && runs === 0 && `${name(one)} had not run`
      const [least, greatest] = ways[outcome] ?? [0, 1]
      return (runs < least || runs > greatest) && `${name(one)} ran ${runs} times, not ${least} to ${greatest}`
    })

const bounded: Check = (played) =>
  played.world.servers.flatMap(({ config, name }) => {
    const stats = played.left.stats.get(name)
    const keys = config.isolation === "perPartition" ? 3 : 1
    const affine = new Set(
      played.ended.flatMap(({ call: { what, who } }) =>
        what.server === name && what.kind === "session" && what.affinity !== undefined
          ? [`${config.isolation === "perPartition" ? who : ""}#${what.affinity}`]
          : []
      )
    )
    const open = Math.min(config.max * keys + affine.size, played.world.maxTotal)
    const calls = open * (config.isolation === "exclusive" ? 1 : config.concurrency)
    if (stats === undefined) return [`${name} has no numbers`]
    return [
      stats.maxOpen > open && `${name} had ${stats.maxOpen} connections, more than ${open}`,
      stats.maxInFlight > calls && `${name} had ${stats.maxInFlight} calls in flight, more than ${calls}`
    ]
  })

const quiet: Check = ({ pool, quiet }) => [
  pool.leases > 0 && `${pool.leases} leases are held though nobody calls`,
  pool.waiting > 0 && `${pool.waiting} wait though nobody calls`,
  pool.started !== pool.immediate + pool.waited + pool.failed + pool.cancelled &&
    `${pool.started} borrowed, and not as many got something, failed or gave up`,
  pool.released !== pool.immediate + pool.waited &&
    `${pool.released} were given back of ${pool.immediate + pool.waited}`,
  ...[...quiet].map(([server, { inFlight }]) => inFlight > 0 && `${server} has ${inFlight} calls in flight`)
]

const nothingLeft: Check = ({ left }) => [
  left.sleeps > 0 && `${left.sleeps} sleeps are left`,
  left.fibers !== 0 && `${left.fibers} fibers are left`,
  left.tookMs > 1000 && `closing took ${left.tookMs} ms`,
  ...[...left.stats].flatMap(([server, { inFlight, open }]) => [
    open > 0 && `${server} has ${open} connections open`,
    inFlight > 0 && `${server} has ${inFlight} calls in flight in the end`
  ])
]

const servesAgain: Check = ({ dead }) => dead.map((server) => `${server} did not serve again`)

const apart: Check = (played) => [
  ...played.leaked,
  ...played.world.servers.flatMap(({ config, name }) => {
    const shared = config.isolation !== "perPartition"
    const owners = new Map<number, string>()
    return (played.runs.get(name) ?? []).flatMap(({ args, connection, partition }) => {
      const call = played.ended.find((one) => one.call.id === args["id"])?.call
      const owner = owners.get(connection) ?? partition
      owners.set(connection, owner)
      return [
        owner !== partition && `connection ${connection} of ${name} served ${owner} and ${partition}`,
        !shared && call !== undefined && call.who !== partition && `a call of ${call.who} ran as ${partition}`
      ]
    })
  }),
  ...played.opened.map(({ partition, server }) => {
    const own = planOf(played, server).config.isolation === "perPartition"
    const asked = played.ended.some(({ call }) => call.who === partition && call.what.server === server)
    // Who asks in the end is ada.
    return (
      own && !asked && partition !== "ada" && `a connection for ${partition} was opened, who never called ${server}`
    )
  })
]

/** Every law by its sentence. */
export const laws = {
  "each call ends in exactly one outcome, which is an answer of its own or a typed error": oneOutcome,
  "each call ends within its time, whatever the servers do": inTime,
  "a caller who gives up is gone at once": givesUpAtOnce,
  "a tool without permission runs at most once": runsOnce,
  "a tool with permission runs no more often than its budget": runsWithinBudget,
  "what a caller is told of whether the tool ran is true": truthful,
  "no more calls are in flight, and no more connections open, than was configured": bounded,
  "when all calls have ended nothing is held, nobody waits, and no server still works for anybody": quiet,
  "what finds out what became of a call never leads to a second run when the first has run": findsOut,
  "the calls of a session go to one connection, or are told that it is lost; an affinity shares its own with nobody":
    oneConnection,
  "a server's rate is never exceeded, in any window of time": withinRate,
  "a partition never has more connections than its quota": withinQuota,
  "every server serves again": servesAgain,
  "partitions never meet, and nothing of a caller is seen behind his call": apart,
  "when all is closed no connection, call, sleep or fiber is left": nothingLeft
} satisfies Readonly<Record<string, Check>>

export const violations = (played: Played): ReadonlyArray<Violation> =>
  Object.entries(laws).flatMap(([law, check]) =>
    check(played).flatMap((what) => (what === false ? [] : [{ law, what }]))
  )

/** Fails if the law is broken; any of them, if none is named. */
export const mustHold = (played: Played, only?: string): void => {
  const found = violations(played).filter(({ law }) => only === undefined || law === only)
  if (found.length > 0) throw new Error(found.map(({ law, what }) => `broken: ${law}: ${what}`).join("\n"))
}
