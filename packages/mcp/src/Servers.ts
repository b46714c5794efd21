/**
 * The configured servers, checked, with what the pool needs to know of each. Keys are made once for each partition and
 * found again without hashing. Values only; nothing here is acquired.
 *
 * @since 0.1.0
 */
import { PoolConfig } from "@mooring/pool"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type { ParseError } from "effect/ParseResult"
import * as Schema from "effect/Schema"
import { ConfigError } from "./McpError.js"
import * as SchemaReason from "./SchemaReason.js"
import * as ServerConfig from "./ServerConfig.js"
import * as ServerKey from "./ServerKey.js"
import * as ServerText from "./ServerText.js"

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
  readonly pool: PoolConfig.PoolConfig
  /** The key of the connections that every caller may share. */
  readonly key: ServerKey.ServerKey
  /** The key of a partition's connections; the same object while it is among the last 10,000 that were asked for. */
  readonly keyOf: (partition: ServerKey.Partition) => ServerKey.ServerKey
  /** Makes text that the server wrote fit to stand in an error. */
  readonly clean: ServerText.ServerText
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
 * Checks every configuration, those that are disabled included, and keeps the others. Fails with the first
 * `ConfigError`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  configs: Readonly<Record<string, ServerConfig.ServerConfig>>
): Effect.Effect<Servers, ConfigError> =>
  Effect.map(
    Effect.forEach(Object.entries(configs), ([name, config]) => check(name, config)),
    (all) => {
      const byName = new Map(
        all.filter(({ config }) => config.disabled !== true).map((server) => [server.name, server])
      )
      return { names: [...byName.keys()], get: (name) => byName.get(name), values: () => byName.values() }
    }
  )

const check = (name: string, input: unknown): Effect.Effect<Server, ConfigError> =>
  Effect.gen(function* () {
    const path = `servers.${name}`
    if (name === "") return yield* new ConfigError({ path: "servers", reason: "a server needs a name" })
    const config = yield* validate(path, input)
    const settings = ServerConfig.resolve(config)
    if (settings.isolation === "exclusive" && (config.concurrency ?? 1) !== 1) {
      const reason = 'isolation "exclusive" means one call at a time on a connection: leave concurrency out'
      return yield* new ConfigError({ path: `${path}.concurrency`, reason })
    }
    const pool = poolConfig(config, settings)
    yield* Either.mapLeft(
      PoolConfig.resolve(pool),
      ({ field, reason }) => new ConfigError({ path: `${path}.${field}`, reason })
    )
    const key = ServerKey.shared(name)
    const clean = ServerText.make(ServerConfig.secrets(config))
    return { name, config, settings, pool, key, keyOf: interned(name), clean }
  })

const validate = (path: string, input: unknown): Effect.Effect<ServerConfig.ServerConfig, ConfigError> => {
  const refuse = (at: string, reason: string) => Effect.fail(new ConfigError({ path: at, reason }))
  if (typeof input !== "object" || input === null) return refuse(path, "must be an object with `command` or `url`")
  const isProcess = "command" in input
  if (isProcess === "url" in input) {
    return refuse(path, isProcess ? "has both `command` and `url`; give one" : "needs `command` or `url`")
  }
  // One of the two, so that what is wrong is told of that one only.
  const result: Either.Either<ServerConfig.ServerConfig, ParseError> = isProcess
    ? Schema.validateEither(ServerConfig.StdioServer)(input)
    : Schema.validateEither(ServerConfig.HttpServer)(input)
  return Effect.catchAll(result, (error) => {
    const { message, path: within } = SchemaReason.first(error)
    return refuse([path, ...within.map(String)].join("."), message)
  })
}

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
