/**
 * Runs a world over the real client and pool, waits until all is quiet, sees that every server serves again, closes
 * everything, and says what was seen from outside.
 */
import { McpClient, McpConnector, McpPool, McpTool, Reconciled, type ServerKey } from "@mooring/mcp"
import { CallSchedule, type Ledger, McpTest, VirtualTime } from "@mooring/testing"
import { Chunk, Context, Effect, Exit, Layer, Logger, LogLevel, Metric, Random, Schema, Scope, TestClock } from "effect"
import { asCaller, callerSeen } from "./Caller.js"
import type { Finding, PlannedCall, ServerPlan, Work, World } from "./World.js"

const Answer = Schema.Struct({
  id: Schema.Int,
  partition: Schema.String,
  connection: Schema.Int,
  /** What the tool sees of callers. */
  seen: Schema.Array(Schema.String)
})

/** `step` and `affinity` say of which call of which session it is. */
const description = {
  parameters: {
    id: Schema.Int,
    step: Schema.Int,
    affinity: Schema.String,
    takes: Schema.Int,
    progress: Schema.Boolean
  },
  success: McpTool.structured(Answer)
}
const Run = McpTool.make("run", description)

/** Says whether a call has begun to run. */
const Look = McpTool.make("look", {
  parameters: { id: Schema.Int },
  success: McpTool.structured(Schema.Struct({ found: Schema.NullOr(Answer) }))
})

type Look = Reconciled.Reconciled<typeof Answer.Type>

/** A tool that finds out so. What says `DidNotRun` in truth has seen the end of the connection: nothing is begun then. */
const finding = (how: Finding) =>
  McpTool.make("run", {
    ...description,
    reconcile: ({ id }, { cause }, server): Effect.Effect<Look, unknown> => {
      switch (how) {
        case "truth":
          return Effect.map(server.call(Look, { id }), ({ found }): Look => {
            if (found !== null) return Reconciled.Ran({ result: found })
            return cause._tag === "ConnectionLost" ? Reconciled.DidNotRun : Reconciled.Unresolved
          })
        case "did not run":
          return Effect.succeed(Reconciled.DidNotRun)
        case "ran":
          return Effect.succeed(Reconciled.Ran({ result: { id, partition: "", connection: 0, seen: [] } }))
        case "fails":
          return Effect.fail("nobody knows")
        case "dies":
          return Effect.die("a bug")
        case "hangs":
          return Effect.never
      }
    }
  })

const makeTools = () => {
  const begun = new Map<number, typeof Answer.Type>()
  const run = McpTest.tool(Run, ({ id, progress, takes }, { connection, partition, progress: say }) =>
    Effect.gen(function* () {
      begun.set(id, { id, partition, connection, seen: [] })
      yield* Effect.sleep(takes / 2)
      if (progress) yield* say(1, 2)
      yield* Effect.sleep(takes / 2)
      return { id, partition, connection, seen: yield* callerSeen }
    })
  )
  return [run, McpTest.tool(Look, ({ id }) => Effect.sync(() => ({ found: begun.get(id) ?? null })))]
}

/** How many connections something has, and had at most. */
class Held {
  now = 0
  most = 0
  readonly one = Effect.acquireRelease(
    Effect.sync(() => (this.most = Math.max(this.most, ++this.now))),
    () => Effect.sync(() => this.now--)
  )
}

/**
 * The client over the servers, with a connector that notes for whom it opens, how many connections a partition has, and
 * what it sees of callers.
 */
const layer = (world: World, opened: Array<ServerKey.ServerKey>, held: Map<string, Held>, seen: Array<string>) => {
  const servers = world.servers.map((plan) => McpTest.server(plan.name, { ...plan, tools: makeTools() }))
  const watched = Layer.effect(
    McpConnector.McpConnector,
    Effect.map(McpConnector.McpConnector, (connector): McpConnector.McpConnector["Type"] => ({
      open: (key, config) =>
        Effect.flatMap(callerSeen, (found) => {
          opened.push(key)
          seen.push(...found.map((what) => `connecting ${key.toString()} saw ${what}`))
          if (config.isolation !== "perPartition") return connector.open(key, config)
          const ofPartition = held.get(key.partition) ?? new Held()
          held.set(key.partition, ofPartition)
          return Effect.zipRight(ofPartition.one, connector.open(key, config))
        })
    }))
  )
  const pool = McpPool.make({
    servers: Object.fromEntries(servers.map(({ config, name }) => [name, config])),
    maxTotal: world.maxTotal,
    partitionQuota: world.partitionQuota,
    shutdownTimeout: "1 second"
  })
  return McpClient.layer.pipe(
    Layer.provide(Layer.scoped(McpPool.McpPool, Effect.withRandom(pool, Random.make(world.seed)))),
    Layer.provide(watched),
    Layer.provideMerge(McpTest.layerConnector(servers))
  )
}

