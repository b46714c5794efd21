import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpConnector, McpMemory, McpPool, McpTool, type ServerConfig } from "@mooring/mcp"
import { Cause, Effect, Exit, Fiber, Layer, Logger, Schema, Stream, TestClock } from "effect"
import { type Handler, http, nothing, Refusal, stdio, text } from "./MemoryServer.js"
import { completed, tasking, withClient, working } from "./TaskServer.js"

describe("a tool that runs as a task", () => {
  it.effect("is begun at once, is asked about as often as the server wants, and gives its result", () => {
    const server = tasking([working, working, { ...working, pollInterval: 5000 }, completed])
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        const task = yield* mcp.callToolTask("a", "slow", { n: 1 }, { ttl: "1 minute" })
        expect(task).toMatchObject({ id: "t1", server: "a", tool: "slow", created: { status: "working", ttl: 60_000 } })
        expect(server.received.at(-1)).toMatchObject({
          method: "tools/call",
          params: { name: "slow", arguments: { n: 1 }, task: { ttl: 60_000 } }
        })
        const fiber = yield* Effect.fork(task.result())
        yield* TestClock.adjust("1999 millis")
        expect(server.count("tasks/get")).toBe(0)
        yield* TestClock.adjust("1 millis")
        expect(server.count("tasks/get")).toBe(1)
        yield* TestClock.adjust("2 seconds")
        expect(server.count("tasks/get")).toBe(2)
        yield* TestClock.adjust("4999 millis")
        expect(server.count("tasks/get")).toBe(2)
        expect(yield* mcp.stats).toMatchObject({ leases: 0, open: 1 })
        yield* TestClock.adjust("1 millis")
        expect(yield* Fiber.join(fiber)).toEqual(text("done"))
        expect(server.methods).toEqual(["tools/call", "tasks/get", "tasks/get", "tasks/get", "tasks/result"])
        // It may be asked for again, and needs no look at it any more.
        expect(yield* task.result()).toEqual(text("done"))
        expect(server.count("tasks/get")).toBe(3)
      })
    )
  })

  it.effect("that many wait for is asked about once each time", () => {
    const server = tasking([working, working, working, completed])
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        const task = yield* mcp.callToolTask("a", "slow")
        const fibers = yield* Effect.forEach(Array.from({ length: 5 }), () => Effect.fork(task.result()))
        for (let n = 1; n <= 4; n++) yield* TestClock.adjust("2 seconds")
        for (const fiber of fibers) expect(yield* Fiber.join(fiber)).toEqual(text("done"))
        expect(server.count("tasks/get")).toBe(3)
      })
    )
  })

  it.effect.each(["completed", "failed", "cancelled"])(
    "tells each change of it once, and last that it is %s",
    (status) => {
      const says = (statusMessage: string) => ({ ...working, statusMessage })
      const server = tasking([says("a"), says("a"), says("a"), says("b"), { status: "input_required" }, { status }])
      return withClient(server, (mcp) =>
        Effect.gen(function* () {
          const task = yield* mcp.callToolTask("a", "slow")
          const told: Array<string | undefined> = []
          const reading = yield* Effect.fork(
            Stream.runForEach(task.changes, (now) => Effect.sync(() => told.push(now.statusMessage ?? now.status)))
          )
          yield* TestClock.adjust("1 second")
          expect(told).toEqual(["a"])
          yield* TestClock.adjust("2 seconds")
          expect([told, server.count("tasks/get")]).toEqual([["a"], 1])
          yield* TestClock.adjust("4 seconds")
          expect(told).toEqual(["a", "b"])
          yield* TestClock.adjust("3 seconds")
          yield* Fiber.join(reading)
          expect(told).toEqual(["a", "b", "input_required", status])
          // Who reads it when it has ended is told that, and the server is not asked for it again.
          expect(Array.from(yield* Stream.runCollect(task.changes))).toMatchObject([{ status }])
          expect(server.count("tasks/get")).toBe(5)
          expect(yield* mcp.stats).toMatchObject({ leases: 0 })
        })
      )
    }
  )

  it.effect("is asked about once for those who read its changes and those who wait for its result", () => {
    const server = tasking([working, working, working, completed])
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        const task = yield* mcp.callToolTask("a", "slow")
        const readers = yield* Effect.forEach([1, 2, 3], () => Effect.fork(Stream.runCount(task.changes)))
        const waiting = yield* Effect.fork(task.result())
        for (let n = 1; n <= 3; n++) yield* TestClock.adjust("2 seconds")
        for (const reader of readers) expect(yield* Fiber.join(reader)).toBe(2)
        expect(yield* Fiber.join(waiting)).toEqual(text("done"))
        expect(server.count("tasks/get")).toBe(3)
      })
    )
  })

  it.effect("is never asked about in a busy loop, whatever interval a server says", () => {
    const server = tasking([{ status: "working", pollInterval: -1e9 }])
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        const task = yield* mcp.callToolTask("a", "slow")
        const fiber = yield* Effect.fork(Effect.flip(task.result({ timeout: "1 seconds" })))
        yield* TestClock.adjust("1 seconds")
        expect(yield* Fiber.join(fiber)).toMatchObject({ _tag: "TaskTimeout" })
        expect(server.count("tasks/get")).toBeLessThanOrEqual(10)
      })
    )
  })

  it.effect("ends to be waited for at its deadline, and goes on", () => {
    const server = tasking([working])
    return withClient(
      server,
      (mcp) =>
        Effect.gen(function* () {
          const task = yield* mcp.callToolTask("a", "slow")
          for (const [timeout, millis] of [
            [undefined, 9000],
            ["3 seconds", 3000]
          ] as const) {
            const fiber = yield* Effect.fork(Effect.flip(task.result({ timeout })))
            yield* TestClock.adjust(millis - 1)
            expect(fiber.unsafePoll()).toBe(null)
            yield* TestClock.adjust(1)
            const error = yield* Fiber.join(fiber)
            expect(error).toMatchObject({
              _tag: "TaskTimeout",
              server: "a",
              tool: "slow",
              task: "t1",
              status: "working",
              timeoutMs: millis,
              cancelled: false
            })
            expect(error.message).toContain("It goes on")
          }
          expect(server.count("tasks/cancel")).toBe(0)
          expect(yield* mcp.stats).toMatchObject({ leases: 0 })
        }),
      { ...stdio, totalTimeout: "9 seconds" }
    )
  })

  it.effect("goes on when the wait for it is interrupted, unless it is to be cancelled then", () => {
    const server = tasking([working])
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        const task = yield* mcp.callToolTask("a", "slow")
        for (const [cancel, count] of [
          [undefined, 0],
          [true, 1]
        ] as const) {
          const fiber = yield* Effect.fork(task.result({ cancel }))
          yield* TestClock.adjust("2 seconds")
          const exit = yield* Fiber.interrupt(fiber)
          expect(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)).toBe(true)
          yield* TestClock.adjust(0)
          expect(server.count("tasks/cancel")).toBe(count)
        }
        const late = yield* Effect.fork(Effect.flip(task.result({ cancel: true, timeout: "1 seconds" })))
        yield* TestClock.adjust("1 seconds")
        // What it was cancelled to be is known by now.
        expect(yield* Fiber.join(late)).toMatchObject({ _tag: "TaskCancelled" })
      })
    )
  })

  it.effect("is cancelled at the deadline where that is said, and a cancellation that fails is told to the log", () => {
    const logged: Array<unknown> = []
    const logger = Logger.make(({ message }) => logged.push(message))
    const server = tasking([working], { "tasks/cancel": () => new Refusal(-32603, "no") })
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        const task = yield* mcp.callToolTask("a", "slow")
        const fiber = yield* Effect.fork(Effect.flip(task.result({ cancel: true, timeout: "1 seconds" })))
        yield* TestClock.adjust("1 seconds")
        expect(yield* Fiber.join(fiber)).toMatchObject({ _tag: "TaskTimeout", cancelled: true })
        yield* TestClock.adjust(0)
        expect(server.count("tasks/cancel")).toBe(1)
        expect(logged).toEqual([[expect.stringContaining('Task "t1" on MCP server "a" could not be cancelled')]])
      })
    ).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
  })

  it.effect("gives isError as a value, and the error of one that failed without a result", () => {
    const failed = { status: "failed", statusMessage: "out of paper" }
    const results: Record<string, Handler> = {
      value: () => ({ ...text("out of paper"), isError: true }),
      error: () => new Refusal(-32603, "out of paper, hunter2")
    }
    let which = "value"
    const server = tasking([failed], { "tasks/result": (...args) => results[which]?.(...args) })
    return withClient(
      server,
      (mcp) =>
        Effect.gen(function* () {
          const task = yield* mcp.callToolTask("a", "slow")
          expect(yield* task.result()).toMatchObject({ isError: true })
          which = "error"
          expect(yield* Effect.flip(task.result())).toMatchObject({
            _tag: "ProtocolError",
            method: "tasks/result",
            code: -32603,
            reason: "out of paper, «redacted»"
          })
        }),
      { ...stdio, env: { PASSWORD: "hunter2" } }
    )
  })

  it.effect("says that it was cancelled, by whomever, and hides secrets in what the server says of it", () =>
    withClient(
      tasking([working, { status: "cancelled", statusMessage: "by the owner of hunter2" }]),
      (mcp) =>
        Effect.gen(function* () {
          const task = yield* mcp.callToolTask("a", "slow")
          const fiber = yield* Effect.fork(Effect.flip(task.result()))
          yield* TestClock.adjust("2 seconds")
          const error = yield* Fiber.join(fiber)
          expect(error).toMatchObject({ _tag: "TaskCancelled", tool: "slow", reason: "by the owner of «redacted»" })
        }),
      { ...stdio, env: { PASSWORD: "hunter2" } }
    )
  )

  it.effect("that has ended stays as it was when it is cancelled", () => {
    const refused = { "tasks/cancel": () => new Refusal(-32602, "it has ended") }
    return withClient(tasking([working, completed], refused), (mcp) =>
      Effect.gen(function* () {
        const task = yield* mcp.callToolTask("a", "slow")
        expect(yield* task.cancel).toMatchObject({ status: "completed" })
        expect(yield* task.result()).toEqual(text("done"))
        expect(yield* Effect.flip(mcp.cancelTask("a", "t1"))).toMatchObject({ _tag: "ProtocolError", code: -32602 })
      })
    )
  })

  it.effect("that wants something is asked for its result, however long a person takes", () => {
    let answer = () => {}
    const server = tasking([working, { status: "input_required" }], {
      "tasks/result": (_, end, id) => {
        answer = () => end.send({ jsonrpc: "2.0", id, result: text("answered") })
        return nothing
      }
    })
    return withClient(
      server,
      (mcp) =>
        Effect.gen(function* () {
          const task = yield* mcp.callToolTask("a", "slow")
          const fiber = yield* Effect.fork(task.result({ timeout: "1 minute" }))
          yield* TestClock.adjust("2 seconds")
          yield* TestClock.adjust("50 seconds")
          expect(server.count("tasks/result")).toBe(1)
          answer()
          yield* TestClock.adjust(0)
          expect(yield* Fiber.join(fiber)).toEqual(text("answered"))
        }),
      { ...stdio, callTimeout: "3 seconds", totalTimeout: "5 seconds" }
    )
  })

  it.effect("is checked as the call of a tool is, before and after it has run", () => {
    const outputSchema = { type: "object", properties: { n: { type: "number" } }, required: ["n"] }
    let value: unknown = 1
    const tool = { name: "slow", inputSchema: { type: "object" }, outputSchema, execution: { taskSupport: "required" } }
    const server = tasking([completed], {
      "tools/list": () => ({ tools: [tool] }),
      "tasks/result": () => ({ content: [], structuredContent: { n: value } })
    })
    return withClient(
      server,
      (mcp) =>
        Effect.gen(function* () {
          const task = yield* mcp.callToolTask("a", "slow", {}, { checkOutput: true })
          expect(yield* task.result()).toMatchObject({ structuredContent: { n: 1 } })
          value = "one"
          // Which takes no turn of the rate limit: that is used up.
          expect(yield* Effect.flip(task.result())).toMatchObject({ _tag: "InvalidResult", tool: "slow" })
          expect(yield* Effect.flip(mcp.callToolTask("a", "slow"))).toMatchObject({ _tag: "RateLimited" })
          expect(yield* Effect.flip(mcp.callToolTask("a", "hidden"))).toMatchObject({ _tag: "ToolDenied" })
        }),
      { ...stdio, denyTools: ["hidden"], rateLimit: { calls: 1, per: "1 minute", mode: "fail" } }
    )
  })

  it.effect("may have begun when its connection is lost before the server has answered", () => {
    const server = tasking([working], {
      "tools/call": (_, end) => {
        end.close("it crashed")
        return nothing
      }
    })
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        expect(yield* Effect.flip(mcp.callToolTask("a", "slow"))).toMatchObject({
          _tag: "OutcomeUnknown",
          tool: "slow"
        })
        expect(server.count("tools/call")).toBe(1)
      })
    )
  })
})

