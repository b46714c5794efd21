import { describe, expect, it } from "@effect/vitest"
import { Lease } from "@mooring/pool"
import { McpClient, McpConnector, McpPool, type ServerConfig, ServerKey, type ServerLog } from "@mooring/mcp"
import { Chunk, Context, Effect, Exit, Fiber, Layer, Redacted, Scope, Stream, TestClock } from "effect"
import { client, connector, http, nothing, Refusal, stdio } from "./MemoryServer.js"
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
    const telling = new Telling()
    return using(telling, (mcp) =>
      Effect.gen(function* () {
        const deadly = Stream.tap(mcp.resourceUpdates("a", "file:///a"), () => Effect.sync(() => telling.kill()))
        const { told } = yield* reading(deadly)
        // The second at once, and none for ever after it.
        expect(told).toHaveLength(2)
        yield* TestClock.adjust("10 minutes")
        expect(told.length).toBeGreaterThan(20)
        expect(told.length).toBeLessThan(60)
        expect(telling.server.count("resources/subscribe")).toBe(told.length)
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

  it.effect(
    "what is not answered in time is called off: it fails at first, and is tried again once it was there",
    () => {
      let silent = false
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
            silent = true
            telling.kill()
            yield* settle
            const other = yield* Effect.fork(Effect.flip(Stream.runDrain(mcp.resourceUpdates("a", "file:///b"))))
            yield* TestClock.adjust("1 second")
            silent = false
            expect((yield* Fiber.join(other))._tag).toBe("CallTimeout")
            yield* TestClock.adjust("10 seconds")
            expect(told).toEqual([subscribed("file:///a"), mayHaveChanged("file:///a", "reconnected")])
            expect(telling.wanted).toEqual(["file:///a"])
            expect(telling.server.count("resources/unsubscribe")).toBeGreaterThan(0)
          }),
        { ...stdio, callTimeout: "1 second", concurrency: 2 }
      )
    }
  )

  it.effect("whose connection is lost each time it is asked for fails after some tries, as a call does", () => {
    const telling: Telling = new Telling({
      on: {
        "resources/subscribe": (_, end) => {
          end.close("it cannot bear that")
          return nothing
        }
      }
    })
    return using(telling, (mcp) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(Effect.flip(Stream.runDrain(mcp.resourceUpdates("a", "file:///a"))))
        yield* TestClock.adjust("1 minute")
        expect(yield* Fiber.join(fiber)).toMatchObject({ _tag: "ConnectionLost", reason: "it cannot bear that" })
        expect(telling.server.count("resources/subscribe")).toBe(4)
      })
    )
  })

  it.effect(
    "waits for the stream that updates come on, for some time, and says what it may have missed meanwhile",
    () => {
      const telling = new Telling()
      const ready: Array<() => void> = []
      let stopped = 0
      const listens = Layer.map(connector({ a: telling.server }), (context) => {
        const inner = Context.get(context, McpConnector.McpConnector)
        const listen = () => ({ onReady: (hook: () => void) => void ready.push(hook), stop: () => void stopped++ })
        return Context.make(McpConnector.McpConnector, {
          open: (...args) => Effect.map(inner.open(...args), (transport) => ({ ...transport, listen }))
        })
      })
      const ClientLive = McpClient.layer.pipe(
        Layer.provide(McpPool.layer({ servers: { a: http } })),
        Layer.provide(listens)
      )
      return Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        const first = yield* reading(mcp.resourceUpdates("a", "file:///a"))
        expect(telling.server.methods).toEqual([])
        ready[0]?.()
        yield* settle
        expect([first.told, stopped]).toEqual([[subscribed("file:///a")], 0])
        yield* first.stop
        expect(stopped).toBe(1)
        const second = yield* reading(mcp.resourceUpdates("a", "file:///a"))
        yield* TestClock.adjust("5 seconds")
        expect(second.told).toEqual([subscribed("file:///a")])
        ready[1]?.()
        yield* settle
        expect(second.told.at(-1)).toEqual(mayHaveChanged("file:///a", "notHeard"))
      }).pipe(Effect.provide(ClientLive))
    }
  )

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
        expect(rest.slice(-2)).toEqual([updated("x://299"), mayHaveChanged("x://", "slowReader")])
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

