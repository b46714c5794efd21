import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpTool, Reconciled, type ServerConfig } from "@mooring/mcp"
import { Fault, McpTest, type TestServer, VirtualTime } from "@mooring/testing"
import { Cause, Effect, Either, Exit, FastCheck, Fiber, Option, Schema, Scope, TestClock } from "effect"

const { Fault: F } = Fault

/** Counts per connection, as a server with a state of its own does. */
const Next = McpTool.make("next", { parameters: {}, success: McpTool.json(Schema.Number) })
const Slow = McpTool.make("slow", { parameters: {}, success: McpTool.text })

const counter = (
  config: TestServer.Settings | ServerConfig.ServerConfig = {},
  script: Fault.Script = {},
  options: { readonly maxTotal?: number } = {}
) => {
  const counts = new Map<string, number>()
  const next = McpTest.tool(Next, (_, { connection, partition }) =>
    Effect.sync(() => {
      const key = `${partition} ${connection}`
      const count = (counts.get(key) ?? 0) + 1
      counts.set(key, count)
      return count
    })
  )
  const slow = McpTest.withLatency(
    McpTest.tool(Slow, () => Effect.succeed("done")),
    "5 seconds"
  )
  return Effect.provide(
    McpTest.layer({ servers: [McpTest.server("counter", { tools: [next, slow], config, ...script })], ...options })
  )
}

const client = McpClient.McpClient
const test = McpTest.McpTest

