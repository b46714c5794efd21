/**
 * The whole of Mooring for an application on Node, in one layer: client, pool, and connectors for stdio and HTTP.
 * Servers are said in the program, in a configuration file that the program names, or by the environment. Nothing is
 * connected before the first call, except where a server's `min` asks for it; closing the layer closes every
 * connection and ends every process.
 *
 * @example
 * ```ts
 * import { McpClient } from "@mooring/mcp"
 * import { NodeMcp } from "@mooring/node"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const mcp = yield* McpClient.McpClient
 *   return yield* mcp.listTools("memory")
 * })
 *
 * const MainLive = NodeMcp.layer({
 *   servers: { memory: { command: "npx", args: ["-y", "@modelcontextprotocol/server-memory"] } }
 * })
 *
 * export const main = program.pipe(Effect.provide(MainLive))
 * ```
 *
 * @since 0.1.0
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { McpClient, McpError, McpPool, type ServerConfig } from "@mooring/mcp"
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Stream from "effect/Stream"
import * as ConfigFile from "./ConfigFile.js"
import * as ConfigWatch from "./ConfigWatch.js"
import * as NodeConnector from "./NodeConnector.js"

/**
 * What `layer` takes: all that `McpPool.layer` does.
 *
 * @since 0.1.0
 * @category models
 */
export type Options = McpPool.Options

/**
 * What `layerConfigFile` takes besides the path: all that `layer` does but the servers, and which of the file's.
 *
 * @since 0.1.0
 * @category models
 */
export interface ConfigFileOptions extends Omit<McpPool.Options, "servers">, ConfigFile.Selection {
  /**
   * Whether the file is read again when it changes, and its servers with it (`McpPool.Service.setServers`): those that
   * are the same do not notice, calls in flight finish. One that is wrong keeps the last good one, and is logged with
   * the file, the place in it and what was expected. Default false.
   */
  readonly watch?: boolean | ConfigWatch.Settings | undefined
}

/**
 * What `layerConfig` takes: a `Config` of all that `layer` does, of its servers, of one server, or of single fields.
 *
 * @since 0.1.0
 * @category models
 */
export type ConfigOptions = Config.Config.Wrap<Options> | Config.Config.Wrap<FixedOptions>

/** Headers that may also be computed are no plain object, whose fields `Wrap` would take one by one. */
interface FixedOptions extends Omit<Options, "servers"> {
  readonly servers: Readonly<Record<string, ServerConfig.StdioServer | ServerConfig.FixedHttpServer>>
}

