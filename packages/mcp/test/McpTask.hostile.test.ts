/** What servers tell of tasks that they should not, and who must not wait for it. */
import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpHandlers, type ServerConfig } from "@mooring/mcp"
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js"
import { Effect, Exit, Fiber, Layer, Scope, TestClock } from "effect"
import { AskingServer, said } from "./AskingServer.js"
import { client, http, type MemoryServer, nothing, stdio, text } from "./MemoryServer.js"
import { completed, tasking, withClient, working } from "./TaskServer.js"

const times = { ttl: null, createdAt: "2026-01-01T00:00:00Z", lastUpdatedAt: "2026-01-01T00:00:00Z" }

/** The server tells of a task by itself. What a hostile one tells need not be MCP. */
const tell = (server: MemoryServer, params: unknown) => {
  for (const end of server.clients) {
    end.send({ jsonrpc: "2.0", method: "notifications/tasks/status", params } as JSONRPCMessage)
  }
}

const settle = TestClock.adjust(0)

describe("the server's wish how often it is asked", () => {
  it.effect("is heeded within measure: never more than ten times a second, nor less than once a minute", () =>
    Effect.forEach(
      [
        [0, 100],
        [-1e308, 100],
        [1e-300, 100],
        [2500.5, 2501],
        [1e308, 60_000],
        [2 ** 31, 60_000]
      ],
      ([pollInterval, millis = 0]) => {
        const server = tasking([{ status: "working", pollInterval }, { status: "working", pollInterval }, completed])
        return withClient(server, (mcp) =>
          Effect.gen(function* () {
            const task = yield* mcp.callToolTask("a", "slow")
            const fiber = yield* Effect.fork(task.result())
            yield* TestClock.adjust(millis - 1)
            expect(server.count("tasks/get")).toBe(0)
            yield* TestClock.adjust(1)
            expect(server.count("tasks/get")).toBe(1)
            yield* TestClock.adjust(millis)
            expect(server.count("tasks/get")).toBe(2)
            expect(yield* Fiber.join(fiber)).toEqual(text("done"))
          })
        )
      }
    )
  )
})

describe("what a server tells of a task by itself", () => {
  it.effect("ends the wait for it at once, whoever waits", () => {
    const slowly = { ...working, pollInterval: 60_000 }
    const server = tasking([slowly])
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        const task = yield* mcp.callToolTask("a", "slow")
        const waiting = yield* Effect.forkAll([task.result(), task.result({ cancel: true }), task.result()])
        yield* TestClock.adjust("1 second")
        tell(server, { taskId: "t1", ...times, ...slowly, statusMessage: "half of it" })
        yield* TestClock.adjust("1 second")
        expect(server.count("tasks/result")).toBe(0)
        tell(server, { taskId: "t1", status: "completed", ...times })
        yield* settle
        expect(yield* Fiber.join(waiting)).toEqual([text("done"), text("done"), text("done")])
        expect(server.count("tasks/get")).toBe(0)
        expect(server.count("tasks/cancel")).toBe(0)
      })
    )
  })

  it.effect(
    "counts for that task alone, and only where it is as MCP has it; else the task is asked about as ever",
    () => {
      const server = tasking([working, working, completed])
      return withClient(server, (mcp) =>
        Effect.gen(function* () {
          const task = yield* mcp.callToolTask("a", "slow")
          const fiber = yield* Effect.fork(task.result())
          yield* settle
          const wrong = [
            undefined,
            {},
            { taskId: "t1" },
            { taskId: ["t1"], status: "completed", ...times },
            { taskId: "t2", status: "completed", ...times },
            { taskId: "__proto__", status: "completed", ...times },
            { taskId: "t1", status: "almost", ...times },
            { taskId: "t1", status: "completed", ...times, ttl: "long" }
          ]
          for (const params of wrong) tell(server, params)
          yield* TestClock.adjust("1999 millis")
          expect(server.methods).toEqual(["tools/call"])
          // What is told over and over does not keep it from being asked about.
          for (let n = 0; n < 50; n++) tell(server, { taskId: "t1", ...times, ...working })
          yield* TestClock.adjust("1 millis")
          expect(server.count("tasks/get")).toBe(1)
          yield* TestClock.adjust("2 seconds")
          expect(yield* Fiber.join(fiber)).toEqual(text("done"))
        })
      )
    }
  )

  it.effect("that it wants something has it asked for the result at once", () => {
    const server = tasking([working])
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        const task = yield* mcp.callToolTask("a", "slow")
        const fiber = yield* Effect.fork(task.result())
        yield* settle
        tell(server, { taskId: "t1", status: "input_required", ...times })
        yield* settle
        expect(yield* Fiber.join(fiber)).toEqual(text("done"))
        expect(server.methods).toEqual(["tools/call", "tasks/result"])
      })
    )
  })

  it.effect("does not undo its end, and neither does what it answers late", () => {
    const server = tasking([working, completed, working, { status: "cancelled" }])
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        const task = yield* mcp.callToolTask("a", "slow")
        const fiber = yield* Effect.fork(task.result())
        yield* TestClock.adjust("2 seconds")
        expect(yield* Fiber.join(fiber)).toEqual(text("done"))
        tell(server, { taskId: "t1", status: "cancelled", ...times })
        yield* settle
        expect(yield* task.status).toMatchObject({ status: "working" })
        expect(yield* task.status).toMatchObject({ status: "cancelled" })
        expect(yield* task.result()).toEqual(text("done"))
      })
    )
  })

  it.effect("counts for a task of any name", () =>
    Effect.forEach(["__proto__", "constructor", "", "\u0000\u001B[2J", "x".repeat(100_000)], (taskId) => {
      const server = tasking([
        { ...working, taskId },
        { ...completed, taskId }
      ])
      return withClient(server, (mcp) =>
        Effect.gen(function* () {
          const task = yield* mcp.callToolTask("a", "slow")
          expect(task.id).toBe(taskId)
          const told = yield* Effect.fork(task.result())
          yield* settle
          tell(server, { taskId, status: "completed", ...times })
          yield* settle
          expect(yield* Fiber.join(told)).toEqual(text("done"))
          expect(yield* task.status).toMatchObject({ status: "completed" })
          server.clients[0]?.close("it crashed")
          yield* settle
          const lost = yield* Effect.flip(task.result())
          expect(lost._tag).toBe("TaskLost")
          expect(lost.message).not.toContain("\u001B")
          expect(lost.message.length).toBeLessThan(10_000)
        })
      )
    })
  )
})