describe("listChanges", () => {
  it.effect("tells which list has changed, connects nothing, and tells once what was not read yet", () => {
    const telling = new Telling()
    return using(telling, (mcp) =>
      Effect.gen(function* () {
        const changes = yield* reading(mcp.listChanges("a"))
        expect(telling.server.clients).toEqual([])
        yield* mcp.callTool("a", "do")
        yield* settle
        // Nobody heard of changes while nothing was connected.
        expect(changes.told).toEqual(["tools", "resources"])
        for (const list of ["tools", "tools", "prompts", "resources"]) {
          telling.tell(`notifications/${list}/list_changed`)
        }
        yield* settle
        expect(changes.told.slice(2)).toEqual(["tools", "prompts", "resources"])
        yield* changes.stop
        telling.tell("notifications/tools/list_changed")
        yield* settle
        expect(changes.told).toHaveLength(5)
      })
    )
  })

  it.effect("says that lists may have changed when notifications were missed, and of each key its own", () => {
    const telling = new Telling()
    return using(
      telling,
      (mcp) =>
        Effect.gen(function* () {
          const [ada, bob] = [mcp.forPartition("ada"), mcp.forPartition("bob")]
          yield* ada.callTool("a", "do")
          yield* bob.callTool("a", "do")
          const mine = yield* reading(ada.listChanges("a"))
          const other = yield* reading(bob.listChanges("a"))
          telling.tell("notifications/prompts/list_changed", {}, "ada")
          yield* settle
          for (let n = 0; n < 1_100; n++) telling.tell("notifications/anything", {}, "ada")
          yield* settle
          expect([mine.told.slice(0, 3), other.told]).toEqual([["prompts", "tools", "resources"], []])
        }),
      { ...stdio, isolation: "perPartition" }
    )
  })
})

describe("logs", () => {
  const say = (telling: Telling, level: string, data: unknown = level) =>
    telling.tell("notifications/message", { level, logger: "db", data })
  const levelsOf = (told: ReadonlyArray<ServerLog.ServerLog>) => told.map(({ level }) => level)

  it.effect("asks for the least severe level that a reader wants, and tells each what it asked for", () => {
    const telling = new Telling()
    return using(telling, (mcp) =>
      Effect.gen(function* () {
        const errors = yield* reading(mcp.logs("a", { level: "error" }))
        expect(telling.levels).toEqual([[1, "error"]])
        const infos = yield* reading(mcp.logs("a", { level: "info" }))
        const all = yield* reading(mcp.logs("a"))
        expect(telling.levels).toEqual([
          [1, "error"],
          [1, "info"]
        ])
        for (const level of ["debug", "info", "error", "no such level"]) say(telling, level)
        yield* settle
        expect(errors.told).toEqual([{ level: "error", logger: "db", data: "error", connection: 1 }])
        expect(levelsOf(infos.told)).toEqual(["info", "error"])
        expect(levelsOf(all.told)).toEqual(["debug", "info", "error"])
        yield* infos.stop
        yield* errors.stop
        yield* all.stop
        expect(telling.levels.slice(2)).toEqual([
          [1, "error"],
          [1, "debug"],
          [1, "emergency"]
        ])
      })
    )
  })

  it.effect("leaves the level of a server alone that nobody asked for one, and keeps no connection", () => {
    const telling = new Telling()
    return using(telling, (mcp) =>
      Effect.gen(function* () {
        const { stop, told } = yield* reading(mcp.logs("a"))
        say(telling, "debug")
        yield* settle
        yield* stop
        expect([told.length, telling.levels]).toEqual([1, []])
        yield* reading(mcp.logs("a"))
        yield* TestClock.adjust("5 minutes")
        expect(telling.open).toEqual([])
      })
    )
  })

  it.effect("tells the level to connections that open later", () => {
    const telling = new Telling()
    return using(telling, (mcp) =>
      Effect.gen(function* () {
        const { told } = yield* reading(mcp.logs("a", { level: "warning" }))
        telling.kill()
        yield* settle
        yield* mcp.callTool("a", "do")
        yield* settle
        say(telling, "alert")
        yield* settle
        expect(telling.levels).toEqual([
          [1, "warning"],
          [2, "warning"]
        ])
        expect(told.map(({ connection }) => connection)).toEqual([2])
      })
    )
  })

  it.effect("hides secrets and control characters in what a server logs, and keeps a measure of it", () => {
    const telling = new Telling()
    return using(
      telling,
      (mcp) =>
        Effect.gen(function* () {
          const { told } = yield* reading(mcp.logs("a"))
          say(telling, "info", { url: "postgres://u:tops3cret@db", "\u001B[31mred": ["x".repeat(100_000)] })
          yield* settle
          const shown = JSON.stringify(told)
          expect(shown).toContain("«redacted»")
          expect(shown).not.toContain("tops3cret")
          expect(shown).not.toContain("\\u001b")
          expect(shown.length).toBeLessThan(70_000)
        }),
      { ...stdio, env: { DB: Redacted.make("tops3cret") } }
    )
  })

  it.effect("a slow reader loses the oldest, and nothing waits for it", () => {
    const telling = new Telling()
    return using(telling, (mcp) =>
      Effect.gen(function* () {
        const next = yield* Effect.makeLatch()
        const told: Array<unknown> = []
        const slow = Stream.runForEach(mcp.logs("a"), ({ data }) =>
          Effect.zipRight(
            Effect.sync(() => told.push(data)),
            next.await
          )
        )
        yield* Effect.fork(slow)
        yield* settle
        for (let n = 0; n < 500; n++) say(telling, "info", n)
        yield* settle
        yield* next.open
        yield* settle
        expect([told[0], told.at(-1), told.length]).toEqual([244, 499, 256])
      })
    )
  })

  it.effect("fails where the server does not log, whether it is connected already or not, and asks it nothing", () => {
    const telling = new Telling({ capabilities: { logging: undefined } })
    return using(telling, (mcp) =>
      Effect.gen(function* () {
        const first = yield* Effect.flip(Stream.runDrain(mcp.logs("a", { level: "info" })))
        const second = yield* Effect.flip(Stream.runDrain(mcp.logs("a")))
        expect([first, second]).toMatchObject([
          { _tag: "UnsupportedCapability", capability: "logging" },
          { _tag: "UnsupportedCapability" }
        ])
        expect(telling.server.methods).toEqual([])
      })
    )
  })

  it.effect("a level that the server refuses fails who asked for it, and nobody else", () => {
    const telling = new Telling({ on: { "logging/setLevel": () => new Refusal(-32602, "no such level here") } })
    return using(telling, (mcp) =>
      Effect.gen(function* () {
        const plain = yield* reading(mcp.logs("a"))
        const error = yield* Effect.flip(Stream.runDrain(mcp.logs("a", { level: "notice" })))
        expect(error).toMatchObject({ _tag: "ProtocolError", code: -32602 })
        say(telling, "debug")
        yield* settle
        expect(plain.told).toHaveLength(1)
      })
    )
  })
})