describe("the connection of a task", () => {
  it.effect("takes the task with it when it was that of a process", () => {
    const server = tasking([working])
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        const task = yield* mcp.callToolTask("a", "slow")
        const fiber = yield* Effect.fork(Effect.flip(task.result()))
        server.clients[0]?.close("it crashed")
        yield* TestClock.adjust("2 seconds")
        const lost = { _tag: "TaskLost", server: "a", tool: "slow", task: "t1", reason: "it crashed" }
        expect(yield* Fiber.join(fiber)).toMatchObject(lost)
        expect(yield* Effect.flip(task.status)).toMatchObject(lost)
        expect(yield* Effect.flip(task.cancel)).toMatchObject(lost)
        expect(server.count("tasks/get")).toBe(0)
      })
    )
  })

  it.effect("that is lost while it is asked is not replaced by one that knows nothing of the task", () => {
    const server = tasking([working], {
      "tasks/get": (_, end) => {
        end.close("it crashed")
        return nothing
      }
    })
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        const task = yield* mcp.callToolTask("a", "slow")
        const fiber = yield* Effect.fork(Effect.flip(task.result()))
        for (let n = 0; n < 4; n++) yield* TestClock.adjust("1 seconds")
        expect(yield* Fiber.join(fiber)).toMatchObject({ _tag: "TaskLost", reason: "it crashed" })
        expect(server.count("tasks/get")).toBe(1)
      })
    )
  })

  it.effect("is asked as long as it is open, though others are free", () => {
    const asked: Array<number> = []
    const server = tasking([working, working, working, completed], {
      "tasks/cancel": (_, end) => {
        asked.push(end.connection)
        return new Refusal(-32603, "no")
      },
      "tasks/result": (_, end) => text(`on ${end.connection}`),
      ping: (_, end) => (end.connection === 1 ? nothing : {})
    })
    return withClient(
      server,
      (mcp) =>
        Effect.gen(function* () {
          const task = yield* mcp.callToolTask("a", "slow")
          // The first is busy, so what is borrowed from now on is the second.
          const busy = yield* Effect.fork(mcp.ping("a"))
          yield* TestClock.adjust(0)
          const fiber = yield* Effect.fork(task.result())
          const cancelling = yield* Effect.fork(Effect.flip(task.cancel))
          for (let n = 0; n < 3; n++) yield* TestClock.adjust("2 seconds")
          expect(yield* Fiber.join(fiber)).toEqual(text("on 1"))
          expect(yield* Fiber.join(cancelling)).toMatchObject({ _tag: "ProtocolError", code: -32603 })
          expect(asked).toEqual([1])
          expect(server.clients).toHaveLength(2)
          yield* Fiber.interrupt(busy)
        }),
      { ...stdio, max: 2, concurrency: 1 }
    )
  })

  it.effect("is replaced by another over HTTP, where a server may still know the task", () => {
    const server = tasking([working, working, completed], {
      "tasks/result": (_, end) => text(`${end.key} on ${end.connection}`)
    })
    const memory = McpMemory.make({ a: server.serve })
    const overTcp = Layer.succeed(McpConnector.McpConnector, {
      open: (key, config) => Effect.map(memory.open(key, config), (transport) => ({ ...transport, network: "tcp" }))
    })
    const config: ServerConfig.ServerConfig = { ...http, isolation: "perPartition" }
    const layer = McpClient.layer.pipe(Layer.provide(McpPool.layer({ servers: { a: config } })), Layer.provide(overTcp))
    return Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const task = yield* mcp.callToolTask("a", "slow").pipe(McpClient.withPartition("ada"))
      // Asked by somebody else, it is still Ada's.
      const fiber = yield* Effect.fork(task.result().pipe(McpClient.withPartition("bob")))
      server.clients[0]?.close("the session has ended")
      for (let n = 0; n < 3; n++) yield* TestClock.adjust("2 seconds")
      expect(yield* Fiber.join(fiber)).toEqual(text("a/ada on 2"))
      expect(server.clients.map(({ key }) => key.partition)).toEqual(["ada", "ada"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("is that of the session, where it was begun in one", () => {
    const server = tasking([working, completed])
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        const session = yield* mcp.session("a")
        const task = yield* session.callToolTask("slow")
        const fiber = yield* Effect.fork(task.result())
        yield* TestClock.adjust("2 seconds")
        expect(yield* Fiber.join(fiber)).toEqual(text("done"))
        expect(yield* session.listTasks()).toHaveLength(2)
        expect(server.clients).toHaveLength(1)
      }).pipe(Effect.scoped)
    )
  })
})

