/**
 * A thousand changes of the servers in random order, under load: calls on all servers, for partitions, in sessions.
 */
import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpConnector, McpPool, McpTool, type ServerConfig, ServerKey } from "@mooring/mcp"
import { McpTest, VirtualTime } from "@mooring/testing"
import { Context, Effect, Either, FastCheck as fc, Fiber, Layer, Random, Ref, Schema } from "effect"

const Work = McpTool.make("work", {
  parameters: { id: Schema.Number, takes: Schema.Number },
  success: McpTool.json(Schema.Struct({ id: Schema.Number, connection: Schema.Number }))
})

const names = ["a", "b", "c", "d", "e"]
const partitions = ["ada", "bob"]

const servers = names.map((name) =>
  McpTest.server(name, {
    tools: [
      McpTest.tool(Work, ({ id, takes }, { connection }) => Effect.delay(Effect.succeed({ id, connection }), takes))
    ]
  })
)

type Configs = Readonly<Record<string, ServerConfig.ServerConfig>>

/** One connection that is open, and by which configuration. */
interface Opened {
  readonly key: ServerKey.ServerKey
  readonly config: ServerConfig.ServerConfig
}

/** How connections are opened here: as by the test kit, and it is remembered which are open. */
const recording = (open: Set<Opened>, connects: Map<string, Array<ServerConfig.ServerConfig>>) =>
  Layer.map(McpTest.layerConnector(servers), (context) => {
    const { open: connect } = Context.get(context, McpConnector.McpConnector)
    return Context.add(context, McpConnector.McpConnector, {
      open: (key, config) =>
        Effect.suspend(() => {
          const opened = { key, config }
          // However it is isolated when it is opened, its key says so.
          expect(key.partition === ServerKey.sharedPartition).toBe(config.isolation !== "perPartition")
          const remembered = Effect.acquireRelease(
            Effect.sync(() => open.add(opened)),
            () => Effect.sync(() => open.delete(opened))
          )
          const counted = Effect.suspend(() => {
            // Servers count their connections from 1, those that are called off before they reach them left out.
            connects.set(key.server, [...(connects.get(key.server) ?? []), config])
            return connect(key, config)
          })
          return Effect.zipRight(remembered, counted)
        })
    })
  })

const oneOf = <A>(all: ReadonlyArray<A>): Effect.Effect<A> =>
  Effect.map(Random.shuffle(all), ([...some]) => some[0] as A)

/** A configuration; `args` are what a connection is told by. */
const anyConfig: Effect.Effect<ServerConfig.ServerConfig> = Effect.gen(function* () {
  const max = yield* Random.nextIntBetween(1, 4)
  return {
    command: "in-memory",
    args: [String(yield* Random.nextIntBetween(0, 4))],
    isolation: yield* oneOf(["shared", "shared", "perPartition", "exclusive"] as const),
    max,
    min: yield* oneOf([0, 0, 1]),
    maxWaiters: 10_000,
    rateLimit: yield* oneOf([undefined, { calls: 10_000, per: 1000 }])
  }
})

/** How a connection is opened. */
const shown = (config: ServerConfig.ServerConfig): string =>
  `${"command" in config ? config.args?.join() : config.url} ${config.isolation}`

/** One change, of any kind; gives what is configured then. */
const change = (pool: McpPool.Service, now: Configs): Effect.Effect<Configs> =>
  Effect.gen(function* () {
    const name = yield* oneOf(names)
    const config = yield* anyConfig
    const { [name]: before, ...others } = now
    const kind = yield* oneOf(["set", "set", "resize", "resize", "remove", "remove", "all", "same", "wrong"] as const)
    switch (kind) {
      case "set":
        yield* Effect.orDie(pool.setServer(name, config))
        return { ...now, [name]: config }
      case "resize": {
        if (before === undefined) return now
        const resized = { ...before, max: config.max, min: config.min, rateLimit: config.rateLimit }
        const changes = yield* Effect.orDie(pool.setServer(name, resized))
        expect(changes.replaced).toEqual([])
        return { ...now, [name]: resized }
      }
      case "remove": {
        const removed = yield* Effect.either(pool.removeServer(name))
        expect(Either.isRight(removed)).toBe(before !== undefined)
        return others
      }
      case "all": {
        const next = { ...others, [yield* oneOf(names)]: config }
        yield* Effect.orDie(pool.setServers(next))
        return next
      }
      case "same":
        expect((yield* Effect.orDie(pool.setServers({ ...now }))).kept.length).toBe(Object.keys(now).length)
        return now
      case "wrong": {
        const wrong = { ...others, [name]: { ...config, max: -1 } }
        expect((yield* Effect.orDie(Effect.flip(pool.setServers(wrong))))._tag).toBe("ConfigError")
        return now
      }
    }
  })

