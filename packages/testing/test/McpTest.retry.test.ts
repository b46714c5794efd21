import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpTool, Reconciled, RetryPolicy, type ServerConfig } from "@mooring/mcp"
import { Fault, McpTest, type TestServer, type TestTool, VirtualTime } from "@mooring/testing"
import { Cause, Clock, Effect, Exit, FastCheck, Fiber, Layer, Option, Schedule, Schema, TestClock } from "effect"

const { Fault: F } = Fault

const Receipt = Schema.Struct({ receipt: Schema.String })
const Find = McpTool.make("find", {
  parameters: { id: Schema.String },
  success: McpTool.structured(Schema.Struct({ found: Schema.NullOr(Receipt) }))
})
const payment = {
  parameters: { id: Schema.String },
  success: McpTool.structured(Receipt)
}
const Pay = McpTool.make("pay", payment)
const ReconciledPay = McpTool.make("pay", {
  ...payment,
  reconcile: ({ id }, _failure, server) =>
    Effect.map(server.call(Find, { id }), ({ found }) =>
      found === null ? Reconciled.DidNotRun : Reconciled.Ran({ result: found })
    )
})

/** A bank that knows what it was asked to pay. A call that its script does not name goes well. */
const bank = (
  options: Omit<TestServer.ServerOptions<never>, "tools" | "config"> & {
    readonly config?: TestServer.Settings
    readonly annotations?: TestTool.ToolOptions["annotations"]
  } = {}
) => {
  const { annotations, ...others } = options
  const paid = new Map<string, string>()
  const pay = McpTest.tool(
    Pay,
    ({ id }) =>
      Effect.sync(() => void paid.set(id, `receipt for ${id}`)).pipe(Effect.as({ receipt: `receipt for ${id}` })),
    { annotations }
  )
  const find = McpTest.tool(Find, ({ id }) =>
    Effect.sync(() => {
      const receipt = paid.get(id)
      return { found: receipt === undefined ? null : { receipt } }
    })
  )
  return McpTest.layer({ servers: [McpTest.server("bank", { tools: [pay, find], ...others })] })
}

const call = (
  tool: McpTool.McpTool<{ readonly id: string }, { readonly receipt: string }>,
  options?: McpClient.CallOptions
) => Effect.flatMap(McpClient.McpClient, (mcp) => mcp.call("bank", tool, { id: "a" }, options))
const ran = Effect.map(
  Effect.flatMap(McpTest.McpTest, (test) => test.calls("bank", "pay")),
  (calls) => calls.length
)
const times = (n: number, fault: Fault.Fault): ReadonlyArray<Fault.CallScript> =>
  Array.from({ length: n }, () => ({ fault }))

