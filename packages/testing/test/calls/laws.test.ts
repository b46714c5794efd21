/**
 * The laws of calls, each a property over generated worlds on a virtual clock. A failure prints the smallest world that
 * breaks the law. `laws.long.test.ts` asks all of them together, of many more worlds.
 */
import { afterAll, describe, expect, it } from "@effect/vitest"
import { VirtualTime } from "@mooring/testing"
import { Effect, FastCheck as fc } from "effect"
import { laws, mustHold, outcomeOf, violations } from "./Laws.js"
import { play, type Played } from "./Play.js"
import { rateLimits, type Scene, worlds, type Work } from "./World.js"

/** What makes it hard for a law to hold; without more, anything goes. */
const scenes: Readonly<Record<string, Scene>> = {
  "a tool without permission runs at most once": { mayRunTwice: fc.constant(false) },
  "a tool with permission runs no more often than its budget": { mayRunTwice: fc.constant(true) },
  "partitions never meet, and nothing of a caller is seen behind his call": { isolation: fc.constant("perPartition") },
  "what finds out what became of a call never leads to a second run when the first has run": {
    kind: fc.constant("call"),
    mayRunTwice: fc.constant(false),
    reconcile: fc.constantFrom("truth", "truth", "truth", "fails", "dies", "hangs")
  },
  "the calls of a session go to one connection, or are told that it is lost; an affinity shares its own with nobody": {
    kind: fc.constantFrom("session", "session", "call")
  },
  "a server's rate is never exceeded, in any window of time": {
    kind: fc.constantFrom("call", "callTool", "session"),
    rateLimit: rateLimits
  },
  "a partition never has more connections than its quota": {
    isolation: fc.constant("perPartition"),
    kind: fc.constantFrom("call", "session"),
    partitionQuota: fc.constantFrom(1, 2, 3)
  }
}

const seed = fc.readConfigureGlobal().seed ?? 0
const reached = new Set<string>()
const note = ({ ended }: Played) => ended.forEach((one) => reached.add(outcomeOf(one)))

describe("the laws of calls", () => {
  Object.keys(laws).forEach((law, n) => {
    it.effect.prop(
      law,
      { world: worlds(scenes[law]) },
      ({ world }) =>
        Effect.map(play(world), (played) => {
          note(played)
          mustHold(played, law)
        }).pipe(VirtualTime.fast),
      // Another seed for each, so that together they see more worlds.
      { fastCheck: { numRuns: 18, seed: seed + n }, timeout: 300_000 }
    )
  })

  // A generator that never came there would prove little.
  afterAll(() => {
    const ways = [
      ...["tool", "isError", "answered", "ToolFailed", "ProtocolError", "interrupted"],
      ...["OutcomeUnknown", "CallTimeout Unknown", "ConnectionLost NotSent"],
      ...["AcquireTimeout", "PoolSaturated", "McpConnectError", "RateLimited NotSent", "session", "SessionLost"]
    ]
    expect(ways.filter((way) => !reached.has(way))).toEqual([])
  })

  it.effect.prop(
    "hold on Effect's own TestClock, too",
    { world: worlds({ maxCalls: 6 }) },
    ({ world }) =>
      Effect.map(play(world), (played) => {
        // That clock keeps sleeps that were interrupted, and has fibers of its own.
        mustHold({ ...played, left: { ...played.left, sleeps: 0, fibers: 0 } })
      }),
    { fastCheck: { numRuns: 4, seed: seed + 100 }, timeout: 300_000 }
  )
})

