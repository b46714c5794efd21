import { describe, expect, it } from "@effect/vitest"
import { McpClient, type McpError, type ResourceUpdate, type ServerConfig, type ServerLog } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import process from "node:process"
import * as Everything from "./fixtures/Everything.js"

const uri = "demo://resource/static/document/architecture.md"

/** What a stream tells, to be taken one by one; reading it ends with the scope, or with `stop`. */
const taking = <A, E>(stream: Stream.Stream<A, E>) =>
  Effect.gen(function* () {
    const queue = yield* Queue.unbounded<A>()
    const fiber = yield* Effect.forkScoped(Stream.runForEach(stream, (each) => Queue.offer(queue, each)))
    // What ends the stream ends the test, which would wait for ever.
    const next = Effect.raceFirst(
      Queue.take(queue),
      Effect.flatMap(Fiber.join(fiber), () => Effect.dieMessage("the stream has ended"))
    )
    const until = <B extends A>(wanted: (each: A) => each is B): Effect.Effect<B, E> =>
      Effect.flatMap(next, (each) => (wanted(each) ? Effect.succeed(each) : until(wanted)))
    return { until, stop: Fiber.interrupt(fiber) }
  })

const using = <A, E>(
  config: ServerConfig.ServerConfig,
  use: (mcp: McpClient.Service) => Effect.Effect<A, E>
): Effect.Effect<A, E | McpError.ConfigError | McpError.ServersUnavailable> =>
  Effect.flatMap(McpClient.McpClient, use).pipe(
    Effect.provide(NodeMcp.layer({ servers: { everything: { ...config, max: 1 } } }))
  )

const is =
  <Tag extends ResourceUpdate.ResourceUpdate["_tag"]>(tag: Tag) =>
  (update: ResourceUpdate.ResourceUpdate): update is Extract<ResourceUpdate.ResourceUpdate, { readonly _tag: Tag }> =>
    update._tag === tag

const says =
  (part: string) =>
  (log: ServerLog.ServerLog): log is ServerLog.ServerLog =>
    typeof log.data === "string" && log.data.includes(part)

/** Subscribes, is told of a change, and of what the server logs of it, while calls go on. */
const hears = (mcp: McpClient.Service) =>
  Effect.scoped(
    Effect.gen(function* () {
      const logs = yield* taking(mcp.logs("everything", { level: "info" }))
      const updates = yield* taking(mcp.resourceUpdates("everything", uri))
      yield* updates.until(is("Subscribed"))
      yield* logs.until(says("Received Subscribe Resource request"))
      yield* mcp.callTool("everything", "toggle-subscriber-updates")
      expect(yield* updates.until(is("Updated"))).toMatchObject({ uri })
      yield* updates.stop
      yield* logs.until(says("Received Unsubscribe Resource request"))
      const { leases, open } = yield* mcp.stats
      expect([leases, open]).toEqual([0, 1])
    })
  )

const progresses = (mcp: McpClient.Service) =>
  Effect.gen(function* () {
    const args = { duration: 0.2, steps: 4 }
    const told = yield* Stream.runCollect(mcp.callToolStream("everything", "trigger-long-running-operation", args))
    const short = Chunk.toReadonlyArray(told).map((each) => (each._tag === "Progress" ? each.progress : each._tag))
    expect(short).toEqual([1, 2, 3, 4, "Result"])
  })

const cases = [
  {
    over: "stdio",
    config: Effect.succeed<ServerConfig.ServerConfig>({ command: process.execPath, args: [Everything.main, "stdio"] })
  },
  {
    over: "HTTP",
    config: Effect.map(Everything.overHttp("streamableHttp"), (url): ServerConfig.ServerConfig => ({ url }))
  },
  {
    over: "HTTP as old servers are",
    config: Effect.map(Everything.overHttp("sse"), (url): ServerConfig.ServerConfig => ({ url }))
  }
] as const

describe.each(cases)("the reference server over $over", ({ config }) => {
  it.scopedLive("is subscribed to, and tells of changes and what it logs", () =>
    Effect.flatMap(config, (server) => using(server, hears))
  )

  it.scopedLive("tells how far a call is", () => Effect.flatMap(config, (server) => using(server, progresses)))
})

describe("a process that is killed", () => {
  it.scopedLive("is subscribed to again, and its reader is told that it may have missed something", () =>
    using({ command: process.execPath, args: [Everything.main, "stdio"] }, (mcp) =>
      Effect.scoped(
        Effect.gen(function* () {
          const updates = yield* taking(mcp.resourceUpdates("everything", uri))
          yield* updates.until(is("Subscribed"))
          const { connections } = yield* mcp.status("everything")
          const pid = connections[0]?.pid
          if (pid === undefined) return expect.unreachable("a process has a number")
          process.kill(pid, "SIGKILL")
          expect(yield* updates.until(is("MayHaveChanged"))).toMatchObject({ uri, reason: "reconnected" })
          yield* mcp.callTool("everything", "toggle-subscriber-updates")
          yield* updates.until(is("Updated"))
        })
      )
    )
  )
})