const storm = (seed: number, changes: number) => {
  const open = new Set<Opened>()
  const connects = new Map<string, Array<ServerConfig.ServerConfig>>()
  return Effect.gen(function* () {
    const mcp = yield* McpClient.McpClient
    const pool = yield* McpPool.McpPool
    const test = yield* McpTest.McpTest
    /** What was configured after each change. */
    const history: Array<Configs> = [{}]
    const over = yield* Ref.make(false)
    const ended = new Map<string, number>()
    let ids = 0

    /** Which configuration has answered, and after which changes that was. */
    const answers: Array<{ name: string; since: number; until: number; by: ServerConfig.ServerConfig | undefined }> = []
    const answered = (name: string, since: number, connection: number) => {
      const by = connects.get(name)?.[connection - 1]
      answers.push({ name, since, until: history.length, by })
    }

    const note = (what: string) => Effect.sync(() => ended.set(what, (ended.get(what) ?? 0) + 1))
    const current = () => history[history.length - 1] ?? {}
    /** Whether the server was not there at some time since then. */
    const wasAway = (name: string, since: number) =>
      history.slice(since).some((configs) => !Object.hasOwn(configs, name))

    const call = (caller: McpClient.Service) =>
      Effect.gen(function* () {
        const name = yield* oneOf(names)
        const since = history.length - 1
        const id = ++ids
        const takes = yield* Random.nextIntBetween(0, 40)
        const outcome = yield* Effect.either(caller.call(name, Work, { id, takes }))
        if (Either.isRight(outcome)) {
          expect(outcome.right.id).toBe(id)
          answered(name, since, outcome.right.connection)
        }
        // Nothing else is a reason for a call not to be answered.
        else {
          expect(outcome.left).toMatchObject({ _tag: "UnknownServer", server: name })
          expect(wasAway(name, since)).toBe(true)
        }
        yield* note(Either.isRight(outcome) ? "answered" : "UnknownServer")
        if (Either.isLeft(outcome)) yield* Effect.sleep(5)
      })

    const session = (caller: McpClient.Service) =>
      Effect.gen(function* () {
        const name = yield* oneOf(names)
        const affinity = yield* oneOf([undefined, "one", "two"])
        const since = history.length - 1
        const outcome = yield* Effect.either(
          Effect.scoped(
            Effect.flatMap(caller.session(name, { affinity }), (own) =>
              Effect.repeatN(
                Effect.flatMap(Random.nextIntBetween(0, 30), (takes) => {
                  const id = ++ids
                  return Effect.map(own.call(Work, { id, takes }), (said) => {
                    expect(said.id).toBe(id)
                    answered(name, since, said.connection)
                  })
                }),
                2
              )
            )
          )
        )
        if (Either.isLeft(outcome)) {
          // Who comes back to what is gone is told so, once.
          if (affinity === undefined || outcome.left._tag !== "SessionLost") {
            expect(outcome.left).toMatchObject({ _tag: "UnknownServer", server: name })
            expect(wasAway(name, since)).toBe(true)
          }
          yield* Effect.sleep(5)
        }
        yield* note(`session ${Either.isRight(outcome) ? "answered" : outcome.left._tag}`)
      })

    const list = (caller: McpClient.Service) =>
      Effect.gen(function* () {
        const name = yield* oneOf(names)
        const since = history.length - 1
        const outcome = yield* Effect.either(caller.listTools(name))
        if (Either.isLeft(outcome)) expect([outcome.left._tag, wasAway(name, since)]).toEqual(["UnknownServer", true])
        else expect(outcome.right.map((tool) => tool.name)).toEqual(["work"])
        yield* Effect.sleep(10)
      })

    const caller = (n: number) => {
      const bound = mcp.forPartition(partitions[n % partitions.length] ?? "")
      const one = Effect.flatMap(Random.nextIntBetween(0, 8), (what) =>
        what === 0 ? list(bound) : what < 3 ? session(bound) : call(bound)
      )
      return Effect.repeat(one, { until: () => Ref.get(over) })
    }

    const callers = yield* Effect.forEach(
      Array.from({ length: 12 }, (_, n) => n),
      (n) => Effect.fork(Effect.withRandom(caller(n), Random.make([seed, n])))
    )
    for (let n = 0; n < changes; n++) {
      // As it is seen: from this step on.
      history.push(yield* change(pool, current()))
      yield* Effect.sleep(yield* Random.nextIntBetween(0, 12))
    }
    yield* Ref.set(over, true)
    yield* Effect.forEach(callers, Fiber.join)

    // None ran twice.
    for (const name of names) {
      const runs = (yield* test.calls(name, "work")).map(({ args }) => args["id"])
      expect(new Set(runs).size).toBe(runs.length)
    }
    // Each was answered by what was configured while it ran, and not by what was before.
    for (const { by, name, since, until } of answers) {
      const configured = history
        .slice(since, until + 1)
        .flatMap(({ [name]: config }) => (config ? [shown(config)] : []))
      expect(configured).toContain(by && shown(by))
    }
    // What is there is what is configured, opened as it is configured.
    yield* Effect.sleep(200)
    const last = current()
    expect([...mcp.servers].toSorted()).toEqual(Object.keys(last).toSorted())
    for (const { config, key } of open) {
      const wanted = last[key.server]
      expect(["command" in config && config.args, config.isolation]).toEqual([
        wanted !== undefined && "command" in wanted && wanted.args,
        wanted?.isolation
      ])
      expect(wanted?.isolation === "perPartition").toBe(key.partition !== ServerKey.sharedPartition)
    }
    const keys = yield* pool.pool.keys
    for (const key of keys) expect(Object.hasOwn(last, key.server)).toBe(true)
    for (const [name, config] of Object.entries(last)) {
      const shared = [...open].filter(({ key }) => key.server === name && key.affinity === undefined)
      const count = (partition: string) => shared.filter(({ key }) => key.partition === partition).length
      for (const partition of [ServerKey.sharedPartition, ...partitions]) {
        expect(count(partition)).toBeLessThanOrEqual(config.max ?? 1)
      }
      if (config.isolation !== "perPartition") {
        expect(count(ServerKey.sharedPartition)).toBeGreaterThanOrEqual(config.min ?? 0)
      }
    }
    const { closing, connecting, leases, open: items, waiting } = yield* pool.pool.stats
    expect({ closing, connecting, leases, waiting, items }).toEqual({
      closing: 0,
      connecting: 0,
      leases: 0,
      waiting: 0,
      items: open.size
    })

    // And of what is not, nothing is left.
    yield* Effect.orDie(pool.setServers({}))
    yield* Effect.sleep(200)
    expect([...open]).toEqual([])
    expect(yield* pool.pool.keys).toEqual([])
    expect(yield* mcp.statuses).toEqual([])
    for (const name of names) expect((yield* test.stats(name)).open).toBe(0)
    return ended
  }).pipe(
    Effect.withRandom(Random.make(seed)),
    Effect.provide(
      McpClient.layer.pipe(
        Layer.provideMerge(McpPool.layer({ servers: {} })),
        Layer.provideMerge(recording(open, connects))
      )
    )
  )
}

describe("a storm of changes", () => {
  it.effect.prop(
    "loses no call, runs none twice, and leaves exactly what is configured",
    { seed: fc.integer() },
    ({ seed }) =>
      Effect.map(VirtualTime.run(storm(seed, 1000)), (ended) => {
        // A load that never came so far would prove little.
        for (const what of ["answered", "UnknownServer", "session answered", "session UnknownServer"]) {
          expect(ended.get(what) ?? 0).toBeGreaterThan(20)
        }
      }).pipe(VirtualTime.fast),
    { fastCheck: { numRuns: 1 }, timeout: 300_000 }
  )
})
