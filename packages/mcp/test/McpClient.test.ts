import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpConnector, McpPool, McpTool, type McpTransport, type ServerConfig } from "@mooring/mcp"
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js"
import { Cause, Effect, Exit, FastCheck, Fiber, FiberId, Layer, Option, Schema, TestClock } from "effect"
import {
  client,
  connector,
  type Handler,
  http,
  MemoryServer,
  nothing,
  type Options,
  stdio,
  text
} from "./MemoryServer.js"

const Echo = McpTool.make("echo", {
  parameters: { message: Schema.String, times: Schema.optional(Schema.Int) },
  success: McpTool.text
})

const withClient = <A, E>(
  server: MemoryServer,
  use: (mcp: McpClient.Service) => Effect.Effect<A, E>,
  config: ServerConfig.ServerConfig = stdio
) => Effect.flatMap(McpClient.McpClient, use).pipe(Effect.provide(client({ a: server }, { a: config })))

const serving = (call: Handler, more: Options = {}) =>
  new MemoryServer({ ...more, on: { ...more.on, "tools/call": call } })

/** Lets the pauses between tries pass. */
const throughPauses = <A, E>(call: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(call)
    for (const pause of [0, 100, 400]) yield* TestClock.adjust(pause)
    return yield* Fiber.join(fiber)
  })

const isCall = (message: JSONRPCMessage) => "method" in message && message.method === "tools/call"

