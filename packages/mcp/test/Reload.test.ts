import { describe, expect, it } from "@effect/vitest"
import {
  ConfigChange,
  type McpClient,
  McpError,
  McpPool,
  Reload,
  type ServerConfig,
  ServerKey,
  type ServerStatus
} from "@mooring/mcp"
import {
  Cause,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Logger,
  Queue,
  Redacted,
  Schedule,
  Scope,
  Stream,
  TestClock
} from "effect"
import { by, said, World } from "./ReloadWorld.js"

const slow = (mcp: McpClient.Service, server: string) => said(mcp.callTool(server, "slow"))
const who = (mcp: McpClient.Service, server: string) => said(mcp.callTool(server, "who"))

/** Begins a call that the server has, and does not answer yet. */
const begin = (world: World, mcp: McpClient.Service, server: string) =>
  Effect.gen(function* () {
    const before = world.slow
    const fiber = yield* Effect.fork(slow(mcp, server))
    while (world.slow === before) yield* TestClock.adjust(1)
    return fiber
  })

const nothing: Reload.Changes = { added: [], removed: [], resized: [], replaced: [], kept: [] }

/** What the pool has an entry for. */
const entries = (pool: McpPool.Service) => Effect.map(pool.pool.keys, (keys) => keys.map(String))

describe("what has changed in a configuration", () => {
  const headers = () => Effect.succeed({})
  const refresh = Schedule.spaced("1 minute")
  const cases: ReadonlyArray<
    readonly [ConfigChange.ConfigChange, string, ServerConfig.ServerConfig, ServerConfig.ServerConfig]
  > = [
    ["Kept", "nothing", by("a"), by("a")],
    ["Kept", "a field that is left out", by("a"), { ...by("a"), cwd: undefined }],
    ["Kept", "the type, which was known", by("a"), { type: "stdio", command: "server", args: ["a"] }],
    [
      "Kept",
      "the order of variables, and another wrapping of the same secret",
      by("a", { env: { A: Redacted.make("1"), B: "2" } }),
      by("a", { env: { B: "2", A: Redacted.make("1") } })
    ],
    [
      "Kept",
      "a duration that is said by an equal one",
      by("a", { callTimeout: Duration.seconds(1) }),
      by("a", { callTimeout: Duration.seconds(1) })
    ],
    ["Kept", "the very function of headers", { url: "https://a", headers }, { url: "https://a", headers }],
    [
      "Replaced",
      "another function",
      { url: "https://a", headers },
      { url: "https://a", headers: () => Effect.succeed({}) }
    ],
    ["Kept", "the very schedule", by("a", { catalogueRefresh: refresh }), by("a", { catalogueRefresh: refresh })],
    [
      "Resized",
      "another schedule",
      by("a", { catalogueRefresh: refresh }),
      by("a", { catalogueRefresh: Schedule.spaced("1 minute") })
    ],
    [
      "Resized",
      "settings of the pool",
      by("a"),
      by("a", { max: 3, callTimeout: 5, tools: { x: { mayRunTwice: true } } })
    ],
    [
      "Resized",
      "one setting of one tool",
      by("a", { tools: { x: {} } }),
      by("a", { tools: { x: { callTimeout: 1 } } })
    ],
    ["Replaced", "an argument", by("a"), by("b")],
    ["Replaced", "the number of arguments", by("a"), { command: "server", args: ["a", ""] }],
    [
      "Replaced",
      "a variable",
      by("a", { env: { A: Redacted.make("1") } }),
      by("a", { env: { A: Redacted.make("2") } })
    ],
    ["Replaced", "a variable that goes", by("a", { env: { A: "1", B: "" } }), by("a", { env: { A: "1" } })],
    ["Replaced", "a header", { url: "https://a", headers: { A: "1" } }, { url: "https://a", headers: { A: "2" } }],
    ["Replaced", "the address", { url: "https://a" }, { url: "https://b" }],
    ["Replaced", "a process that becomes an address", by("a"), { url: "https://a" }],
    ["Replaced", "who shares its connections", by("a"), by("a", { isolation: "perPartition" })],
    ["Replaced", "a setting and an argument", by("a"), by("b", { max: 2 })]
  ]
  for (const [change, what, before, after] of cases) {
    it(`is ${change}: ${what}`, () => {
      expect(ConfigChange.between(before, after)).toBe(change)
      expect(ConfigChange.between(after, before)).toBe(change)
    })
  }
})