describe("how a task is doing", () => {
  it.effect("is not what the server says of another", () => {
    const server = tasking([working, { ...completed, taskId: "t2" }], {
      "tasks/cancel": () => ({ taskId: "t2", ...times, status: "cancelled" })
    })
    return withClient(server, (mcp) =>
      Effect.gen(function* () {
        const malformed = { _tag: "ProtocolError", code: -32700, reason: expect.stringContaining("taskId") }
        const task = yield* mcp.callToolTask("a", "slow")
        expect(yield* Effect.flip(task.status)).toMatchObject(malformed)
        expect(yield* Effect.flip(task.cancel)).toMatchObject(malformed)
        expect(yield* Effect.flip(mcp.getTask("a", "t1"))).toMatchObject(malformed)
        expect(yield* Effect.flip(mcp.cancelTask("a", "t1"))).toMatchObject(malformed)
      })
    )
  })
})

describe("the connection of a task", () => {
  const server = () => {
    const made = tasking([{ ...working, pollInterval: 60_000 }])
    return { made, isOpen: () => made.clients.map((end) => end.isOpen()) }
  }
  /** It idles out before the task is asked about. */
  const config = { ...stdio, idleTimeToLive: "30 seconds" } as const

  it.effect("does not idle out while somebody waits for its result, and does when nobody does any more", () => {
    const { isOpen, made } = server()
    return withClient(
      made,
      (mcp) =>
        Effect.gen(function* () {
          const task = yield* mcp.callToolTask("a", "slow")
          const fiber = yield* Effect.fork(task.result())
          for (let minute = 0; minute < 3; minute++) yield* TestClock.adjust("1 minute")
          expect(isOpen()).toEqual([true])
          tell(made, { taskId: "t1", status: "completed", ...times })
          yield* settle
          expect(yield* Fiber.join(fiber)).toEqual(text("done"))
          yield* TestClock.adjust("29 seconds")
          expect(isOpen()).toEqual([true])
          yield* TestClock.adjust("1 second")
          expect(isOpen()).toEqual([false])
          expect(yield* Effect.flip(task.status)).toMatchObject({ _tag: "TaskLost" })
        }),
      config
    )
  })

  it.effect("is let go of at whatever step the wait is interrupted", () => {
    const { isOpen, made } = server()
    return withClient(
      made,
      (mcp) =>
        Effect.gen(function* () {
          const task = yield* mcp.callToolTask("a", "slow")
          for (let steps = 0; steps < 60; steps++) {
            const fiber = yield* Effect.fork(Effect.withMaxOpsBeforeYield(task.result(), 20 + steps))
            for (let step = 0; step < steps; step++) yield* Effect.yieldNow()
            expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
          }
          expect(yield* mcp.stats).toMatchObject({ leases: 0, waiting: 0 })
          yield* TestClock.adjust("30 seconds")
          expect(isOpen()).toEqual([false])
        }),
      config
    )
  })

  it.effect("that ends with its client has whoever waits told so", () => {
    const { made } = server()
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Scope.extend(Layer.build(client({ a: made }, { a: http })), scope)
      const task = yield* Effect.provide(
        Effect.flatMap(McpClient.McpClient, (mcp) => mcp.callToolTask("a", "slow")),
        context
      )
      const waiting = yield* Effect.fork(Effect.flip(task.result({ cancel: true })))
      yield* settle
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("1 minute")
      expect((yield* Fiber.join(waiting))._tag).toMatch(/TaskLost|PoolClosed/)
    })
  })
})

