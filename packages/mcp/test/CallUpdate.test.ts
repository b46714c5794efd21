import { describe, expect, it } from "@effect/vitest"
import { CallUpdate, type McpMemory, McpClient, McpTool } from "@mooring/mcp"
import { Chunk, Effect, Fiber, Logger, Schema, Stream, TestClock } from "effect"
import { client, type Handler, http, MemoryServer, nothing, stdio, text } from "./MemoryServer.js"

/** Tells of progress as often as its argument says, and then answers, all in one go. */
const working: Handler = ({ _meta, arguments: args }, end) => {
  const steps = isRecord(args) && typeof args["steps"] === "number" ? args["steps"] : 0
  for (let step = 1; step <= steps; step++) tell(end, _meta, step, steps)
  return text("done")
}

const tell = (end: McpMemory.ClientEnd, meta: unknown, progress: number, total: number) => {
  const progressToken = isRecord(meta) ? meta["progressToken"] : undefined
  if (progressToken === undefined) return
  const params = { progressToken, progress, total, message: `step ${progress}\u001B[2J` }
  end.send({ jsonrpc: "2.0", method: "notifications/progress", params })
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null

const using = <A, E>(on: Handler, use: (mcp: McpClient.Service, server: MemoryServer) => Effect.Effect<A, E>) => {
  const server = new MemoryServer({ on: { "tools/call": on } })
  return Effect.flatMap(McpClient.McpClient, (mcp) => use(mcp, server)).pipe(
    Effect.provide(client({ a: server }, { a: stdio, web: http }))
  )
}

const settle = TestClock.adjust(0)
const Work = McpTool.make("work", { parameters: { steps: Schema.Number }, success: McpTool.text })

describe("progress of a call", () => {
  it.effect("is told as it comes, cleaned, and nothing of what came with the result is lost", () =>
    using(working, (mcp) =>
      Effect.gen(function* () {
        const heard: Array<CallUpdate.CallProgress> = []
        const onProgress = (progress: CallUpdate.CallProgress) => void heard.push(progress)
        yield* mcp.callTool("a", "work", { steps: 2 }, { onProgress })
        expect(heard).toEqual([
          { progress: 1, total: 2, message: "step 1", attempt: 1 },
          { progress: 2, total: 2, message: "step 2", attempt: 1 }
        ])
        expect(yield* mcp.call("a", Work, { steps: 3 }, { onProgress })).toBe("done")
        expect(heard).toHaveLength(5)
      })
    )
  )

  it.effect("that nobody wants to hear of is not asked for where no timeout needs it", () =>
    using(working, (mcp, server) =>
      Effect.gen(function* () {
        yield* mcp.callTool("a", "work", { steps: 2 }, { timeout: "1 minute", totalTimeout: "1 minute" })
        expect(JSON.stringify(server.received)).not.toContain("progressToken")
      })
    )
  )

  it.effect("what hears of it and throws, or fails later, harms nobody and is logged", () => {
    const logged: Array<unknown> = []
    const logger = Logger.make(({ message }) => void logged.push(message))
    return using(working, (mcp) =>
      Effect.gen(function* () {
        const onProgress = () => {
          throw new Error("not today")
        }
        const result = yield* mcp.callTool("a", "work", { steps: 1 }, { onProgress })
        expect(result).toMatchObject(text("done"))
        yield* mcp.callTool("a", "work", { steps: 1 }, { onProgress: () => Promise.reject(new Error("later")) })
        yield* settle
        expect(logged.flat().filter((line) => String(line).includes("its progress failed"))).toHaveLength(2)
      })
    ).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
  })

  it.effect("says of which run it is when the call is run again", () => {
    let runs = 0
    return using(
      (params, end) => {
        tell(end, params["_meta"], 1, 1)
        if (++runs > 1) return text("done")
        queueMicrotask(() => end.close("it crashed"))
        return nothing
      },
      (mcp) =>
        Effect.gen(function* () {
          const call = Stream.runCollect(mcp.callToolStream("a", "work", {}, { mayRunTwice: true }))
          const fiber = yield* Effect.fork(call)
          yield* TestClock.adjust("1 minute")
          const told = Chunk.toReadonlyArray(yield* Fiber.join(fiber))
          expect(told.map((each) => (each._tag === "Progress" ? each.attempt : each._tag))).toEqual([1, 2, "Result"])
        })
    )
  })
})

describe("the stream of a call", () => {
  it.effect("is its progress, then its result; each run of it is a call", () =>
    using(working, (mcp, server) =>
      Effect.gen(function* () {
        let also = 0
        const stream = mcp.callToolStream("a", "work", { steps: 2 }, { onProgress: () => void also++ })
        const told = Chunk.toReadonlyArray(yield* Stream.runCollect(stream))
        expect(told.map(({ _tag }) => _tag)).toEqual(["Progress", "Progress", "Result"])
        expect(told.at(-1)).toMatchObject({ result: text("done") })
        yield* Stream.runDrain(stream)
        expect([server.count("tools/call"), also]).toEqual([2, 4])
        const typed = Chunk.toReadonlyArray(yield* Stream.runCollect(mcp.callStream("a", Work, { steps: 1 })))
        expect(typed.at(-1)).toEqual(CallUpdate.Result({ result: "done" }))
      })
    )
  )

  it.effect("fails as the call does, after what it has told", () =>
    using(
      (params, end) => {
        tell(end, params["_meta"], 1, 2)
        return { ...text("no luck"), isError: true }
      },
      (mcp) =>
        Effect.gen(function* () {
          const told: Array<string> = []
          const run = Stream.runForEach(mcp.callStream("a", Work, { steps: 1 }), ({ _tag }) =>
            Effect.sync(() => told.push(_tag))
          )
          expect(yield* Effect.flip(run)).toMatchObject({ _tag: "ToolFailed", content: "no luck" })
          expect(told).toEqual(["Progress"])
        })
    )
  )

  it.effect("cancels the call when it is interrupted, or not read to its end", () =>
    using(
      (params, end) => {
        tell(end, params["_meta"], 1, 2)
        return nothing
      },
      (mcp, server) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(Stream.runDrain(mcp.callToolStream("a", "work")))
          yield* settle
          yield* Fiber.interrupt(fiber)
          yield* settle
          expect(server.count("notifications/cancelled")).toBe(1)
          expect(Chunk.size(yield* Stream.runCollect(Stream.take(mcp.callToolStream("a", "work"), 1)))).toBe(1)
          yield* settle
          expect(server.count("notifications/cancelled")).toBe(2)
        })
    )
  )

  it.effect("a reader who is slow misses the oldest progress, never the result, and holds up nobody", () =>
    using(working, (mcp) =>
      Effect.gen(function* () {
        const next = yield* Effect.makeLatch()
        const told: Array<CallUpdate.CallUpdate<unknown>> = []
        const slow = Stream.runForEach(mcp.callToolStream("a", "work", { steps: 500 }), (each) =>
          Effect.zipRight(
            Effect.sync(() => told.push(each)),
            next.await
          )
        )
        const fiber = yield* Effect.fork(slow)
        yield* settle
        expect(yield* mcp.callTool("a", "work", { steps: 0 })).toMatchObject(text("done"))
        yield* next.open
        yield* Fiber.join(fiber)
        expect(told).toHaveLength(1 + CallUpdate.waiting)
        expect(told.at(-2)).toMatchObject({ progress: 500 })
        expect(told.at(-1)).toMatchObject({ result: text("done") })
      })
    )
  )

  it.effect("in a session, is on its connection", () =>
    using(working, (mcp) =>
      Effect.scoped(
        Effect.gen(function* () {
          const session = yield* mcp.session("a")
          const told = Chunk.toReadonlyArray(yield* Stream.runCollect(session.callStream(Work, { steps: 1 })))
          expect(told.map(({ _tag }) => _tag)).toEqual(["Progress", "Result"])
          const plain = yield* Stream.runCollect(session.callToolStream("work", { steps: 2 }))
          expect(Chunk.size(plain)).toBe(3)
        })
      )
    )
  )
})
