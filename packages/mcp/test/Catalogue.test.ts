import { describe, expect, it } from "@effect/vitest"
import { McpClient, type McpMemory, McpPool, ServerKey, type ServerConfig } from "@mooring/mcp"
import { Effect, Exit, FastCheck as fc, Fiber, Layer, Logger, Schedule, Scope, TestClock } from "effect"
import { client, http, MemoryServer, nothing, Refusal, stdio, text } from "./MemoryServer.js"

/** A server whose list is numbered: how often it was asked stands in the name of its tool. */
class Listing {
  lists = 0
  version = "1.0.0"
  /** What the next lists are answered with instead. */
  readonly next: Array<unknown> = []
  readonly server = new MemoryServer({
    on: {
      initialize: () => ({
        protocolVersion: "2025-06-18",
        capabilities: { tools: { listChanged: true } },
        serverInfo: { name: "memory", version: this.version }
      }),
      "tools/list": (_, end) => {
        this.lists++
        return this.next.length > 0
          ? this.next.shift()
          : { tools: [tool(`${end.key.partition}-${this.lists}`), tool("delete_all")] }
      },
      "tools/call": () => text("done")
    }
  })

  changed(): void {
    listChanged(this.server)
  }
}

const listChanged = (server: MemoryServer): void => {
  for (const end of server.clients) {
    if (end.isOpen()) end.send({ jsonrpc: "2.0", method: "notifications/tools/list_changed" })
  }
}

const tool = (name: string) => ({ name, inputSchema: { type: "object" } })

const using = <A, E>(
  listing: Listing,
  use: (mcp: McpClient.Service) => Effect.Effect<A, E, McpPool.McpPool>,
  config: ServerConfig.ServerConfig = http
) => Effect.flatMap(McpClient.McpClient, use).pipe(Effect.provide(client({ a: listing.server }, { a: config })))

const names = (mcp: McpClient.Service, options?: McpClient.ListOptions) =>
  Effect.map(mcp.listTools("a", options), (tools) =>
    tools.map(({ name }) => name).filter((name) => name !== "delete_all")
  )

