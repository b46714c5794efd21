import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpMemory, McpPool, McpTool, type ServerConfig } from "@mooring/mcp"
import { Clock, Context, Effect, Exit, FastCheck as fc, Fiber, FiberId, Layer, Scope, TestClock } from "effect"
import { client, MemoryServer, text } from "./MemoryServer.js"
import { recording } from "./Spans.js"

const serving = () =>
  new MemoryServer({
    on: {
      "tools/list": () => ({
        tools: ["read", "read_all", "write", "admin_drop"].map((name) => ({ name, inputSchema: { type: "object" } }))
      }),
      "tools/call": ({ name }) => text(String(name))
    }
  })

const using = <A, E>(
  server: MemoryServer,
  settings: Omit<ServerConfig.HttpServer, "url" | "type">,
  use: (mcp: McpClient.Service) => Effect.Effect<A, E, McpPool.McpPool>
) =>
  Effect.flatMap(McpClient.McpClient, use).pipe(
    Effect.provide(client({ a: server }, { a: { url: "https://example.com/mcp", ...settings } }))
  )

describe("the tools that may be called", () => {
  const cases: ReadonlyArray<readonly [Omit<ServerConfig.HttpServer, "url" | "type">, ReadonlyArray<string>]> = [
    [{}, ["read", "read_all", "write", "admin_drop"]],
    [{ allowTools: ["read"] }, ["read"]],
    [{ allowTools: ["read*"] }, ["read", "read_all"]],
    [{ allowTools: [] }, []],
    [{ denyTools: ["admin_*", "write"] }, ["read", "read_all"]],
    [{ allowTools: ["*"], denyTools: ["*r*t*"] }, ["read", "read_all", "admin_drop"]],
    [{ allowTools: ["read", "write"], denyTools: ["read"] }, ["write"]]
  ]
  for (const [settings, expected] of cases) {
    it.effect(`with ${JSON.stringify(settings)} are ${JSON.stringify(expected)}; others cost nothing`, () => {
      const server = serving()
      return using(server, settings, (mcp) =>
        Effect.gen(function* () {
          const denied: Array<string> = []
          for (const tool of ["read", "read_all", "write", "admin_drop"]) {
            if (expected.includes(tool)) continue
            denied.push(tool)
            expect(yield* Effect.flip(mcp.callTool("a", tool))).toMatchObject({ _tag: "ToolDenied", server: "a", tool })
          }
          expect(yield* mcp.stats).toMatchObject({ started: 0, connects: 0 })
          expect((yield* mcp.listTools("a")).map(({ name }) => name)).toEqual(expected)
          expect((yield* mcp.catalogue("a"))?.tools.map(({ name }) => name)).toEqual(expected)
          for (const tool of expected) expect(yield* mcp.callTool("a", tool)).toEqual(text(tool))
          expect(server.count("tools/call")).toBe(expected.length)
        })
      )
    })
  }

  it.effect("are the same for a typed call and for a partition", () => {
    const server = serving()
    return using(server, { denyTools: ["write"], isolation: "perPartition" }, (mcp) =>
      Effect.gen(function* () {
        const Write = McpTool.make("write", { parameters: {}, success: McpTool.text })
        const error = yield* Effect.flip(mcp.forPartition("ada").call("a", Write, {}))
        expect(error).toMatchObject({ _tag: "ToolDenied", tool: "write" })
        expect(error.message).toContain("allowTools or denyTools")
        expect(server.clients).toEqual([])
      })
    )
  })

  it("are those that a regular expression would find", () => {
    const piece = fc.constantFrom("a", "b", "ab", "*", "**", ".", "$")
    const pattern = fc.array(piece, { minLength: 1, maxLength: 6 }).map((pieces) => pieces.join(""))
    const name = fc
      .array(fc.constantFrom("a", "b", ".", "$"), { minLength: 1, maxLength: 8 })
      .map((all) => all.join(""))
    const escaped = (text: string) => text.replaceAll(/[.$]/g, "\\$&").replaceAll("*", ".*")
    return fc.assert(
      fc.asyncProperty(
        fc.array(pattern, { minLength: 1, maxLength: 3 }),
        fc.array(name, { minLength: 1 }),
        (allow, names) =>
          Effect.gen(function* () {
            const server = serving()
            const called = yield* using(server, { allowTools: allow }, (mcp) =>
              Effect.forEach(names, (tool) => Effect.isSuccess(mcp.callTool("a", tool)))
            )
            const oracle = new RegExp(`^(${allow.map(escaped).join("|")})$`)
            expect(called).toEqual(names.map((tool) => oracle.test(tool)))
          }).pipe(Effect.runPromise)
      ),
      { numRuns: 100 }
    )
  })
})

