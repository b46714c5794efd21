/**
 * The test kit: describe MCP servers in a few lines, and get a layer with the real client and the real pool over them.
 * Nothing in it needs real time, so latencies, deadlines and retries run under a `TestClock`. The servers belong to
 * the layer: closing it ends their connections and what they run.
 *
 * @since 0.1.0
 */
import { McpClient, McpConnector, type McpError, McpMemory, McpPool, type ServerLog } from "@mooring/mcp"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import { type CallScript, ConnectFault, type ConnectScript } from "./Fault.js"
import type { Call, ServerStats } from "./Ledger.js"
import { serve } from "./ServerSession.js"
import * as TestServer from "./TestServer.js"
import type * as TestTool from "./TestTool.js"

export {
  /**
   * Generates how a server behaves over time: faults and latencies of its first calls and connections.
   *
   * @since 0.1.0
   * @category arbitraries
   */
  arbitraryScript,
  /**
   * What can go wrong with a connection.
   *
   * @since 0.1.0
   * @category constructors
   */
  ConnectFault,
  /**
   * What can go wrong with a call.
   *
   * @since 0.1.0
   * @category constructors
   */
  Fault
} from "./Fault.js"
export {
  /**
   * A prompt of a server in memory, whose messages a handler makes.
   *
   * @since 0.1.0
   * @category constructors
   */
  make as prompt
} from "./TestPrompt.js"
export {
  /**
   * A resource of a server in memory: a text, bytes, or a handler that gives them.
   *
   * @since 0.1.0
   * @category constructors
   */
  make as resource,
  /**
   * All resources of a URI template, read by a handler.
   *
   * @since 0.1.0
   * @category constructors
   */
  template as resourceTemplate
} from "./TestResource.js"
export {
  /**
   * A server in memory.
   *
   * @since 0.1.0
   * @category constructors
   */
  make as server
} from "./TestServer.js"
export {
  /**
   * A tool of a server in memory, run by a handler.
   *
   * @since 0.1.0
   * @category constructors
   */
  make as tool,
  /**
   * The tool takes this long before its own work, each time.
   *
   * @since 0.1.0
   * @category combinators
   */
  withLatency
} from "./TestTool.js"

/**
 * Sees and steers the servers of the layer. A name that is not one of them, or of a server's tools, is a defect.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** Every run of a tool, in the order in which they began. Of one tool, if its name is given. */
  readonly calls: (server: string, tool?: string) => Effect.Effect<ReadonlyArray<Call>>
  /** The server's numbers now. */
  readonly stats: (server: string) => Effect.Effect<ServerStats>
  /** Waits until the server's numbers are so; no time passes for it. */
  readonly until: (server: string, predicate: (stats: ServerStats) => boolean) => Effect.Effect<ServerStats>
  /**
   * Ends every connection of the server, as when its process is killed: what runs is interrupted, what it has said
   * still arrives. It can be connected again at once. Says how many connections there were.
   */
  readonly kill: (server: string, reason?: string) => Effect.Effect<number>
  /**
   * Says that a resource has changed, to each connection that is subscribed to it, or to what it is below. Says to how
   * many. Only a server whose `capabilities` have `resources.subscribe` is subscribed to.
   */
  readonly updated: (server: string, uri: string) => Effect.Effect<number>
  /** Says on every connection that a list has changed. Says on how many. */
  readonly listChanged: (server: string, list: "tools" | "prompts" | "resources") => Effect.Effect<number>
  /** Logs over MCP, on each connection whose level lets it pass. Says on how many. */
  readonly log: (server: string, level: ServerLog.Level, data: unknown, logger?: string) => Effect.Effect<number>
  /** What the server's connections are subscribed to now; what several are stands there as often. */
  readonly subscriptions: (server: string) => Effect.Effect<ReadonlyArray<string>>
  /**
   * The server has these tools from now on, and says on every connection that its list has changed. What runs, runs on;
   * the client may know the old list for as long as it waits for more changes. The tools need nothing from the layer.
   */
  readonly setTools: (server: string, tools: ReadonlyArray<TestTool.TestTool<never>>) => Effect.Effect<void>
  /** Scripts the next calls that reach the server, after those that are scripted already. */
  readonly nextCalls: (server: string, ...scripts: ReadonlyArray<CallScript>) => Effect.Effect<void>
  /** Scripts the next connections to the server, after those that are scripted already. */
  readonly nextConnects: (server: string, ...scripts: ReadonlyArray<ConnectScript>) => Effect.Effect<void>
}

/**
 * @since 0.1.0
 * @category tags
 */
export class McpTest extends Context.Tag("@mooring/testing/McpTest")<McpTest, Service>() {}

/**
 * The next `times` connections are refused: `connects: McpTest.refusedConnects(3)`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const refusedConnects = (
  times: number,
  options: { readonly reason?: string | undefined; readonly retryable?: boolean | undefined } = {}
): ReadonlyArray<ConnectScript> => Array.from({ length: times }, () => ({ fault: ConnectFault.Refuse(options) }))

/**
 * What `layer` takes: the servers, and all else that `McpPool.layer` does.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<Servers> extends Omit<McpPool.Options, "servers"> {
  readonly servers: Servers
  /** Seeds what the pool draws by lot, as the jitter of its pauses, so that a run can be repeated. Default 0. */
  readonly seed?: number | string | undefined
}

