/**
 * A server in memory, as a test describes it (`TestServer`), and as it runs in a layer (`RunningServer`): its script,
 * its ledger, and its open connections.
 *
 * @since 0.1.0
 */
import type { McpMemory, ServerConfig } from "@mooring/mcp"
import type { ServerCapabilities, Tool } from "@modelcontextprotocol/sdk/types.js"
import type { CallScript, ConnectScript, Script } from "./Fault.js"
import { Ledger } from "./Ledger.js"
import * as ServerTasks from "./ServerTasks.js"
import { TestOffer } from "./TestOffer.js"
import type * as TestPrompt from "./TestPrompt.js"
import type * as TestResource from "./TestResource.js"
import { type Capabilities, ServerNotices } from "./ServerNotices.js"
import type * as TestTool from "./TestTool.js"

/**
 * How the client's pool treats the server: everything of a `ServerConfig` but how it is reached.
 *
 * @since 0.1.0
 * @category models
 */
export type Settings = Omit<ServerConfig.StdioServer, "type" | "command" | "args" | "cwd" | "env" | "inheritEnv">

/**
 * What a server in memory can be given. `calls` and `connects` script its first calls and connections.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServerOptions<Tools, Resources = readonly [], Prompts = readonly []> extends Script {
  /** Default none. */
  readonly tools?: Tools
  /** Resources and templates. Default none: the server does not declare them. */
  readonly resources?: Resources
  /** Default none: the server does not declare them. */
  readonly prompts?: Prompts
  /**
   * The client's settings for this server, with the defaults of a stdio server: one connection, one call at a time.
   * Give a whole `ServerConfig` to test with the settings of production; nothing of it is started or dialled.
   */
  readonly config?: Settings | ServerConfig.ServerConfig | undefined
  /** Entries on a page of a list, whatever it lists. Default: all on one. */
  readonly pageSize?: number | undefined
  /** What the server says of itself. Default none. */
  readonly instructions?: string | undefined
  /** What it offers beside its tools: see `McpTest.Service.updated` and the like. Default nothing. */
  readonly capabilities?: Capabilities | undefined
}

/**
 * A server in memory, not running yet.
 *
 * @since 0.1.0
 * @category models
 */
export interface TestServer<out R = never> extends Script {
  readonly name: string
  readonly tools: ReadonlyArray<TestTool.TestTool<R>>
  readonly resources: ReadonlyArray<TestResource.TestResource<R>>
  readonly prompts: ReadonlyArray<TestPrompt.TestPrompt<R>>
  readonly config: ServerConfig.ServerConfig
  readonly pageSize: number
  readonly instructions: string | undefined
  readonly capabilities: Capabilities
}

/**
 * What the server's handlers need from the environment of the layer.
 *
 * @since 0.1.0
 * @category models
 */
export type Context<S> = S extends TestServer<infer R> ? R : never

/**
 * Describes a server in memory.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <
  const Tools extends ReadonlyArray<TestTool.TestTool<unknown>> = readonly [],
  const Resources extends ReadonlyArray<TestResource.TestResource<unknown>> = readonly [],
  const Prompts extends ReadonlyArray<TestPrompt.TestPrompt<unknown>> = readonly []
>(
  name: string,
  options: ServerOptions<Tools, Resources, Prompts> = {}
): TestServer<
  TestTool.Context<Tools[number]> | TestResource.Context<Resources[number]> | TestPrompt.Context<Prompts[number]>
> => {
  const config = options.config ?? {}
  return {
    name,
    // The needs of all of each kind in one union, which is what `Context` takes apart.
    tools: (options.tools ?? []) as ReadonlyArray<TestTool.TestTool<TestTool.Context<Tools[number]>>>,
    resources: (options.resources ?? []) as ReadonlyArray<
      TestResource.TestResource<TestResource.Context<Resources[number]>>
    >,
    prompts: (options.prompts ?? []) as ReadonlyArray<TestPrompt.TestPrompt<TestPrompt.Context<Prompts[number]>>>,
    config: isWhole(config) ? config : { command: "in-memory", ...config },
    pageSize: options.pageSize ?? Infinity,
    instructions: options.instructions,
    capabilities: options.capabilities ?? {},
    calls: options.calls,
    connects: options.connects
  }
}

const isWhole = (config: Settings | ServerConfig.ServerConfig): config is ServerConfig.ServerConfig =>
  "command" in config || "url" in config

/**
 * A server in memory within one layer.
 *
 * @since 0.1.0
 * @category models
 */
export class RunningServer<out R = never> {
  readonly ledger = new Ledger()
  readonly clients = new Set<McpMemory.ClientEnd>()
  readonly notices: ServerNotices
  readonly offer: TestOffer<R>
  /** What it declares in the handshake. */
  readonly capabilities: ServerCapabilities
  /** Names of tools that it has, or has had. */
  readonly named = new Set<string>()
  private listed: ReadonlyArray<TestTool.TestTool<R>> = []
  readonly calls: Array<CallScript>
  readonly connects: Array<ConnectScript>

  constructor(readonly server: TestServer<R>) {
    this.offer = new TestOffer(server.resources, server.prompts, server.pageSize)
    const tasks = ServerTasks.declared(server.tools.map(({ definition }) => definition))
    this.capabilities = { tools: { listChanged: true }, ...tasks, ...this.offer.capabilities, ...server.capabilities }
    this.notices = new ServerNotices(server.capabilities)
    this.list(server.tools)
    this.calls = [...(server.calls ?? [])]
    this.connects = [...(server.connects ?? [])]
  }

  /** How the next call goes. */
  nextCall(): CallScript {
    return this.met(this.calls.shift() ?? {})
  }

  /** How the next connection goes. */
  nextConnect(): ConnectScript {
    return this.met(this.connects.shift() ?? {})
  }

  private met<Script extends CallScript | ConnectScript>(script: Script): Script {
    if (script.fault !== undefined && script.fault._tag !== "None") this.ledger.count("faults")
    return script
  }

  /** The tools that it has now, as it lists them. */
  get definitions(): ReadonlyArray<Tool> {
    return this.listed.map(({ definition }) => definition)
  }

  /** What it runs by this name. */
  tool(name: string): TestTool.TestTool<R> | undefined {
    return this.listed.findLast(({ definition }) => definition.name === name)
  }

  /** Has these tools from now on, and says so on every connection. What runs, runs on. */
  setTools(tools: ReadonlyArray<TestTool.TestTool<never>>): void {
    this.list(tools)
    this.notices.listChanged("tools")
  }

  private list(tools: ReadonlyArray<TestTool.TestTool<R>>): void {
    this.listed = tools
    for (const { definition } of tools) this.named.add(definition.name)
  }

  /** Ends every connection, as a process does that dies. Says how many there were. */
  kill(reason: string): number {
    const clients = [...this.clients]
    for (const client of clients) client.close(reason)
    return clients.length
  }
}
