import { describe, expect, it } from "@effect/vitest"
import { McpClient, type McpPool, type ServerConfig } from "@mooring/mcp"
import { Effect, Fiber, Metric, TestClock } from "effect"
import { client, http, MemoryServer, nothing, type Options, Refusal, stdio, text } from "./MemoryServer.js"

const serving = (call: NonNullable<Options["on"]>[string], more: Options = {}) =>
  new MemoryServer({ ...more, on: { ...more.on, "tools/call": call } })

// The registry is one for the process: each test has a server, or a pool, of a name of its own.
const withClient = <A, E>(
  name: string,
  server: MemoryServer,
  use: (mcp: McpClient.Service) => Effect.Effect<A, E>,
  config: ServerConfig.ServerConfig = stdio,
  options: Omit<McpPool.Options, "servers"> = {}
) =>
  Effect.flatMap(McpClient.McpClient, use).pipe(
    Effect.provide(client({ [name]: server }, { [name]: config }, { name, ...options }))
  )

interface Series {
  readonly labels: Readonly<Record<string, string>>
  readonly count: number
  readonly sum: number
  readonly value: number
  readonly buckets: ReadonlyArray<readonly [number, number]>
}

/** The series of a metric that have this label. */
const seriesOf = (metric: string, label: string, value: string): Effect.Effect<ReadonlyArray<Series>> =>
  Effect.map(Metric.snapshot, (pairs) =>
    pairs.flatMap(({ metricKey, metricState }) => {
      const labels = Object.fromEntries(metricKey.tags.map((tag) => [tag.key, tag.value]))
      // Which of these a state has depends on its kind.
      return metricKey.name === metric && labels[label] === value
        ? [{ ...(metricState as unknown as Omit<Series, "labels">), labels }]
        : []
    })
  )

const operations = (server: string) => seriesOf("mcp.client.operation.duration", "mcp.server", server)
const sessions = (server: string) => seriesOf("mcp.client.session.duration", "mcp.server", server)

describe("mcp.client.operation.duration", () => {
  it.effect("has prompts by their names, as many as a server may have series for, and resources without any", () => {
    const server = new MemoryServer({
      capabilities: { prompts: {}, resources: {} },
      on: { "prompts/get": () => ({ messages: [] }), "resources/read": () => ({ contents: [] }) }
    })
    return withClient("by prompt", server, (mcp) =>
      Effect.gen(function* () {
        for (let n = 0; n < 102; n++) yield* mcp.getPrompt("by prompt", `p${n}`)
        for (let n = 0; n < 3; n++) yield* mcp.readResource("by prompt", `file:///${n}`)
        const found = yield* operations("by prompt")
        const prompts = found.filter(({ labels }) => labels["mcp.method.name"] === "prompts/get")
        expect(prompts).toHaveLength(101)
        expect(prompts.find(({ labels }) => labels["gen_ai.prompt.name"] === "p0")).toMatchObject({ count: 1 })
        expect(prompts.find(({ labels }) => labels["gen_ai.prompt.name"] === "_OTHER")).toMatchObject({ count: 2 })
        const resources = found.filter(({ labels }) => labels["mcp.method.name"] === "resources/read")
        expect(resources).toHaveLength(1)
        expect(resources).toMatchObject([{ count: 3 }])
      })
    )
  })

  it.effect("has each request of a server in seconds, by method, tool and how it ended", () => {
    const server = serving(({ name }, end) => {
      if (name === "crash") {
        end.close("it crashed")
        return nothing
      }
      if (name === "slow") return nothing
      if (name === "refused") return new Refusal(-32602, "no")
      return { ...text("done"), isError: name === "failing" }
    })
    return withClient(
      "by outcome",
      server,
      (mcp) =>
        Effect.gen(function* () {
          yield* mcp.ping("by outcome")
          yield* mcp.callTool("by outcome", "find")
          yield* mcp.callTool("by outcome", "find")
          yield* mcp.callTool("by outcome", "failing")
          yield* Effect.exit(mcp.callTool("by outcome", "refused"))
          const late = yield* Effect.fork(Effect.exit(mcp.callTool("by outcome", "slow", {}, { timeout: "3 seconds" })))
          yield* TestClock.adjust("3 seconds")
          yield* Fiber.join(late)
          const left = yield* Effect.fork(mcp.callTool("by outcome", "slow"))
          yield* TestClock.adjust("4 seconds")
          yield* Fiber.interrupt(left)
          yield* Effect.exit(mcp.callTool("by outcome", "crash"))
          const found = yield* operations("by outcome")
          const shown = found.map(({ count, labels, sum }) => [
            labels["mcp.method.name"],
            labels["gen_ai.tool.name"],
            labels["error.type"],
            count,
            sum
          ])
          expect(shown.filter(([method]) => method === "tools/call").sort()).toEqual([
            ["tools/call", "crash", "ConnectionLost", 1, 0],
            ["tools/call", "failing", "tool_error", 1, 0],
            ["tools/call", "find", undefined, 2, 0],
            ["tools/call", "refused", "-32602", 1, 0],
            ["tools/call", "slow", "CallTimeout", 1, 3],
            ["tools/call", "slow", "cancelled", 1, 4]
          ])
          expect(shown.filter(([method]) => method === "ping")).toMatchObject([["ping", undefined, undefined, 2, 0]])
          const one = found.find(({ labels }) => labels["gen_ai.tool.name"] === "find")
          expect(one?.labels).toEqual({
            "mcp.server": "by outcome",
            "mcp.method.name": "tools/call",
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "find",
            "network.transport": "tcp",
            "server.address": "example.com",
            "server.port": "443",
            unit: "s"
          })
          expect(one?.buckets.map(([end]) => end)).toEqual([
            0.01,
            0.02,
            0.05,
            0.1,
            0.2,
            0.5,
            1,
            2,
            5,
            10,
            30,
            60,
            120,
            300,
            Number.POSITIVE_INFINITY
          ])
        }),
      http
    )
  })

  it.effect("has a bounded number of series, whatever callers and servers make up", () => {
    let code = 0
    const server = serving(({ name }) => (name === "codes" ? new Refusal(--code, "no") : text("done")))
    return withClient("bounded", server, (mcp) =>
      Effect.gen(function* () {
        for (let n = 0; n < 30; n++) yield* Effect.exit(mcp.callTool("bounded", "codes"))
        for (let n = 0; n < 150; n++) yield* mcp.callTool("bounded", `tool ${n}`)
        const found = yield* operations("bounded")
        const count = (wanted: (labels: Series["labels"]) => boolean) =>
          found.filter(({ labels }) => wanted(labels)).map((series) => series.count)
        expect(count((labels) => labels["gen_ai.tool.name"] === "codes")).toHaveLength(16 + 1)
        expect(count((labels) => labels["error.type"] === "_OTHER")).toEqual([14])
        expect(count((labels) => labels["gen_ai.tool.name"] === "_OTHER")).toEqual([51])
        expect(new Set(found.map(({ labels }) => labels["gen_ai.tool.name"])).size).toBe(101)
      })
    )
  })

  it.effect("has no label that tells partitions apart", () =>
    withClient(
      "partitioned",
      serving(() => text("done")),
      (mcp) =>
        Effect.gen(function* () {
          yield* mcp.forPartition("tenant-ada").callTool("partitioned", "find")
          yield* mcp.forPartition("tenant-bob").callTool("partitioned", "find")
          const found = [...(yield* operations("partitioned")), ...(yield* sessions("partitioned"))]
          expect(found.map(({ count }) => count)).toEqual([2])
          expect(JSON.stringify(found)).not.toContain("tenant")
        }),
      { ...stdio, isolation: "perPartition" }
    )
  )
})

