/** What becomes of those who read what a server tells, when that server is changed. */
import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpPool, type ServerConfig } from "@mooring/mcp"
import { Effect, Fiber, Logger, type Scope, Stream, TestClock } from "effect"
import { client, nothing, stdio } from "./MemoryServer.js"
import { Telling } from "./Telling.js"

const using = <A, E>(
  telling: Telling,
  use: (mcp: McpClient.Service, pool: McpPool.Service) => Effect.Effect<A, E, Scope.Scope>,
  config: ServerConfig.ServerConfig = stdio
) =>
  Effect.all([McpClient.McpClient, McpPool.McpPool]).pipe(
    Effect.flatMap(([mcp, pool]) => use(mcp, pool)),
    Effect.scoped,
    Effect.provide(client({ a: telling.server }, { a: config }))
  )

const settle = TestClock.adjust(0)
const uri = "file:///a"

/** Reads a stream in the background: what it told, and with which error it ended. */
const reading = <A, E>(stream: Stream.Stream<A, E>) =>
  Effect.gen(function* () {
    const told: Array<A> = []
    const fiber = yield* Effect.fork(
      Effect.flip(Stream.runForEach(stream, (each) => Effect.sync(() => told.push(each))))
    )
    yield* settle
    return { told, fiber }
  })

const tags = (told: ReadonlyArray<{ readonly _tag: string }>) => told.map(({ _tag }) => _tag)

describe("a server that is removed while it is read", () => {
  it.effect("fails all streams of what it tells, at once, with the name that is not known any more", () => {
    const telling = new Telling()
    return using(telling, (mcp, pool) =>
      Effect.gen(function* () {
        const { fiber } = yield* reading(mcp.resourceUpdates("a", uri))
        const lists = yield* reading(mcp.listChanges("a"))
        const logs = yield* reading(mcp.logs("a", { level: "info" }))
        yield* pool.removeServer("a")
        yield* settle
        for (const read of [fiber, lists.fiber, logs.fiber]) {
          expect(yield* Fiber.join(read)).toMatchObject({ _tag: "UnknownServer", server: "a" })
        }
        expect([telling.open, yield* pool.pool.keys]).toEqual([[], []])
      })
    )
  })

  it.effect("fails them also where a call in flight still has its connection", () => {
    const telling = new Telling({ on: { "tools/call": () => nothing } })
    return using(
      telling,
      (mcp, pool) =>
        Effect.gen(function* () {
          const { fiber } = yield* reading(mcp.resourceUpdates("a", uri))
          const call = yield* Effect.fork(mcp.callTool("a", "do"))
          yield* settle
          yield* pool.removeServer("a")
          yield* settle
          expect(yield* Fiber.join(fiber)).toMatchObject({ _tag: "UnknownServer" })
          expect([telling.open.length, telling.wanted]).toEqual([1, []])
          yield* Fiber.interrupt(call)
        }),
      { ...stdio, concurrency: 2 }
    )
  })

  it.effect("is not asked for its tools any more because it says that they have changed", () => {
    const telling = new Telling({ on: { "tools/call": () => nothing, "tools/list": () => ({ tools: [] }) } })
    const logged: Array<unknown> = []
    const logger = Logger.replace(
      Logger.defaultLogger,
      Logger.make(({ message }) => void logged.push(message))
    )
    return using(telling, (mcp, pool) =>
      Effect.gen(function* () {
        yield* mcp.listTools("a")
        const call = yield* Effect.fork(mcp.callTool("a", "do"))
        telling.tell("notifications/tools/list_changed")
        yield* settle
        yield* pool.removeServer("a")
        yield* TestClock.adjust("1 second")
        telling.tell("notifications/tools/list_changed")
        yield* TestClock.adjust("1 second")
        expect([telling.open.length, telling.server.count("tools/list"), logged]).toEqual([1, 1, []])
        yield* Fiber.interrupt(call)
      })
    ).pipe(Effect.provide(logger))
  })

  it.effect("is read on where it is there again by then", () => {
    const telling = new Telling()
    return using(telling, (mcp, pool) =>
      Effect.gen(function* () {
        const { told } = yield* reading(mcp.resourceUpdates("a", uri))
        yield* pool.removeServer("a")
        yield* pool.setServer("a", stdio)
        yield* settle
        telling.updated(uri)
        yield* settle
        expect(tags(told)).toEqual(["Subscribed", "Subscribed", "Updated"])
        expect(telling.wanted).toEqual([uri])
      })
    )
  })
})

describe("a server whose connections are shared otherwise while it is read", () => {
  it.effect("is read on in the partition of the reader, and no connection of all is opened any more", () => {
    const telling = new Telling()
    return using(telling, (mcp, pool) =>
      Effect.gen(function* () {
        const ada = mcp.forPartition("ada")
        const updates = yield* reading(ada.resourceUpdates("a", uri))
        const logs = yield* reading(ada.logs("a", { level: "info" }))
        const lists = yield* reading(ada.listChanges("a"))
        const nobody = yield* reading(mcp.resourceUpdates("a", uri))
        yield* pool.setServer("a", { ...stdio, isolation: "perPartition" })
        yield* TestClock.adjust("1 minute")
        expect(telling.open.map(({ key }) => key.partition)).toEqual(["ada"])
        telling.updated(uri)
        telling.tell("notifications/message", { level: "error", data: "for ada" })
        telling.tell("notifications/prompts/list_changed")
        yield* settle
        expect(tags(updates.told)).toEqual(["Subscribed", "Subscribed", "Updated"])
        expect(logs.told.map(({ data }) => data)).toEqual(["for ada"])
        expect(lists.told.at(-1)).toBe("prompts")
        expect(yield* Fiber.join(nobody.fiber)).toMatchObject({ _tag: "PartitionMissing" })
      })
    )
  })
})

describe("a server that is reached otherwise while it is subscribed to", () => {
  const other: ServerConfig.ServerConfig = { command: "other" }

  it.effect("is subscribed to on a new connection, also where a session still has the old one", () => {
    const telling = new Telling()
    return using(telling, (mcp, pool) =>
      Effect.gen(function* () {
        const { told } = yield* reading(mcp.resourceUpdates("a", uri))
        yield* mcp.session("a")
        yield* pool.setServer("a", other)
        yield* settle
        expect(telling.open.map((end) => [end.connection, [...(telling.subscribed.get(end) ?? [])]])).toEqual([
          [1, []],
          [2, [uri]]
        ])
        telling.updated(uri)
        yield* settle
        expect(tags(told)).toEqual(["Subscribed", "MayHaveChanged", "Updated"])
      })
    )
  })

  it.effect("is subscribed to once, also where the old one was just being asked", () => {
    const answers: Array<() => void> = []
    const telling: Telling = new Telling({
      on: {
        "resources/subscribe": ({ uri: asked }, end, id) => {
          telling.subscribed.set(end, new Set([String(asked)]))
          if (end.connection > 1) return {}
          answers.push(() => end.send({ jsonrpc: "2.0", id, result: {} }))
          return nothing
        }
      }
    })
    return using(telling, (mcp, pool) =>
      Effect.gen(function* () {
        const { told } = yield* reading(mcp.resourceUpdates("a", uri))
        // It is answered just when it has come too late.
        for (const answer of answers) answer()
        yield* pool.setServer("a", other)
        yield* TestClock.adjust("10 minutes")
        telling.updated(uri)
        yield* settle
        expect(tags(told)).toEqual(["Subscribed", "Updated"])
        expect(telling.open.map(({ connection }) => connection)).toEqual([2])
        expect(telling.server.count("resources/subscribe")).toBe(2)
      })
    )
  })
})