describe("a change of servers", () => {
  it.effect("leaves alone what is the same, also where the very object was given and changed", () => {
    const world = new World()
    const args = ["1"]
    const given: ServerConfig.ServerConfig = { command: "server", args }
    return world.run({ a: given, b: by("1") }, (mcp, pool) =>
      Effect.gen(function* () {
        expect(yield* who(mcp, "a")).toBe("1")
        expect(yield* who(mcp, "b")).toBe("1")
        const same = yield* pool.setServers({ a: given, b: by("1") })
        expect(same).toEqual({ ...nothing, kept: ["a", "b"] })
        yield* TestClock.adjust(10)
        expect(world.opened.length).toBe(2)
        args[0] = "2"
        expect(yield* pool.setServers({ a: given, b: by("1") })).toEqual({ ...nothing, replaced: ["a"], kept: ["b"] })
        expect(yield* who(mcp, "a")).toBe("2")
      })
    )
  })

  it.effect("says what was done to each, and servers that are disabled are not there", () => {
    const world = new World()
    return world.run({ a: by("1"), b: by("1"), c: by("1"), d: by("1") }, (mcp, pool) =>
      Effect.gen(function* () {
        const next = { d: by("1", { max: 2 }), c: by("2"), b: by("1", { disabled: true }), e: by("1"), a: by("1") }
        const changes = yield* pool.setServers(next)
        expect(changes).toEqual({ added: ["e"], removed: ["b"], resized: ["d"], replaced: ["c"], kept: ["a"] })
        expect(Reload.show(changes)).toBe('added "e"; removed "b"; resized "d"; replaced "c"')
        expect(mcp.servers).toEqual(["d", "c", "e", "a"])
        const error = yield* Effect.flip(mcp.ping("b"))
        expect(error).toMatchObject({ _tag: "UnknownServer", known: ["d", "c", "e", "a"] })
      })
    )
  })

  it.effect("changes nothing when anything is wrong, and says all that is", () => {
    const world = new World()
    return world.run({ a: by("1"), b: by("1") }, (mcp, pool) =>
      Effect.gen(function* () {
        yield* who(mcp, "a")
        const wrong = { a: by("2"), c: { command: "" }, d: by("1", { max: 0 }) }
        const error = yield* Effect.flip(pool.setServers(wrong))
        expect(error.path).toBe("servers.c.command")
        expect(error.reason).toContain("servers.d.max")
        expect(mcp.servers).toEqual(["a", "b"])
        expect(yield* who(mcp, "a")).toBe("1")
        expect(world.open).toEqual(["a by 1"])
      })
    )
  })

  it.effect("is refused where the pool has no room for what is to be kept open", () => {
    const world = new World()
    return world.run(
      { a: by("1", { min: 1 }), b: by("1", { min: 1 }) },
      (mcp, pool) =>
        Effect.gen(function* () {
          yield* TestClock.adjust(1)
          const error = yield* Effect.flip(pool.setServers({ a: by("2", { min: 2 }), b: by("2", { min: 1 }) }))
          expect(error).toMatchObject({ _tag: "ConfigError", path: "servers.a.min" })
          expect(yield* who(mcp, "a")).toBe("1")
          expect(world.open).toEqual(["a by 1", "b by 1"])
        }),
      { maxTotal: 2 }
    )
  })

  it.effect("adds and removes one server, and refuses to remove what is not there", () => {
    const world = new World()
    return world.run({ a: by("1") }, (mcp, pool) =>
      Effect.gen(function* () {
        // Effects that were written down before: names count when they are run.
        const early = who(mcp, "b")
        expect(yield* Effect.flip(early)).toMatchObject({ _tag: "UnknownServer" })
        expect(yield* pool.setServer("b", by("1"))).toEqual({ ...nothing, added: ["b"], kept: ["a"] })
        expect(yield* early).toBe("1")
        expect(yield* pool.setServer("b", by("2"))).toEqual({ ...nothing, replaced: ["b"], kept: ["a"] })
        expect(yield* early).toBe("2")
        expect(yield* pool.removeServer("b")).toEqual({ ...nothing, removed: ["b"], kept: ["a"] })
        expect(yield* Effect.flip(early)).toMatchObject({ _tag: "UnknownServer", known: ["a"] })
        expect(yield* Effect.flip(pool.removeServer("b"))).toMatchObject({ _tag: "UnknownServer", known: ["a"] })
        expect(yield* pool.setServer("__proto__", by("3"))).toEqual({ ...nothing, added: ["__proto__"], kept: ["a"] })
        expect(yield* who(mcp, "__proto__")).toBe("3")
      })
    )
  })

  it.effect("of settings holds for calls from then on, on the connections that are there", () => {
    const world = new World()
    return world.run({ a: by("1", { callTimeout: 1000 }) }, (mcp, pool) =>
      Effect.gen(function* () {
        const early = slow(mcp, "a")
        const patient = yield* begin(world, mcp, "a")
        yield* pool.setServers({ a: by("1", { callTimeout: 10, max: 2, concurrency: 2, denyTools: ["hidden"] }) })
        // One that began before keeps its time, on a connection that takes two now.
        const hasty = yield* Effect.fork(Effect.flip(early))
        yield* TestClock.adjust(10)
        expect(yield* Fiber.join(hasty)).toMatchObject({ _tag: "CallTimeout", timeoutMs: 10 })
        expect(patient.unsafePoll()).toBeNull()
        yield* world.release
        expect(yield* Fiber.join(patient)).toBe("1")
        expect(world.opened.length).toBe(1)
        expect(yield* Effect.flip(mcp.callTool("a", "hidden"))).toMatchObject({ _tag: "ToolDenied" })
        yield* pool.setServers({ a: by("1") })
        expect(yield* said(mcp.callTool("a", "hidden"))).toBe("1")
      })
    )
  })

  it.effect("of settings reaches a connection that is opening meanwhile", () => {
    const world = new World()
    world.connectMs = 100
    return world.run({ a: by("1", { callTimeout: 5000 }) }, (mcp, pool) =>
      Effect.gen(function* () {
        const call = yield* Effect.fork(who(mcp, "a"))
        yield* TestClock.adjust(50)
        yield* pool.setServers({ a: by("1", { callTimeout: 10 }) })
        yield* TestClock.adjust(50)
        expect(yield* Fiber.join(call)).toBe("1")
        const hasty = yield* Effect.fork(Effect.flip(slow(mcp, "a")))
        yield* TestClock.adjust(10)
        expect(yield* Fiber.join(hasty)).toMatchObject({ _tag: "CallTimeout", timeoutMs: 10 })
        expect(world.opened.length).toBe(1)
      })
    )
  })

  it.effect("forgets what was counted of a server that was removed, and keeps it of one that stays", () => {
    const world = new World()
    return world.run({ a: by("1") }, (mcp, pool) =>
      Effect.gen(function* () {
        const succeeded = Effect.map(mcp.status("a"), ({ calls }) => calls.succeeded)
        yield* who(mcp, "a")
        yield* pool.setServers({ a: by("2") })
        yield* who(mcp, "a")
        expect(yield* succeeded).toBe(2)
        yield* pool.setServers({})
        yield* pool.setServers({ a: by("2") })
        expect(yield* succeeded).toBe(0)
        expect(yield* Effect.flip(pool.removeServer("toString"))).toMatchObject({ _tag: "UnknownServer" })
      })
    )
  })

  it.effect("of one tool's settings holds for calls that were written down before", () => {
    const world = new World()
    return world.run({ a: by("1", { tools: { slow: { callTimeout: 20 } } }) }, (mcp, pool) =>
      Effect.gen(function* () {
        const call = Effect.flip(mcp.callTool("a", "slow"))
        const timeout = (millis: number) =>
          Effect.gen(function* () {
            const fiber = yield* Effect.fork(call)
            yield* TestClock.adjust(millis)
            expect(yield* Fiber.join(fiber)).toMatchObject({ _tag: "CallTimeout", timeoutMs: millis })
          })
        yield* timeout(20)
        yield* pool.setServers({ a: by("1", { tools: { slow: { callTimeout: 30 } } }) })
        yield* timeout(30)
      })
    )
  })

  it.effect("lets calls in flight finish where they are, and gives all others the new connections", () => {
    const world = new World()
    return world
      .run(
        { a: by("1", { min: 1 }) },
        (mcp, pool) =>
          Effect.gen(function* () {
            const running = yield* begin(world, mcp, "a")
            const waiting = yield* Effect.fork(who(mcp, "a"))
            yield* TestClock.adjust(1)
            expect(waiting.unsafePoll()).toBeNull()
            yield* pool.setServers({ a: by("2", { min: 1 }) })
            yield* TestClock.adjust(1)
            // One that waited is served although the old connection is busy, and at most one is allowed.
            expect(yield* Fiber.join(waiting)).toBe("2")
            expect(world.open).toEqual(["a by 1", "a by 2"])
            expect((yield* mcp.status("a")).connections.length).toBe(2)
            yield* TestClock.adjust("50 seconds")
            yield* world.release
            expect(yield* Fiber.join(running)).toBe("1")
            yield* TestClock.adjust(1)
            expect(world.open).toEqual(["a by 2"])
          }),
        { shutdownTimeout: 1000 }
      )
      .pipe(Effect.scoped)
  })

  it.effect("mends a server that could not be reached, at once, whatever the breaker says", () => {
    const world = new World()
    world.refusing.add("wrong")
    return world.run({ a: by("wrong") }, (mcp, pool) =>
      Effect.gen(function* () {
        const failing = yield* Effect.fork(Effect.flip(who(mcp, "a")))
        while (failing.unsafePoll() === null) yield* TestClock.adjust(10)
        expect((yield* Fiber.join(failing))._tag).toBe("CircuitOpen")
        expect(yield* mcp.status("a")).toMatchObject({ breaker: "open", lastError: { _tag: "McpConnectError" } })
        yield* pool.setServers({ a: by("right") })
        expect(yield* mcp.status("a")).toMatchObject({ breaker: "closed", lastError: undefined })
        expect(yield* who(mcp, "a")).toBe("right")
      })
    )
  })

  it.effect("does not fail what waits for an attempt of before", () => {
    const world = new World()
    world.refusing.add("wrong")
    return world.run({ a: by("wrong") }, (mcp, pool) =>
      Effect.gen(function* () {
        const waiting = yield* Effect.fork(who(mcp, "a"))
        yield* TestClock.adjust(1)
        yield* pool.setServers({ a: by("right") })
        yield* TestClock.adjust(1)
        expect(yield* Fiber.join(waiting)).toBe("right")
      })
    )
  })

  it.effect("that removes a server lets calls in flight finish within the time for that, and no longer", () => {
    const world = new World()
    return world.run(
      { a: by("1", { max: 2 }), b: by("1") },
      (mcp, pool) =>
        Effect.gen(function* () {
          const quick = yield* begin(world, mcp, "a")
          const waiting = yield* Effect.fork(Effect.flip(who(mcp, "b")))
          const second = yield* begin(world, mcp, "b")
          yield* Fiber.interrupt(waiting)
          const third = yield* Effect.fork(Effect.flip(who(mcp, "b")))
          yield* TestClock.adjust(1)
          yield* pool.setServers({})
          // Who waits hears at once that the server has gone.
          expect(yield* Fiber.join(third)).toMatchObject({ _tag: "UnknownServer", server: "b", known: [] })
          expect(yield* Effect.flip(mcp.status("a"))).toMatchObject({ _tag: "UnknownServer" })
          yield* TestClock.adjust(900)
          yield* world.release
          expect(yield* Fiber.join(quick)).toBe("1")
          expect(yield* Fiber.join(second)).toBe("1")
          yield* TestClock.adjust(1)
          expect(world.open).toEqual([])
          expect(yield* entries(pool)).toEqual([])
          yield* pool.setServers({ a: by("2") })
          const lost = yield* Effect.fork(Effect.flip(mcp.callTool("a", "slow")))
          while (world.slow === 0) yield* TestClock.adjust(1)
          yield* pool.setServers({})
          yield* TestClock.adjust(1000)
          expect((yield* Fiber.join(lost))._tag).toBe("OutcomeUnknown")
          expect(world.open).toEqual([])
          expect(yield* entries(pool)).toEqual([])
        }),
      { shutdownTimeout: 1000 }
    )
  })

  it.effect("of who shares connections leads those who wait to those of their own", () => {
    const world = new World()
    return world.run({ a: by("1") }, (mcp, pool) =>
      Effect.gen(function* () {
        const ada = mcp.forPartition("ada")
        const running = yield* begin(world, ada, "a")
        const [adas, nobodys] = [yield* Effect.fork(who(ada, "a")), yield* Effect.fork(Effect.flip(who(mcp, "a")))]
        yield* TestClock.adjust(1)
        yield* pool.setServers({ a: by("1", { isolation: "perPartition" }) })
        yield* TestClock.adjust(1)
        expect(yield* Fiber.join(adas)).toBe("1")
        expect(yield* Fiber.join(nobodys)).toMatchObject({ _tag: "PartitionMissing", server: "a" })
        expect(world.open).toEqual(["a by 1", "a/ada by 1"])
        yield* world.release
        expect(yield* Fiber.join(running)).toBe("1")
        yield* TestClock.adjust(1)
        expect(world.open).toEqual(["a/ada by 1"])
        yield* pool.setServers({ a: by("2") })
        expect(yield* who(ada, "a")).toBe("2")
        yield* TestClock.adjust(1)
        expect(world.open).toEqual(["a by 2"])
        expect(yield* entries(pool)).toEqual(["a"])
      })
    )
  })

  it.effect("reaches every partition and every affinity", () => {
    const world = new World()
    const config = (name: string) => by(name, { isolation: "perPartition" })
    return world.run({ a: config("1") }, (mcp, pool) =>
      Effect.gen(function* () {
        const use = (partition: string) =>
          Effect.scoped(
            Effect.gen(function* () {
              const client = mcp.forPartition(partition)
              yield* who(client, "a")
              yield* (yield* client.session("a", { affinity: "talk" })).ping
            })
          )
        yield* Effect.forEach(["ada", "bob"], use)
        expect(world.open.length).toBe(4)
        yield* pool.setServers({ a: config("2") })
        yield* TestClock.adjust(1)
        expect(world.open).toEqual([])
        // What the server knew of the affinity is lost, and it says so once.
        const session = Effect.scoped(mcp.forPartition("ada").session("a", { affinity: "talk" }))
        expect(yield* Effect.flip(session)).toMatchObject({ _tag: "SessionLost" })
        expect((yield* session).resumed).toBe(false)
        yield* pool.setServers({})
        yield* pool.setServers({ a: config("2") })
        // Of a server that was removed, nothing is remembered.
        expect((yield* session).resumed).toBe(false)
      })
    )
  })

  it.effect("leaves a session its connection; of a server that was removed, until the deadline", () => {
    const world = new World()
    return world.run(
      { a: by("1"), b: by("1") },
      (mcp, pool) =>
        Effect.scoped(
          Effect.gen(function* () {
            const [a, b] = [yield* mcp.session("a"), yield* mcp.session("b")]
            const waiting = yield* Effect.fork(Effect.flip(Effect.scoped(mcp.session("b"))))
            yield* TestClock.adjust(1)
            yield* pool.setServers({ a: by("2") })
            expect(yield* Fiber.join(waiting)).toMatchObject({ _tag: "UnknownServer" })
            expect(yield* who(mcp, "a")).toBe("2")
            yield* TestClock.adjust(999)
            expect(yield* said(a.callTool("who"))).toBe("1")
            expect(yield* said(b.callTool("who"))).toBe("1")
            yield* TestClock.adjust(1)
            expect(yield* said(a.callTool("who"))).toBe("1")
            expect(yield* Effect.flip(b.callTool("who"))).toMatchObject({ _tag: "SessionLost" })
          })
        ).pipe(
          Effect.zipRight(TestClock.adjust(1)),
          Effect.zipRight(Effect.sync(() => expect(world.open).toEqual(["a by 2"])))
        ),
      { shutdownTimeout: 1000 }
    )
  })

  it.effect("keeps what is used of a rate that stays the same", () => {
    const world = new World()
    const limited = (more: Partial<ServerConfig.StdioServer>) =>
      by("1", { rateLimit: { calls: 1, per: "1 minute", mode: "fail" }, ...more })
    return world.run({ a: limited({}) }, (mcp, pool) =>
      Effect.gen(function* () {
        yield* who(mcp, "a")
        yield* pool.setServers({ a: limited({ max: 2, acquireTimeout: 5 }) })
        expect(yield* Effect.flip(who(mcp, "a"))).toMatchObject({ _tag: "RateLimited" })
        yield* pool.setServers({ a: by("1", { rateLimit: { calls: 2, per: "1 minute", mode: "fail" } }) })
        expect(yield* who(mcp, "a")).toBe("1")
      })
    )
  })

  it.effect("is followed by what is known of the tools", () => {
    const world = new World()
    return world.run({ a: by("1") }, (mcp, pool) =>
      Effect.gen(function* () {
        const names = Effect.map(mcp.listTools("a"), (tools) => tools.map(({ name }) => name))
        expect(yield* names).toEqual(["who", "slow", "hidden", "1"])
        yield* pool.setServers({ a: by("1", { denyTools: ["hidden"] }) })
        expect(yield* names).toEqual(["who", "slow", "1"])
        yield* pool.setServers({ a: by("1", { allowTools: ["hidden"] }) })
        expect(yield* names).toEqual(["hidden"])
        expect(world.lists).toBe(1)
        yield* pool.setServers({ a: by("2") })
        expect(yield* mcp.catalogue("a")).toBe(undefined)
        expect(yield* names).toEqual(["who", "slow", "hidden", "2"])
        yield* pool.setServers({})
        expect(yield* Effect.flip(names)).toMatchObject({ _tag: "UnknownServer" })
        yield* pool.setServers({ a: by("2") })
        expect(yield* mcp.catalogue("a")).toBe(undefined)
      })
    )
  })

  it.effect("is seen in the stream of a server's statuses, which ends when it is removed", () => {
    const world = new World()
    return world.run({ a: by("1") }, (mcp, pool) =>
      Effect.gen(function* () {
        const seen: Array<ServerStatus.ServerStatus> = []
        const ada = mcp.forPartition("ada")
        const fiber = yield* Effect.fork(
          Stream.runForEach(ada.changes("a"), (status) => Effect.sync(() => seen.push(status)))
        )
        yield* TestClock.adjust(1)
        yield* who(ada, "a")
        yield* TestClock.adjust(1)
        yield* pool.setServers({ a: by("2", { isolation: "perPartition" }) })
        yield* TestClock.adjust(1)
        yield* who(ada, "a")
        yield* TestClock.adjust(1)
        expect(seen.at(-1)).toMatchObject({ partition: "ada", state: { _tag: "Ready" } })
        expect(seen.some(({ partition, state }) => partition === undefined && state._tag === "Ready")).toBe(true)
        yield* pool.setServers({})
        expect(yield* Fiber.await(fiber)).toEqual(Exit.void)
      })
    )
  })

  it.effect("tells everybody who asked what became of it, of refused ones, too", () => {
    const world = new World()
    return world.run({ a: by("1") }, (_, pool) =>
      Effect.gen(function* () {
        const told = yield* Effect.fork(Stream.runCollect(Stream.take(pool.reloads, 2)))
        yield* TestClock.adjust(1)
        yield* pool.setServers({ a: by("2") })
        const error = yield* Effect.flip(pool.setServers({ a: { command: "" } }))
        expect([...(yield* Fiber.join(told))]).toEqual([
          Reload.Reload.Applied({ changes: { ...nothing, replaced: ["a"] } }),
          Reload.Reload.Refused({ error })
        ])
      })
    )
  })

  it.effect("opens what is to be kept open, and logs what is required and cannot be reached", () => {
    const world = new World()
    world.refusing.add("wrong")
    const logged: Array<string> = []
    const logger = Logger.make(({ message }) => void logged.push(String(message)))
    return world
      .run({ a: by("1") }, (mcp, pool) =>
        Effect.gen(function* () {
          yield* pool.setServers({
            a: by("1", { min: 1 }),
            b: by("1", { min: 2, max: 2 }),
            c: by("wrong", { required: true })
          })
          yield* TestClock.adjust("2 minutes")
          expect(world.open).toEqual(["a by 1", "b by 1", "b by 1"])
          expect(logged.filter((line) => line.includes('"c" could not be warmed up')).length).toBe(1)
          expect(mcp.servers).toEqual(["a", "b", "c"])
        })
      )
      .pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
  })

  it.effect("is seen by those who borrow by the names of servers", () => {
    const world = new World()
    return world.run({ a: by("1") }, (mcp, pool) =>
      Effect.gen(function* () {
        const id = ServerKey.ServerId.make("a")
        const borrow = Effect.scoped(Effect.map(pool.keyed.get(id), ({ number }) => number))
        expect(yield* borrow).toBe(1)
        const running = yield* begin(world, mcp, "a")
        const waiting = yield* Effect.fork(Effect.flip(borrow))
        yield* TestClock.adjust(1)
        yield* pool.setServers({})
        expect(yield* Fiber.join(waiting)).toMatchObject({ _tag: "UnknownServer" })
        yield* world.release
        yield* Fiber.join(running)
      })
    )
  })
})