describe("the rate limit", () => {
  const now = Effect.map(Clock.currentTimeMillis, (millis) => millis)
  const at = (mcp: McpClient.Service, name = "x") => Effect.zipRight(mcp.callTool("a", name), now)

  it.effect("lets a burst through at once, and then one at a time, in the order of their coming", () =>
    using(serving(), { rateLimit: { calls: 4, per: "1 second", burst: 2 } }, (mcp) =>
      Effect.gen(function* () {
        const fibers = yield* Effect.forEach(Array.from({ length: 6 }), () => Effect.fork(at(mcp)))
        yield* TestClock.adjust("10 seconds")
        expect(yield* Effect.forEach(fibers, Fiber.join)).toEqual([0, 0, 250, 500, 750, 1000])
        // What was left unused is there again, and no more than that.
        const more = yield* Effect.forEach(Array.from({ length: 3 }), () => Effect.fork(at(mcp)))
        yield* TestClock.adjust("10 seconds")
        expect(yield* Effect.forEach(more, Fiber.join)).toEqual([10_000, 10_000, 10_250])
      })
    )
  )

  it.effect("gives the place of who is interrupted to those behind him", () =>
    using(serving(), { rateLimit: { calls: 1, per: "1 second" } }, (mcp) =>
      Effect.gen(function* () {
        const fibers = yield* Effect.forEach(["a", "b", "c", "d"], () => Effect.fork(at(mcp)))
        yield* TestClock.adjust("1500 millis")
        const [, , third, fourth] = fibers
        if (third !== undefined) yield* Fiber.interrupt(third)
        yield* TestClock.adjust("500 millis")
        expect(yield* Effect.flatMap(Effect.fromNullable(fourth), Fiber.join)).toBe(2000)
      })
    )
  )

  it.effect("takes no turn of who is interrupted in the moment that it comes, before he can use it", () => {
    const fibers: Array<Fiber.RuntimeFiber<number, unknown>> = []
    const server = serving()
    const { tracer } = recording((name) => {
      // The turn of both has come when the first begins its span; the fiber of the second has not gone on yet.
      if (name === "tools/call 1") fibers[2]?.unsafeInterruptAsFork(FiberId.none)
    })
    return using(server, { rateLimit: { calls: 4, per: "1 millis", burst: 1 } }, (mcp) =>
      Effect.gen(function* () {
        for (let n = 0; n < 6; n++) fibers.push(yield* Effect.fork(at(mcp, String(n))))
        for (const pause of [0, 1, 0, 1, 0]) yield* TestClock.adjust(pause)
        const went = yield* Effect.forEach(fibers, (fiber) =>
          Effect.map(
            Fiber.await(fiber),
            Exit.getOrElse(() => -1)
          )
        )
        expect(went).toEqual([0, 1, -1, 1, 1, 1])
        expect(server.count("tools/call")).toBe(5)
      }).pipe(Effect.withTracer(tracer))
    )
  })

  it.effect("lets nobody wait any more when the client is closed, and nobody through for it", () => {
    const server = serving()
    const rateLimit = { calls: 1, per: "1 minute" } as const
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      const layer = client(
        { a: server },
        { a: { url: "https://example.com/mcp", rateLimit, acquireTimeout: "1 hour" } }
      )
      const mcp = Context.get(yield* Layer.buildWithScope(layer, scope), McpClient.McpClient)
      yield* mcp.callTool("a", "x")
      const waiting = yield* Effect.forEach([1, 2], () => Effect.fork(Effect.flip(at(mcp))))
      yield* TestClock.adjust("15 seconds")
      yield* Scope.close(scope, Exit.void)
      expect(yield* Effect.forEach(waiting, Fiber.join)).toMatchObject([
        { _tag: "RateLimited", retryAfterMs: 45_000 },
        { _tag: "RateLimited", retryAfterMs: 105_000 }
      ])
      expect(yield* Effect.flip(at(mcp))).toMatchObject({ _tag: "RateLimited", retryAfterMs: 45_000 })
      yield* TestClock.adjust("1 minute")
      expect(yield* Effect.flip(at(mcp))).toMatchObject({ _tag: "PoolClosed" })
      expect(server.count("tools/call")).toBe(1)
    })
  })

  it.effect("turns away at once who would wait for longer than acquireTimeout, and says for how long", () => {
    const server = serving()
    return using(server, { rateLimit: { calls: 1, per: "1 second" }, acquireTimeout: "2 seconds" }, (mcp) =>
      Effect.gen(function* () {
        const fibers = yield* Effect.forEach([1, 2, 3], () => Effect.fork(at(mcp)))
        yield* TestClock.adjust(0)
        const error = yield* Effect.flip(at(mcp))
        expect(error).toMatchObject({ _tag: "RateLimited", delivery: "NotSent", retryAfterMs: 3000, server: "a" })
        expect(error.message).toContain("Call again in 3000 ms")
        expect(server.count("tools/call")).toBe(1)
        yield* TestClock.adjust("2 seconds")
        expect(yield* Effect.forEach(fibers, Fiber.join)).toEqual([0, 1000, 2000])
      })
    )
  })

  it.effect("turns away whoever comes too early where nobody shall wait", () =>
    using(serving(), { rateLimit: { calls: 2, per: "1 second", mode: "fail" } }, (mcp) =>
      Effect.gen(function* () {
        yield* mcp.callTool("a", "x")
        yield* mcp.callTool("a", "x")
        expect(yield* Effect.flip(at(mcp))).toMatchObject({ _tag: "RateLimited", retryAfterMs: 500 })
        yield* TestClock.adjust("499 millis")
        expect(yield* Effect.flip(at(mcp))).toMatchObject({ retryAfterMs: 1 })
        yield* TestClock.adjust("1 millis")
        expect(yield* at(mcp)).toBe(500)
        expect(yield* Effect.flip(at(mcp))).toMatchObject({ retryAfterMs: 500 })
      })
    )
  )

  it.effect("counts each partition for itself, and neither lists, pings nor calls that are denied", () =>
    using(
      serving(),
      { rateLimit: { calls: 1, per: "1 minute", mode: "fail" }, isolation: "perPartition", denyTools: ["no"] },
      (mcp) =>
        Effect.gen(function* () {
          const [ada, bob] = [mcp.forPartition("ada"), mcp.forPartition("bob")]
          yield* ada.listTools("a")
          yield* ada.ping("a")
          expect(yield* Effect.flip(ada.callTool("a", "no"))).toMatchObject({ _tag: "ToolDenied" })
          yield* ada.callTool("a", "x")
          expect(yield* Effect.flip(ada.callTool("a", "x"))).toMatchObject({ _tag: "RateLimited", server: "a/ada" })
          yield* bob.callTool("a", "x")
        })
    )
  )

  it.effect("forgets no partition whose calls count, however many there are", () => {
    const rateLimit = { calls: 1, per: "1 minute", mode: "fail" } as const
    const config: ServerConfig.ServerConfig = { url: "https://example.com/mcp", isolation: "perPartition", rateLimit }
    return Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const called = (partition: string) => Effect.flip(mcp.forPartition(partition).callTool("a", "x"))
      for (let n = 0; n < 1050; n++) expect((yield* called(`p${n}`))._tag).toBe("McpConnectError")
      for (const partition of ["p0", "p999", "p1049"]) expect((yield* called(partition))._tag).toBe("RateLimited")
    }).pipe(
      Effect.provide(
        McpClient.layer.pipe(
          Layer.provide(McpPool.layer({ servers: { a: config } })),
          // A connection for each would take long, and a call counts whatever becomes of it.
          Layer.provide(McpMemory.layer({ a: McpMemory.refusing("nobody is there", { retryable: false }) }))
        )
      )
    )
  })

  it.effect.prop(
    "lets each call go at the very instant that the rule says, and never two out of order",
    [
      fc.record({
        calls: fc.integer({ min: 1, max: 5 }),
        per: fc.integer({ min: 1, max: 40 }),
        burst: fc.constantFrom(1, 1, 2, 5)
      }),
      fc.array(
        fc.record({ pause: fc.oneof(fc.constant(0), fc.nat(12)), leaves: fc.option(fc.integer({ min: 0, max: 30 })) }),
        {
          minLength: 1,
          maxLength: 12
        }
      )
    ],
    ([rateLimit, arrivals]) =>
      using(serving(), { rateLimit }, (mcp) =>
        Effect.gen(function* () {
          const fibers: Array<Fiber.RuntimeFiber<number, unknown>> = []
          const start = yield* now
          let clock = start
          const events = arrivals
            .flatMap(({ leaves, pause }, index) => {
              clock += pause
              return [
                { time: clock, index, leaves: false },
                ...(leaves === null ? [] : [{ time: clock + leaves + 1, index, leaves: true }])
              ]
            })
            .sort((one, other) => one.time - other.time)
          for (const event of events) {
            yield* TestClock.adjust(event.time - (yield* now))
            const fiber = fibers[event.index]
            if (!event.leaves) fibers[event.index] = yield* Effect.fork(at(mcp))
            else if (fiber !== undefined) yield* Fiber.interruptFork(fiber)
            yield* TestClock.adjust(0)
          }
          yield* TestClock.adjust("1 second")
          const went = yield* Effect.forEach(fibers, (fiber) =>
            Effect.map(
              Fiber.await(fiber),
              Exit.getOrElse(() => -1)
            )
          )
          expect(went).toEqual(reference(rateLimit, events, arrivals.length))
          const times = went.filter((time) => time >= 0)
          const interval = rateLimit.per / rateLimit.calls
          for (const [first, from] of times.entries()) {
            for (const [last, to] of times.entries()) {
              if (last < first) continue
              // So many more than a burst take at least so many intervals; a clock of milliseconds may take one off.
              const beyond = last - first + 1 - rateLimit.burst
              expect(to - from).toBeGreaterThan(beyond * interval - 1 - 1e-6)
            }
          }
        })
      ),
    { fastCheck: { numRuns: 25 } }
  )
})

interface Event {
  readonly time: number
  readonly index: number
  readonly leaves: boolean
}

/** When each of those who come may go, in milliseconds; −1 for those who leave before. */
const reference = (
  { burst, calls, per }: { readonly burst: number; readonly calls: number; readonly per: number },
  events: ReadonlyArray<Event>,
  count: number
): ReadonlyArray<number> => {
  const interval = (per * 1e6) / calls
  const went = Array.from({ length: count }, () => -1)
  let queue: Array<number> = []
  let fullAt = -Infinity
  const freeAt = () => Math.ceil((fullAt - (burst - 1) * interval) / 1e6)
  const go = (index: number, time: number) => {
    went[index] = time
    fullAt = Math.max(fullAt, time * 1e6 - (queue.includes(index) ? 1e6 : 0)) + interval
    queue = queue.filter((each) => each !== index)
  }
  const advance = (time: number) => {
    for (let [first] = queue; first !== undefined && freeAt() <= time; [first] = queue) go(first, freeAt())
  }
  for (const { index, leaves, time } of events) {
    advance(time)
    if (leaves) queue = queue.filter((each) => each !== index)
    else if (queue.length === 0 && freeAt() <= time) go(index, time)
    else queue.push(index)
  }
  advance(Infinity)
  return went
}
