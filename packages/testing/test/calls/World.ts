/**
 * A generated world for the laws of calls: servers with settings and faults of every kind, callers who call them and
 * give up, and somebody who kills the servers. `play` runs it over the real client and pool, waits until all is quiet,
 * sees that every server serves again, closes everything, and says what was seen from outside.
 */
import { McpClient, McpConnector, McpPool, McpTool, type ServerConfig, type ServerKey } from "@mooring/mcp"
import { CallSchedule, Fault, type Ledger, McpTest, VirtualTime } from "@mooring/testing"
import {
  Chunk,
  Context,
  Effect,
  Exit,
  FastCheck as fc,
  FiberRef,
  Layer,
  Logger,
  LogLevel,
  Metric,
  Option,
  Random,
  Schema,
  Scope,
  TestClock,
  Tracer
} from "effect"

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

/** What only callers have set. */
const callerRef = FiberRef.unsafeMake("nobody")
class CallerService extends Context.Tag("@mooring/testing/test/CallerService")<CallerService, string>() {}

/** Runs an effect with everything set that must be seen nowhere but at its caller's. */
export const asCaller =
  (who: string) =>
  <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    effect.pipe(
      Effect.locally(callerRef, who),
      Effect.mapInputContext((context: Context.Context<never>) =>
        Context.merge(
          context,
          Context.make(CallerService, who).pipe(
            Context.add(Tracer.ParentSpan, Tracer.externalSpan({ spanId: who, traceId: who }))
          )
        )
      )
    )

/** What of a caller can be seen from here. */
export const callerSeen: Effect.Effect<ReadonlyArray<string>> = Effect.gen(function* () {
  const ref = yield* FiberRef.get(callerRef)
  const service = Context.getOption(yield* Effect.context<never>(), CallerService)
  const span = yield* Effect.serviceOption(Tracer.ParentSpan)
  return [
    ...(ref === "nobody" ? [] : [`a FiberRef of ${ref}`]),
    ...Option.toArray(Option.map(service, (who) => `a service of ${who}`)),
    ...Option.toArray(Option.map(span, ({ traceId }) => `a span of ${traceId}`))
  ]
})

export const Run = McpTool.make("run", {
  parameters: { id: Schema.Int, takes: Schema.Int, progress: Schema.Boolean },
  success: McpTool.structured(
    Schema.Struct({
      id: Schema.Int,
      partition: Schema.String,
      connection: Schema.Int,
      seen: Schema.Array(Schema.String)
    })
  )
})

const run = McpTest.tool(Run, ({ id, progress, takes }, { connection, partition, progress: say }) =>
  Effect.gen(function* () {
    yield* Effect.sleep(takes / 2)
    if (progress) yield* say(1, 2)
    yield* Effect.sleep(takes / 2)
    return { id, partition, connection, seen: yield* callerSeen }
  })
)

/** The client over the servers, with a connector that notes for whom it opens, and what it sees of callers. */
const layer = (world: World, opened: Array<ServerKey.ServerKey>, seen: Array<string>) => {
  const servers = world.servers.map((plan) => McpTest.server(plan.name, { ...plan, tools: [run] }))
  const watched = Layer.effect(
    McpConnector.McpConnector,
    Effect.map(McpConnector.McpConnector, (connector): McpConnector.McpConnector["Type"] => ({
      open: (key, config) =>
        Effect.flatMap(callerSeen, (found) => {
          opened.push(key)
          seen.push(...found.map((what) => `connecting ${key.toString()} saw ${what}`))
          return connector.open(key, config)
        })
    }))
  )
  const pool = McpPool.make({
    servers: Object.fromEntries(servers.map(({ config, name }) => [name, config])),
    maxTotal: world.maxTotal,
    shutdownTimeout: "1 second"
  })
  return McpClient.layer.pipe(
    Layer.provide(Layer.scoped(McpPool.McpPool, Effect.withRandom(pool, Random.make(world.seed)))),
    Layer.provide(watched),
    Layer.provideMerge(McpTest.layerConnector(servers))
  )
}

export type Result =
  | { readonly kind: "tool"; readonly value: typeof Run.success extends McpTool.Success<infer A> ? A : never }
  | { readonly kind: "isError" }
  | { readonly kind: "other" }

const decoded = Schema.decodeUnknownSync(
  Schema.Struct({
    structuredContent: Schema.Struct({
      id: Schema.Int,
      partition: Schema.String,
      connection: Schema.Int,
      seen: Schema.Array(Schema.String)
    })
  })
)

const make =
  (mcp: McpClient.Service) =>
  ({ id, timeout, what, who }: PlannedCall) => {
    const { kind, mayRunTwice, progress, server, takes } = what
    const args = { id, takes, progress }
    const options = { timeout, mayRunTwice }
    const other: Result = { kind: "other" }
    const result = (): Effect.Effect<Result, CallError> => {
      switch (kind) {
        case "call":
          return Effect.map(mcp.call(server, Run, args, options), (value) => ({ kind: "tool", value }))
        case "callTool":
          return Effect.map(mcp.callTool(server, "run", args, options), (answer) =>
            answer.isError === true ? { kind: "isError" } : { kind: "tool", value: decoded(answer).structuredContent }
          )
        case "listTools":
          return Effect.as(mcp.listTools(server), other)
        case "ping":
          return Effect.as(mcp.ping(server), other)
      }
    }
    return Effect.suspend(result).pipe(McpClient.withPartition(who), asCaller(who))
  }

