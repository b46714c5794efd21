/**
 * Stands between the pool and the connector and sees what really happens: which process serves a server, when each
 * connection was opened, and when a tool call has been written to it. Changes nothing on the way.
 *
 * @since 0.1.0
 */
import { McpConnector, type McpTransport } from "@mooring/mcp"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/**
 * A connection that was opened.
 *
 * @since 0.1.0
 * @category models
 */
export interface Opened {
  readonly server: string
  /** The process that serves it, if it is a child of ours. */
  readonly pid: number | undefined
  /** Nanoseconds on Effect's clock. */
  readonly atNanos: bigint
}

/**
 * @since 0.1.0
 * @category tags
 */
export class Witness extends Context.Tag("mooring/demo/Witness")<
  Witness,
  {
    /** Every connection that was opened, in order. */
    readonly opened: ReadonlyArray<Opened>
    /** Calls `listener` synchronously, right after each tool call was written. One listener at a time. */
    readonly onCall: (listener: (server: string) => void) => void
  }
>() {}

const watched = (transport: McpTransport.McpTransport, sent: () => void): McpTransport.McpTransport => ({
  network: transport.network,
  pid: transport.pid,
  start: (receiver) => transport.start(receiver),
  send: (outgoing) => {
    transport.send(outgoing)
    if ("method" in outgoing.message && outgoing.message.method === "tools/call") sent()
  },
  setProtocolVersion: (version) => transport.setProtocolVersion?.(version),
  diagnostics: transport.diagnostics === undefined ? undefined : () => transport.diagnostics?.() ?? ""
})

/**
 * Wraps the connector below it.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Witness | McpConnector.McpConnector, never, McpConnector.McpConnector> =
  Layer.effectContext(
    Effect.map(McpConnector.McpConnector, (connector) => {
      const opened: Array<Opened> = []
      let listener: (server: string) => void = () => {}
      return Context.make(Witness, { opened, onCall: (next) => (listener = next) }).pipe(
        Context.add(McpConnector.McpConnector, {
          open: (key, config) =>
            Effect.gen(function* () {
              const transport = yield* connector.open(key, config)
              opened.push({ server: key.server, pid: transport.pid, atNanos: yield* Clock.currentTimeNanos })
              return watched(transport, () => listener(key.server))
            })
        })
      )
    })
  )