describe("McpClient", () => {
  describe("calls", () => {
    it.effect("borrows a pooled connection for each call, and reuses it", () => {
      const server = serving(({ arguments: args }) => text(JSON.stringify(args)))
      return withClient(server, (mcp) =>
        Effect.gen(function* () {
          expect(mcp.servers).toEqual(["a"])
          for (let n = 0; n < 5; n++) expect(yield* mcp.callTool("a", "x", { n })).toEqual(text(`{"n":${n}}`))
          expect(server.clients).toHaveLength(1)
          expect(yield* mcp.stats).toMatchObject({ open: 1, leases: 0, started: 5, released: 5 })
        })
      )
    })

    it.effect("gives isError as a value, and as ToolFailed in a typed call", () =>
      withClient(
        serving(() => ({ ...text("disk full, hunter2"), isError: true })),
        (mcp) =>
          Effect.gen(function* () {
            expect(yield* mcp.callTool("a", "x")).toMatchObject({ isError: true })
            expect(yield* Effect.flip(mcp.call("a", Echo, { message: "" }))).toMatchObject({
              _tag: "ToolFailed",
              server: "a",
              tool: "echo",
              content: "disk full, «redacted»"
            })
          }),
        { ...stdio, env: { PASSWORD: "hunter2" } }
      )
    )

    it.effect("encodes arguments and decodes results by the tool's schemas", () =>
      withClient(
        serving(({ arguments: args }) => text(`echo ${JSON.stringify(args)}`)),
        (mcp) =>
          Effect.gen(function* () {
            expect(yield* mcp.call("a", Echo, { message: "hi" })).toBe('echo {"message":"hi"}')
          })
      )
    )

    it.effect("refuses arguments before anything is borrowed, by their path and not by their value", () => {
      const server = new MemoryServer()
      return withClient(server, (mcp) =>
        Effect.gen(function* () {
          const Login = McpTool.make("login", {
            parameters: {
              user: Schema.Struct({ password: Schema.String.pipe(Schema.minLength(20)), pin: Schema.NumberFromString })
            },
            success: McpTool.text
          })
          const refused = yield* Effect.flip(mcp.call("a", Login, { user: { password: "hunter2", pin: 1 } }))
          expect(refused).toMatchObject({ _tag: "InvalidArguments", server: "a", tool: "login" })
          expect(refused.message).toContain('["user"]')
          expect(refused.message).toContain('["password"]')
          expect(refused.message).toContain("at least 20 character(s) long, actual a string")
          expect(refused.message).not.toContain("hunter2")
          // What plain JavaScript may pass.
          const excess = { message: "hi", secret: "hunter2" } as { message: string }
          const unexpected = yield* Effect.flip(mcp.call("a", Echo, excess))
          expect(unexpected.message).toContain('["secret"]')
          expect(unexpected.message).not.toContain("hunter2")
          expect(yield* mcp.stats).toMatchObject({ started: 0, connects: 0 })
          expect(server.clients).toHaveLength(0)
        })
      )
    })

    it.effect("hides configured secrets in the names that a wrong result has", () =>
      withClient(
        serving(() => ({ content: [], structuredContent: { hunter2: "many" } })),
        (mcp) =>
          Effect.gen(function* () {
            const success = McpTool.structured(Schema.Record({ key: Schema.String, value: Schema.Number }))
            const error = yield* Effect.flip(mcp.call("a", McpTool.make("x", { parameters: {}, success }), {}))
            expect(error).toMatchObject({ _tag: "InvalidResult", reason: expect.stringContaining("«redacted»") })
            expect(error.message).not.toContain("hunter2")
          }),
        { ...stdio, env: { PASSWORD: "hunter2" } }
      )
    )

    it.effect("says that a result is not what was declared, and not what it holds", () =>
      withClient(
        serving(() => ({ content: [], structuredContent: { count: "hunter2", at: "hunter2" } })),
        (mcp) =>
          Effect.gen(function* () {
            const ask = (schema: Schema.Schema<unknown, never>) =>
              Effect.flip(mcp.call("a", McpTool.make("x", { parameters: {}, success: McpTool.structured(schema) }), {}))
            const Count = Schema.Struct({ count: Schema.Number })
            const Parsed = Schema.Struct({ count: Schema.NumberFromString })
            for (const schema of [Count, Parsed]) {
              // `structured` takes any schema; here only its error matters.
              const error = yield* ask(schema as unknown as Schema.Schema<unknown, never>)
              expect(error).toMatchObject({ _tag: "InvalidResult", server: "a", tool: "x" })
              expect(error.message).toContain('["count"]')
              expect(error.message).toContain("actual a string")
              expect(error.message).not.toContain("hunter2")
            }
          })
      )
    )

    it.effect("names the servers that there are when it is asked for another", () =>
      withClient(new MemoryServer(), (mcp) =>
        Effect.gen(function* () {
          const unknown = { _tag: "UnknownServer", server: "b", known: ["a"] }
          expect(yield* Effect.flip(mcp.callTool("b", "x"))).toMatchObject(unknown)
          expect(yield* Effect.flip(mcp.call("b", Echo, { message: "" }))).toMatchObject(unknown)
          expect(yield* Effect.flip(mcp.listTools("b"))).toMatchObject(unknown)
          expect(yield* Effect.flip(mcp.ping("b"))).toMatchObject(unknown)
        })
      )
    )

    it.effect("uses the partition of the caller, or the one that the client is bound to", () => {
      const server = serving((_, end) => text(end.key.partition))
      return withClient(
        server,
        (mcp) =>
          Effect.gen(function* () {
            const call = mcp.call("a", Echo, { message: "" })
            expect(yield* Effect.flip(call)).toMatchObject({ _tag: "PartitionMissing" })
            expect(yield* call.pipe(McpClient.withPartition("ada"))).toBe("ada")
            const bob = mcp.forPartition("bob")
            expect(yield* bob.call("a", Echo, { message: "" }).pipe(McpClient.withPartition("ada"))).toBe("bob")
            const nobody = mcp.forPartition("").ping("a")
            expect(yield* Effect.flip(nobody)).toMatchObject({ _tag: "PartitionMissing" })
            expect(yield* Effect.flip(nobody.pipe(McpClient.withPartition("ada")))).toMatchObject({
              _tag: "PartitionMissing"
            })
          }),
        { ...stdio, isolation: "perPartition" }
      )
    })

    it.effect("leaves no lease and nothing pending, at whatever step it is interrupted", () => {
      const server = serving(() => text("done"))
      return withClient(
        server,
        (mcp) =>
          Effect.gen(function* () {
            yield* mcp.ping("a")
            for (let budget = 10; budget <= 64; budget++) {
              const fibers = yield* Effect.forEach(Array.from({ length: 6 }), () =>
                Effect.fork(Effect.withMaxOpsBeforeYield(Effect.forever(mcp.callTool("a", "x")), budget))
              )
              for (const fiber of fibers) {
                for (let task = 0; task <= budget % 7; task++) yield* Effect.yieldNow()
                const exit = yield* Fiber.interrupt(fiber)
                expect(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : exit).toBe(
                  "All fibers interrupted without errors."
                )
              }
              const { failed, leases, released, started, waiting } = yield* mcp.stats
              expect({ failed, leases, waiting }).toEqual({ failed: 0, leases: 0, waiting: 0 })
              expect(released).toBeLessThanOrEqual(started)
              // Were one of its four slots lost at each step, none would be left.
              expect(yield* mcp.callTool("a", "x")).toEqual(text("done"))
            }
            expect(server.clients).toHaveLength(1)
          }),
        { ...stdio, concurrency: 4 }
      )
    })

    it.effect("tells the server to cancel when it is interrupted, and gives the connection back at once", () => {
      const server = serving(({ name }) => (name === "slow" ? nothing : text("done")))
      return withClient(server, (mcp) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(mcp.callTool("a", "slow"))
          yield* TestClock.adjust(0)
          yield* Fiber.interrupt(fiber)
          expect(yield* mcp.stats).toMatchObject({ leases: 0, open: 1 })
          expect(yield* mcp.callTool("a", "quick")).toEqual(text("done"))
          expect(server.methods).toEqual(["tools/call", "notifications/cancelled", "tools/call"])
          expect(server.clients).toHaveLength(1)
        })
      )
    })

    it.effect("may be run many times as one effect", () => {
      const server = serving(() => text("done"))
      return withClient(server, (mcp) =>
        Effect.gen(function* () {
          const call = mcp.callTool("a", "x")
          yield* Effect.all(
            Array.from({ length: 20 }, () => call),
            { concurrency: "unbounded" }
          )
          expect(server.count("tools/call")).toBe(20)
        })
      )
    })
  })

  describe("when the connection is lost", () => {
    /** Takes each call, and dies with it `times` times before it answers. */
    const dying = (times: number) => {
      let left = times
      return serving((_, end) => {
        if (left-- > 0) {
          end.close("it crashed")
          return nothing
        }
        return text("done")
      })
    }

    const refusing = (times: number, failure: Partial<McpTransport.TransportFailure> = {}) => {
      let left = times
      return serving(() => text("done"), {
        admit: (message) =>
          isCall(message) && left-- > 0
            ? { reason: "refused", delivery: "NotSent", fatal: false, ...failure }
            : undefined
      })
    }

    it.effect("runs a call again that was not sent, and runs it once", () => {
      let left = 2
      const server = serving(() => text("done"), {
        admit: (message, end) => {
          if (isCall(message) && left-- > 0) end.close("it exited")
          return undefined
        }
      })
      return withClient(server, (mcp) =>
        Effect.gen(function* () {
          expect(yield* throughPauses(mcp.callTool("a", "pay"))).toEqual(text("done"))
          expect(server.clients).toHaveLength(3)
          expect(server.count("tools/call")).toBe(1)
        })
      )
    })

    it.effect("gives up after three more tries of a call that cannot be sent", () => {
      const server = refusing(Infinity)
      return withClient(server, (mcp) =>
        Effect.gen(function* () {
          const error = yield* throughPauses(Effect.flip(mcp.callTool("a", "pay")))
          expect(error).toMatchObject({ _tag: "ConnectionLost", delivery: "NotSent" })
          expect(server.count("tools/call")).toBe(0)
          expect(yield* mcp.stats).toMatchObject({ started: 4 })
        })
      )
    })

    it.effect("waits for as long as the server asks, if its time allows", () => {
      const wait = (server: MemoryServer, totalTimeout: number) =>
        withClient(server, (mcp) =>
          Effect.gen(function* () {
            const fiber = yield* Effect.fork(mcp.callTool("a", "pay", {}, { totalTimeout }))
            yield* TestClock.adjust(4999)
            const early = yield* Fiber.poll(fiber)
            yield* TestClock.adjust(1)
            return { early, end: yield* Fiber.await(fiber) }
          })
        )
      return Effect.gen(function* () {
        const patient = yield* wait(refusing(1, { retryAfterMs: 5000 }), 5001)
        expect(patient).toEqual({ early: Option.none(), end: Exit.succeed(text("done")) })
        const hasty = yield* wait(refusing(1, { retryAfterMs: 5000 }), 5000)
        expect(Option.isSome(hasty.early)).toBe(true)
        expect(Exit.isFailure(hasty.end)).toBe(true)
      })
    })

    it.effect("opens another connection when the transport says that this one is of no more use", () => {
      const server = refusing(1, { fatal: true })
      return withClient(
        server,
        (mcp) =>
          Effect.gen(function* () {
            expect(yield* mcp.callTool("a", "pay")).toEqual(text("done"))
            expect(server.clients).toHaveLength(2)
          }),
        http
      )
    })

    it.effect("does not run a call again that may have run: its outcome is unknown", () => {
      const server = dying(1)
      return withClient(server, (mcp) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(mcp.callTool("a", "pay"))
          expect(error).toMatchObject({ _tag: "OutcomeUnknown", server: "a", tool: "pay" })
          expect(error).toMatchObject({ cause: { _tag: "ConnectionLost", delivery: "Unknown", reason: "it crashed" } })
          expect(server.count("tools/call")).toBe(1)
          expect(
            yield* Effect.flip(mcp.call("a", Echo, { message: "" }).pipe(Effect.zipRight(Effect.fail("fine"))))
          ).toBe("fine")
        })
      )
    })

    it.effect("runs it again with permission, at most twice more", () => {
      const twice = dying(2)
      const always = dying(Infinity)
      return Effect.gen(function* () {
        const call = (mcp: McpClient.Service) => throughPauses(mcp.callTool("a", "read", {}, { mayRunTwice: true }))
        expect(yield* withClient(twice, call)).toEqual(text("done"))
        expect(twice.count("tools/call")).toBe(3)
        expect(yield* Effect.flip(withClient(always, call))).toMatchObject({ _tag: "OutcomeUnknown" })
        expect(always.count("tools/call")).toBe(3)
      })
    })

    it.effect("does not forget that it may have run when a second try cannot even begin", () => {
      let connects = 0
      const server = serving(
        (_, end) => {
          end.close("it crashed")
          return nothing
        },
        {
          on: {
            initialize: (_, end) => {
              if (++connects > 1) end.close("it does not start any more")
              const capabilities = { tools: {} }
              return { protocolVersion: "2025-06-18", capabilities, serverInfo: { name: "", version: "" } }
            }
          }
        }
      )
      return withClient(server, (mcp) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(mcp.callTool("a", "pay", {}, { mayRunTwice: true }))
          expect(error).toMatchObject({ _tag: "OutcomeUnknown", cause: { reason: "it crashed" } })
          expect(connects).toBe(2)
        })
      )
    })

    it.effect("does not forget it either when the second try was not even sent in time", () => {
      const server = serving((_, end) => {
        end.close("it crashed")
        return nothing
      })
      // The first connection is as it should be; on those after it, no call gets through.
      let opened = 0
      const clogged = (transport: McpTransport.McpTransport): McpTransport.McpTransport => ({
        network: transport.network,
        start: (receiver) => transport.start(receiver),
        send: (outgoing) => {
          if (!isCall(outgoing.message)) transport.send(outgoing)
        }
      })
      const connectors = Layer.effect(
        McpConnector.McpConnector,
        Effect.map(McpConnector.McpConnector, ({ open }) => ({
          open: (key, config) =>
            Effect.map(open(key, config), (transport) => (++opened === 1 ? transport : clogged(transport)))
        }))
      ).pipe(Layer.provide(connector({ a: server })))
      const layer = McpClient.layer.pipe(
        Layer.provide(McpPool.layer({ servers: { a: stdio } })),
        Layer.provide(connectors)
      )
      return Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        const options = { mayRunTwice: true, timeout: "2 seconds" } as const
        const fiber = yield* Effect.fork(Effect.flip(mcp.callTool("a", "pay", {}, options)))
        yield* TestClock.adjust("3 seconds")
        expect(yield* Fiber.join(fiber)).toMatchObject({
          _tag: "OutcomeUnknown",
          cause: { _tag: "ConnectionLost", delivery: "Unknown" }
        })
        expect(opened).toBe(2)
        expect(server.count("tools/call")).toBe(1)
      }).pipe(Effect.provide(layer))
    })

    it.effect("never runs a call again that timed out", () => {
      const server = serving(() => nothing)
      return withClient(server, (mcp) =>
        Effect.gen(function* () {
          const options = { mayRunTwice: true, timeout: "2 seconds" } as const
          const fiber = yield* Effect.fork(Effect.flip(mcp.callTool("a", "pay", {}, options)))
          yield* TestClock.adjust("2 seconds")
          const error = yield* Fiber.join(fiber)
          expect(error).toMatchObject({ _tag: "CallTimeout", tool: "pay", timeoutMs: 2000, delivery: "Unknown" })
          expect(error.message).toMatch(/^Tool "pay" on MCP server "a" was not answered within 2000 ms\..*may have run/)
          expect(server.methods).toEqual(["tools/call", "notifications/cancelled"])
        })
      )
    })

    it.effect("counts the time in all over all tries", () => {
      const server = serving(() => nothing)
      return withClient(server, (mcp) =>
        Effect.gen(function* () {
          const options = { mayRunTwice: true, totalTimeout: "10 seconds" } as const
          const fiber = yield* Effect.fork(Effect.flip(mcp.callTool("a", "read", {}, options)))
          yield* TestClock.adjust("7 seconds")
          server.clients[0]?.close("it crashed")
          yield* TestClock.adjust("2999 millis")
          expect(Option.isNone(yield* Fiber.poll(fiber))).toBe(true)
          yield* TestClock.adjust("1 millis")
          expect(yield* Fiber.join(fiber)).toMatchObject({ _tag: "CallTimeout", timeoutMs: 10_000 })
          expect(server.count("tools/call")).toBe(2)
        })
      )
    })

    it.effect("reads a list again, and tells a lost ping as it is", () => {
      let left = 1
      const crash: Handler = (_, end) => {
        end.close("it crashed")
        return nothing
      }
      const server = new MemoryServer({
        on: {
          "tools/list": (params, end, id) => (left-- > 0 ? crash(params, end, id) : { tools: [] }),
          ping: crash
        }
      })
      return withClient(server, (mcp) =>
        Effect.gen(function* () {
          expect(yield* mcp.listTools("a")).toEqual([])
          expect(server.count("tools/list")).toBe(2)
          expect(yield* Effect.flip(mcp.ping("a"))).toMatchObject({ _tag: "ConnectionLost", delivery: "Unknown" })
        })
      )
    })
  })

  // What the server does with each message that is handed over, or not: the connection's whole life is a list of these.
  type Deed = "answers" | "refuses" | "diesBefore" | "diesAfter" | "diesAfterAnswering" | "saysNothing" | "fatal"
  const deeds: FastCheck.Arbitrary<ReadonlyArray<Deed>> = FastCheck.array(
    FastCheck.constantFrom<Deed>(
      "answers",
      "refuses",
      "diesBefore",
      "diesAfter",
      "diesAfterAnswering",
      "saysNothing",
      "fatal"
    ),
    { maxLength: 12 }
  )

  it.effect.prop(
    "runs no call more often than it may, ends each in one outcome, and says truly what was not run",
    [
      deeds,
      FastCheck.array(FastCheck.tuple(FastCheck.boolean(), FastCheck.boolean()), { minLength: 1, maxLength: 6 }),
      FastCheck.constantFrom(stdio, http)
    ],
    ([plan, calls, config]) => {
      const runs = new Map<string, number>()
      const steps = [...plan]
      const dies = (end: { readonly close: (reason: string) => void }) => end.close("it died")
      let deed: Deed = "answers"
      const server = serving(
        ({ name }, end, id) => {
          if (typeof name === "string") runs.set(name, (runs.get(name) ?? 0) + 1)
          if (deed === "diesAfter") dies(end)
          if (deed === "diesAfter" || deed === "saysNothing") return nothing
          if (deed !== "diesAfterAnswering") return text("done")
          end.send({ jsonrpc: "2.0", id, result: text("done") })
          dies(end)
          return nothing
        },
        {
          admit: (message, end) => {
            if (!isCall(message)) return undefined
            deed = steps.shift() ?? "answers"
            if (deed === "diesBefore") dies(end)
            return deed === "refuses" || deed === "fatal"
              ? { reason: "refused", delivery: "NotSent", fatal: deed === "fatal" }
              : undefined
          }
        }
      )
      return withClient(
        server,
        (mcp) =>
          Effect.gen(function* () {
            const fibers = yield* Effect.forEach(calls, ([mayRunTwice], n) =>
              Effect.fork(mcp.callTool("a", `call ${n}`, {}, { mayRunTwice, timeout: "5 seconds" }))
            )
            yield* Effect.yieldNow()
            for (const [n, [, interrupted]] of calls.entries()) {
              if (interrupted) fibers[n]?.unsafeInterruptAsFork(FiberId.none)
            }
            // The longest: waiting for a connection (30 s), and then for an answer (5 s), a few times over.
            const isOver = () => fibers.every((fiber) => fiber.unsafePoll() !== null)
            for (let n = 0; n < 4 && !isOver(); n++) yield* TestClock.adjust("36 seconds")
            for (const [n, fiber] of fibers.entries()) {
              const ran = runs.get(`call ${n}`) ?? 0
              expect(ran).toBeLessThanOrEqual(calls[n]?.[0] === true ? 3 : 1)
              const exit = Option.getOrThrow(yield* Fiber.poll(fiber))
              if (Exit.isSuccess(exit)) {
                expect(exit.value).toEqual(text("done"))
                expect(ran).toBeGreaterThanOrEqual(1)
              } else if (Cause.isInterruptedOnly(exit.cause)) {
                expect(calls[n]?.[1]).toBe(true)
              } else {
                const error = Option.getOrThrow(Cause.failureOption(exit.cause))
                if ("delivery" in error && error.delivery === "NotSent") expect(ran).toBe(0)
                if (error._tag === "AcquireTimeout" || error._tag === "McpConnectError") expect(ran).toBe(0)
                if (error._tag === "OutcomeUnknown") expect(ran).toBeGreaterThanOrEqual(1)
              }
            }
            expect(yield* mcp.stats).toMatchObject({ leases: 0, waiting: 0 })
          }),
        config
      )
    },
    { fastCheck: { numRuns: 60 }, timeout: 30_000 }
  )
})
