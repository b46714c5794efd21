import { describe, expect, it, vi } from "@effect/vitest"
import { McpClient, type McpPool, McpPool as Pools, type ServerConfig, type ServerStatus } from "@mooring/mcp"
import { Chunk, Deferred, Effect, Exit, Fiber, Option, Queue, type Scope, Stream, TestClock } from "effect"
import { client, http, MemoryServer, nothing, type Options, Refusal, stdio, text } from "./MemoryServer.js"

const serving = (call: NonNullable<Options["on"]>[string], more: Options = {}) =>
  new MemoryServer({ ...more, on: { ...more.on, "tools/call": call } })

interface Tools {
  readonly mcp: McpClient.Service
  readonly pool: McpPool.Service
}

const withClient = <A, E>(
  server: MemoryServer,
  use: (tools: Tools) => Effect.Effect<A, E, Scope.Scope>,
  config: ServerConfig.ServerConfig = stdio,
  options: Omit<McpPool.Options, "servers"> = {}
) =>
  Effect.all({ mcp: McpClient.McpClient, pool: Pools.McpPool }).pipe(
    Effect.flatMap(use),
    Effect.scoped,
    Effect.provide(client({ a: server }, { a: config }, options))
  )

/** A server whose connects fail while `works` is false. */
const startable = (call: NonNullable<Options["on"]>[string] = () => text("done")) => {
  const state = { works: true }
  const serverInfo = { name: "memory", version: "1.2.3" }
  const server = serving(call, {
    on: {
      initialize: (_, end) => {
        if (!state.works) end.close("it does not start")
        return { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo }
      }
    }
  })
  return { server, state }
}

/** Collects what a stream gives, on a fiber of its own. */
const collect = <A, E>(stream: Stream.Stream<A, E>) =>
  Effect.gen(function* () {
    const seen: Array<A> = []
    yield* Effect.forkScoped(Stream.runForEach(stream, (one) => Effect.sync(() => seen.push(one))))
    yield* TestClock.adjust(0)
    return seen
  })

const tags = (statuses: ReadonlyArray<ServerStatus.ServerStatus>) => statuses.map(({ state }) => state._tag)

