import { describe, expect, it } from "@effect/vitest"
import { Lease } from "@mooring/pool"
import { McpClient, McpPool, type ServerConfig, ServerKey } from "@mooring/mcp"
import { Chunk, Context, Effect, Exit, Fiber, Layer, Scope, Stream, TestClock } from "effect"
import { client, nothing, Refusal, stdio } from "./MemoryServer.js"
import { Telling } from "./Telling.js"

const using = <A, E>(
  telling: Telling,
  use: (mcp: McpClient.Service) => Effect.Effect<A, E, McpPool.McpPool | Scope.Scope>,
  config: ServerConfig.ServerConfig = stdio
) =>
  Effect.flatMap(McpClient.McpClient, use).pipe(
    Effect.scoped,
    Effect.provide(client({ a: telling.server }, { a: config }))
  )

/** Lets everything run that needs no time. */
const settle = TestClock.adjust(0)

/** Reads a stream in the background: what it told, how it ended, and what stops it. */
const reading = <A, E>(stream: Stream.Stream<A, E>) =>
  Effect.gen(function* () {
    const told: Array<A> = []
    const fiber = yield* Effect.fork(Stream.runForEach(stream, (each) => Effect.sync(() => told.push(each))))
    yield* settle
    return { told, fiber, stop: Effect.zipRight(Fiber.interrupt(fiber), settle) }
  })

const subscribed = (uri: string) => ({ _tag: "Subscribed", uri })
const updated = (uri: string) => ({ _tag: "Updated", uri })
const mayHaveChanged = (uri: string, reason: string) => ({ _tag: "MayHaveChanged", uri, reason })