describe("a session", () => {
  it.effect("has one connection to itself, with what the server knows on it", () =>
    Effect.gen(function* () {
      const mcp = yield* client
      yield* Effect.scoped(
        Effect.gen(function* () {
          const session = yield* mcp.session("counter")
          expect(session).toMatchObject({ server: "counter", resumed: false })
          expect(yield* session.call(Next, {})).toBe(1)
          // Others go elsewhere meanwhile, though there is room for two calls on each connection.
          yield* mcp.call("counter", Next, {})
          expect(yield* session.call(Next, {})).toBe(2)
          expect(yield* session.callTool("next")).toMatchObject({ content: [{ text: "3" }] })
          expect((yield* session.listTools).map(({ name }) => name)).toEqual(["next", "slow"])
          yield* session.ping
        })
      )
      const calls = yield* (yield* test).calls("counter")
      expect(calls.map(({ connection }) => connection)).toEqual([1, 2, 1, 1])
      expect(yield* mcp.stats).toMatchObject({ leases: 0, open: 2 })
    }).pipe(counter({ concurrency: 2, max: 2 }))
  )

  it.effect("gives the connection back to all, state and all, unless it is told to close it", () =>
    Effect.gen(function* () {
      const mcp = yield* client
      const once = (close: boolean) =>
        Effect.scoped(Effect.flatMap(mcp.session("counter", { close }), (session) => session.call(Next, {})))
      expect(yield* once(false)).toBe(1)
      expect(yield* mcp.call("counter", Next, {})).toBe(2)
      expect(yield* once(true)).toBe(3)
      expect(yield* mcp.call("counter", Next, {})).toBe(1)
      expect(yield* (yield* test).stats("counter")).toMatchObject({ opened: 2, maxOpen: 1 })
    }).pipe(counter())
  )

  it.effect("waits its turn, and fails as a call does when it does not come", () =>
    Effect.gen(function* () {
      const mcp = yield* client
      const held = yield* Scope.make()
      yield* Scope.extend(mcp.session("counter"), held)
      const late = yield* VirtualTime.run(Effect.flip(Effect.scoped(mcp.session("counter"))))
      expect(late).toMatchObject({ _tag: "AcquireTimeout" })
      const waiting = yield* Effect.fork(mcp.call("counter", Next, {}))
      yield* TestClock.adjust("1 second")
      expect(Option.isNone(yield* Fiber.poll(waiting))).toBe(true)
      yield* Scope.close(held, Exit.void)
      expect(yield* Fiber.join(waiting)).toBe(1)
      expect(yield* Effect.flip(Effect.scoped(mcp.session("nobody")))).toMatchObject({ _tag: "UnknownServer" })
    }).pipe(counter({ acquireTimeout: "10 seconds" }))
  )

  it.effect("that has lost its connection says so, and goes to no other", () =>
    Effect.gen(function* () {
      const mcp = yield* client
      yield* Effect.scoped(
        Effect.gen(function* () {
          const session = yield* mcp.session("counter")
          yield* session.call(Next, {})
          yield* (yield* test).kill("counter", "out of memory")
          yield* TestClock.adjust(0)
          const lost = { _tag: "SessionLost", server: "counter", reason: expect.stringContaining("out of memory") }
          expect(yield* Effect.flip(session.call(Next, {}, { mayRunTwice: true }))).toMatchObject(lost)
          expect(yield* Effect.flip(session.callTool("next"))).toMatchObject(lost)
          expect(yield* Effect.flip(session.listTools)).toMatchObject(lost)
          expect(yield* Effect.flip(session.ping)).toMatchObject(lost)
        })
      )
      expect(yield* (yield* test).stats("counter")).toMatchObject({ opened: 1, ran: 1 })
      expect(yield* mcp.call("counter", Next, {})).toBe(1)
    }).pipe(counter())
  )

  for (const [title, fault, ran, tag] of [
    ["that may have run is told as unknown", F.CrashAfter(), 1, "OutcomeUnknown"],
    ["that was cut off is told as unknown", F.CrashUnrun(), 0, "OutcomeUnknown"],
    ["that was not sent is told as lost", F.CrashBefore(), 0, "SessionLost"]
  ] as const) {
    it.effect(`a call ${title}, with permission to run twice, too`, () =>
      Effect.gen(function* () {
        const mcp = yield* client
        const error = yield* VirtualTime.run(
          Effect.scoped(
            Effect.flatMap(mcp.session("counter"), (session) =>
              Effect.flip(session.call(Next, {}, { mayRunTwice: true }))
            )
          )
        )
        expect(error).toMatchObject({ _tag: tag })
        expect(yield* (yield* test).stats("counter")).toMatchObject({ ran, opened: 1 })
      }).pipe(counter({}, { calls: [{ fault }] }))
    )
  }

  it.effect("sends again on its own connection what was not sent, while that is open", () =>
    Effect.gen(function* () {
      const mcp = yield* client
      const two = Effect.flatMap(mcp.session("counter"), (session) =>
        Effect.zip(session.call(Next, {}), session.call(Next, {}))
      )
      expect(yield* VirtualTime.run(Effect.scoped(two))).toEqual([1, 2])
      expect(yield* (yield* test).stats("counter")).toMatchObject({ opened: 1, ran: 2 })
    }).pipe(counter({}, { calls: [{}, { fault: F.Refuse() }, { fault: F.Refuse() }] }))
  )

  it.effect("has a tool's reconcile ask on its own connection", () =>
    Effect.gen(function* () {
      const mcp = yield* client
      const Asking = McpTool.make("next", {
        parameters: {},
        success: McpTool.json(Schema.Number),
        timeout: "3 seconds",
        reconcile: (_args, _failure, server) =>
          Effect.map(server.call(Next, {}), (count) => Reconciled.Ran({ result: count - 1 }))
      })
      const asked = Effect.flatMap(mcp.session("counter"), (session) => session.call(Asking, {}))
      expect(yield* VirtualTime.run(Effect.scoped(asked))).toBe(1)
      // Its connection is gone: nobody is left who could know.
      expect(yield* VirtualTime.run(Effect.flip(Effect.scoped(asked)))).toMatchObject({
        _tag: "OutcomeUnknown",
        reconciled: "Failed",
        reconcileCause: { _tag: "SessionLost" }
      })
    }).pipe(counter({}, { calls: [{ fault: F.NoAnswer() }, {}, { fault: F.CrashAfter() }] }))
  )

  it.effect("is over when its scope is closed, whoever kept it", () =>
    Effect.gen(function* () {
      const mcp = yield* client
      const session = yield* Effect.scoped(mcp.session("counter"))
      expect(yield* Effect.flip(session.call(Next, {}))).toMatchObject({
        _tag: "SessionLost",
        reason: "its scope was closed"
      })
      expect(yield* (yield* test).stats("counter")).toMatchObject({ ran: 0 })
    }).pipe(counter())
  )

  it.effect("closes its connection when calls are still under way on it, so that nobody else meets them", () =>
    Effect.gen(function* () {
      const mcp = yield* client
      const fiber = yield* Effect.scoped(
        Effect.gen(function* () {
          const session = yield* mcp.session("counter")
          const call = yield* Effect.forkDaemon(Effect.flip(session.call(Slow, {})))
          yield* (yield* test).until("counter", ({ inFlight }) => inFlight === 1)
          return call
        })
      )
      expect(yield* Fiber.join(fiber)).toMatchObject({ _tag: "OutcomeUnknown" })
      expect(yield* mcp.call("counter", Next, {})).toBe(1)
      expect(yield* (yield* test).stats("counter")).toMatchObject({ opened: 2, maxOpen: 1 })
    }).pipe(counter())
  )

  it.effect("leaves nothing held, at whatever step it is interrupted", () =>
    Effect.gen(function* () {
      const mcp = yield* client
      const used = Effect.scoped(
        Effect.flatMap(mcp.session("counter"), (session) => Effect.forever(session.call(Next, {})))
      )
      for (let budget = 10; budget <= 60; budget++) {
        const fiber = yield* Effect.fork(Effect.withMaxOpsBeforeYield(used, budget))
        for (let task = 0; task <= budget % 7; task++) yield* Effect.yieldNow()
        const exit = yield* Fiber.interrupt(fiber)
        expect(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)).toBe(true)
        expect(yield* mcp.stats).toMatchObject({ leases: 0, waiting: 0 })
      }
      yield* mcp.ping("counter")
      expect((yield* (yield* test).stats("counter")).open).toBe(1)
    }).pipe(counter())
  )
})

