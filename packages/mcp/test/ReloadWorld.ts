import { McpClient, McpConnector, McpMemory, McpPool, type ServerConfig, type ServerKey } from "@mooring/mcp"
import { Context, Effect, Layer } from "effect"
import { MemoryServer, nothing, text } from "./MemoryServer.js"

/** One connection that was opened: for whom, by which configuration, and whether it is still there. */
interface Opened {
  readonly key: ServerKey.ServerKey
  readonly config: ServerConfig.ServerConfig
  open: boolean
}

/**
 * Any server in memory. Its tool `who` says by which configuration its connection was opened; `slow` says so when it is
 * released.
 */
export class World {
  readonly opened: Array<Opened> = []
  /** The configurations by which nothing can be reached. */
  readonly refusing = new Set<string>()
  /** How long a connect takes. Milliseconds. */
  connectMs = 0
  tools: ReadonlyArray<string> = ["who", "slow", "hidden"]
  lists = 0
  private readonly held: Array<() => void> = []

  /** Those that are open, each as `key by configuration`. */
  get open(): ReadonlyArray<string> {
    return this.opened.filter(({ open }) => open).map(({ config, key }) => `${key} by ${nameOf(config)}`)
  }

  /** How many `slow` calls wait for their answer. */
  get slow(): number {
    return this.held.length
  }

  /** Answers all `slow` calls. */
  readonly release = Effect.sync(() => {
    for (const answer of this.held.splice(0)) answer()
  })

  private serve(config: ServerConfig.ServerConfig): McpMemory.Serve {
    const who = nameOf(config)
    return new MemoryServer({
      on: {
        "tools/list": () => {
          this.lists++
          return { tools: [...this.tools, who].map((name) => ({ name, inputSchema: { type: "object" } })) }
        },
        "tools/call": ({ name }, client, id) => {
          if (name !== "slow") return text(who)
          this.held.push(() => client.send({ jsonrpc: "2.0", id, result: text(who) }))
          return nothing
        }
      }
    }).serve
  }

  readonly connector: Layer.Layer<McpConnector.McpConnector> = Layer.succeed(McpConnector.McpConnector, {
    open: (key, config) =>
      Effect.suspend(() => {
        const opened: Opened = { key, config, open: true }
        const serve = this.refusing.has(nameOf(config))
          ? McpMemory.refusing("refused", { retryable: true })
          : this.serve(config)
        return Effect.zipRight(
          Effect.acquireRelease(
            Effect.sync(() => this.opened.push(opened)),
            () => Effect.sync(() => (opened.open = false))
          ),
          Effect.delay(McpMemory.make({ [key.server]: serve }).open(key, config), this.connectMs)
        )
      })
  })

  /** The real client and pool over it. */
  layer(servers: Readonly<Record<string, ServerConfig.ServerConfig>>, options: Omit<McpPool.Options, "servers"> = {}) {
    return McpClient.layer.pipe(
      Layer.provideMerge(McpPool.layer({ ...options, servers })),
      Layer.provide(this.connector)
    )
  }

  run<A, E>(
    servers: Readonly<Record<string, ServerConfig.ServerConfig>>,
    use: (mcp: McpClient.Service, pool: McpPool.Service) => Effect.Effect<A, E>,
    options: Omit<McpPool.Options, "servers"> = {}
  ) {
    return Effect.context<McpClient.McpClient | McpPool.McpPool>().pipe(
      Effect.flatMap((context) =>
        use(Context.get(context, McpClient.McpClient), Context.get(context, McpPool.McpPool))
      ),
      Effect.provide(this.layer(servers, options))
    )
  }
}

/** A configuration that is told by its name. */
export const by = (name: string, more: Partial<ServerConfig.StdioServer> = {}): ServerConfig.ServerConfig => ({
  command: "server",
  args: [name],
  ...more
})

export const nameOf = (config: ServerConfig.ServerConfig): string =>
  "command" in config ? (config.args?.[0] ?? config.command) : config.url

/** What a call says. */
export const said = <E, R>(call: Effect.Effect<{ readonly content?: unknown }, E, R>): Effect.Effect<unknown, E, R> =>
  Effect.map(call, ({ content }) => (Array.isArray(content) ? content[0]?.text : undefined))
