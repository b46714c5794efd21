import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpError, McpPool, type ServerConfig } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { TestClock } from "effect"

const refusal = <A>(layer: Layer.Layer<A, McpError.ConfigError | McpError.ServersUnavailable>) =>
  Effect.scoped(Layer.build(layer)).pipe(
    Effect.flip,
    Effect.map((error) => error.message)
  )

/** As a program does that is not type-checked. */
const untyped = (servers: unknown) =>
  NodeMcp.layer({
    // The point of these tests is what the type does not allow.
    servers: servers as Readonly<Record<string, ServerConfig.ServerConfig>>
  })

describe("NodeMcp.layer", () => {
  const refused: ReadonlyArray<readonly [string, unknown, string]> = [
    ["no servers", undefined, "servers: expected an object of servers by name, found nothing"],
    ["a list of servers", [{ command: "x" }], "servers: expected an object of servers by name, found an array"],
    ["a server without a name", { "": { command: "x" } }, 'servers[""]: expected a server\'s name that is not empty'],
    ["a server that is null", { memory: null }, "servers.memory: expected an object, found null"],
    ["neither command nor url", { memory: { cmd: "x" } }, 'servers.memory: expected "command"'],
    ["both", { memory: { command: "x", url: "http://x" } }, "servers.memory: expected one way to reach the server"],
    [
      "an argument of the wrong type",
      { memory: { command: "x", args: [1] } },
      "servers.memory.args[0]: expected a string, found a number"
    ],
    [
      "a secret of the wrong type",
      { memory: { url: "http://x", headers: { A: ["s3cret"] } } },
      "servers.memory.headers.A: expected a string, found an array"
    ],
    [
      "an unknown setting",
      { memory: { command: "x", concurency: 2 } },
      'servers.memory.concurency: is not a known setting; did you mean "concurrency"?'
    ],
    [
      "a word of a setting's name",
      { memory: { command: "x", timeout: 2 } },
      'did you mean "connectTimeout", "acquireTimeout", "callTimeout" or "totalTimeout"?'
    ],
    [
      "an address without its scheme, which is not shown",
      { remote: { url: "s3cret.example.org/mcp" } },
      "servers.remote.url: expected an address that begins with http:// or https://, found one that begins with neither"
    ],
    ["another type", { memory: { type: "http", command: "x" } }, 'servers.memory.type: expected "stdio", found "http"'],
    ["no address", { "my.server": { url: "nowhere" } }, 'servers["my.server"].url: expected an address'],
    [
      "more ready than allowed",
      { memory: { command: "x", min: 2, max: 1 } },
      "servers.memory.min: must not be above max (1)"
    ]
  ]
  for (const [title, servers, message] of refused) {
    it.effect(`${title} is refused by its path`, () =>
      Effect.gen(function* () {
        expect(yield* refusal(untyped(servers))).toContain(message)
      })
    )
  }

  it.scoped("a server that was never called costs nothing, whatever its command", () =>
    Layer.build(
      NodeMcp.layer({
        servers: { a: { command: "no-such-command", env: { A: Redacted.make("x") } }, b: { url: "http://127.0.0.1:1" } }
      })
    )
  )
})

describe("NodeMcp.layerConfigFile", () => {
  it.effect("a file that is missing is named, with the reason", () =>
    Effect.gen(function* () {
      const message = yield* refusal(NodeMcp.layerConfigFile("/no/such/mcp.json"))
      expect(message).toBe("/no/such/mcp.json: there is no such file")
    })
  )
})