describe("an affinity", () => {
  const count = (affinity: string, options: { readonly close?: boolean; readonly partition?: string } = {}) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { close, partition } = options
        const mcp = partition === undefined ? yield* client : (yield* client).forPartition(partition)
        const session = yield* mcp.session("counter", { affinity, close })
        return [yield* session.call(Next, {}), session.resumed] as const
      })
    )

  it.effect("comes back to its own connection, which no other has", () =>
    Effect.gen(function* () {
      const mcp = yield* client
      expect(yield* count("a")).toEqual([1, false])
      expect(yield* count("b")).toEqual([1, false])
      expect(yield* mcp.call("counter", Next, {})).toBe(1)
      expect(yield* count("a")).toEqual([2, true])
      expect(yield* count("a")).toEqual([3, true])
      expect(yield* count("b")).toEqual([2, true])
      expect(yield* (yield* test).stats("counter")).toMatchObject({ opened: 3, maxOpen: 3 })
      expect((yield* mcp.stats).keys.map(({ key }) => key)).toEqual(["counter#a", "counter#b", "counter"])
    }).pipe(counter())
  )

  it.effect("is one for each partition", () =>
    Effect.gen(function* () {
      expect(yield* count("a", { partition: "ada" })).toEqual([1, false])
      expect(yield* count("a", { partition: "bob" })).toEqual([1, false])
      expect(yield* count("a", { partition: "ada" })).toEqual([2, true])
      expect(yield* Effect.flip(count("a"))).toMatchObject({ _tag: "PartitionMissing" })
      const calls = yield* (yield* test).calls("counter")
      expect(calls.map(({ partition }) => partition)).toEqual(["ada", "bob", "ada"])
    }).pipe(counter({ isolation: "perPartition" }))
  )

  it.effect("cannot be made to meet another by how they are written", () =>
    Effect.gen(function* () {
      expect(yield* count("c", { partition: "a#b" })).toEqual([1, false])
      expect(yield* count("b#c", { partition: "a" })).toEqual([1, false])
      expect(yield* count("c", { partition: "a#b" })).toEqual([2, true])
    }).pipe(counter({ isolation: "perPartition" }))
  )

  const gone: ReadonlyArray<readonly [string, Effect.Effect<unknown, unknown, McpTest.McpTest | McpClient.McpClient>]> =
    [
      ["its connection dies", Effect.flatMap(test, (one) => one.kill("counter"))],
      ["it idles for too long", TestClock.adjust("10 minutes")],
      [
        "it makes room for others",
        Effect.flatMap(client, (mcp) => Effect.scoped(mcp.session("counter", { affinity: "other" })))
      ],
      [
        "a call within a session is cut off by the loss, which tells of that call alone",
        Effect.scoped(
          Effect.gen(function* () {
            const session = yield* (yield* client).session("counter", { affinity: "a" })
            yield* (yield* test).nextCalls("counter", { fault: F.CrashAfter() })
            expect(yield* Effect.flip(session.call(Next, {}))).toMatchObject({ _tag: "OutcomeUnknown" })
          })
        )
      ],
      [
        "it is lost after a session that is over, whoever still calls in that",
        Effect.gen(function* () {
          const session = yield* Effect.scoped((yield* client).session("counter", { affinity: "a" }))
          yield* (yield* test).kill("counter")
          yield* TestClock.adjust(0)
          expect(yield* Effect.flip(session.ping)).toMatchObject({ reason: "its scope was closed" })
        })
      ]
    ]
  for (const [title, end] of gone) {
    it.effect(`fails once when ${title}, and then begins anew`, () =>
      Effect.gen(function* () {
        expect(yield* count("a")).toEqual([1, false])
        yield* end
        yield* TestClock.adjust(0)
        expect(yield* Effect.flip(count("a"))).toMatchObject({ _tag: "SessionLost", server: "counter#a" })
        expect(yield* count("a")).toEqual([1, false])
        expect(yield* count("a")).toEqual([2, true])
      }).pipe(counter({}, {}, { maxTotal: 1 }))
    )
  }

  it.effect("begins anew at once when a call of its last session has told that it is lost", () =>
    Effect.gen(function* () {
      const mcp = yield* client
      expect(yield* count("a")).toEqual([1, false])
      const held = yield* Scope.make()
      const session = yield* Scope.extend(mcp.session("counter", { affinity: "a" }), held)
      yield* (yield* test).kill("counter")
      yield* TestClock.adjust(0)
      expect(yield* Effect.flip(session.call(Next, {}))).toMatchObject({ _tag: "SessionLost", server: "counter#a" })
      yield* Scope.close(held, Exit.void)
      expect(yield* count("a")).toEqual([1, false])
      // What is lost after that is another.
      expect(yield* Effect.flip(session.ping)).toMatchObject({ _tag: "SessionLost" })
      expect(yield* count("a")).toEqual([2, true])
      yield* (yield* test).kill("counter")
      yield* TestClock.adjust(0)
      expect(yield* Effect.flip(count("a"))).toMatchObject({ _tag: "SessionLost" })
    }).pipe(counter())
  )

  it.effect("that was closed on purpose begins anew at once", () =>
    Effect.gen(function* () {
      expect(yield* count("a")).toEqual([1, false])
      expect(yield* count("a", { close: true })).toEqual([2, true])
      expect(yield* count("a")).toEqual([1, false])
    }).pipe(counter())
  )

  it.effect("serves one session after the other, and all that waited for a lost connection hear of it", () =>
    Effect.gen(function* () {
      const mcp = yield* client
      const held = yield* Scope.make()
      yield* Scope.extend(mcp.session("counter", { affinity: "a" }), held)
      const waiting = yield* Effect.fork(Effect.forEach([1, 2], () => Effect.exit(count("a")), { concurrency: 2 }))
      yield* TestClock.adjust(0)
      expect(yield* mcp.stats).toMatchObject({ waiting: 2 })
      yield* (yield* test).kill("counter")
      yield* Scope.close(held, Exit.void)
      yield* TestClock.adjust("1 second")
      for (const exit of yield* Fiber.join(waiting)) {
        expect(Exit.isFailure(exit) && Cause.failureOption(exit.cause)).toMatchObject({
          value: { _tag: "SessionLost" }
        })
      }
      expect(yield* count("a")).toEqual([1, false])
    }).pipe(counter())
  )

  it.effect("lives as long as its connection, however long that serves", () =>
    Effect.gen(function* () {
      // Other connections over HTTP are replaced after half an hour.
      for (let hour = 1; hour <= 3; hour++) {
        expect(yield* count("a")).toEqual([hour, hour > 1])
        yield* TestClock.adjust("1 hour")
      }
    }).pipe(counter({ url: "https://example.com/mcp", idleTimeToLive: "2 hours" }))
  )

  it.effect("costs the pool nothing once it is over", () =>
    Effect.gen(function* () {
      const mcp = yield* client
      for (let n = 0; n < 50; n++) yield* count(`conversation ${n}`, { close: true })
      yield* TestClock.adjust("10 minutes")
      expect((yield* mcp.stats).keys).toEqual([])
      expect((yield* (yield* test).stats("counter")).open).toBe(0)
    }).pipe(counter())
  )

  it.effect("must say something", () =>
    Effect.gen(function* () {
      expect(Exit.isFailure(yield* Effect.exit(count("")))).toBe(true)
      expect((yield* (yield* test).stats("counter")).connects).toBe(0)
    }).pipe(counter())
  )

  type Deed =
    | { readonly _tag: "Session"; readonly affinity: string; readonly calls: number; readonly close: boolean }
    | { readonly _tag: "Call" | "Kill" }
    | { readonly _tag: "Wait"; readonly minutes: number }
  const affinityName = FastCheck.constantFrom("a", "b", "c")
  const deed = FastCheck.oneof<Array<FastCheck.WeightedArbitrary<Deed>>>(
    {
      weight: 6,
      arbitrary: FastCheck.record({
        _tag: FastCheck.constant("Session" as const),
        affinity: affinityName,
        calls: FastCheck.nat(3),
        close: FastCheck.boolean()
      })
    },
    { weight: 2, arbitrary: FastCheck.constantFrom<Deed>({ _tag: "Call" }, { _tag: "Kill" }) },
    {
      weight: 1,
      arbitrary: FastCheck.record({
        _tag: FastCheck.constant("Wait" as const),
        minutes: FastCheck.integer({ min: 1, max: 8 })
      })
    }
  )

  it.effect.prop(
    "never goes on with a state that is not its own, whatever happens in between",
    { deeds: FastCheck.array(deed, { maxLength: 30 }), faults: McpTest.arbitraryScript({ maxLatency: 100 }) },
    ({ deeds, faults }) =>
      Effect.gen(function* () {
        const mcp = yield* client
        // What each affinity has counted at least and at most so far; nothing where it may begin anew.
        const counted = new Map<string, readonly [number, number]>()
        for (const one of deeds) {
          if (one._tag === "Kill") yield* Effect.flatMap(test, (server) => server.kill("counter"))
          if (one._tag === "Wait") yield* TestClock.adjust(`${one.minutes} minutes`)
          if (one._tag === "Call") yield* VirtualTime.run(Effect.exit(mcp.call("counter", Next, {})))
          if (one._tag !== "Session") continue
          const { affinity, calls, close } = one
          const session = Effect.gen(function* () {
            const opened = yield* Effect.either(mcp.session("counter", { affinity, close }))
            if (Either.isLeft(opened)) {
              if (opened.left._tag !== "SessionLost") return
              // It says so once, and only where there was something to lose.
              expect(counted.has(affinity)).toBe(true)
              counted.delete(affinity)
              return
            }
            expect(opened.right.resumed).toBe(counted.has(affinity))
            let [least, most] = counted.get(affinity) ?? [0, 0]
            let told = false
            for (let n = 0; n < calls; n++) {
              // A call that fails may have counted, or not.
              most++
              const count = yield* Effect.either(opened.right.call(Next, {}, { timeout: "5 seconds" }))
              if (Either.isLeft(count)) {
                told = told || count.left._tag === "SessionLost"
                continue
              }
              expect(count.right).toBeGreaterThan(least)
              expect(count.right).toBeLessThanOrEqual(most)
              least = most = count.right
            }
            if (close || told) counted.delete(affinity)
            else counted.set(affinity, [least, most])
          })
          yield* VirtualTime.run(Effect.scoped(session))
        }
        expect(yield* mcp.stats).toMatchObject({ leases: 0, waiting: 0 })
      }).pipe(counter({ max: 1 }, faults, { maxTotal: 2 })),
    { fastCheck: { numRuns: 25 }, timeout: 120_000 }
  )
})