describe("pauses between tries", () => {
  it.effect("what was not sent is sent again at once, after 100 ms and after 400 ms", () =>
    Effect.gen(function* () {
      expect(yield* VirtualTime.run(call(Pay))).toEqual({ receipt: "receipt for a" })
      expect(yield* Clock.currentTimeMillis).toBe(500)
      expect(yield* ran).toBe(1)
    }).pipe(Effect.provide(bank({ calls: times(3, F.Refuse()) })))
  )

  it.effect("and then no more", () =>
    Effect.gen(function* () {
      const error = yield* VirtualTime.run(Effect.flip(call(Pay)))
      expect(error).toMatchObject({ _tag: "ConnectionLost", delivery: "NotSent" })
      expect(yield* Clock.currentTimeMillis).toBe(500)
      expect(yield* ran).toBe(0)
    }).pipe(Effect.provide(bank({ calls: times(4, F.Refuse()) })))
  )

  it.effect("what may run twice is run again at once and after 100 ms", () =>
    Effect.gen(function* () {
      const error = yield* VirtualTime.run(Effect.flip(call(Pay, { mayRunTwice: true })))
      expect(error).toMatchObject({ _tag: "OutcomeUnknown" })
      expect(yield* Clock.currentTimeMillis).toBe(100)
      expect(yield* ran).toBe(3)
    }).pipe(Effect.provide(bank({ calls: times(3, F.CrashAfter()) })))
  )

  it.effect("a pause that the time in all does not cover is not begun", () =>
    Effect.gen(function* () {
      const error = yield* VirtualTime.run(Effect.flip(call(Pay, { totalTimeout: "400 millis" })))
      expect(error).toMatchObject({ _tag: "ConnectionLost", delivery: "NotSent" })
      expect(yield* Clock.currentTimeMillis).toBe(100)
    }).pipe(Effect.provide(bank({ calls: times(4, F.Refuse()) })))
  )

  it.effect("pauses count to the time in all", () =>
    Effect.gen(function* () {
      const error = yield* VirtualTime.run(Effect.flip(call(Pay, { totalTimeout: "2 seconds" })))
      expect(error).toMatchObject({ _tag: "CallTimeout", timeoutMs: 2000 })
      expect(yield* Clock.currentTimeMillis).toBe(2000)
    }).pipe(Effect.provide(bank({ calls: [...times(3, F.Refuse()), { fault: F.Hang() }] })))
  )

  it.effect(
    "a later try that is not answered in time is told by the limit of the call, not by what was left of it",
    () =>
      Effect.gen(function* () {
        const late = call(Pay, { mayRunTwice: true, totalTimeout: "2 seconds" })
        const error = yield* VirtualTime.run(Effect.flip(late))
        expect(error).toMatchObject({ _tag: "CallTimeout", timeoutMs: 2000 })
        expect(yield* Clock.currentTimeMillis).toBe(2000)
      }).pipe(Effect.provide(bank({ calls: [{ fault: F.CrashAfter(), latency: 333 }, { fault: F.Hang() }] })))
  )

  it.effect("a call that is interrupted in a pause sends nothing more", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(call(Pay))
      yield* TestClock.adjust(50)
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("1 minute")
      expect(yield* ran).toBe(0)
      const mcp = yield* McpClient.McpClient
      expect(yield* mcp.stats).toMatchObject({ started: 2, leases: 0 })
    }).pipe(Effect.provide(bank({ calls: times(2, F.Refuse()) })))
  )

  it.effect("the policy is the application's", () => {
    const policy = RetryPolicy.layer({
      notSent: Schedule.spaced("10 seconds").pipe(Schedule.intersect(Schedule.recurs(5)))
    })
    return Effect.gen(function* () {
      expect(yield* VirtualTime.run(call(Pay))).toEqual({ receipt: "receipt for a" })
      expect(yield* Clock.currentTimeMillis).toBe(50_000)
    }).pipe(Effect.provide(Layer.provide(bank({ calls: times(5, F.Refuse()) }), policy)))
  })
})

describe("who says how long a call may take, and whether it may run twice", () => {
  const Limited = McpTool.make("pay", { ...payment, timeout: "3 seconds", totalTimeout: "30 seconds" })
  const hanging = (config: TestServer.Settings) =>
    bank({ config: { callTimeout: "5 seconds", ...config }, calls: times(1, F.Hang()) })
  const tools: TestServer.Settings["tools"] = { pay: { callTimeout: "4 seconds", mayRunTwice: true } }

  const cases: ReadonlyArray<
    readonly [
      string,
      McpTool.McpTool<{ readonly id: string }, { readonly receipt: string }>,
      TestServer.Settings,
      McpClient.CallOptions | undefined,
      number
    ]
  > = [
    ["the call, before all others", Limited, { tools }, { timeout: "2 seconds" }, 2000],
    ["the tool, where the call says nothing", Limited, { tools }, undefined, 3000],
    ["the tool, where the call says something else", Limited, { tools }, { mayRunTwice: true }, 3000],
    ["the server's settings of the tool, where neither says anything", Pay, { tools }, undefined, 4000],
    ["the server, where nobody else does", Pay, {}, undefined, 5000],
    ["the server, where only another tool is set", Pay, { tools: { find: { callTimeout: 1 } } }, undefined, 5000]
  ]
  for (const [title, tool, config, options, timeoutMs] of cases) {
    it.effect(title, () =>
      Effect.gen(function* () {
        const error = yield* VirtualTime.run(Effect.flip(call(tool, options)))
        expect(error).toMatchObject({ _tag: "CallTimeout", timeoutMs })
      }).pipe(Effect.provide(hanging(config)))
    )
  }

  it.effect("untyped calls have the server's settings of the tool, too", () =>
    Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const error = yield* VirtualTime.run(Effect.flip(mcp.callTool("bank", "pay", { id: "a" })))
      expect(error).toMatchObject({ _tag: "CallTimeout", timeoutMs: 4000 })
    }).pipe(Effect.provide(hanging({ tools })))
  )

  const permissions: ReadonlyArray<
    readonly [string, boolean | undefined, boolean | undefined, boolean | undefined, number]
  > = [
    ["the call forbids what all others permit", false, true, true, 1],
    ["the call permits what all others forbid", true, false, false, 2],
    ["the tool forbids what the server permits", undefined, false, true, 1],
    ["the tool permits what the server forbids", undefined, true, false, 2],
    ["the server permits", undefined, undefined, true, 2],
    ["nobody says anything", undefined, undefined, undefined, 1]
  ]
  for (const [title, ofCall, ofTool, ofServer, runs] of permissions) {
    it.effect(`${title}: it runs ${runs === 1 ? "once" : "twice"}`, () =>
      Effect.gen(function* () {
        yield* Effect.exit(call(McpTool.make("pay", { ...payment, mayRunTwice: ofTool }), { mayRunTwice: ofCall }))
        expect(yield* ran).toBe(runs)
      }).pipe(
        Effect.provide(bank({ config: { tools: { pay: { mayRunTwice: ofServer } } }, calls: times(1, F.CrashAfter()) }))
      )
    )
  }

  it.effect("a tool may be called as what every object has", () =>
    Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      expect(yield* Effect.flip(mcp.callTool("bank", "toString"))).toMatchObject({ _tag: "ProtocolError" })
    }).pipe(Effect.provide(bank({ config: { tools: { pay: {} } } })))
  )
})

