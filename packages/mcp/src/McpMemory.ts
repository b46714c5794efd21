/**
 * A connector over servers in this process, for tests and for embedded servers. Each connection is a linked pair of
 * ends: a message crosses as JSON text, so no object is ever shared, and arrives later than it was sent, in order,
 * without any timer, so that it needs no real time and no turn of a `TestClock`. A connection and its server belong
 * to the scope of the effect that opened it.
 *
 * @since 0.1.0
 */
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Limits from "./Limits.js"
import { McpConnector } from "./McpConnector.js"
import { McpConnectError } from "./McpError.js"
import type { McpTransport } from "./McpTransport.js"
import { type ClientEnd, MemoryLink, type ServerEnd } from "./MemoryLink.js"
import * as ServerConfig from "./ServerConfig.js"
import type { ServerKey } from "./ServerKey.js"

export type { ClientEnd, ServerEnd }

/**
 * How a server in memory takes a connection. Fails to refuse it; never ends to let the connect hang. Its scope closes
 * with the client's side of the connection.
 *
 * @since 0.1.0
 * @category models
 */
export type Serve = (client: ClientEnd) => Effect.Effect<ServerEnd, McpConnectError, Scope.Scope>

/**
 * What `fromSdk` needs of a server: both `Server` and `McpServer` of the SDK are one.
 *
 * @since 0.1.0
 * @category models
 */
export interface SdkServer {
  readonly connect: (transport: Transport) => Promise<void>
  readonly close: () => Promise<void>
}

/**
 * A connector over the given servers. A name that is not among them fails with an `McpConnectError` that is not
 * retryable. Of the configuration of a server only one thing counts: with a `url`, what the server asks says which request
 * it belongs to, as over HTTP. Messages are held to `limits`, the default ones unless said.
 *
 * @example
 * ```ts
 * import { McpMemory } from "@mooring/mcp"
 * import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
 *
 * const ConnectorLive = McpMemory.layer({
 *   clock: McpMemory.fromSdk(() => {
 *     const server = new McpServer({ name: "clock", version: "1.0.0" })
 *     server.registerTool("zone", {}, () => ({ content: [{ type: "text", text: "UTC" }] }))
 *     return server
 *   })
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  servers: Readonly<Record<string, Serve>>,
  limits: Limits.Values = Limits.defaults
): Context.Tag.Service<McpConnector> => {
  const entries = new Map(Object.entries(servers).map(([name, serve]) => [name, { serve, connections: 0 }]))
  return {
    open: (key, config) =>
      Effect.suspend(() => {
        const entry = entries.get(key.server)
        if (entry !== undefined) return open(key, config, ++entry.connections, entry.serve, limits)
        const known = [...entries.keys()].map((name) => `"${name}"`).join(", ")
        return Effect.fail(
          new McpConnectError({
            server: key.toString(),
            phase: "dial",
            reason: `there is no server of this name in memory; there are: ${known === "" ? "none" : known}`,
            retryable: false
          })
        )
      })
  }
}

/**
 * Serves each connection with an SDK server of its own. Only the connection is in memory: an SDK server that sleeps or
 * times out does so in real time.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromSdk =
  (server: () => SdkServer): Serve =>
  (client) =>
    Effect.gen(function* () {
      const transport: Transport = {
        start: () => Promise.resolve(),
        send: (message, options) => {
          if (!client.isOpen()) return Promise.reject(new Error("Not connected"))
          client.send(message, options?.relatedRequestId)
          return Promise.resolve()
        },
        // The SDK wants `onclose` also for a close of its own; it comes through `closed` below.
        close: () => Promise.resolve(client.close("the server closed the connection"))
      }
      const refused = (cause: unknown) =>
        new McpConnectError({
          server: client.key.toString(),
          phase: "spawn",
          reason: `the server did not start: ${cause instanceof Error ? cause.message : String(cause)}`,
          retryable: true,
          cause
        })
      const sdk = yield* Effect.acquireRelease(Effect.try({ try: server, catch: refused }), (sdk) =>
        Effect.tryPromise(() => sdk.close()).pipe(
          Effect.catchAll((error) => Effect.logWarning("An in-memory MCP server failed to close", error.error))
        )
      )
      yield* Effect.tryPromise({ try: () => sdk.connect(transport), catch: refused })
      return {
        message: (message) => transport.onmessage?.(message),
        closed: () => transport.onclose?.()
      }
    })

/**
 * Takes every connection and never says a word: a server whose handshake hangs.
 *
 * @since 0.1.0
 * @category constructors
 */
export const silent: Serve = () => Effect.succeed({ message: () => {} })

/**
 * Refuses every connection.
 *
 * @since 0.1.0
 * @category constructors
 */
export const refusing =
  (reason: string, options?: { readonly retryable?: boolean | undefined }): Serve =>
  (client) =>
    Effect.fail(
      new McpConnectError({
        server: client.key.toString(),
        phase: "dial",
        reason,
        retryable: options?.retryable ?? true
      })
    )

/**
 * The connector of `make` as a layer, with the `Limits` that it is built on. The count of connections is the layer's own.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (servers: Readonly<Record<string, Serve>>): Layer.Layer<McpConnector> =>
  Layer.effect(
    McpConnector,
    Effect.map(Limits.Limits, (limits) => make(servers, limits))
  )

const open = (
  key: ServerKey,
  config: ServerConfig.ServerConfig,
  connection: number,
  serve: Serve,
  limits: Limits.Values
): Effect.Effect<McpTransport, McpConnectError, Scope.Scope> =>
  // Uninterruptible but for the server's own part: a server that took the connection is always told of its end.
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const ties = !ServerConfig.isStdio(config)
      const link = new MemoryLink(yield* FiberRef.get(FiberRef.currentScheduler), limits)
      const end = Effect.addFinalizer(() => Effect.sync(() => link.closeFromClient()))
      // Twice: a connect that fails half-way ends the link, too; and once connected, the server learns of the end
      // before its own finalizers run, while it is still whole.
      yield* end
      const server = yield* restore(
        serve({
          key,
          connection,
          send: (message, origin) => link.sendToClient(message, ties ? origin : undefined),
          junk: (reason) => link.toClient(() => link.receiver?.junk(reason)),
          close: (reason, cause) => link.closeFromServer(reason, cause),
          isOpen: () => link.state === "open"
        })
      )
      yield* end
      link.attach(server)
      return {
        network: "memory",
        ties: () => ties,
        start: (receiver) => Effect.sync(() => link.start(receiver)),
        send: (outgoing) => link.sendToServer(outgoing)
      }
    })
  )
