/**
 * A generated world for the laws of calls, as plain values: servers with settings, rate limits and faults of every kind,
 * callers who call them, hold sessions and give up, tools that find out what became of their calls, rightly or not, and
 * somebody who kills the servers. `Play.ts` runs one.
 */
import type { ServerConfig } from "@mooring/mcp"
import { CallSchedule, Fault } from "@mooring/testing"
import { FastCheck as fc } from "effect"

export const callers = ["ada", "bob", "cyd"]

/** What sessions come back to. */
export const affinities = ["x", "y"]

/**
 * How a tool finds out what became of a call: it looks at the server and tells what it saw, says what is not so, or does
 * not come to say anything.
 */
export type Finding = "truth" | "did not run" | "ran" | "fails" | "dies" | "hangs"

/** What one call does. */
export interface Work {
  readonly server: string
  readonly kind: "callTool" | "call" | "session" | "listTools" | "ping"
  /** How long the tool runs. Milliseconds. */
  readonly takes: number
  /** Whether the tool says halfway how far it is. */
  readonly progress: boolean
  readonly mayRunTwice: boolean
  /** How the tool of a `call` finds out; `undefined`: not at all. */
  readonly reconcile: Finding | undefined
  /** What a `session` comes back to. */
  readonly affinity: string | undefined
  /** How often a `session` calls the tool. */
  readonly steps: number
}

export type PlannedCall = CallSchedule.PlannedCall<Work>

type Times = "connectTimeout" | "acquireTimeout" | "callTimeout" | "totalTimeout" | "idleTimeToLive"

export interface ServerPlan extends Fault.Script {
  readonly name: string
  readonly config: Pick<
    ServerConfig.Settings,
    "isolation" | "concurrency" | "min" | "max" | "maxWaiters" | "rateLimit" | Times
  >
}

export interface World {
  readonly servers: ReadonlyArray<ServerPlan>
  readonly calls: ReadonlyArray<PlannedCall>
  readonly kills: ReadonlyArray<{ readonly at: number; readonly server: string }>
  readonly maxTotal: number
  readonly partitionQuota: number | undefined
  readonly seed: number
}

export interface Scene {
  readonly isolation?: fc.Arbitrary<ServerPlan["config"]["isolation"]> | undefined
  readonly mayRunTwice?: fc.Arbitrary<boolean> | undefined
  readonly kind?: fc.Arbitrary<Work["kind"]> | undefined
  readonly reconcile?: fc.Arbitrary<Work["reconcile"]> | undefined
  readonly rateLimit?: fc.Arbitrary<ServerPlan["config"]["rateLimit"]> | undefined
  readonly partitionQuota?: fc.Arbitrary<World["partitionQuota"]> | undefined
  readonly maxCalls?: number | undefined
}

const names = ["one", "two", "three"]

const isolations: fc.Arbitrary<ServerPlan["config"]["isolation"]> = fc.constantFrom(
  "shared" as const,
  "perPartition",
  "exclusive"
)

export const rateLimits: fc.Arbitrary<NonNullable<ServerPlan["config"]["rateLimit"]>> = fc.record({
  calls: fc.integer({ min: 1, max: 4 }),
  per: fc.constantFrom(50, 300, 1000),
  burst: fc.constantFrom(undefined, 1, 2),
  mode: fc.constantFrom(undefined, "wait" as const, "fail" as const)
})

const settings = (scene: Scene): fc.Arbitrary<ServerPlan["config"]> =>
  fc
    .record({
      isolation: scene.isolation ?? isolations,
      concurrency: fc.integer({ min: 1, max: 3 }),
      min: fc.constantFrom(0, 0, 0, 1),
      max: fc.integer({ min: 1, max: 2 }),
      maxWaiters: fc.constantFrom(256, 256, 256, 256, 2, 0),
      connectTimeout: fc.constantFrom(500, 2000),
      acquireTimeout: fc.constantFrom(300, 3000, 10_000),
      callTimeout: fc.constantFrom(400, 2000),
      totalTimeout: fc.constantFrom(1500, 8000),
      rateLimit:
        scene.rateLimit ??
        fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: rateLimits }),
      idleTimeToLive: fc.constantFrom(200, 60_000)
    })
    .map((config) => ({ ...config, concurrency: config.isolation === "exclusive" ? 1 : config.concurrency }))