/** How one call of a session ended: the connection that it ran on, or the tag of its error. */
export type Step = { readonly connection: number } | { readonly failed: string }

export type Result =
  | { readonly kind: "tool"; readonly value: typeof Answer.Type }
  | { readonly kind: "session"; readonly steps: ReadonlyArray<Step> }
  | { readonly kind: "isError" }
  | { readonly kind: "other" }

const decoded = Schema.decodeUnknownSync(Schema.Struct({ structuredContent: Answer }))

const make =
  (mcp: McpClient.Service) =>
  ({ id, timeout, what, who }: PlannedCall) => {
    const { affinity, kind, mayRunTwice, progress, reconcile, server, steps, takes } = what
    const args = { id, step: 0, affinity: "", takes, progress }
    const options = { timeout, mayRunTwice }
    const other: Result = { kind: "other" }
    const result = (): Effect.Effect<Result, CallError> => {
      switch (kind) {
        case "call":
          return Effect.map(
            mcp.call(server, reconcile === undefined ? Run : finding(reconcile), args, options),
            (value) => ({ kind: "tool", value })
          )
        case "callTool":
          return Effect.map(mcp.callTool(server, "run", args, options), (answer) =>
            answer.isError === true ? { kind: "isError" } : { kind: "tool", value: decoded(answer).structuredContent }
          )
        case "session":
          return Effect.flatMap(mcp.session(server, { affinity }), (session) =>
            Effect.map(
              Effect.forEach(
                Array.from({ length: steps }, (_, step) => step),
                (step) =>
                  Effect.match(session.call(Run, { ...args, step, affinity: affinity ?? "" }, options), {
                    onSuccess: ({ connection }): Step => ({ connection }),
                    onFailure: ({ _tag }): Step => ({ failed: _tag })
                  })
              ),
              (ended): Result => ({ kind: "session", steps: ended })
            )
          ).pipe(Effect.scoped)
        case "listTools":
          return Effect.as(mcp.listTools(server), other)
        case "ping":
          return Effect.as(mcp.ping(server), other)
      }
    }
    return Effect.suspend(result).pipe(McpClient.withPartition(who), asCaller(who))
  }

export type CallError = Effect.Effect.Error<ReturnType<McpClient.Service["call" | "session"]>>
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
  /** How many connections each partition had at most, of servers that are not shared. */
  readonly held: ReadonlyMap<string, number>
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
    const holding = new Map<string, Held>()
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(layer(world, opened, holding, seen), scope)
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
    // A list that is being loaded is for all, so it outlives the caller who asked for it first.
    if (world.calls.some(({ what }) => what.kind === "listTools")) yield* VirtualTime.run(Effect.sleep("1 minute"))
    yield* TestClock.adjust(0)
    const [runs, quiet, pool] = yield* Effect.all([ofEach((name) => test.calls(name)), ofEach(test.stats), mcp.stats])

    const dead: Array<string> = []
    for (const plan of world.servers) if (!(yield* serves(mcp, plan))) dead.push(plan.name)
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
    const held = new Map([...holding].map(([partition, { most }]) => [partition, most]))
    return { world, ended, runs, quiet, pool, opened, held, leaked, dead, left, faults: scripted + killed + givenUp }
    // What it logs of servers that are down is right, and much.
  }).pipe(Logger.withMinimumLogLevel(LogLevel.None))

const seenByTool = ({ exit }: Ended): ReadonlyArray<string> =>
  Exit.isSuccess(exit) && exit.value.kind === "tool" ? exit.value.value.seen.map((what) => `a tool saw ${what}`) : []

/** Whether the server answers once its script is used up. The pauses outlast those of its breaker. */
const serves = (
  mcp: McpClient.Service,
  { calls = [], connects = [], name }: ServerPlan
): Effect.Effect<boolean, VirtualTime.OutOfTime> => {
  const ask = mcp
    .forPartition("ada")
    .callTool(name, "run", { id: -1, step: 0, affinity: "", takes: 0, progress: false })
  const again = (tries: number): Effect.Effect<boolean> =>
    Effect.matchEffect(ask, {
      onSuccess: (answer) => (answer.isError === true && tries > 0 ? again(tries - 1) : Effect.succeed(true)),
      onFailure: () => (tries > 0 ? Effect.delay(again(tries - 1), "40 seconds") : Effect.succeed(false))
    })
  return VirtualTime.run(again(calls.length + connects.length + 1))
}