export type CallError = Effect.Effect.Error<ReturnType<McpClient.Service["call"]>>
export type Ended = CallSchedule.Ended<Work, Result, CallError>

/** What was seen of a world. */
export interface Played {
  readonly world: World
  readonly ended: ReadonlyArray<Ended>
  /** The runs of each server, and its numbers, once all calls had ended and all was quiet. */
  readonly runs: ReadonlyMap<string, ReadonlyArray<Ledger.Call>>
  readonly quiet: ReadonlyMap<string, Ledger.ServerStats>
  readonly pool: Effect.Effect.Success<McpClient.Service["stats"]>
  /** The keys of all connections that were begun. */
  readonly opened: ReadonlyArray<ServerKey.ServerKey>
  /** What was seen of callers where nothing of theirs should be. */
  readonly leaked: ReadonlyArray<string>
  /** Servers that did not serve again. */
  readonly dead: ReadonlyArray<string>
  /** What there was after everything was closed. */
  readonly left: {
    readonly stats: ReadonlyMap<string, Ledger.ServerStats>
    readonly sleeps: number
    readonly fibers: number
    readonly tookMs: number
  }
  /** How many faults were met: of scripts, by kills, and by callers who gave up. */
  readonly faults: number
}

/** The fibers that are alive in this process, by Effect's own count. */
const activeFibers = Effect.map(Metric.value(Metric.counter("effect_fiber_active")), ({ count }) => count)

/** No call may ever take as long. */
const limit = "10 minutes"

export const play = (world: World): Effect.Effect<Played, unknown> =>
  Effect.gen(function* () {
    const before = yield* activeFibers
    const opened: Array<ServerKey.ServerKey> = []
    const seen: Array<string> = []
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(layer(world, opened, seen), scope)
    const mcp = Context.get(context, McpClient.McpClient)
    const test = Context.get(context, McpTest.McpTest)
    const ofEach = <A>(f: (server: string) => Effect.Effect<A>): Effect.Effect<ReadonlyMap<string, A>> =>
      Effect.map(
        Effect.forEach(world.servers, ({ name }) => Effect.map(f(name), (found) => [name, found] as const)),
        (all) => new Map(all)
      )

    let killed = 0
    const kill = ({ at, server }: World["kills"][number]) =>
      Effect.delay(
        Effect.map(test.kill(server), (open) => (killed += open)),
        at
      )
    const kills = Effect.forEach(world.kills, kill, { concurrency: "unbounded", discard: true })
    const [ended] = yield* VirtualTime.run(
      Effect.all([CallSchedule.run(world.calls, make(mcp)), kills], { concurrency: "unbounded" }),
      { limit }
    )
    yield* TestClock.adjust(0)
    const [runs, quiet, pool] = yield* Effect.all([ofEach((name) => test.calls(name)), ofEach(test.stats), mcp.stats])

    const dead: Array<string> = []
    for (const { name } of world.servers) if (!(yield* serves(mcp, name))) dead.push(name)
    const stats = yield* ofEach(test.stats)

    const closing = yield* Effect.clock
    const from = closing.unsafeCurrentTimeMillis()
    yield* VirtualTime.run(Scope.close(scope, Exit.void), { limit })
    yield* TestClock.adjust(0)
    const left = {
      stats: yield* ofEach(test.stats),
      sleeps: Chunk.size(yield* TestClock.sleeps()),
      fibers: (yield* activeFibers) - before,
      tookMs: closing.unsafeCurrentTimeMillis() - from
    }
    const scripted = [...stats.values()].reduce((sum, { faults }) => sum + faults, 0)
    const givenUp = ended.filter(({ exit }) => Exit.isInterrupted(exit)).length
    const leaked = [...seen, ...ended.flatMap(seenByTool)]
    return { world, ended, runs, quiet, pool, opened, leaked, dead, left, faults: scripted + killed + givenUp }
    // What it logs of servers that are down is right, and much.
  }).pipe(Logger.withMinimumLogLevel(LogLevel.None))

const seenByTool = ({ exit }: Ended): ReadonlyArray<string> =>
  Exit.isSuccess(exit) && exit.value.kind === "tool" ? exit.value.value.seen.map((what) => `a tool saw ${what}`) : []

/** Whether the server answers once its script is used up. Pauses outlast those of its breaker. */
const serves = (mcp: McpClient.Service, server: string): Effect.Effect<boolean, VirtualTime.OutOfTime> => {
  const ask = mcp.forPartition("ada").callTool(server, "run", { id: -1, takes: 0, progress: false })
  const again = (tries: number): Effect.Effect<boolean> =>
    Effect.matchEffect(ask, {
      onSuccess: (answer) => (answer.isError === true && tries > 0 ? again(tries - 1) : Effect.succeed(true)),
      onFailure: () => (tries > 0 ? Effect.delay(again(tries - 1), "40 seconds") : Effect.succeed(false))
    })
  return VirtualTime.run(again(25))
}