describe("status", () => {
  it.effect("of a server that nobody has called is Idle, and asking connects nothing", () => {
    const { server } = startable()
    return withClient(server, ({ mcp }) =>
      Effect.gen(function* () {
        expect(yield* mcp.status("a")).toEqual({
          server: "a",
          partition: undefined,
          affinity: undefined,
          state: { _tag: "Idle" },
          affinities: 0,
          connections: [],
          connecting: 0,
          inFlight: 0,
          waiting: 0,
          breaker: "closed",
          lastError: undefined,
          protocolVersion: undefined,
          serverInfo: undefined,
          calls: { succeeded: 0, toolErrors: 0, failed: 0, cancelled: 0 },
          latency: undefined
        })
        expect(server.clients).toHaveLength(0)
      })
    )
  })

  it.effect("shows the connections, what the handshake settled, and what is in flight and waits", () => {
    const { server } = startable(() => nothing)
    return withClient(server, ({ mcp }) =>
      Effect.gen(function* () {
        yield* TestClock.adjust("5 seconds")
        const calls = yield* Effect.forEach([1, 2, 3], () => Effect.fork(mcp.callTool("a", "x")))
        yield* TestClock.adjust("1 second")
        expect(yield* mcp.status("a")).toMatchObject({
          state: { _tag: "Ready" },
          connections: [
            { number: 1, openedAt: 5000, pending: 1, pid: undefined, protocolVersion: "2025-06-18", unanswered: false }
          ],
          inFlight: 1,
          waiting: 2,
          protocolVersion: "2025-06-18",
          serverInfo: { name: "memory", version: "1.2.3" }
        })
        yield* Fiber.interruptAll(calls)
        expect(yield* mcp.status("a")).toMatchObject({ inFlight: 0, waiting: 0, calls: { cancelled: 1 } })
      })
    )
  })

  it.effect("counts how calls ended, and gives the percentiles of those that the server had its time for", () => {
    const server = serving(({ name }) => {
      if (name === "slow") return nothing
      if (name === "refused") return new Refusal(-32602, "no")
      return { ...text("done"), isError: name === "failing" }
    })
    return withClient(
      server,
      ({ mcp }) =>
        Effect.gen(function* () {
          const slow = (timeout: number) =>
            Effect.gen(function* () {
              const fiber = yield* Effect.fork(Effect.exit(mcp.callTool("a", "slow", {}, { timeout })))
              yield* TestClock.adjust(timeout)
              yield* Fiber.join(fiber)
            })
          yield* mcp.ping("a")
          for (let n = 0; n < 97; n++) yield* mcp.callTool("a", "quick")
          yield* mcp.callTool("a", "failing")
          yield* Effect.exit(mcp.callTool("a", "refused"))
          yield* slow(800)
          const { calls, latency } = yield* mcp.status("a")
          expect(calls).toEqual({ succeeded: 97, toolErrors: 1, failed: 2, cancelled: 0 })
          expect(latency?.count).toBe(100)
          expect(latency?.p50Ms).toBeLessThan(0.002)
          expect(latency?.p99Ms).toBeLessThan(0.002)
          yield* slow(800)
          const later = (yield* mcp.status("a")).latency
          expect(later?.p99Ms).toBeGreaterThan(800 * (15 / 16))
          expect(later?.p99Ms).toBeLessThan(800 * (17 / 16))
          yield* TestClock.adjust("10 minutes")
          expect(yield* mcp.status("a")).toMatchObject({ latency: undefined, calls: { ...calls, failed: 3 } })
        }),
      http
    )
  })

  it.effect("names the last error, and when it was", () => {
    const { server, state } = startable(({ name }, end) => {
      if (name === "crash") {
        end.close("it crashed")
        return nothing
      }
      return name === "refused" ? new Refusal(-32602, "no such city") : text("done")
    })
    const last = ({ mcp }: Tools) => Effect.map(mcp.status("a"), ({ lastError }) => lastError)
    return withClient(server, (tools) =>
      Effect.gen(function* () {
        const { mcp } = tools
        yield* Effect.exit(mcp.callTool("a", "refused"))
        expect(yield* last(tools)).toEqual({
          _tag: "ProtocolError",
          message: expect.stringContaining("no such city"),
          at: 0
        })
        yield* TestClock.adjust("1 second")
        yield* Effect.exit(mcp.callTool("a", "crash"))
        expect(yield* last(tools)).toEqual({
          _tag: "ConnectionLost",
          message: expect.stringContaining("it crashed"),
          at: 1000
        })
        yield* TestClock.adjust("1 second")
        yield* mcp.callTool("a", "fine")
        server.clients[1]?.close("it exited while nobody called")
        yield* TestClock.adjust(0)
        expect(yield* last(tools)).toMatchObject({ message: expect.stringContaining("while nobody called"), at: 2000 })
        state.works = false
        yield* TestClock.adjust("1 second")
        yield* Effect.exit(mcp.callTool("a", "fine"))
        expect(yield* last(tools)).toEqual({
          _tag: "McpConnectError",
          message: expect.stringContaining("it does not start"),
          at: 3000
        })
      })
    )
  })

  it.effect("says how often connecting failed, and when it is tried again", () => {
    const { server, state } = startable()
    state.works = false
    return withClient(server, ({ mcp }) =>
      Effect.gen(function* () {
        for (let n = 1; n <= 5; n++) {
          yield* Effect.exit(mcp.callTool("a", "x"))
          expect(yield* mcp.status("a")).toMatchObject({
            state: { _tag: "Failing", connectFailures: n },
            breaker: n < 5 ? "closed" : "open"
          })
          yield* TestClock.adjust("20 seconds")
        }
        const failing = yield* mcp.status("a")
        expect(failing.state).toEqual({ _tag: "Failing", connectFailures: 5, retryAfterMs: 10_000 })
        yield* TestClock.adjust("10 seconds")
        expect(yield* mcp.status("a")).toMatchObject({ breaker: "halfOpen", state: { retryAfterMs: 0 } })
        state.works = true
        yield* mcp.callTool("a", "x")
        expect(yield* mcp.status("a")).toMatchObject({ breaker: "closed", state: { _tag: "Ready" } })
      })
    )
  })

  it.effect("is Degraded while a connection has not answered since a request ran out of time, and Ready again", () => {
    const { server } = startable(({ name }) => (name === "slow" ? nothing : text("done")))
    return withClient(server, ({ mcp }) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(Effect.exit(mcp.callTool("a", "slow", {}, { timeout: "1 second" })))
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(fiber)
        expect(yield* mcp.status("a")).toMatchObject({
          state: { _tag: "Degraded", connectFailures: 0, unanswered: 1 },
          connections: [{ unanswered: true }],
          lastError: { _tag: "CallTimeout" }
        })
        yield* mcp.callTool("a", "quick")
        expect((yield* mcp.status("a")).state).toEqual({ _tag: "Ready" })
      })
    )
  })

  it.effect("is Degraded while a second connection cannot be opened beside one that is", () => {
    const { server, state } = startable(({ name }) => (name === "slow" ? nothing : text("done")))
    return withClient(
      server,
      ({ mcp }) =>
        Effect.gen(function* () {
          yield* mcp.ping("a")
          state.works = false
          const held = yield* Effect.fork(mcp.callTool("a", "slow"))
          yield* TestClock.adjust(0)
          yield* Effect.exit(mcp.callTool("a", "quick"))
          expect(yield* mcp.status("a")).toMatchObject({
            state: { _tag: "Degraded", connectFailures: 1, unanswered: 0 }
          })
          yield* Fiber.interrupt(held)
        }),
      { ...stdio, max: 2 }
    )
  })

  it.effect("is Suspended while its key, or the pool, is", () => {
    const { server } = startable()
    return withClient(server, ({ mcp, pool }) =>
      Effect.gen(function* () {
        const key = yield* pool.keyOf("a")
        yield* mcp.ping("a")
        yield* pool.pool.suspend(key)
        expect((yield* mcp.status("a")).state).toEqual({ _tag: "Suspended" })
        yield* pool.pool.resume(key)
        expect((yield* mcp.status("a")).state).toEqual({ _tag: "Ready" })
        yield* pool.pool.suspend()
        expect((yield* mcp.status("a")).state).toEqual({ _tag: "Suspended" })
      })
    )
  })

  it.effect("shows what a server calls itself without secrets and control characters", () => {
    const server = new MemoryServer({
      on: {
        initialize: () => ({
          protocolVersion: "2025-06-18",
          capabilities: {},
          serverInfo: { name: "mem\u001b[31mory hunter2", version: "1" }
        })
      }
    })
    return withClient(
      server,
      ({ mcp }) =>
        Effect.gen(function* () {
          yield* mcp.ping("a")
          expect((yield* mcp.status("a")).serverInfo).toEqual({ name: "memory «redacted»", version: "1" })
        }),
      { ...stdio, env: { PASSWORD: "hunter2" } }
    )
  })

  it.effect("is a typed error for a server that is not configured", () =>
    withClient(new MemoryServer(), ({ mcp }) =>
      Effect.gen(function* () {
        expect(yield* Effect.flip(mcp.status("b"))).toMatchObject({ _tag: "UnknownServer" })
        expect(yield* Effect.flip(Stream.runDrain(mcp.changes("b")))).toMatchObject({ _tag: "UnknownServer" })
      })
    )
  )

  describe("of partitions", () => {
    const config = { ...stdio, isolation: "perPartition" } as const

    it.effect("is that of the caller's, and of no other", () => {
      const { server } = startable(({ name }) => (name === "fail" ? new Refusal(1, "a secret of Ada's") : text("done")))
      return withClient(
        server,
        ({ mcp }) =>
          Effect.gen(function* () {
            const ada = mcp.forPartition("ada")
            const bob = mcp.forPartition("bob")
            yield* Effect.exit(ada.callTool("a", "fail"))
            yield* bob.callTool("a", "x")
            expect(yield* ada.status("a")).toMatchObject({ partition: "ada", calls: { succeeded: 0, failed: 1 } })
            expect(yield* bob.status("a")).toMatchObject({ partition: "bob", calls: { succeeded: 1, failed: 0 } })
            expect(JSON.stringify([yield* bob.status("a"), yield* bob.statuses])).not.toMatch(/[Aa]da/)
            expect(yield* mcp.status("a").pipe(McpClient.withPartition("ada"))).toMatchObject({ partition: "ada" })
            expect(yield* Effect.flip(mcp.status("a"))).toMatchObject({ _tag: "PartitionMissing" })
            expect(yield* Effect.flip(mcp.forPartition("").status("a"))).toMatchObject({ _tag: "PartitionMissing" })
          }),
        config
      )
    })

    it.effect("are all of those that the pool knows of, for a client that is bound to none", () => {
      const { server } = startable()
      return withClient(
        server,
        ({ mcp }) =>
          Effect.gen(function* () {
            const partitions = (client: McpClient.Service) =>
              Effect.map(client.statuses, (all) => all.map(({ partition }) => partition).sort())
            yield* mcp.forPartition("ada").ping("a")
            yield* mcp.forPartition("bob").ping("a")
            expect(yield* partitions(mcp)).toEqual(["ada", "bob"])
            expect(yield* partitions(mcp.forPartition("ada"))).toEqual(["ada"])
            expect(yield* partitions(mcp).pipe(McpClient.withPartition("bob"))).toEqual(["bob"])
            yield* TestClock.adjust("30 minutes")
            expect(yield* partitions(mcp)).toEqual([])
          }),
        config
      )
    })

    it.effect("are forgotten with them", () => {
      const { server } = startable()
      return withClient(
        server,
        ({ mcp }) =>
          Effect.gen(function* () {
            const call = (partition: string) => mcp.forPartition(partition).callTool("a", "x")
            const calls = (partition: string) =>
              Effect.map(mcp.forPartition(partition).status("a"), (status) => status.calls.succeeded)
            for (let n = 0; n < 70; n++) {
              yield* call(`tenant ${n}`)
              yield* TestClock.adjust("2 seconds")
            }
            yield* call("tenant 0")
            // Those that the pool has forgotten went when there were too many of them.
            expect(yield* calls("tenant 0")).toBe(1)
            expect(yield* calls("tenant 69")).toBe(1)
          }),
        { ...config, idleTimeToLive: "1 second" }
      )
    })
  })

  it.effect("of affinities stand beside that of all other calls, and say whose they are", () => {
    const { server } = startable()
    return withClient(server, ({ mcp }) =>
      Effect.gen(function* () {
        const session = yield* mcp.session("a", { affinity: "conversation-7" })
        yield* session.callTool("x")
        expect(yield* mcp.status("a")).toMatchObject({ affinity: undefined, state: { _tag: "Idle" }, affinities: 1 })
        expect(yield* mcp.statuses).toMatchObject([
          { server: "a", affinity: undefined, state: { _tag: "Idle" }, calls: { succeeded: 0 } },
          { server: "a", affinity: "conversation-7", state: { _tag: "Ready" }, calls: { succeeded: 1 } }
        ])
      })
    )
  })

  it.effect("of one affinity is there for whoever names it, and that of all other calls counts them", () => {
    const { server } = startable()
    return withClient(server, ({ mcp }) =>
      Effect.gen(function* () {
        const seen: Array<number> = []
        const own: Array<string> = []
        const affinity = "conversation-7"
        yield* Effect.fork(Stream.runForEach(mcp.changes("a"), (one) => Effect.sync(() => seen.push(one.affinities))))
        yield* Effect.fork(
          Stream.runForEach(mcp.changes("a", { affinity }), (one) => Effect.sync(() => own.push(one.state._tag)))
        )
        yield* TestClock.adjust(0)
        for (const name of [affinity, "another"]) {
          yield* Effect.scoped(mcp.session("a", { affinity: name }))
          yield* TestClock.adjust(0)
        }
        expect(yield* mcp.status("a", { affinity })).toMatchObject({
          affinity,
          affinities: 0,
          state: { _tag: "Ready" }
        })
        expect(yield* mcp.status("a", { affinity: "none" })).toMatchObject({ state: { _tag: "Idle" } })
        server.clients[0]?.close("it exited")
        yield* TestClock.adjust(0)
        yield* Effect.scoped(mcp.session("a", { affinity: "another", close: true }))
        yield* TestClock.adjust(0)
        expect(seen).toEqual([0, 1, 2, 1, 0])
        expect(own.at(-1)).toBe("Idle")
        expect(own).toContain("Ready")
      })
    )
  })

  it.effect("of all servers are in the order of the configuration", () =>
    Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      yield* mcp.ping("two")
      expect((yield* mcp.statuses).map(({ server, state }) => [server, state._tag])).toEqual([
        ["one", "Idle"],
        ["two", "Ready"],
        ["three", "Idle"]
      ])
    }).pipe(Effect.provide(client({ two: new MemoryServer() }, { one: stdio, two: http, three: stdio })))
  )
})