/**
 * Client and pool over the servers that the program says. Fails with a `ConfigError` that names what is wrong by its
 * path (`servers.memory.args[0]`): a field of the wrong type, a setting that is not known, an address that is none; and
 * with `ServersUnavailable` when a server that is `required` could not be connected.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options
): Layer.Layer<McpClient.McpClient | McpPool.McpPool, McpError.ConfigError | McpError.ServersUnavailable> =>
  McpClient.layer.pipe(Layer.provideMerge(McpPool.layer(options)), Layer.provide(NodeConnector.layer))

/**
 * Client and pool over the servers that a stream says, each time all of them: a registry, a table, a `SubscriptionRef`.
 * See `McpPool.layerStream` for what each element does, and what a failure of the stream does.
 *
 * @example
 * ```ts
 * import type { ServerConfig } from "@mooring/mcp"
 * import { NodeMcp } from "@mooring/node"
 * import { Context, Effect, Layer, Schedule, Stream } from "effect"
 *
 * class Registry extends Context.Tag("Registry")<
 *   Registry,
 *   { readonly servers: Effect.Effect<Record<string, ServerConfig.ServerConfig>, Error> }
 * >() {}
 *
 * // Asked every minute. One that is down for a while is asked again: a stream that has failed says no more.
 * const wanted = Stream.unwrap(
 *   Effect.map(Registry, ({ servers }) =>
 *     Stream.repeatEffectWithSchedule(Effect.retry(servers, Schedule.spaced("5 seconds")), Schedule.spaced("1 minute"))
 *   )
 * )
 *
 * export const MainLive = NodeMcp.layerStream(wanted)
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerStream = <E, R>(
  servers: Stream.Stream<ConfigWatch.Said, E, R>,
  options?: Omit<Options, "servers">
): Layer.Layer<McpClient.McpClient | McpPool.McpPool, E | McpError.ConfigError | McpError.ServersUnavailable, R> =>
  McpClient.layer.pipe(Layer.provideMerge(McpPool.layerStream(servers, options)), Layer.provide(NodeConnector.layer))

/**
 * Client and pool over the servers of a configuration file (see `ConfigFile` for the forms). A file that the program
 * names is trusted. `${…}` is replaced by what the current `ConfigProvider` has: the environment of this process,
 * unless the program provides another. A relative path starts at the working folder of this process.
 *
 * Fails with a `ConfigError` that names the file, and the place in it: the file is missing or not readable, not JSON,
 * has a field of the wrong type, needs a variable that is not set, … With `only`, what is wrong in servers that are not
 * wanted does not matter.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfigFile = (
  path: string,
  options: ConfigFileOptions = {}
): Layer.Layer<McpClient.McpClient | McpPool.McpPool, McpError.ConfigError | McpError.ServersUnavailable> => {
  const { only, watch = false, ...others } = options
  const files = Layer.merge(NodeFileSystem.layer, NodePath.layer)
  if (watch !== false) {
    const changes = ConfigWatch.changes(path, { ...(watch === true ? {} : watch), only })
    return Layer.provide(layerStream(changes, others), files)
  }
  return ConfigFile.load(path, { only }).pipe(
    // `fromEntries` makes a server called `__proto__` one like any other.
    Effect.map((servers) => layer({ ...others, servers: Object.fromEntries(servers) })),
    Layer.unwrapEffect,
    Layer.provide(files)
  )
}

/**
 * As `layer`, for people who configure by environment. Fails with a `ConfigError` also where the `Config` does.
 *
 * @example
 * ```ts
 * import { NodeMcp } from "@mooring/node"
 * import { Config } from "effect"
 *
 * export const MainLive = NodeMcp.layerConfig({
 *   servers: {
 *     // A whole server, where most of it is written down …
 *     search: Config.map(Config.redacted("SEARCH_TOKEN"), (token) => ({
 *       url: "https://mcp.example.org/mcp",
 *       headers: { "X-Token": token }
 *     })),
 *     // … or each field.
 *     notes: { url: Config.string("NOTES_URL"), headers: { "X-Token": Config.redacted("NOTES_TOKEN") } }
 *   }
 * })
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  options: ConfigOptions
): Layer.Layer<McpClient.McpClient | McpPool.McpPool, McpError.ConfigError | McpError.ServersUnavailable> =>
  // What has fixed headers is one of `Options`, which a type that is taken apart field by field does not show.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  Config.unwrap<Options>(options as Config.Config.Wrap<Options>).pipe(
    Effect.mapError(
      (error) => new McpError.ConfigError({ reason: ConfigError.reduceWithContext(error, undefined, problems) })
    ),
    Effect.map(layer),
    Layer.unwrapEffect
  )

// Its own text is masked as a whole where a value is secret, even where there is no value.
const problems: ConfigError.ConfigErrorReducer<undefined, string> = {
  andCase: (_, left, right) => `${left}\n${right}`,
  orCase: (_, left, right) => `${left}, or ${right}`,
  missingDataCase: (_, path) => `${path.join(".")} is not set`,
  invalidDataCase: (_, path, message) => `${path.join(".")}: ${message}`,
  sourceUnavailableCase: (_, path, message) => `${path.join(".")} could not be read: ${message}`,
  unsupportedCase: (_, path, message) => `${path.join(".")}: ${message}`
}