describe("whether a tool runs as a task", () => {
  const Slow = McpTool.make("slow", { parameters: { n: Schema.optional(Schema.Number) }, success: McpTool.text })

  it.effect("is told before it is sent, where the tools are known", () => {
    const server = tasking([completed])
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        yield* mcp.listTools("a")
        const mismatch = (tool: string, support: string) => ({ _tag: "TaskMismatch", server: "a", tool, support })
        const required = yield* Effect.flip(mcp.callTool("a", "slow"))
        expect(required).toMatchObject(mismatch("slow", "required"))
        expect(required.message).toContain("call it with callToolTask")
        expect(yield* Effect.flip(mcp.call("a", Slow, {}))).toMatchObject(mismatch("slow", "required"))
        for (const tool of ["quick", "plain"]) {
          const forbidden = yield* Effect.flip(mcp.callToolTask("a", tool))
          expect(forbidden).toMatchObject(mismatch(tool, "forbidden"))
          expect(forbidden.message).toContain("call it with callTool")
        }
        const session = yield* mcp.session("a")
        expect(yield* Effect.flip(session.callTool("slow"))).toMatchObject(mismatch("slow", "required"))
        expect(server.methods).toEqual(["tools/list"])
        for (const tool of ["slow", "either", "unheard of"]) yield* session.callToolTask(tool)
        expect(server.count("tools/call")).toBe(3)
      }).pipe(Effect.scoped)
    )
  })

  it.effect("is asked of what is known when the call is run, and a hidden tool is denied before", () => {
    let taskSupport = "required"
    const server = tasking([completed], {
      "tools/list": () => ({ tools: [{ name: "slow", inputSchema: { type: "object" }, execution: { taskSupport } }] }),
      "tools/call": () => text("done")
    })
    return withClient(
      server,
      (mcp) =>
        Effect.gen(function* () {
          yield* mcp.listTools("a")
          const call = mcp.callTool("a", "slow")
          expect(yield* Effect.flip(call)).toMatchObject({ _tag: "TaskMismatch" })
          taskSupport = "optional"
          yield* mcp.listTools("a", { fresh: true })
          expect(yield* call).toEqual(text("done"))
          expect(yield* Effect.flip(mcp.callTool("a", "hidden"))).toMatchObject({ _tag: "ToolDenied" })
        }),
      { ...stdio, denyTools: ["hidden"] }
    )
  })

  it.effect("is the server's to say where they are not", () => {
    const server = tasking([completed], { "tools/call": () => new Refusal(-32601, "it runs as a task") })
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        expect(yield* Effect.flip(mcp.callTool("a", "slow"))).toMatchObject({ _tag: "ProtocolError", code: -32601 })
        expect(server.methods).toEqual(["tools/call"])
      })
    )
  })

  it.effect("does not stand in the way of tools that run either way, or plainly", () => {
    const server = tasking([completed], { "tools/call": () => text("done") })
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        yield* mcp.listTools("a")
        for (const tool of ["either", "quick", "plain", "unheard of"]) {
          expect(yield* mcp.callTool("a", tool)).toEqual(text("done"))
        }
      })
    )
  })

  it.effect("is not asked of a server that did not declare it", () => {
    const cases = [
      ["tasks.requests.tools.call", (mcp: McpClient.Service) => mcp.callToolTask("a", "slow")],
      ["tasks.list", (mcp: McpClient.Service) => mcp.listTasks("a")],
      ["tasks.cancel", (mcp: McpClient.Service) => mcp.cancelTask("a", "t1")]
    ] as const
    const server = tasking([completed], {}, { tools: {}, tasks: { requests: { tools: {} } } })
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        for (const [capability, ask] of cases) {
          const asked: Effect.Effect<unknown, McpClient.CallError> = ask(mcp)
          expect(yield* Effect.flip(asked)).toMatchObject({ _tag: "UnsupportedCapability", capability })
        }
        expect(server.methods).toEqual([])
        expect(yield* mcp.getTask("a", "t1")).toMatchObject({ taskId: "t1" })
      })
    )
  })
})

describe("tasks by their ids", () => {
  it.effect("are listed, looked at and cancelled", () => {
    const server = tasking([working])
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        expect((yield* mcp.listTasks("a")).map(({ taskId }) => taskId)).toEqual(["t1", "t2"])
        expect(yield* mcp.getTask("a", "t1")).toMatchObject({ status: "working" })
        expect(yield* mcp.cancelTask("a", "t1")).toMatchObject({ status: "cancelled" })
        expect(server.received.at(-1)).toMatchObject({ method: "tasks/cancel", params: { taskId: "t1" } })
      })
    )
  })

  it.effect("are refused where they are not as MCP has them", () => {
    const wrong = { taskId: "t1", status: "almost", ttl: null, createdAt: "", lastUpdatedAt: "" }
    const server = tasking([wrong])
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        const malformed = { _tag: "ProtocolError", code: -32700, reason: expect.stringContaining("status") }
        expect(yield* Effect.flip(mcp.getTask("a", "t1"))).toMatchObject(malformed)
        expect(yield* Effect.flip(mcp.callToolTask("a", "slow"))).toMatchObject(malformed)
      })
    )
  })
})