describe("NodeMcp.layerConfig", () => {
  const servers = Config.map(Config.nonEmptyString("ADDRESS"), (url) => ({ remote: { url } }))
  const withAddress = (address: string) =>
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["ADDRESS", address]])))

  it.effect("what the environment lacks is named", () =>
    Effect.gen(function* () {
      const message = yield* refusal(NodeMcp.layerConfig({ servers })).pipe(
        Effect.withConfigProvider(ConfigProvider.fromMap(new Map()))
      )
      expect(message).toBe("Configuration: ADDRESS is not set")
    })
  )

  it.effect("a secret that the environment lacks is named, not masked", () =>
    Effect.gen(function* () {
      const secret = Config.map(Config.redacted("TOKEN"), (token) => ({
        remote: { url: "http://127.0.0.1:1/mcp", headers: { "X-Token": token } }
      }))
      const both = Config.zipWith(servers, secret, (one, other) => ({ ...one, other: other.remote }))
      const message = yield* refusal(NodeMcp.layerConfig({ servers: both })).pipe(
        Effect.withConfigProvider(ConfigProvider.fromMap(new Map()))
      )
      expect(message).toBe("Configuration: ADDRESS is not set\nTOKEN is not set")
    })
  )

  it.effect("what the environment gives is checked like any other configuration", () =>
    Effect.gen(function* () {
      const message = yield* refusal(NodeMcp.layerConfig({ servers })).pipe(withAddress("nowhere"))
      expect(message).toContain("servers.remote.url: expected an address")
    })
  )

  it.effect("each field of a server may come from the environment, headers included", () =>
    Effect.gen(function* () {
      const remote = { url: Config.string("ADDRESS"), headers: { "X-Token": Config.redacted("TOKEN") } }
      const layer = NodeMcp.layerConfig({ servers: { remote }, maxTotal: Config.integer("TOTAL") })
      const given = (...more: ReadonlyArray<readonly [string, string]>) =>
        Effect.withConfigProvider(ConfigProvider.fromMap(new Map([["ADDRESS", "http://127.0.0.1:1/mcp"], ...more])))
      expect(yield* refusal(layer).pipe(given(["TOTAL", "4"]))).toBe("Configuration: TOKEN is not set")
      expect(yield* refusal(layer).pipe(given(["TOTAL", "4"], ["TOKEN", "to\nken"]))).toContain(
        "servers.remote.headers.X-Token: expected text without line breaks"
      )
    })
  )

  it.scoped("a configuration that is right gives the layer", () =>
    Layer.build(NodeMcp.layerConfig({ servers })).pipe(withAddress("http://127.0.0.1:1/mcp"))
  )
})

describe("NodeMcp.layerStream", () => {
  it.effect("has the servers that its stream says last; one that is wrong changes nothing, and is told", () =>
    Effect.gen(function* () {
      const wanted = yield* Queue.unbounded<Readonly<Record<string, ServerConfig.ServerConfig>>>()
      yield* Queue.offer(wanted, { a: { command: "x" } })
      yield* Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        const pool = yield* McpPool.McpPool
        expect(mcp.servers).toEqual(["a"])
        const reloads = yield* Effect.fork(Stream.runCollect(Stream.take(pool.reloads, 2)))
        yield* TestClock.adjust(0)
        yield* Queue.offer(wanted, { a: { command: "x" }, b: { url: "http://127.0.0.1:1" } })
        yield* Queue.offer(wanted, { c: { url: "nowhere" } })
        expect(Array.from(yield* Fiber.join(reloads))).toMatchObject([
          { _tag: "Applied", changes: { added: ["b"], kept: ["a"] } },
          { _tag: "Refused", error: { path: "servers.c.url" } }
        ])
        expect(mcp.servers).toEqual(["a", "b"])
      }).pipe(Effect.provide(NodeMcp.layerStream(Stream.fromQueue(wanted), { maxTotal: 3 })))
    })
  )

  it.effect("fails as its stream does before that has said any servers", () =>
    Effect.gen(function* () {
      const built = (stream: Stream.Stream<Readonly<Record<string, ServerConfig.ServerConfig>>, string>) =>
        Effect.flip(Effect.scoped(Layer.build(NodeMcp.layerStream(stream))))
      expect(yield* built(Stream.fail("the registry is down"))).toBe("the registry is down")
      expect(yield* built(Stream.empty)).toBeInstanceOf(McpError.ConfigError)
      expect(yield* built(Stream.make({ a: { url: "nowhere" } }))).toMatchObject({ path: "servers.a.url" })
    })
  )
})