/**
 * The servers, and the real client and pool over them. What the handlers of the servers need, the layer needs; their
 * clock is that of whoever builds the layer. Fails with `ConfigError` when a server's settings are wrong.
 *
 * @example
 * ```ts
 * import { McpClient, McpTool } from "@mooring/mcp"
 * import { McpTest } from "@mooring/testing"
 * import { Effect, Schema } from "effect"
 *
 * const Search = McpTool.make("search", { parameters: { query: Schema.String }, success: McpTool.text })
 * const search = McpTest.tool(Search, ({ query }) => Effect.succeed(`found ${query}`))
 *
 * const TestLive = McpTest.layer({ servers: [McpTest.server("search", { tools: [search] })] })
 *
 * const test = Effect.gen(function* () {
 *   const mcp = yield* McpClient.McpClient
 *   const servers = yield* McpTest.McpTest
 *   const reply = yield* mcp.call("search", Search, { query: "effect" })
 *   const calls = yield* servers.calls("search")
 *   return reply === "found effect" && calls.length === 1
 * }).pipe(Effect.provide(TestLive))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <const Servers extends ReadonlyArray<TestServer.TestServer<unknown>>>({
  seed = 0,
  servers,
  ...options
}: Options<Servers>): Layer.Layer<
  McpClient.McpClient | McpPool.McpPool | McpConnector.McpConnector | McpTest,
  McpError.ConfigError | McpError.ServersUnavailable,
  TestServer.Context<Servers[number]>
> => {
  // `fromEntries` makes a server called `__proto__` one like any other.
  const configs = Object.fromEntries(servers.map(({ config, name }) => [name, config]))
  const pool = Effect.suspend(() =>
    Effect.withRandom(McpPool.make({ ...options, servers: configs }), Random.make(seed))
  )
  return McpClient.layer.pipe(
    Layer.provideMerge(Layer.scoped(McpPool.McpPool, pool)),
    Layer.provideMerge(layerConnector(servers))
  )
}

/**
 * Only the servers and their connector, to go under a client layer of your own.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConnector = <const Servers extends ReadonlyArray<TestServer.TestServer<unknown>>>(
  servers: Servers
): Layer.Layer<McpConnector.McpConnector | McpTest, never, TestServer.Context<Servers[number]>> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const runtime = yield* Effect.runtime<TestServer.Context<Servers[number]>>()
      const running = new Map<string, TestServer.RunningServer<TestServer.Context<Servers[number]>>>()
      for (const server of servers) {
        if (running.has(server.name)) return yield* Effect.dieMessage(`McpTest: two servers are named "${server.name}"`)
        // The needs of all servers in one union, which is what `Context` takes apart.
        const one = server as TestServer.TestServer<TestServer.Context<Servers[number]>>
        running.set(server.name, new TestServer.RunningServer(one))
      }
      return Context.make(
        McpConnector.McpConnector,
        McpMemory.make(Object.fromEntries([...running].map(([name, server]) => [name, serve(server, runtime)])))
      ).pipe(Context.add(McpTest, control(running)))
    })
  )

const control = (servers: ReadonlyMap<string, TestServer.RunningServer<unknown>>): Service => {
  const on = <A>(name: string, f: (server: TestServer.RunningServer<unknown>) => Effect.Effect<A>): Effect.Effect<A> =>
    Effect.suspend(() => {
      const server = servers.get(name)
      return server === undefined ? Effect.dieMessage(`McpTest: there is no server "${name}" in this layer`) : f(server)
    })
  return {
    calls: (server, tool) =>
      on(server, ({ ledger, named }) =>
        // What a tool that is not there has run is nothing, and a test that asks for nothing would pass for ever.
        tool === undefined || named.has(tool)
          ? Effect.sync(() => ledger.calls().filter((call) => tool === undefined || call.tool === tool))
          : Effect.dieMessage(`McpTest: the server "${server}" has no tool "${tool}"`)
      ),
    stats: (server) => on(server, ({ ledger }) => Effect.sync(() => ledger.stats())),
    until: (server, predicate) => on(server, ({ ledger }) => ledger.until(predicate)),
    updated: (server, uri) => on(server, ({ notices }) => Effect.sync(() => notices.updated(uri))),
    listChanged: (server, list) => on(server, ({ notices }) => Effect.sync(() => notices.listChanged(list))),
    log: (server, level, data, logger) =>
      on(server, ({ notices }) => Effect.sync(() => notices.log(level, data, logger))),
    subscriptions: (server) => on(server, ({ notices }) => Effect.sync(() => notices.subscriptions())),
    kill: (server, reason = "the server was killed") => on(server, (one) => Effect.sync(() => one.kill(reason))),
    setTools: (server, tools) => on(server, (one) => Effect.sync(() => one.setTools(tools))),
    nextCalls: (server, ...scripts) => on(server, ({ calls }) => Effect.sync(() => void calls.push(...scripts))),
    nextConnects: (server, ...scripts) =>
      on(server, ({ connects }) => Effect.sync(() => void connects.push(...scripts)))
  }
}