describe("handlers of a call that runs as a task", () => {
  const by = (model: string): McpHandlers.Handlers => ({
    sampling: { createMessage: () => Effect.succeed(McpHandlers.message(model, "")) }
  })
  const asking = (options: { readonly answers?: boolean } = {}) => {
    const task = { taskId: "t1", ...times, status: "input_required" }
    const asks = (_: unknown, end: Parameters<AskingServer["ask"]>[0], id: string | number) => {
      server.ask(end, "sampling/createMessage", said("x"), id)
      return nothing
    }
    const server: AskingServer = new AskingServer({
      ...options,
      on: {
        capabilities: { tools: {}, tasks: { cancel: {}, requests: { tools: { call: {} } } } },
        on: {
          "tools/call": () => ({ task }),
          "tasks/get": () => task,
          "tasks/result": asks
        }
      }
    })
    return server
  }
  const over = (server: AskingServer, config: ServerConfig.ServerConfig) =>
    Effect.provide(client({ one: server.server }, { one: config }).pipe(Layer.provide(McpHandlers.layer(by("app")))))

  it.effect(
    "answer what the task wants, which the server asks for in the response to the request for its result",
    () => {
      const server = asking()
      return Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        const task = yield* mcp.callToolTask("one", "ask", {}, { handlers: by("ada") })
        expect(yield* task.result()).toMatchObject({ content: [{ text: expect.stringContaining('"ada"') }] })
      }).pipe(over(server, http))
    }
  )

  it.effect("of a session that has the connection meanwhile are not asked what the task wants", () => {
    const server = asking()
    return Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const task = yield* mcp.callToolTask("one", "ask")
      const scope = yield* Scope.make()
      yield* Scope.extend(mcp.session("one", { handlers: by("bob") }), scope)
      const waiting = yield* Effect.fork(task.result())
      yield* TestClock.adjust("1 minute")
      expect(server.asked).toEqual([])
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(waiting)).toMatchObject({ content: [{ text: expect.stringContaining('"app"') }] })
      expect(server.server.clients).toHaveLength(2)
    }).pipe(over(server, { ...stdio, max: 2 }))
  })

  it.effect("of a session are refused a connection on which somebody waits for what a task wants", () => {
    const server = asking({ answers: false })
    return Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const task = yield* mcp.callToolTask("one", "ask")
      // The first connection is another's while the result is asked for, so it is not lent for that.
      const busy = yield* Scope.make()
      yield* Scope.extend(mcp.session("one"), busy)
      const waiting = yield* Effect.fork(task.result())
      yield* settle
      expect(server.asked).toHaveLength(1)
      yield* Scope.close(busy, Exit.void)
      const open = mcp.session("one", { handlers: by("bob") })
      expect(yield* Effect.flip(open)).toMatchObject({
        _tag: "HandlersRefused",
        reason: expect.stringContaining("result of a task")
      })
      yield* Fiber.interrupt(waiting)
      expect(yield* open).toMatchObject({ server: "one" })
      expect(server.asked).toHaveLength(1)
    }).pipe(Effect.scoped, over(server, { ...stdio, max: 2 }))
  })

  it.effect("are refused before anything is sent where nothing says what the server asks for", () => {
    const server = asking()
    return Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const begun = mcp.callToolTask("one", "ask", {}, { handlers: by("ada") })
      expect(yield* Effect.flip(begun)).toMatchObject({ _tag: "HandlersRefused" })
      expect(server.server.methods).toEqual([])
    }).pipe(over(server, stdio))
  })
})