describe("changes", () => {
  it.effect("begin with what is, and go on with each change of it, not with each call", () => {
    const { server, state } = startable()
    return withClient(server, ({ mcp, pool }) =>
      Effect.gen(function* () {
        const seen = yield* collect(mcp.changes("a"))
        expect(tags(seen)).toEqual(["Idle"])
        yield* mcp.callTool("a", "x")
        yield* TestClock.adjust(0)
        expect(tags(seen)).toEqual(["Idle", "Connecting", "Ready"])
        for (let n = 0; n < 20; n++) yield* mcp.callTool("a", "x")
        yield* TestClock.adjust(0)
        expect(seen).toHaveLength(3)
        state.works = false
        server.clients[0]?.close("it crashed")
        yield* TestClock.adjust(0)
        expect(seen.at(-1)).toMatchObject({ state: { _tag: "Idle" }, lastError: { _tag: "ConnectionLost" } })
        yield* Effect.exit(mcp.callTool("a", "x"))
        yield* TestClock.adjust(0)
        expect(seen.at(-1)).toMatchObject({ state: { _tag: "Failing" }, lastError: { _tag: "McpConnectError" } })
        yield* pool.pool.suspend()
        yield* TestClock.adjust(0)
        expect(tags(seen).at(-1)).toBe("Suspended")
        yield* pool.pool.resume(yield* pool.keyOf("a"))
        yield* pool.pool.resume()
        yield* TestClock.adjust(0)
        expect(tags(seen).at(-1)).toBe("Failing")
      })
    )
  })

  it.effect("never come twice the same", () => {
    const { server } = startable(({ name }, end) => {
      if (name === "crash") end.close("it crashed")
      return name === "crash" ? nothing : text("done")
    })
    return withClient(server, ({ mcp }) =>
      Effect.gen(function* () {
        const seen = yield* collect(mcp.changes("a"))
        for (let n = 0; n < 5; n++) {
          yield* mcp.callTool("a", "x")
          yield* Effect.exit(mcp.callTool("a", "crash"))
          yield* TestClock.adjust("1 minute")
        }
        const shown = seen.map(({ breaker, connecting, connections, lastError, state }) =>
          JSON.stringify({ breaker, connecting, connections: connections.map((one) => one.number), lastError, state })
        )
        for (const [index, one] of shown.entries()) expect(one).not.toBe(shown[index - 1])
        expect(shown.length).toBeGreaterThan(10)
      })
    )
  })

  it.effect("keep one thing ready for a slow reader, who then gets what is true", () => {
    const { server } = startable(({ name }, end) => {
      if (name === "crash") end.close("it crashed")
      return name === "crash" ? nothing : text("done")
    })
    return withClient(server, ({ mcp, pool }) =>
      Effect.gen(function* () {
        const taken = yield* Queue.unbounded<ServerStatus.ServerStatus>()
        const gate = yield* Deferred.make<void>()
        yield* Effect.forkScoped(
          Stream.runForEach(mcp.changes("a"), (status) =>
            Effect.zipRight(Queue.offer(taken, status), Deferred.await(gate))
          )
        )
        yield* TestClock.adjust(0)
        for (let n = 0; n < 50; n++) {
          yield* mcp.callTool("a", "x")
          yield* Effect.exit(mcp.callTool("a", "crash"))
        }
        yield* mcp.callTool("a", "x")
        expect(yield* Queue.size(taken)).toBe(1)
        const looks = vi.spyOn(pool.pool, "keyStats")
        yield* Deferred.succeed(gate, undefined)
        yield* TestClock.adjust(0)
        const seen = Chunk.toReadonlyArray(yield* Queue.takeAll(taken))
        expect(tags(seen)).toEqual(["Idle", "Ready"])
        // All that has happened meanwhile was one notice.
        expect(looks).toHaveBeenCalledTimes(1)
        expect(seen[1]).toMatchObject({ connections: [{ number: 51 }], calls: { succeeded: 51, failed: 50 } })
      })
    )
  })

  it.effect("leave nothing behind when nobody reads them any more, and end with the pool", () => {
    const { server } = startable()
    return Effect.gen(function* () {
      const ended = yield* withClient(server, ({ mcp }) =>
        Effect.gen(function* () {
          for (let n = 0; n < 3; n++) {
            const first = yield* Stream.runHead(mcp.changes("a"))
            expect(Option.map(first, ({ state }) => state._tag)).toEqual(Option.some("Idle"))
          }
          const reader = yield* Effect.forkDaemon(Stream.runDrain(mcp.changes("a")))
          yield* TestClock.adjust(0)
          return reader
        })
      )
      expect(yield* Fiber.await(ended)).toEqual(Exit.void)
    })
  })
})
