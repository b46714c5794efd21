/**
 * Changes the servers of a running pool: checks what it is given, and if all of it is right, makes the change in one
 * step, tells everybody, and opens what is to be kept open. It holds nothing but the streams that tell of changes, which
 * end with its scope.
 *
 * @since 0.1.0
 */
import type { Pool } from "@mooring/pool"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as PubSub from "effect/PubSub"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { McpConnection } from "./McpConnection.js"
import { ConfigError, type McpConnectError, UnknownServer } from "./McpError.js"
import type { Plan, Registry, ServerChange } from "./Registry.js"
import * as Reload from "./Reload.js"
import type { ServerConfig } from "./ServerConfig.js"
import type { ServerKey } from "./ServerKey.js"
import type { Server } from "./Servers.js"

/**
 * What it needs of the pool.
 *
 * @since 0.1.0
 * @category models
 */
export interface Host {
  readonly registry: Registry
  readonly pool: Pick<Pool.Pool<ServerKey, McpConnection, McpConnectError>, "refresh">
  /** The connections that are open. */
  readonly connections: () => Iterable<McpConnection>
  /** Begins to open what a server wants to be kept open. */
  readonly warm: (server: Server) => Effect.Effect<void>
}

/**
 * Changes the servers of a pool.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reloading {
  /** See `McpPool.Service`. */
  readonly setServers: (configs: Readonly<Record<string, ServerConfig>>) => Effect.Effect<Reload.Changes, ConfigError>
  /** See `McpPool.Service`. */
  readonly setServer: (name: string, config: ServerConfig) => Effect.Effect<Reload.Changes, ConfigError>
  /** See `McpPool.Service`. */
  readonly removeServer: (name: string) => Effect.Effect<Reload.Changes, ConfigError | UnknownServer>
  /** See `McpPool.Service`. */
  readonly reloads: Stream.Stream<Reload.Reload>
  /** Applies one after the other what a stream says; ends when the stream has ended or failed. */
  readonly follow: <E, R>(stream: Stream.Stream<Source, E, R>) => Effect.Effect<void, never, R>
}

/**
 * The servers of a pool; or what was found to be wrong where they come from.
 *
 * @since 0.1.0
 * @category models
 */
export type Source = Readonly<Record<string, ServerConfig>> | ConfigError

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = ({ connections, pool, registry, warm }: Host): Effect.Effect<Reloading, never, Scope.Scope> =>
  Effect.gen(function* () {
    const hub = yield* Effect.acquireRelease(PubSub.sliding<Reload.Reload>(64), PubSub.shutdown)
    /** To whom is over, nothing is told; to tell it would interrupt who changes the servers of a pool that closes. */
    const publish = (reload: Reload.Reload): Effect.Effect<void> =>
      Effect.flatMap(PubSub.isShutdown(hub), (over) => (over ? Effect.void : PubSub.publish(hub, reload)))

    /** All in one step: no call ever sees one server changed and the other not. */
    const enter = (plan: Plan): Either.Either<Plan, ConfigError> => {
      const undo = registry.enter(plan)
      const byName = new Map(plan.changes.map((change) => [change.name, change]))
      // It waits for nothing; run here, no other fiber comes between it and what it belongs to.
      const refreshed = Effect.runSync(Effect.either(pool.refresh((key) => fateOf(byName.get(key.server)))))
      if (Either.isLeft(refreshed)) {
        undo()
        const { field, key, reason } = refreshed.left
        return Either.left(new ConfigError({ path: `servers${key === undefined ? "" : `.${key}`}.${field}`, reason }))
      }
      for (const connection of connections()) {
        const change = byName.get(connection.key.server)
        if (change?.kind === "Resized" && change.after !== undefined) connection.setTimeouts(change.after.settings)
      }
      registry.tell(plan)
      return Either.right(plan)
    }

    const change = (configs: () => Readonly<Record<string, ServerConfig>>) =>
      Effect.suspend(() => Either.flatMap(registry.plan(configs()), enter)).pipe(
        Effect.flatMap(({ changes, summary }) =>
          Effect.forEach(changes, ({ after }) => (after === undefined ? Effect.void : warm(after)), {
            discard: true
          }).pipe(Effect.zipRight(publish(Reload.Reload.Applied({ changes: summary }))), Effect.as(summary))
        ),
        Effect.tapError((error) => publish(Reload.Reload.Refused({ error }))),
        Effect.uninterruptible
      )

    const applied = (source: Source): Effect.Effect<void> => {
      const changed =
        source instanceof ConfigError
          ? Effect.zipRight(publish(Reload.Reload.Refused({ error: source })), Effect.fail(source))
          : change(() => source)
      return Effect.matchEffect(changed, {
        onFailure: (error) =>
          Effect.logWarning(`The new configuration of MCP servers is wrong; the last good one stays: ${error.message}`),
        onSuccess: (changes) =>
          Reload.isChange(changes) ? Effect.logInfo(`MCP servers: ${Reload.show(changes)}`) : Effect.void
      })
    }

    return {
      setServers: (configs) => change(() => configs),
      setServer: (name, config) => change(() => ({ ...registry.configs, ...Object.fromEntries([[name, config]]) })),
      removeServer: (name) =>
        Effect.suspend((): ReturnType<Reloading["removeServer"]> => {
          if (registry.get(name) === undefined) {
            return Effect.fail(new UnknownServer({ server: name, known: registry.names }))
          }
          const { [name]: _, ...others } = registry.configs
          return change(() => others)
        }),
      reloads: Stream.fromPubSub(hub),
      follow: (stream) =>
        Stream.runForEach(stream, applied).pipe(
          Effect.catchAllCause((cause) =>
            Cause.isInterruptedOnly(cause)
              ? Effect.interrupt
              : Effect.zipRight(
                  publish(Reload.Reload.SourceFailed({ cause })),
                  Effect.logError("The configurations of MCP servers come to an end; the last good one stays", cause)
                )
          )
        )
    }
  })

const fateOf = (change: ServerChange | undefined) => {
  if (change === undefined) return "Keep"
  if (change.rekeyed) return "Remove"
  return change.kind === "Resized" ? "Settings" : "Items"
}
