/**
 * Opens transports to servers that are reached over HTTP, on the sockets of Node. Connections to one origin share its
 * sockets, which are kept alive between requests and closed with the last of them.
 *
 * @since 0.1.0
 */
import {
  HttpAddress,
  type HttpCarrier,
  HttpSettings,
  HttpTransport,
  Limits,
  type McpError,
  type McpTransport,
  ServerConfig,
  type ServerKey
} from "@mooring/mcp"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Sockets from "./internal/Sockets.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface HttpConnector {
  /**
   * Opens a transport; nothing is sent yet. Fails with `McpConnectError` in phase `dial` when the URL or a header cannot
   * be used. A handshake that fails is told to its `Outgoing`, with the `McpConnectError` to fail with as the `cause`.
   */
  readonly open: (
    key: ServerKey.ServerKey,
    config: ServerConfig.HttpServer
  ) => Effect.Effect<McpTransport.McpTransport, McpError.McpConnectError, Scope.Scope>
}

/**
 * Takes `HttpSettings`, `SocketSettings` and `Limits` from where it is made, if they are there.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<HttpConnector> = Effect.gen(function* () {
  const settings = Context.make(HttpSettings.HttpSettings, yield* HttpSettings.HttpSettings).pipe(
    Context.add(Limits.Limits, yield* Limits.Limits)
  )
  const sockets = yield* Sockets.make
  return {
    open: (key, config) =>
      Effect.gen(function* () {
        const address = yield* HttpAddress.make(key.toString(), config)
        // An address that does not answer is told before the whole connect is out of time, which would say less.
        const connectTimeout = Math.ceil(ServerConfig.resolve(config).connectTimeout * 0.8)
        const carrier: HttpCarrier.HttpCarrier = yield* sockets.acquire(key, address.origin, connectTimeout)
        return yield* HttpTransport.make({ key, config, address, carrier })
      }).pipe(Effect.provide(settings))
  }
})
