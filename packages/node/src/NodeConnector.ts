/**
 * The connector for Node: stdio servers as child processes, HTTP servers through sockets of their own. What it opens
 * belongs to the scope of the effect that opened it.
 *
 * @since 0.1.0
 */
import { Limits, McpConnector, ServerConfig } from "@mooring/mcp"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as HttpConnector from "./HttpConnector.js"
import { ServerStderr } from "./ServerStderr.js"
import * as StdioConnector from "./StdioConnector.js"
import { StdioSettings } from "./StdioSettings.js"

/**
 * Opens each server by what its configuration says it is. Takes `StdioSettings`, `ServerStderr`, `HttpSettings`,
 * `SocketSettings` and `Limits` from where it is made, if they are there.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<McpConnector.McpConnector["Type"]> = Effect.gen(function* () {
  const settings = Context.make(StdioSettings, yield* StdioSettings).pipe(
    Context.add(ServerStderr, yield* ServerStderr),
    Context.add(Limits.Limits, yield* Limits.Limits)
  )
  const http = yield* HttpConnector.make
  return {
    open: (key, config) =>
      ServerConfig.isStdio(config) ? Effect.provide(StdioConnector.open(key, config), settings) : http.open(key, config)
  }
})

/**
 * The connector as a layer. To change times and limits:
 *
 * @example
 * ```ts
 * import { NodeConnector, StdioSettings } from "@mooring/node"
 * import { Layer } from "effect"
 *
 * const patient = StdioSettings.layer({ close: { afterStdinEnd: "10 seconds", afterSigterm: "5 seconds" } })
 *
 * export const ConnectorLive = NodeConnector.layer.pipe(Layer.provide(patient))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<McpConnector.McpConnector> = Layer.effect(McpConnector.McpConnector, make)
