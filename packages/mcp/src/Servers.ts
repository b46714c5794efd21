/**
 * The configured servers, checked, with what the pool needs to know of each. Keys are made once for each partition and
 * found again without hashing. Values only; nothing here is acquired.
 *
 * @since 0.1.0
 */
import type { PoolConfig } from "@mooring/pool"
import * as Arr from "effect/Array"
import * as Either from "effect/Either"
import * as Predicate from "effect/Predicate"
import type { CallOptions } from "./CallPath.js"
import * as ConfigChange from "./ConfigChange.js"
import * as ConfigIssue from "./ConfigIssue.js"
import type { ConfigError } from "./McpError.js"
import * as ServerCheck from "./ServerCheck.js"
import * as ServerConfig from "./ServerConfig.js"
import * as ServerKey from "./ServerKey.js"
import * as ToolFilter from "./ToolFilter.js"

/**
 * One server.
 *
 * @since 0.1.0
 * @category models
 */
export interface Server {
  readonly name: string
  readonly config: ServerConfig.ServerConfig
  readonly settings: ServerConfig.Settings
  /** What is said of single tools; `undefined` where nothing is. */
  readonly tools: ReadonlyMap<string, CallOptions> | undefined
  readonly pool: PoolConfig.PoolConfig
  /** The same for the key of an affinity: its one connection is kept as long as may be. */
  readonly affinePool: PoolConfig.PoolConfig
  /** The key of the connections that every caller may share. */
  readonly key: ServerKey.ServerKey
  /** The key of a partition's connections; the same object while it is among the last 10,000 that were asked for. */
  readonly keyOf: (partition: ServerKey.Partition) => ServerKey.ServerKey
  /** Where it is, by the names of OpenTelemetry: `server.address` and `server.port`. Empty for a process. */
  readonly address: Readonly<Record<string, string | number>>
  /** Whether a tool may be listed and called; absent where all may. */
  readonly permits: ((tool: string) => boolean) | undefined
  /** Whether its calls have something to pass before they go: see `CallGate`. */
  readonly gated: boolean
  /** Whether the pool still has it so. What becomes false stays false: see `Registry`. */
  readonly isCurrent: boolean
}

/**
 * Servers by name, in the order of the configuration.
 *
 * @since 0.1.0
 * @category models
 */
export interface Servers {
  readonly names: ReadonlyArray<string>
  readonly get: (name: string) => Server | undefined
  readonly values: () => Iterable<Server>
}

/**
 * Checks every configuration, those that are disabled included, and keeps the others. Fails with one `ConfigError` that
 * names all that is wrong. Types do not reach what comes from a file, a form or from JavaScript. `before` are servers
 * whose keys go on to be used.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  configs: Readonly<Record<string, ServerConfig.ServerConfig>>,
  before: Servers["get"] = () => undefined
): Either.Either<Servers, ConfigError> => {
  const given: unknown = configs
  if (!Predicate.isRecord(given)) {
    const reason = `expected an object of servers by name, found ${ConfigIssue.found(given)}`
    return Either.left(ConfigIssue.toError([{ path: ["servers"], reason }]))
  }
  const [issues, servers] = Arr.partitionMap(Object.entries(given), ([name, value]) =>
    Either.map(check(name, value), (config) => serverOf(name, ConfigChange.snapshot(config), before(name)))
  )
  const all = issues.flat()
  if (Arr.isNonEmptyReadonlyArray(all)) return Either.left(ConfigIssue.toError(all))
  const byName = new Map(
    servers.filter(({ config }) => config.disabled !== true).map((server) => [server.name, server])
  )
  return Either.right({ names: [...byName.keys()], get: (name) => byName.get(name), values: () => byName.values() })
}

const check = (
  name: string,
  value: unknown
): Either.Either<ServerConfig.ServerConfig, Arr.NonEmptyReadonlyArray<ConfigIssue.ConfigIssue>> =>
  name === ""
    ? Either.left([{ path: ["servers", name], reason: "expected a server's name that is not empty" }])
    : ServerCheck.server(value, ["servers", name])

const serverOf = (name: string, config: ServerConfig.ServerConfig, before: Server | undefined): Server => {
  const settings = ServerConfig.resolve(config)
  const pool = poolConfig(config, settings)
  const permits = ToolFilter.make(config)
  return {
    name,
    config,
    settings,
    tools: toolOptions(config.tools),
    pool,
    affinePool: { ...pool, min: 0, max: 1, maxIdle: 1, maxLifetime: undefined },
    key: before?.key ?? ServerKey.shared(name),
    keyOf: before?.keyOf ?? interned(name),
    address: addressOf(config),
    permits,
    gated: permits !== undefined || settings.rateLimit !== undefined || settings.checkOutput,
    isCurrent: true
  }
}

const addressOf = (config: ServerConfig.ServerConfig): Server["address"] => {
  if (ServerConfig.isStdio(config)) return {}
  const { hostname, port, protocol } = new URL(config.url)
  return { "server.address": hostname, "server.port": port === "" ? (protocol === "https:" ? 443 : 80) : Number(port) }
}

// Names of tools are the server's: keys of a map, never of an object.
const toolOptions = (tools: ServerConfig.ServerConfig["tools"]): Server["tools"] =>
  tools === undefined
    ? undefined
    : new Map(
        Object.entries(tools).map(([name, { callTimeout, mayRunTwice, totalTimeout }]) => [
          name,
          { timeout: callTimeout, totalTimeout, mayRunTwice }
        ])
      )

const poolConfig = (config: ServerConfig.ServerConfig, settings: ServerConfig.Settings): PoolConfig.PoolConfig => {
  const isProcess = ServerConfig.isStdio(config)
  return {
    min: settings.min,
    max: settings.max,
    maxIdle: settings.maxIdle,
    concurrency: settings.isolation === "exclusive" ? 1 : settings.concurrency,
    maxWaiters: settings.maxWaiters,
    acquireTimeout: settings.acquireTimeout,
    // The connection keeps its own deadline and says why; the pool's is for one that ignores it.
    connectTimeout: settings.connectTimeout + 5000,
    idleTimeToLive: settings.idleTimeToLive,
    // Starting a process again loses its state; a remote connection is better replaced before a proxy does it.
    maxLifetime: isProcess ? undefined : "30 minutes",
    connectWeight: isProcess ? 4 : 1,
    // Five attempts at a port where nobody listens are over in two seconds, and a server that is being restarted is
    // often away for longer. Another costs next to nothing there, and half a second of the processor for a process.
    breakerOpenFor: isProcess ? undefined : "5 seconds",
    // Asking a remote server costs a round trip.
    validationBypass: isProcess ? "5 seconds" : "30 seconds"
  }
}

/** How many partitions' keys one server keeps at hand. A key that was dropped is equal to the one made anew. */
const kept = 10_000

const interned = (server: string): Server["keyOf"] => {
  const keys = new Map<string, ServerKey.ServerKey>()
  return (partition) => {
    const known = keys.get(partition)
    if (known !== undefined) return known
    const key = new ServerKey.ServerKey({ server, partition })
    if (keys.size >= kept) for (const oldest of [...keys.keys()].slice(0, kept / 10)) keys.delete(oldest)
    keys.set(partition, key)
    return key
  }
}