describe("resourceUpdates", () => {
  it.effect("subscribes for the first reader, tells all, and unsubscribes with the last", () => {
    const telling = new Telling()
    return using(telling, (mcp) =>
      Effect.gen(function* () {
        const first = yield* reading(mcp.resourceUpdates("a", "file:///a"))
        const second = yield* reading(mcp.resourceUpdates("a", "file:///a"))
        expect(telling.server.methods).toEqual(["resources/subscribe"])
        telling.updated("file:///a")
        yield* settle
        const both = [subscribed("file:///a"), updated("file:///a")]
        expect([first.told, second.told]).toEqual([both, both])
        yield* first.stop
        telling.updated("file:///a")
        yield* settle
        expect([first.told.length, second.told.length]).toEqual([2, 3])
        expect(telling.wanted).toEqual(["file:///a"])
        yield* second.stop
        expect(telling.wanted).toEqual([])
        expect(telling.server.methods).toEqual(["resources/subscribe", "resources/unsubscribe"])
      })
    )
  })

  it.effect("takes no slot: calls go on beside it, on the same connection", () => {
    const telling = new Telling()
    return using(telling, (mcp) =>
      Effect.gen(function* () {
        const { told } = yield* reading(mcp.resourceUpdates("a", "file:///a"))
        expect(yield* mcp.callTool("a", "do")).toMatchObject({ content: [{ text: "done" }] })
        const { idle, leases } = yield* mcp.stats
        expect([idle, leases, telling.server.clients.length]).toEqual([1, 0, 1])
        telling.updated("file:///a")
        yield* settle
        expect(told).toHaveLength(2)
      })
    )
  })

  it.effect("keeps its connection from idling out, and no longer than it is read", () => {
    const telling = new Telling()
    return using(telling, (mcp) =>
      Effect.gen(function* () {
        const { stop } = yield* reading(mcp.resourceUpdates("a", "file:///a"))
        yield* TestClock.adjust("11 minutes")
        expect(telling.open).toHaveLength(1)
        yield* stop
        yield* TestClock.adjust("299 seconds")
        expect(telling.open).toHaveLength(1)
        yield* TestClock.adjust("1 second")
        expect([telling.open, telling.server.clients.length]).toEqual([[], 1])
      })
    )
  })

  it.effect("subscribes again when its connection is lost, and says that something may have been missed", () => {
    const telling = new Telling()
    return using(telling, (mcp) =>
      Effect.gen(function* () {
        const { told } = yield* reading(mcp.resourceUpdates("a", "file:///a"))
        telling.kill()
        yield* settle
        expect(telling.wanted).toEqual(["file:///a"])
        telling.updated("file:///a")
        yield* settle
        expect(told).toEqual([
          subscribed("file:///a"),
          mayHaveChanged("file:///a", "reconnected"),
          updated("file:///a")
        ])
      })
    )
  })

  it.effect("subscribes again on the connection that replaces one that was closed on purpose", () => {
    const telling = new Telling()
    return using(telling, (mcp) =>
      Effect.gen(function* () {
        const { told } = yield* reading(mcp.resourceUpdates("a", "file:///a"))
        const { pool } = yield* McpPool.McpPool
        const lent = pool.lease(ServerKey.shared("a"))
        yield* Effect.scoped(Effect.flatMap(lent, (lease) => lease.decide(Lease.Discard("a test"))))
        yield* settle
        expect(telling.open.map(({ connection }) => connection)).toEqual([2])
        expect(told).toEqual([subscribed("file:///a"), mayHaveChanged("file:///a", "reconnected")])
      })
    )
  })

  it.effect("a server that ends after each subscription is subscribed to ever more slowly", () => {
    const telling: Telling = new Telling({
      on: {
        "resources/subscribe": (_, end) => {
          queueMicrotask(() => end.close("it cannot bear that"))
          return {}
        }
      }
    })
    return using(telling, (mcp) =>
      Effect.gen(function* () {
        yield* reading(mcp.resourceUpdates("a", "file:///a"))
        yield* TestClock.adjust("10 minutes")
        expect(telling.server.count("resources/subscribe")).toBeGreaterThan(20)
        expect(telling.server.count("resources/subscribe")).toBeLessThan(60)
      })
    )
  })

  it.effect("asks a server that cannot be subscribed to nothing", () => {
    const telling = new Telling({ capabilities: { resources: {} } })
    return using(telling, (mcp) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Stream.runDrain(mcp.resourceUpdates("a", "file:///a")))
        expect(error).toMatchObject({ _tag: "UnsupportedCapability", capability: "resources.subscribe" })
        expect(telling.server.methods).toEqual([])
        const unknown = yield* Effect.flip(Stream.runDrain(mcp.resourceUpdates("b", "file:///a")))
        expect(unknown._tag).toBe("UnknownServer")
      })
    )
  })

  it.effect("fails all its readers when the server refuses it, and asks again for the next", () => {
    const telling = new Telling({ on: { "resources/subscribe": () => new Refusal(-32002, "no such resource") } })
    return using(telling, (mcp) =>
      Effect.gen(function* () {
        const drained = Effect.flip(Stream.runDrain(mcp.resourceUpdates("a", "file:///a")))
        const errors = yield* Effect.all([drained, drained], { concurrency: 2 })
        expect(errors.map(({ _tag }) => _tag)).toEqual(["ProtocolError", "ProtocolError"])
        expect(telling.server.methods).toEqual(["resources/subscribe"])
        yield* drained
        expect(telling.server.methods).toEqual(["resources/subscribe", "resources/subscribe"])
      })
    )
  })

  it.effect("a reader that leaves before the server has answered leaves nothing behind", () => {
    const answers: Array<() => void> = []
    const telling: Telling = new Telling({
      on: {
        "resources/subscribe": ({ uri }, end, id) => {
          answers.push(() => {
            telling.subscribed.set(end, new Set([String(uri)]))
            end.send({ jsonrpc: "2.0", id, result: {} })
          })
          return nothing
        }
      }
    })
    return using(telling, (mcp) =>
      Effect.gen(function* () {
        const gone = yield* reading(mcp.resourceUpdates("a", "file:///a"))
        yield* gone.stop
        expect(telling.server.methods).toEqual(["resources/subscribe"])
        for (const answer of answers) answer()
        yield* settle
        expect(telling.server.methods).toEqual(["resources/subscribe", "resources/unsubscribe"])
        expect(telling.wanted).toEqual([])
        yield* TestClock.adjust("5 minutes")
        expect(telling.open).toEqual([])
      })
    )
  })

  it.effect("what is not answered in time is called off, and tried again", () => {
    let silent = true
    const telling: Telling = new Telling({
      on: {
        "resources/subscribe": ({ uri }, end) => {
          telling.subscribed.set(end, new Set([String(uri)]))
          return silent ? nothing : {}
        }
      }
    })
    return using(
      telling,
      (mcp) =>
        Effect.gen(function* () {
          const { told } = yield* reading(mcp.resourceUpdates("a", "file:///a"))
          yield* TestClock.adjust("1 second")
          silent = false
          yield* TestClock.adjust("10 seconds")
          expect(told).toEqual([subscribed("file:///a")])
          expect(telling.server.methods.filter((method) => method.startsWith("resources/"))).toEqual([
            "resources/subscribe",
            "resources/unsubscribe",
            "resources/subscribe"
          ])
        }),
      { ...stdio, callTimeout: "1 second" }
    )
  })

  it.effect("tells of what is below the resource, and of nothing beside it", () => {
    const telling = new Telling()
    return using(telling, (mcp) =>
      Effect.gen(function* () {
        const folder = yield* reading(mcp.resourceUpdates("a", "file:///dir"))
        for (const uri of ["file:///dir/x", "file:///dir2", "file:///dir?v=1", "file:///di"]) {
          telling.tell("notifications/resources/updated", { uri })
        }
        for (const params of [{}, { uri: 7 }]) telling.tell("notifications/resources/updated", params)
        yield* settle
        expect(folder.told.slice(1)).toEqual([updated("file:///dir/x"), updated("file:///dir?v=1")])
      })
    )
  })

  it.effect("a slow reader hears once of what changed often, and that it has missed what was too much", () => {
    const telling = new Telling()
    return using(telling, (mcp) =>
      Effect.gen(function* () {
        const told: Array<unknown> = []
        const next = yield* Effect.makeLatch()
        const slow = Stream.runForEach(mcp.resourceUpdates("a", "x://"), (each) =>
          Effect.zipRight(
            Effect.sync(() => told.push(each)),
            next.await
          )
        )
        yield* Effect.fork(slow)
        yield* settle
        for (let n = 0; n < 10; n++) telling.updated("x://same")
        for (let n = 0; n < 300; n++) telling.updated(`x://${n}`)
        yield* settle
        // Calls are answered meanwhile.
        yield* mcp.callTool("a", "do")
        expect(told).toEqual([subscribed("x://")])
        telling.updated("x://299")
        yield* settle
        yield* next.open
        yield* settle
        const rest = told.slice(1)
        expect(rest).toHaveLength(256)
        expect(rest[0]).toEqual(updated("x://45"))
        expect(rest.slice(-2)).toEqual([mayHaveChanged("x://", "slowReader"), updated("x://299")])
      })
    )
  })

  it.effect("says that updates may have been missed when more came than the limits allow, or one has no end", () => {
    const telling = new Telling()
    return using(telling, (mcp) =>
      Effect.gen(function* () {
        const { told } = yield* reading(mcp.resourceUpdates("a", "file:///a"))
        telling.tell("notifications/resources/updated", { uri: `file:///a/${"x".repeat(10_000)}` })
        yield* settle
        expect(told.at(-1)).toEqual(mayHaveChanged("file:///a", "notHeard"))
        for (let n = 0; n < 1_100; n++) telling.tell("notifications/anything")
        telling.updated("file:///a")
        yield* settle
        expect(told.at(-1)).toEqual(mayHaveChanged("file:///a", "notHeard"))
        expect(told.some((each) => each._tag === "Updated")).toBe(false)
      })
    )
  })

  it.effect("no partition hears of what another one's server told it", () => {
    const telling = new Telling()
    return using(
      telling,
      (mcp) =>
        Effect.gen(function* () {
          const ada = yield* reading(mcp.forPartition("ada").resourceUpdates("a", "file:///a"))
          const bob = yield* reading(mcp.forPartition("bob").resourceUpdates("a", "file:///a"))
          telling.updated("file:///a", "ada")
          yield* settle
          expect([ada.told.length, bob.told.length]).toEqual([2, 1])
          const missing = yield* Effect.flip(Stream.runDrain(mcp.resourceUpdates("a", "file:///a")))
          expect(missing._tag).toBe("PartitionMissing")
        }),
      { ...stdio, isolation: "perPartition" }
    )
  })

  it.effect("ends with the pool", () => {
    const telling = new Telling()
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(client({ a: telling.server }, { a: stdio }), scope)
      const mcp = Context.get(context, McpClient.McpClient)
      const fiber = yield* Effect.fork(Stream.runCollect(mcp.resourceUpdates("a", "file:///a")))
      yield* settle
      yield* Scope.close(scope, Exit.void)
      expect(Chunk.toReadonlyArray(yield* Fiber.join(fiber))).toEqual([subscribed("file:///a")])
      expect(telling.open).toEqual([])
    })
  })
})