describe("hints of a server", () => {
  const lost = (trustHints: boolean, annotations: TestTool.ToolOptions["annotations"]) =>
    bank({ config: { trustHints }, annotations, calls: times(1, F.CrashAfter()) })

  const cases = [
    [true, { readOnlyHint: true }, undefined, 2],
    [true, { idempotentHint: true }, undefined, 2],
    [true, { readOnlyHint: false, idempotentHint: false }, undefined, 1],
    [true, undefined, undefined, 1],
    [true, { readOnlyHint: true }, false, 1],
    [false, { readOnlyHint: true, idempotentHint: true }, undefined, 1]
  ] as const
  for (const [trusted, annotations, mayRunTwice, runs] of cases) {
    const who = mayRunTwice === undefined ? "" : ` and the call says mayRunTwice: ${mayRunTwice}`
    it.effect(`${JSON.stringify(annotations)}, ${trusted ? "" : "not "}trusted${who}: it runs ${runs} times`, () =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(call(Pay, { mayRunTwice }))
        expect(Exit.isSuccess(exit)).toBe(runs === 2)
        expect(yield* ran).toBe(runs)
      }).pipe(Effect.provide(lost(trusted, annotations)))
    )
  }

  it.effect("that cannot be read permit nothing, and the call does not wait for them beyond its time", () =>
    Effect.gen(function* () {
      const test = yield* McpTest.McpTest
      yield* test.nextConnects("bank", {}, { fault: Fault.ConnectFault.HangHandshake() })
      const error = yield* VirtualTime.run(Effect.flip(call(Pay, { totalTimeout: "9 seconds" })))
      expect(error).toMatchObject({ _tag: "OutcomeUnknown" })
      expect(yield* Clock.currentTimeMillis).toBe(9000)
      expect(yield* ran).toBe(1)
    }).pipe(Effect.provide(lost(true, { readOnlyHint: true })))
  )
})