describe("the checks of these laws", () => {
  const calm = { calls: [], connects: [] }
  const config = {
    isolation: "perPartition",
    concurrency: 2,
    min: 0,
    max: 1,
    maxWaiters: 256,
    connectTimeout: 500,
    acquireTimeout: 300,
    callTimeout: 400,
    totalTimeout: 1500,
    idleTimeToLive: 200,
    rateLimit: { calls: 1, per: 100 }
  } as const
  const what: Work = {
    ...{ server: "one", kind: "call", takes: 10, progress: false, mayRunTwice: false },
    ...{ reconcile: "truth", affinity: undefined, steps: 1 }
  }
  const call = { at: 0, what, timeout: undefined, patience: undefined }
  const world = {
    servers: [{ name: "one", config, ...calm }],
    calls: [
      { ...call, id: 0, who: "ada" },
      { ...call, id: 1, who: "bob" },
      { ...call, id: 2, who: "ada", what: { ...what, kind: "session", affinity: "x", steps: 2 } }
    ] as const,
    kills: [],
    maxTotal: 64,
    partitionQuota: 2,
    seed: 0
  }

  /** What was seen of a good world, and then falsified. */
  const falsified = (change: (played: Played) => Partial<Played>) =>
    Effect.map(play(world), (played) => violations({ ...played, ...change(played) }).map(({ law }) => law))

  const first = <A>([one, ...rest]: ReadonlyArray<A>, change: (one: A) => A): ReadonlyArray<A> =>
    one === undefined ? [] : [change(one), ...rest]
  const runs = ({ runs }: Played) => runs.get("one") ?? []

  const flaws: Readonly<Record<keyof typeof laws, (played: Played) => Partial<Played>>> = {
    "each call ends in exactly one outcome, which is an answer of its own or a typed error": ({ ended }) => ({
      ended: first(ended, (one) => ({ ...one, call: { ...one.call, id: 7 } }))
    }),
    "each call ends within its time, whatever the servers do": ({ ended }) => ({
      ended: first(ended, (one) => ({ ...one, endedAt: 60_000 }))
    }),
    "a caller who gives up is gone at once": ({ ended }) => ({
      ended: first(ended, (one) => ({ ...one, call: { ...one.call, patience: 5 } }))
    }),
    "a tool without permission runs at most once": (played) => ({
      runs: new Map([["one", [...runs(played), ...runs(played)]]])
    }),
    "a tool with permission runs no more often than its budget": (played) => ({
      runs: new Map([["one", Array.from({ length: 4 }, () => runs(played)).flat()]])
    }),
    "what a caller is told of whether the tool ran is true": () => ({ runs: new Map() }),
    "no more calls are in flight, and no more connections open, than was configured": ({ left }) => ({
      left: { ...left, stats: new Map([...left.stats].map(([name, stats]) => [name, { ...stats, maxOpen: 5 }])) }
    }),
    "when all calls have ended nothing is held, nobody waits, and no server still works for anybody": ({ pool }) => ({
      pool: { ...pool, leases: 1 }
    }),
    "what finds out what became of a call never leads to a second run when the first has run": (played) => ({
      runs: new Map([["one", [...runs(played), ...runs(played)]]])
    }),
    "the calls of a session go to one connection, or are told that it is lost; an affinity shares its own with nobody":
      (played) => ({ runs: new Map([["one", runs(played).map((run, n) => ({ ...run, connection: n }))]]) }),
    "a server's rate is never exceeded, in any window of time": (played) => ({
      runs: new Map([["one", runs(played).map((run) => ({ ...run, startedAt: 0 }))]])
    }),
    "a partition never has more connections than its quota": () => ({ held: new Map([["ada", 3]]) }),
    "every server serves again": () => ({ dead: ["one"] }),
    "partitions never meet, and nothing of a caller is seen behind his call": (played) => ({
      runs: new Map([["one", runs(played).map((run) => ({ ...run, connection: 1 }))]])
    }),
    "when all is closed no connection, call, sleep or fiber is left": ({ left }) => ({ left: { ...left, fibers: 1 } })
  }

  it.effect("find nothing in a good world", () =>
    Effect.map(
      falsified(() => ({})),
      (found) => expect(found).toEqual([])
    ).pipe(VirtualTime.fast)
  )

  for (const [law, flaw] of Object.entries(flaws)) {
    it.effect(`see when this is not so: ${law}`, () =>
      Effect.map(falsified(flaw), (found) => expect(found).toContain(law)).pipe(VirtualTime.fast)
    )
  }
})