describe("mcp.client.session.duration", () => {
  it.effect("has the life of each connection, apart for those that ended by themselves", () => {
    const server = serving(() => text("done"))
    return Effect.gen(function* () {
      yield* withClient("sessions", server, (mcp) =>
        Effect.gen(function* () {
          yield* mcp.ping("sessions")
          yield* TestClock.adjust("7 seconds")
          server.clients[0]?.close("it crashed")
          yield* mcp.ping("sessions")
          yield* TestClock.adjust("2 seconds")
        })
      )
      const found = (yield* sessions("sessions")).map(({ count, labels, sum }) => [labels["error.type"], count, sum])
      expect(found).toHaveLength(2)
      expect(found).toContainEqual(["ConnectionLost", 1, 7])
      expect(found).toContainEqual([undefined, 1, 2])
      expect((yield* sessions("sessions"))[0]?.labels).toMatchObject({
        "mcp.protocol.version": "2025-06-18",
        "network.transport": "pipe"
      })
    })
  })
})

describe("mooring_pool_*", () => {
  const gauge = (name: string, pool: string, state?: string) =>
    Effect.map(seriesOf(name, "pool", pool), (found) => found.find(({ labels }) => labels["state"] === state)?.value)
  const connects = (pool: string) =>
    Effect.map(seriesOf("mooring_pool_connects_total", "pool", pool), (found) => found.map(({ count }) => count))

  it.effect("are there from the beginning, and every ten seconds while something is connected", () =>
    Effect.gen(function* () {
      yield* withClient(
        "gauges",
        serving(() => text("done")),
        (mcp) =>
          Effect.gen(function* () {
            expect(yield* gauge("mooring_pool_items", "gauges", "idle")).toBe(0)
            // Nobody sleeps for a pool that does nothing.
            expect(yield* TestClock.sleeps()).toHaveLength(0)
            yield* mcp.ping("gauges")
            expect(yield* gauge("mooring_pool_items", "gauges", "idle")).toBe(0)
            yield* TestClock.adjust("10 seconds")
            expect(yield* gauge("mooring_pool_items", "gauges", "idle")).toBe(1)
            yield* TestClock.adjust("10 minutes")
            expect(yield* gauge("mooring_pool_items", "gauges", "idle")).toBe(0)
            expect(yield* TestClock.sleeps()).toHaveLength(0)
            yield* mcp.ping("gauges")
            yield* TestClock.adjust("10 seconds")
            expect(yield* gauge("mooring_pool_items", "gauges", "idle")).toBe(1)
            expect(yield* connects("gauges")).toEqual([2])
          }),
        { ...stdio, idleTimeToLive: "1 minute" }
      )
      expect(yield* gauge("mooring_pool_items", "gauges", "idle")).toBe(0)
    })
  )

  it.effect("have what the pool did at its end", () =>
    Effect.gen(function* () {
      yield* withClient(
        "last words",
        serving(() => text("done")),
        (mcp) => mcp.ping("last words")
      )
      const closed = yield* seriesOf("mooring_pool_closed_total", "pool", "last words")
      expect(closed.map(({ count, labels }) => [labels["reason"], count])).toEqual([["shutdown", 1]])
    })
  )
})