describe("Catalogue", () => {
  it.effect("asks the server once for all who read at once, and not again", () => {
    const listing = new Listing()
    return using(listing, (mcp) =>
      Effect.gen(function* () {
        expect(yield* mcp.catalogue("a")).toBe(undefined)
        const read = yield* Effect.all(
          Array.from({ length: 20 }, () => names(mcp)),
          { concurrency: "unbounded" }
        )
        expect(new Set(read.flat())).toEqual(new Set(["shared-1"]))
        expect(yield* names(mcp)).toEqual(["shared-1"])
        expect(listing.lists).toBe(1)
        expect(yield* mcp.catalogue("a")).toMatchObject({ loadedAt: 0, refreshing: false, failure: undefined })
      })
    )
  })

  it.effect("goes on for the others when the reader that it began for is interrupted", () => {
    const listing = new Listing()
    listing.next.push(nothing)
    return using(listing, (mcp) =>
      Effect.gen(function* () {
        const first = yield* Effect.fork(names(mcp))
        yield* TestClock.adjust(0)
        const second = yield* Effect.fork(names(mcp))
        yield* TestClock.adjust(0)
        yield* Fiber.interrupt(first)
        const [end] = listing.server.clients
        const asked = listing.server.received.find((message) => "method" in message && message.method === "tools/list")
        const id = asked !== undefined && "id" in asked ? (asked.id ?? 0) : 0
        end?.send({ jsonrpc: "2.0", id, result: { tools: [tool("late")] } })
        expect(yield* Fiber.join(second)).toEqual(["late"])
        expect([listing.lists, listing.server.count("notifications/cancelled")]).toEqual([1, 0])
      })
    )
  })

  it.effect("fails all who wait for the first list that fails, and asks again for the next", () => {
    const listing = new Listing()
    listing.next.push(new Refusal(-32603, "not now"))
    return using(listing, (mcp) =>
      Effect.gen(function* () {
        const errors = yield* Effect.all([Effect.flip(names(mcp)), Effect.flip(names(mcp))], { concurrency: 2 })
        expect(errors.map(({ _tag }) => _tag)).toEqual(["ProtocolError", "ProtocolError"])
        expect(yield* mcp.catalogue("a")).toBe(undefined)
        expect(yield* names(mcp)).toEqual(["shared-2"])
      })
    )
  })

  it.effect("hears once, half a second later, of changes that come together, and gives the old list meanwhile", () => {
    const listing = new Listing()
    return using(listing, (mcp) =>
      Effect.gen(function* () {
        yield* names(mcp)
        for (let n = 0; n < 5; n++) {
          listing.changed()
          yield* TestClock.adjust("99 millis")
        }
        expect([yield* names(mcp), listing.lists]).toEqual([["shared-1"], 1])
        yield* TestClock.adjust("5 millis")
        expect([yield* names(mcp), listing.lists]).toEqual([["shared-2"], 2])
        yield* TestClock.adjust("1 minute")
        expect(listing.lists).toBe(2)
        listing.changed()
        yield* TestClock.adjust("500 millis")
        expect(yield* names(mcp)).toEqual(["shared-3"])
      })
    )
  })

  it.effect("spends no more than a twentieth of the time on a server that says all the time that it changed", () => {
    const listing = new Listing()
    const left: Array<() => void> = []
    const server = new MemoryServer({
      on: {
        "tools/list": (_, end, id) => {
          listing.lists++
          left.push(() => end.send({ jsonrpc: "2.0", id, result: { tools: [tool(`slow-${listing.lists}`)] } }))
          return nothing
        }
      }
    })
    return Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const reading = yield* Effect.fork(names(mcp))
      for (let second = 0; second < 120; second++) {
        // Each list takes a second or two.
        const due = left.splice(0)
        yield* TestClock.adjust("1 second")
        for (const answer of due) answer()
        yield* TestClock.adjust(0)
        listChanged(server)
        yield* TestClock.adjust(0)
      }
      expect(yield* Fiber.join(reading)).toEqual(["slow-1"])
      expect(listing.lists).toBeGreaterThanOrEqual(3)
      expect(listing.lists).toBeLessThanOrEqual(7)
    }).pipe(Effect.provide(client({ a: server }, { a: http })))
  })

  it.effect("asks again for a change that comes while it is asking", () => {
    const listing = new Listing()
    return using(listing, (mcp) =>
      Effect.gen(function* () {
        yield* names(mcp)
        listing.next.push(nothing)
        listing.changed()
        yield* TestClock.adjust("500 millis")
        expect(yield* mcp.catalogue("a")).toMatchObject({ refreshing: true })
        listing.changed()
        yield* TestClock.adjust("500 millis")
        expect([listing.lists, yield* names(mcp)]).toEqual([2, ["shared-1"]])
        // The list that is not answered ends at the server's callTimeout; what was asked for behind it is asked then.
        yield* TestClock.adjust("60 seconds")
        expect(yield* names(mcp)).toEqual(["shared-3"])
        expect(yield* mcp.catalogue("a")).toMatchObject({ refreshing: false, failure: undefined })
      })
    )
  })

  it.effect("keeps the old list when another cannot be had, says so, and tries again for the next reader", () => {
    const listing = new Listing()
    const logged: Array<string> = []
    const logger = Logger.make(({ annotations, message }) => {
      logged.push(`${String(message)} ${JSON.stringify([...annotations])}`)
    })
    return using(listing, (mcp) =>
      Effect.gen(function* () {
        yield* names(mcp)
        listing.next.push(new Refusal(-32603, "not now"))
        listing.changed()
        yield* TestClock.adjust("500 millis")
        const kept = yield* mcp.catalogue("a")
        expect(kept).toMatchObject({ loadedAt: 0, failure: { _tag: "Fail", error: { _tag: "ProtocolError" } } })
        expect(logged).toHaveLength(1)
        expect(logged[0]).toContain('The tools of MCP server "a" could not be listed again')
        expect(logged[0]).toContain('["mcp.server","a"]')
        const { lastError } = yield* mcp.status("a")
        expect(lastError).toMatchObject({ _tag: "ProtocolError", at: 500 })
        expect(lastError?.message).toMatch(/could not be listed again; the old list stays: .*not now/)
        expect(yield* names(mcp)).toEqual(["shared-1"])
        yield* TestClock.adjust(0)
        expect(yield* names(mcp)).toEqual(["shared-3"])
        expect(yield* mcp.catalogue("a")).toMatchObject({ loadedAt: 500, failure: undefined })
        listing.next.push(new Refusal(-32603, "not now"))
        expect(yield* Effect.flip(names(mcp, { fresh: true }))).toMatchObject({ _tag: "ProtocolError" })
        expect(yield* names(mcp)).toEqual(["shared-3"])
      })
    ).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, logger)))
  })

  it.effect("is asked anew for who wants it fresh, also while an older question is open", () => {
    const listing = new Listing()
    listing.next.push(nothing)
    return using(
      listing,
      (mcp) =>
        Effect.gen(function* () {
          const old = yield* Effect.fork(Effect.flip(names(mcp)))
          yield* TestClock.adjust(0)
          const fresh = yield* Effect.forEach([1, 2], () => Effect.fork(names(mcp, { fresh: true })))
          yield* TestClock.adjust(0)
          expect(listing.lists).toBe(1)
          yield* TestClock.adjust("2 seconds")
          expect(yield* Fiber.join(old)).toMatchObject({ _tag: "CallTimeout" })
          expect(yield* Effect.forEach(fresh, Fiber.join)).toEqual([["shared-2"], ["shared-2"]])
          expect(yield* names(mcp, { fresh: true })).toEqual(["shared-3"])
        }),
      { ...http, callTimeout: "2 seconds" }
    )
  })

  describe("by time", () => {
    const busy = (mcp: McpClient.Service, every: number, times: number) =>
      Effect.forEach(Array.from({ length: times }), () =>
        Effect.zipRight(mcp.callTool("a", "x"), TestClock.adjust(every))
      )

    it.effect("asks a server that is in use every 15 minutes", () => {
      const listing = new Listing()
      // A remote connection may just be due to be replaced.
      return using(
        listing,
        (mcp) =>
          Effect.gen(function* () {
            yield* names(mcp)
            yield* busy(mcp, 60_000, 14)
            expect(listing.lists).toBe(1)
            yield* busy(mcp, 60_000, 17)
            expect(listing.lists).toBe(3)
          }),
        stdio
      )
    })

    it.effect("neither wakes a server that sleeps nor keeps one awake; who reads then gets the old list first", () => {
      const listing = new Listing()
      return using(
        listing,
        (mcp) =>
          Effect.gen(function* () {
            yield* names(mcp)
            // Its connection would never be idle for 5 minutes.
            yield* TestClock.adjust("4 minutes")
            expect((yield* mcp.stats).open).toBe(1)
            yield* TestClock.adjust("1 hour")
            expect([listing.lists, listing.server.clients.length, (yield* mcp.stats).open]).toEqual([1, 1, 0])
            expect(yield* names(mcp)).toEqual(["shared-1"])
            yield* TestClock.adjust(0)
            expect(yield* names(mcp)).toEqual(["shared-2"])
            expect([listing.lists, listing.server.clients.length]).toEqual([2, 2])
          }),
        { ...stdio, catalogueRefresh: "2 minutes" }
      )
    })

    it.effect("does not wake a server that has said that it changed and then went away", () => {
      const listing = new Listing()
      return using(listing, (mcp) =>
        Effect.gen(function* () {
          yield* names(mcp)
          listing.changed()
          yield* TestClock.adjust("100 millis")
          listing.server.clients[0]?.close("it left")
          yield* TestClock.adjust("1 minute")
          expect([listing.lists, listing.server.clients.length]).toEqual([1, 1])
          // Who reads then gets the old one, and it is asked behind him.
          expect(yield* names(mcp)).toEqual(["shared-1"])
          yield* TestClock.adjust(0)
          expect(yield* names(mcp)).toEqual(["shared-2"])
        })
      )
    })

    it.effect("goes by a Schedule of the program's, or never", () => {
      const listing = new Listing()
      const never = new Listing()
      return Effect.all([
        using(
          listing,
          (mcp) => Effect.zipRight(names(mcp), busy(mcp, 10_000, 10)),
          // After 10 s and 20 s more, and then no more.
          { ...http, catalogueRefresh: Schedule.intersect(Schedule.exponential("10 seconds"), Schedule.recurs(2)) }
        ),
        using(never, (mcp) => Effect.zipRight(names(mcp), busy(mcp, 3_600_000, 3)), {
          ...http,
          catalogueRefresh: Infinity
        })
      ]).pipe(Effect.map(() => expect([listing.lists, never.lists]).toEqual([3, 1])))
    })
  })

  it.effect("tells nothing of a version that was replaced", () => {
    const listing = new Listing()
    return using(listing, (mcp) =>
      Effect.gen(function* () {
        yield* names(mcp)
        listing.server.clients[0]?.close("it is replaced")
        yield* mcp.ping("a")
        expect(yield* names(mcp)).toEqual(["shared-1"])
        listing.version = "2.0.0"
        listing.server.clients[1]?.close("it is replaced")
        listing.next.push(nothing)
        yield* mcp.ping("a")
        expect(yield* mcp.catalogue("a")).toBe(undefined)
        const read = yield* Effect.fork(names(mcp, { fresh: true }))
        yield* TestClock.adjust("60 seconds")
        expect((yield* Fiber.join(read))[0]).toMatch(/^shared-\d/)
      })
    )
  })

  it.effect("keeps partitions apart, and a partition's list for as long as it has a connection", () => {
    const listing = new Listing()
    return using(
      listing,
      (mcp) =>
        Effect.gen(function* () {
          const [ada, bob] = [mcp.forPartition("ada"), mcp.forPartition("bob")]
          expect(yield* Effect.flip(names(mcp))).toMatchObject({ _tag: "PartitionMissing" })
          expect([yield* names(ada), yield* names(bob)]).toEqual([["ada-1"], ["bob-2"]])
          expect([yield* names(ada), yield* names(bob)]).toEqual([["ada-1"], ["bob-2"]])
          for (const end of listing.server.clients) if (end.key.partition === "ada") end.close("gone")
          yield* TestClock.adjust(0)
          expect([yield* ada.catalogue("a"), (yield* bob.catalogue("a"))?.tools.length]).toEqual([undefined, 2])
          yield* TestClock.adjust("1 hour")
          expect([yield* bob.catalogue("a"), listing.lists]).toEqual([undefined, 2])
        }),
      { ...http, isolation: "perPartition" }
    )
  })

  it.effect("is what hints are read in, of calls and of sessions, so that the server is asked once for all", () => {
    let runs = 0
    const server = new MemoryServer({
      on: {
        "tools/list": () => ({
          tools: [{ name: "read", inputSchema: { type: "object" }, annotations: { readOnlyHint: true } }]
        }),
        "tools/call": (_, end) => {
          if (runs++ % 2 === 1) return text("done")
          end.close("it crashed")
          return nothing
        }
      }
    })
    return Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      for (let n = 1; n <= 3; n++) {
        expect(yield* mcp.callTool("a", "read")).toEqual(text("done"))
        expect(runs).toBe(2 * n)
        yield* TestClock.adjust(0)
      }
      const listed = server.count("tools/list")
      yield* mcp.listTools("a")
      expect(server.count("tools/list")).toBe(listed)
      const session = yield* mcp.session("a")
      expect(yield* Effect.flip(session.callTool("read"))).toMatchObject({ _tag: "OutcomeUnknown" })
      expect(server.count("tools/list")).toBe(listed)
    }).pipe(Effect.scoped, Effect.provide(client({ a: server }, { a: { ...stdio, trustHints: true } })))
  })

  it.effect("knows connections that were open before it", () => {
    const listing = new Listing()
    return Effect.gen(function* () {
      const pool = yield* McpPool.McpPool
      yield* Effect.scoped(pool.pool.get(ServerKey.shared("a")))
      const mcp = yield* McpClient.McpClient.pipe(Effect.provide(McpClient.layer), Effect.scoped, Effect.either)
      expect(mcp._tag).toBe("Right")
      yield* Effect.gen(function* () {
        const late = yield* McpClient.make
        yield* names(late)
        listing.changed()
        yield* TestClock.adjust("500 millis")
        expect(yield* names(late)).toEqual(["shared-2"])
      }).pipe(Effect.scoped)
    }).pipe(Effect.provide(client({ a: listing.server }, { a: http })))
  })

  it.effect("ends with its layer: who waits is told, and it asks no more", () => {
    const listing = new Listing()
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.build(client({ a: listing.server }, { a: http })).pipe(Scope.extend(scope))
      const mcp = yield* Effect.provide(McpClient.McpClient, context)
      yield* names(mcp)
      listing.next.push(nothing)
      const waiting = yield* Effect.fork(Effect.flip(names(mcp, { fresh: true })))
      yield* TestClock.adjust(0)
      yield* Scope.close(scope, Exit.void)
      expect(yield* Fiber.join(waiting)).toMatchObject({ _tag: "PoolClosed" })
      expect(yield* names(mcp)).toEqual(["shared-1"])
      expect(yield* Effect.flip(names(mcp, { fresh: true }))).toMatchObject({ _tag: "PoolClosed" })
      yield* TestClock.adjust("1 hour")
      expect(listing.lists).toBe(2)
    })
  })

  const step = fc.oneof(
    fc.constantFrom("read", "fresh", "changed", "answer", "answer", "call", "die", "refuse"),
    fc.constantFrom(100, 500, 70_000, 900_000)
  )

  it.effect.prop(
    "has one question open at a time, gives nobody an older list than before, and wakes nobody by itself",
    [fc.array(step, { minLength: 5, maxLength: 25 })],
    ([steps]) => {
      let asked = 0
      const wrong: Array<string> = []
      const given: Array<number> = []
      let open: ReadonlyArray<{ readonly end: McpMemory.ClientEnd; readonly id: unknown; readonly number: number }> = []
      const server = new MemoryServer({
        admit: (message, end) => {
          // A question that was called off is open no more.
          if ("method" in message && message.method === "notifications/cancelled") {
            open = open.filter((each) => each.end !== end || each.id !== message.params?.["requestId"])
          }
          return undefined
        },
        on: {
          "tools/list": (_, end, id) => {
            open = [...open.filter((each) => each.end.isOpen()), { end, id, number: ++asked }]
            if (open.length > 1) wrong.push(`${open.length} questions are open`)
            return nothing
          },
          "tools/call": () => text("done")
        }
      })
      const answer = (good: boolean) => {
        const [first, ...rest] = open
        open = rest
        const result = { tools: [tool(String(first?.number))] }
        const error = { code: -32603, message: "not now" }
        first?.end.send({ jsonrpc: "2.0", id: Number(first.id), ...(good ? { result } : { error }) })
      }
      const read = (mcp: McpClient.Service, fresh: boolean) =>
        Effect.suspend(() => {
          const before = asked
          return Effect.map(names(mcp, { fresh }), ([name]) => {
            const number = Number(name)
            if (fresh && number <= before) wrong.push(`${number} is given as fresh, and was asked for before`)
            if (number < Math.max(...given)) wrong.push(`${number} is given after a newer one`)
            given.push(number)
          })
        })
      return Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        const readers: Array<Fiber.RuntimeFiber<unknown, unknown>> = []
        for (const next of [...steps, ...Array.from({ length: 6 }, () => "answer")]) {
          const connects = server.clients.length
          // Also in the pause before a question is asked once more.
          const isAsked =
            readers.some((reader) => reader.unsafePoll() === null) || (yield* mcp.catalogue("a"))?.refreshing === true
          if (next === "read" || next === "fresh") readers.push(yield* Effect.fork(read(mcp, next === "fresh")))
          else if (next === "call") readers.push(yield* Effect.fork(mcp.callTool("a", "x")))
          else if (next === "answer" || next === "refuse") answer(next === "answer")
          else if (next === "die") for (const end of server.clients) end.close("it died")
          else if (next === "changed") listChanged(server)
          else yield* TestClock.adjust(Number(next))
          yield* TestClock.adjust(0)
          // What nobody asks for is asked only of a server that is awake.
          if (typeof next === "number" && !isAsked) expect(server.clients.length).toBe(connects)
        }
        yield* Fiber.interruptAll(readers)
        expect(wrong).toEqual([])
      }).pipe(Effect.provide(client({ a: server }, { a: { ...http, concurrency: 8, max: 1 } })))
    },
    { fastCheck: { numRuns: 25 } }
  )
})
