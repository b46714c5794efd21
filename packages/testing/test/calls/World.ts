/**
 * A generated world for the laws of calls, as plain values: servers with settings and faults of every kind, callers who
 * call them and give up, and somebody who kills the servers. `Play.ts` runs one.
 */
import type { ServerConfig } from "@mooring/mcp"
import { CallSchedule, Fault } from "@mooring/testing"
import { FastCheck as fc } from "effect"

export const callers = ["ada", "bob", "cyd"]

/** What one call does. */
export interface Work {
  readonly server: string
  readonly kind: "callTool" | "call" | "listTools" | "ping"
  /** How long the tool runs. Milliseconds. */
  readonly takes: number
  /** Whether the tool says halfway how far it is. */
  readonly progress: boolean
  readonly mayRunTwice: boolean
}

export type PlannedCall = CallSchedule.PlannedCall<Work>

type Times = "connectTimeout" | "acquireTimeout" | "callTimeout" | "totalTimeout" | "idleTimeToLive"

export interface ServerPlan extends Fault.Script {
  readonly name: string
  readonly config: Pick<ServerConfig.Settings, "isolation" | "concurrency" | "min" | "max" | "maxWaiters" | Times>
}

export interface World {
  readonly servers: ReadonlyArray<ServerPlan>
  readonly calls: ReadonlyArray<PlannedCall>
  readonly kills: ReadonlyArray<{ readonly at: number; readonly server: string }>
  readonly maxTotal: number
  readonly seed: number
}

export interface Scene {
  readonly isolation?: fc.Arbitrary<ServerPlan["config"]["isolation"]> | undefined
  readonly mayRunTwice?: fc.Arbitrary<boolean> | undefined
  readonly maxCalls?: number | undefined
}

const names = ["one", "two", "three"]

const isolations: fc.Arbitrary<ServerPlan["config"]["isolation"]> = fc.constantFrom(
  "shared" as const,
  "perPartition",
  "exclusive"
)

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

const work = (scene: Scene): fc.Arbitrary<Work> =>
  fc.record({
    server: fc.constantFrom(...names),
    kind: fc.constantFrom("callTool", "callTool", "call", "call", "call", "listTools", "ping"),
    takes: fc.constantFrom(0, 0, 10, 200, 1500),
    progress: fc.boolean(),
    mayRunTwice: scene.mayRunTwice ?? fc.boolean()
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
      seed: fc.nat(1_000_000)
    })
    .map(({ calls, count, kills, maxTotal, plans, seed }) => {
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
        seed
      }
    })
