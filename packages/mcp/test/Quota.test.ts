import { describe, expect, it } from "@effect/vitest"
import { McpClient, type McpPool, type ServerConfig } from "@mooring/mcp"
import { Effect, FastCheck as fc, Fiber, type Scope, Stream, TestClock } from "effect"
import { client, http, MemoryServer, nothing, stdio, text } from "./MemoryServer.js"

/** Servers of one tenant each, and one that all share; `hang` is never answered. */
const tenants = (
  options: Omit<McpPool.Options, "servers">,
  use: (mcp: McpClient.Service, server: MemoryServer) => Effect.Effect<void, unknown, Scope.Scope>,
  names: ReadonlyArray<string> = ["a", "b", "c", "d"]
) => {
  const server = new MemoryServer({ on: { "tools/call": ({ name }) => (name === "hang" ? nothing : text("")) } })
  const own: ServerConfig.ServerConfig = {
    ...stdio,
    isolation: "perPartition",
    acquireTimeout: "4 seconds",
    connectTimeout: "2 seconds"
  }
  return Effect.flatMap(McpClient.McpClient, (mcp) => Effect.scoped(use(mcp, server))).pipe(
    Effect.provide(
      client(
        { ...Object.fromEntries(names.map((name) => [name, server])), shared: server },
        { ...Object.fromEntries(names.map((name) => [name, own])), shared: { ...http, max: 3, concurrency: 1 } },
        options
      )
    )
  )
}

const open = (server: MemoryServer) =>
  server.clients.flatMap((end) => (end.isOpen() ? [end.key.toString()] : [])).sort()

describe("a partition's quota", () => {
  it.effect("gives it another connection in place of its own idle one, never of another's", () =>
    tenants({ partitionQuota: 2 }, (mcp, server) =>
      Effect.gen(function* () {
        const [ada, bob] = [mcp.forPartition("ada"), mcp.forPartition("bob")]
        for (const name of ["a", "b"]) yield* bob.callTool(name, "x")
        for (const name of ["a", "b", "c", "d"]) yield* ada.callTool(name, "x")
        expect(open(server)).toEqual(["a/bob", "b/bob", "c/ada", "d/ada"])
      })
    )
  )

  it.effect("lets it wait while all of its own are in use, and nobody else", () =>
    tenants({ partitionQuota: 2 }, (mcp, server) =>
      Effect.gen(function* () {
        const [ada, bob] = [mcp.forPartition("ada"), mcp.forPartition("bob")]
        const busy = yield* Effect.forEach(["a", "b"], (name) => Effect.forkScoped(ada.callTool(name, "hang")))
        yield* TestClock.adjust(0)
        const waiting = yield* Effect.forkScoped(Effect.flip(ada.callTool("c", "x")))
        const served = yield* Effect.forkScoped(ada.callTool("d", "x"))
        yield* TestClock.adjust(0)
        for (const name of ["a", "b", "shared"]) yield* bob.callTool(name, "x")
        // Nothing that all share counts for anybody.
        yield* ada.callTool("shared", "x")
        expect(open(server)).toEqual(["a/ada", "a/bob", "b/ada", "b/bob", "shared"])
        yield* TestClock.adjust("8 seconds")
        expect(yield* Fiber.join(waiting)).toMatchObject({ _tag: "AcquireTimeout" })
        expect(yield* Effect.flip(Fiber.join(served))).toMatchObject({ _tag: "AcquireTimeout", key: "d/ada" })
        yield* Effect.forEach(busy, Fiber.interrupt)
      })
    )
  )

  it.effect("does not bind servers that all share", () =>
    tenants({ partitionQuota: 1 }, (mcp, server) =>
      Effect.gen(function* () {
        const ada = mcp.forPartition("ada")
        const busy = yield* Effect.forEach([1, 2, 3], () => Effect.forkScoped(ada.callTool("shared", "hang")))
        yield* TestClock.adjust(0)
        yield* ada.callTool("a", "x")
        expect(open(server)).toEqual(["a/ada", "shared", "shared", "shared"])
        yield* Effect.forEach(busy, Fiber.interrupt)
      })
    )
  )

  it.effect("that is none is refused by its name", () =>
    Effect.gen(function* () {
      const error = yield* tenants({ partitionQuota: 0 }, () => Effect.void).pipe(Effect.flip)
      expect(error).toMatchObject({ _tag: "ConfigError", path: "partitionQuota" })
    })
  )

  it.effect.prop(
    "is never exceeded, and while all quotas fit into maxTotal nobody loses a connection to another or waits for him",
    [
      fc.integer({ min: 1, max: 3 }),
      fc.array(fc.record({ tenant: fc.nat(2), server: fc.nat(3), hang: fc.boolean() }), { minLength: 5, maxLength: 16 })
    ],
    ([quota, calls]) =>
      tenants({ partitionQuota: quota, maxTotal: 3 * quota + 3 }, (mcp, server) =>
        Effect.gen(function* () {
          const reclaimed: Array<string> = []
          yield* Effect.forkScoped(
            Stream.runForEach(mcp.events, (event) =>
              Effect.sync(() => {
                if (event._tag === "Closed" && event.reason === "reclaimed") reclaimed.push(event.key)
              })
            )
          )
          yield* Effect.yieldNow()
          const holds = (tenant: number) => open(server).filter((key) => key.endsWith(`/t${tenant}`)).length
          for (const { hang, server: name, tenant } of calls) {
            const before = [0, 1, 2].map(holds)
            const lost = reclaimed.length
            yield* Effect.forkScoped(
              mcp.forPartition(`t${tenant}`).callTool(["a", "b", "c", "d"][name] ?? "", hang ? "hang" : "x")
            )
            yield* TestClock.adjust(0)
            for (const other of [0, 1, 2]) {
              expect(holds(other)).toBeLessThanOrEqual(quota)
              // Nothing of the others changes, whatever one does.
              if (other !== tenant) expect(holds(other)).toBe(before[other])
            }
            for (const key of reclaimed.slice(lost)) expect(key).toMatch(new RegExp(`/t${tenant}$`))
          }
          // What all share is served at once, whatever they hold.
          yield* mcp.callTool("shared", "x")
        })
      ),
    { fastCheck: { numRuns: 15 } }
  )
})

describe("without a quota, under maxTotal", () => {
  it.effect("who cycles through many servers takes room from himself, not from those who hold less", () => {
    const names = ["a", "b", "c", "d", "e", "f", "g", "h"]
    return tenants(
      { maxTotal: 5 },
      (mcp, server) =>
        Effect.gen(function* () {
          const [ada, bob] = [mcp.forPartition("ada"), mcp.forPartition("bob")]
          yield* mcp.callTool("shared", "x")
          yield* bob.callTool("a", "x")
          for (let round = 0; round < 3; round++) for (const name of names) yield* ada.callTool(name, "x")
          expect(open(server)).toEqual(["a/bob", "f/ada", "g/ada", "h/ada", "shared"])
          // And who holds less gets room from who holds more.
          yield* bob.callTool("b", "x")
          expect(open(server)).toEqual(["a/bob", "b/bob", "g/ada", "h/ada", "shared"])
          // Now both hold the same, and each makes room for itself.
          yield* bob.callTool("c", "x")
          expect(open(server)).toEqual(["b/bob", "c/bob", "g/ada", "h/ada", "shared"])
        }),
      names
    )
  })
})