describe("a session", () => {
  it.effect("hears of resources on its own connection, and counts with those who share it", () => {
    const telling = new Telling()
    return using(telling, (mcp) =>
      Effect.gen(function* () {
        const shared = yield* reading(mcp.resourceUpdates("a", "file:///a"))
        const scope = yield* Scope.make()
        const session = yield* Scope.extend(mcp.session("a"), scope)
        const own = yield* reading(session.resourceUpdates("file:///a"))
        const logs = yield* reading(session.logs)
        yield* session.setLevel("alert")
        telling.updated("file:///a")
        telling.tell("notifications/message", { level: "alert", data: "fire" })
        yield* settle
        expect([own.told.length, shared.told.length, logs.told.length]).toEqual([2, 2, 1])
        expect(telling.server.methods).toEqual(["resources/subscribe", "logging/setLevel"])
        yield* Scope.close(scope, Exit.void)
        yield* settle
        expect(Exit.isFailure(yield* Fiber.await(own.fiber))).toBe(true)
        expect(yield* Effect.flip(Fiber.join(logs.fiber))).toMatchObject({
          _tag: "SessionLost",
          reason: "its scope was closed"
        })
        const late = yield* Effect.flip(Stream.runDrain(session.resourceUpdates("file:///a")))
        expect([late._tag, (yield* Effect.flip(session.setLevel("info")))._tag]).toEqual(["SessionLost", "SessionLost"])
        expect(telling.wanted).toEqual(["file:///a"])
        expect(telling.levels).toEqual([
          [1, "alert"],
          [1, "emergency"]
        ])
        yield* shared.stop
        expect(telling.wanted).toEqual([])
      })
    )
  })

  it.effect("loses what it reads with its connection", () => {
    const telling = new Telling()
    return using(telling, (mcp) =>
      Effect.gen(function* () {
        const session = yield* mcp.session("a")
        const own = yield* reading(session.resourceUpdates("file:///a"))
        const logs = yield* reading(session.logs)
        telling.kill("it was killed")
        yield* settle
        const errors = yield* Effect.all([Effect.flip(Fiber.join(own.fiber)), Effect.flip(Fiber.join(logs.fiber))])
        expect(errors).toMatchObject([
          { _tag: "SessionLost", reason: "it was killed" },
          { _tag: "SessionLost", reason: "it was killed" }
        ])
        expect((yield* Effect.flip(Stream.runDrain(session.resourceUpdates("x://"))))._tag).toBe("SessionLost")
        expect((yield* Effect.flip(session.setLevel("info")))._tag).toBe("SessionLost")
      })
    )
  })
})