/** The same fault several times in a row is what tries again and breakers are for. */
const inRow = <A>(one: fc.Arbitrary<A>, maxLength: number): fc.Arbitrary<ReadonlyArray<A>> => {
  const times = fc.constantFrom(1, 1, 1, 2, 5)
  return fc
    .array(fc.tuple(one, times), { maxLength, size: "max" })
    .map((list) => list.flatMap(([script, times]) => Array.from({ length: times }, () => script)))
}

const latency = fc.constantFrom(undefined, undefined, 0, 20, 600)
const scripts: fc.Arbitrary<Fault.Script> = fc.record({
  calls: inRow(fc.record({ fault: Fault.arbitraryFault({ maxLatency: "600 millis" }), latency }), 14),
  connects: fc.oneof(
    { withCrossShrink: true },
    { weight: 2, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: inRow(fc.record({ fault: Fault.arbitraryConnectFault(), latency }), 5) }
  )
})

const kinds: fc.Arbitrary<Work["kind"]> = fc.constantFrom(
  ...(["callTool", "callTool", "call", "call", "call", "session", "listTools", "ping"] as const)
)

const findings: ReadonlyArray<Finding> = ["truth", "did not run", "ran", "fails", "dies", "hangs"]

const work = (scene: Scene): fc.Arbitrary<Work> =>
  fc.record({
    server: fc.constantFrom(...names),
    kind: scene.kind ?? kinds,
    takes: fc.constantFrom(0, 0, 10, 200, 1500),
    progress: fc.boolean(),
    mayRunTwice: scene.mayRunTwice ?? fc.boolean(),
    reconcile: scene.reconcile ?? fc.constantFrom(undefined, undefined, undefined, ...findings),
    affinity: fc.constantFrom(undefined, ...affinities),
    steps: fc.integer({ min: 1, max: 3 })
  })

export const worlds = (scene: Scene = {}): fc.Arbitrary<World> =>
  fc
    .record({
      plans: fc.tuple(
        ...names.map((name) =>
          fc.tuple(settings(scene), scripts).map(([config, script]): ServerPlan => ({ name, config, ...script }))
        )
      ),
      count: fc.integer({ min: 1, max: names.length }),
      calls: CallSchedule.arbitrary({
        who: callers,
        what: work(scene),
        minCalls: 1,
        maxCalls: scene.maxCalls ?? 30,
        within: "3 seconds",
        maxTimeout: "4 seconds",
        maxPatience: "2 seconds"
      }),
      kills: fc.array(fc.record({ at: fc.nat(4000), server: fc.constantFrom(...names) }), { maxLength: 5 }),
      maxTotal: fc.constantFrom(1, 2, 64),
      partitionQuota: scene.partitionQuota ?? fc.constantFrom(undefined, undefined, 1, 2),
      seed: fc.nat(1_000_000)
    })
    .map(({ calls, count, kills, maxTotal, partitionQuota, plans, seed }) => {
      // Connections that are kept ready would starve others where there may be few in all.
      const servers = plans
        .slice(0, count)
        .map((plan) => (maxTotal < 64 ? { ...plan, config: { ...plan.config, min: 0 } } : plan))
      // What was meant for a server that is not there goes to one that is.
      const there = (name: string) => names[names.indexOf(name) % count] ?? name
      return {
        servers,
        calls: calls.map((call) => ({ ...call, what: { ...call.what, server: there(call.what.server) } })),
        kills: kills.map((kill) => ({ ...kill, server: there(kill.server) })),
        maxTotal,
        partitionQuota,
        seed
      }
    })