describe("a stream of configurations", () => {
  const withStream = <E, A, E2>(
    world: World,
    stream: Stream.Stream<Parameters<McpPool.Service["setServers"]>[0] | McpError.ConfigError, E>,
    use: (pool: McpPool.Service) => Effect.Effect<A, E2>
  ) =>
    Effect.flatMap(McpPool.McpPool, use).pipe(
      Effect.provide(McpPool.layerStream(stream).pipe(Layer.provide(world.connector)))
    )

  it.effect("makes the pool by the first, and changes it by each that follows", () => {
    const world = new World()
    return Effect.gen(function* () {
      const queue = yield* Queue.unbounded<Record<string, ServerConfig.ServerConfig> | McpError.ConfigError>()
      yield* Queue.offer(queue, { a: by("1") })
      const wrong = new McpError.ConfigError({ reason: "what was found is wrong" })
      yield* withStream(world, Stream.fromQueue(queue), (pool) =>
        Effect.gen(function* () {
          const told = yield* Effect.fork(Stream.runCollect(Stream.take(pool.reloads, 4)))
          yield* TestClock.adjust(1)
          expect(pool.servers.names).toEqual(["a"])
          yield* Queue.offerAll(queue, [{ a: by("1"), b: by("1") }, { a: { command: "" } }, wrong, { b: by("2") }])
          const reloads = [...(yield* Fiber.join(told))]
          expect(reloads.map(({ _tag }) => _tag)).toEqual(["Applied", "Refused", "Refused", "Applied"])
          expect(reloads[2]).toEqual(Reload.Reload.Refused({ error: wrong }))
          expect(pool.servers.names).toEqual(["b"])
          yield* Queue.shutdown(queue)
          yield* TestClock.adjust(1)
          expect(pool.servers.names).toEqual(["b"])
        })
      )
    })
  })

  it.effect("that fails keeps what is, and tells it", () => {
    const world = new World()
    const logged: Array<string> = []
    const logger = Logger.make(({ message }) => void logged.push(String(message)))
    return Effect.gen(function* () {
      const go = yield* Deferred.make<void>()
      const stream = Stream.concat(
        Stream.succeed({ a: by("1") }),
        Stream.fromEffect(Effect.zipRight(Deferred.await(go), Effect.fail("the registry is down")))
      )
      yield* withStream(world, stream, (pool) =>
        Effect.gen(function* () {
          const told = yield* Effect.fork(Stream.runHead(pool.reloads))
          yield* TestClock.adjust(1)
          yield* Deferred.succeed(go, undefined)
          const cause = Cause.fail("the registry is down")
          expect(yield* Effect.flatten(Fiber.join(told))).toEqual(Reload.Reload.SourceFailed({ cause }))
          yield* TestClock.adjust(1)
          expect(logged.some((line) => line.includes("come to an end"))).toBe(true)
          expect(pool.servers.names).toEqual(["a"])
        })
      )
    }).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
  })

  it.effect("that begins with nothing, or with what is wrong, makes no pool", () => {
    const make = <E>(stream: Stream.Stream<Record<string, ServerConfig.ServerConfig> | McpError.ConfigError, E>) =>
      Effect.flip(withStream(new World(), stream, () => Effect.void))
    return Effect.gen(function* () {
      expect(yield* make(Stream.empty)).toMatchObject({ _tag: "ConfigError", path: "servers" })
      expect(yield* make(Stream.fail("down"))).toBe("down")
      expect(yield* make(Stream.succeed({ a: { command: "" } }))).toMatchObject({ path: "servers.a.command" })
      const wrong = new McpError.ConfigError({ reason: "wrong" })
      expect(yield* make(Stream.succeed(wrong))).toBe(wrong)
    })
  })

  it.effect("ends with the layer, and closes what it holds", () => {
    const world = new World()
    let closed = 0
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      const stream = Stream.concat(Stream.succeed({ a: by("1") }), Stream.never).pipe(
        Stream.ensuring(Effect.sync(() => closed++))
      )
      yield* Layer.buildWithScope(McpPool.layerStream(stream).pipe(Layer.provide(world.connector)), scope)
      yield* TestClock.adjust(1)
      expect(closed).toBe(0)
      yield* Scope.close(scope, Exit.void)
      expect(closed).toBe(1)
    })
  })
})

describe("a pool that is closed", () => {
  it.effect("interrupts nobody who changes its servers, and opens nothing", () => {
    const world = new World()
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      const pool = yield* Scope.extend(McpPool.make({ servers: { a: by("1") } }), scope)
      yield* Scope.close(scope, Exit.void)
      expect(yield* pool.setServer("b", by("2", { min: 1 }))).toMatchObject({ added: ["b"], kept: ["a"] })
      expect(yield* Effect.flip(pool.setServers({ a: { command: "" } }))).toMatchObject({ _tag: "ConfigError" })
      expect(yield* pool.removeServer("b")).toMatchObject({ removed: ["b"] })
      yield* TestClock.adjust("1 minute")
      expect(world.opened).toEqual([])
      expect(yield* Effect.flip(pool.pool.use(ServerKey.shared("a"), () => Effect.void))).toMatchObject({
        _tag: "PoolClosed"
      })
    }).pipe(Effect.provide(world.connector))
  })
})