describe("reconcile", () => {
  const asked = (
    reconcile: McpTool.Reconcile<{ readonly id: string }, { readonly receipt: string }>,
    options: McpTool.Options<{ readonly id: string }, { readonly receipt: string }> = {}
  ) => McpTool.make("pay", { ...payment, ...options, reconcile })

  it.effect("gives a call that ran its result", () =>
    Effect.gen(function* () {
      expect(yield* call(ReconciledPay)).toEqual({ receipt: "receipt for a" })
      expect(yield* ran).toBe(1)
    }).pipe(Effect.provide(bank({ calls: times(1, F.CrashAfter()) })))
  )

  it.effect("has a call run again that did not run", () =>
    Effect.gen(function* () {
      expect(yield* call(ReconciledPay)).toEqual({ receipt: "receipt for a" })
      expect(yield* ran).toBe(1)
    }).pipe(Effect.provide(bank({ calls: times(1, F.CrashUnrun()) })))
  )

  it.effect("is asked about a call that was not answered in time, too", () =>
    Effect.gen(function* () {
      expect(yield* VirtualTime.run(call(ReconciledPay, { timeout: "5 seconds" }))).toEqual({
        receipt: "receipt for a"
      })
      expect(yield* Clock.currentTimeMillis).toBe(5000)
      expect(yield* ran).toBe(1)
    }).pipe(Effect.provide(bank({ calls: times(1, F.NoAnswer()) })))
  )

  it.effect("is not asked when the call succeeds, fails, or was never sent", () => {
    let questions = 0
    const tool = asked(() => Effect.sync(() => Reconciled.Ran({ result: { receipt: String(++questions) } })))
    return Effect.gen(function* () {
      expect(yield* call(tool)).toEqual({ receipt: "receipt for a" })
      expect(yield* Effect.flip(call(tool))).toMatchObject({ _tag: "ToolFailed" })
      expect(yield* Effect.flip(call(tool))).toMatchObject({ _tag: "ProtocolError" })
      expect(yield* VirtualTime.run(Effect.flip(call(tool)))).toMatchObject({ delivery: "NotSent" })
      expect(questions).toBe(0)
    }).pipe(
      Effect.provide(
        bank({
          calls: [
            {},
            { fault: F.IsError({ text: "no money" }) },
            { fault: F.ErrorResponse({ code: -32000, reason: "no bank" }) },
            ...times(4, F.Refuse())
          ]
        })
      )
    )
  })

  it.effect("hears what was called, and what happened to it", () =>
    Effect.gen(function* () {
      const heard: Array<unknown> = []
      yield* Effect.exit(
        call(
          asked((args, failure) => {
            heard.push(args, failure)
            return Effect.succeed(Reconciled.Unresolved)
          })
        )
      )
      expect(heard).toMatchObject([
        { id: "a" },
        { _tag: "OutcomeUnknown", server: "bank", tool: "pay", cause: { _tag: "ConnectionLost", delivery: "Unknown" } }
      ])
    }).pipe(Effect.provide(bank({ calls: times(1, F.CrashAfter()) })))
  )

  const unresolved: ReadonlyArray<
    readonly [string, Effect.Effect<Reconciled.Reconciled<{ readonly receipt: string }>, unknown>, object]
  > = [
    ["cannot tell", Effect.succeed(Reconciled.Unresolved), { reconciled: "Unresolved" }],
    ["fails", Effect.fail("no idea"), { reconciled: "Failed", reconcileCause: "no idea" }],
    ["dies", Effect.die("a bug"), { reconciled: "Failed", reconcileCause: "a bug" }],
    ["interrupts itself", Effect.interrupt, { reconciled: "Failed" }],
    ["never ends", Effect.never, { reconciled: "TimedOut" }],
    [
      "never ends and cannot be interrupted",
      Effect.uninterruptible(Effect.delay(Effect.succeed(Reconciled.Unresolved), "1 hour")),
      { reconciled: "TimedOut" }
    ]
  ]
  for (const [title, answer, expected] of unresolved) {
    it.effect(`that ${title} leaves the outcome unknown, and the error says why`, () =>
      Effect.gen(function* () {
        const error = yield* VirtualTime.run(
          Effect.flip(
            call(
              asked(() => answer),
              { totalTimeout: "20 seconds" }
            )
          )
        )
        expect(error).toMatchObject({ _tag: "OutcomeUnknown", cause: { _tag: "ConnectionLost" }, ...expected })
        expect(yield* Clock.currentTimeMillis).toBeLessThanOrEqual(20_000)
        expect(yield* ran).toBe(1)
      }).pipe(Effect.provide(bank({ calls: times(1, F.CrashAfter()) })))
    )
  }

  it.effect("that throws leaves the outcome unknown, too", () =>
    Effect.gen(function* () {
      const tool = asked(() => {
        throw new Error("a bug")
      })
      expect(yield* Effect.flip(call(tool))).toMatchObject({ reconciled: "Failed", reconcileCause: new Error("a bug") })
    }).pipe(Effect.provide(bank({ calls: times(1, F.CrashAfter()) })))
  )

  it.effect("is not asked when the time in all is over", () =>
    Effect.gen(function* () {
      let questions = 0
      const tool = asked(() => {
        questions++
        return Effect.succeed(Reconciled.Unresolved)
      })
      const error = yield* VirtualTime.run(Effect.flip(call(tool, { timeout: "9 seconds", totalTimeout: "5 seconds" })))
      expect(error).toMatchObject({ _tag: "OutcomeUnknown", cause: { _tag: "CallTimeout" }, reconciled: "TimedOut" })
      expect(questions).toBe(0)
    }).pipe(Effect.provide(bank({ calls: times(1, F.Hang()) })))
  )

  it.effect("has a call run again at most twice", () =>
    Effect.gen(function* () {
      const test = yield* McpTest.McpTest
      const tool = asked(() => Effect.succeed(Reconciled.DidNotRun))
      const error = yield* VirtualTime.run(Effect.flip(call(tool)))
      expect(error).toMatchObject({ _tag: "OutcomeUnknown", reconciled: "DidNotRun" })
      expect(error.message).toContain("did not run")
      expect(yield* test.stats("bank")).toMatchObject({ received: 3, ran: 0 })
    }).pipe(Effect.provide(bank({ calls: times(9, F.CrashUnrun()) })))
  )

  it.effect("comes after the tries that a call may make without it", () =>
    Effect.gen(function* () {
      let runs = 0
      const tool = asked(
        (_args, _failure) =>
          Effect.map(ran, (n) => {
            runs = n
            return Reconciled.Ran({ result: { receipt: "found" } })
          }).pipe(Effect.provideService(McpTest.McpTest, test)),
        { mayRunTwice: true }
      )
      const test = yield* McpTest.McpTest
      expect(yield* VirtualTime.run(call(tool))).toEqual({ receipt: "found" })
      expect(runs).toBe(3)
    }).pipe(Effect.provide(bank({ calls: times(3, F.CrashAfter()) })))
  )

  it.effect("asks for the partition of the call", () =>
    Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const test = yield* McpTest.McpTest
      yield* mcp.forPartition("ada").call("bank", ReconciledPay, { id: "a" }).pipe(McpClient.withPartition("bob"))
      expect((yield* test.calls("bank")).map(({ partition, tool }) => [tool, partition])).toEqual([
        ["pay", "ada"],
        ["find", "ada"]
      ])
    }).pipe(Effect.provide(bank({ config: { isolation: "perPartition" }, calls: times(1, F.CrashAfter()) })))
  )

  it.effect("is interrupted with the call", () =>
    Effect.gen(function* () {
      let interrupted = false
      const tool = asked(() => Effect.onInterrupt(Effect.never, () => Effect.sync(() => (interrupted = true))))
      const fiber = yield* Effect.fork(call(tool))
      yield* TestClock.adjust(0)
      const exit = yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust(0)
      expect(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)).toBe(true)
      expect(interrupted).toBe(true)
    }).pipe(Effect.provide(bank({ calls: times(1, F.CrashAfter()) })))
  )

  const settings: FastCheck.Arbitrary<ServerConfig.ServerConfig> = FastCheck.constantFrom(
    { command: "bank", callTimeout: "5 seconds", totalTimeout: "1 minute" },
    { url: "http://127.0.0.1/mcp", callTimeout: "5 seconds", totalTimeout: "1 minute" }
  )
  it.effect.prop(
    "a payment runs at most once whatever fails when, and every outcome that is told is true",
    { script: McpTest.arbitraryScript({ maxLatency: "7 seconds" }), settings },
    ({ script, settings: config }) => {
      const ids = ["a", "b", "c"]
      const paid = new Set<string>()
      const pay = McpTest.tool(Pay, ({ id }) =>
        Effect.sync(() => void paid.add(id)).pipe(Effect.as({ receipt: `receipt for ${id}` }))
      )
      const find = McpTest.tool(Find, ({ id }) =>
        Effect.sync(() => ({ found: paid.has(id) ? { receipt: `receipt for ${id}` } : null }))
      )
      const layer = McpTest.layer({ servers: [McpTest.server("bank", { tools: [pay, find], config, ...script })] })
      return Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        const exits = yield* VirtualTime.run(
          Effect.forEach(ids, (id) => Effect.exit(mcp.call("bank", ReconciledPay, { id })), {
            concurrency: "unbounded"
          })
        )
        const calls = yield* (yield* McpTest.McpTest).calls("bank", "pay")
        for (const [n, exit] of exits.entries()) {
          const runs = calls.filter(({ args }) => args["id"] === ids[n]).length
          expect(runs).toBeLessThanOrEqual(1)
          if (Exit.isSuccess(exit)) {
            expect(exit.value).toEqual({ receipt: `receipt for ${ids[n]}` })
            expect(runs).toBe(1)
            continue
          }
          const error = Option.getOrThrow(Cause.failureOption(exit.cause))
          expect(error._tag).not.toBe("CallTimeout")
          if (error._tag === "OutcomeUnknown") expect(error.reconciled).toBeDefined()
          else if (error._tag === "ToolFailed" || error._tag === "ProtocolError") expect(runs).toBe(0)
          else expect(runs).toBe(0)
        }
        expect(yield* mcp.stats).toMatchObject({ leases: 0, waiting: 0 })
      }).pipe(Effect.provide(layer))
    },
    { fastCheck: { numRuns: 100 }, timeout: 120_000 }
  )
})
