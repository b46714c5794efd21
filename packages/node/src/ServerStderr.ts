/**
 * What stdio servers write to their stderr, as a stream of lines for whoever wants to see or keep them. Without more
 * ado it is one hub for all connections of this process; provide `layer` beneath a connector (and to who reads) to
 * have one apart. Owns memory only, and only while somebody reads.
 *
 * @since 0.1.0
 */
import type { ServerKey } from "@mooring/mcp"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"

/**
 * A line, redacted and without control characters. One of more than 4,096 characters keeps its last.
 *
 * @since 0.1.0
 * @category models
 */
export interface Line {
  readonly server: ServerKey.ServerKey
  /** The server's process: a server may have several connections, each to one of its own. */
  readonly pid: number
  readonly text: string
}

/**
 * How many lines wait for a reader. A reader that is slower loses the oldest of them, and no server ever waits.
 *
 * @since 0.1.0
 * @category constants
 */
export const capacity = 1024

/**
 * @since 0.1.0
 * @category references
 */
export class ServerStderr extends Context.Reference<ServerStderr>()("@mooring/node/ServerStderr", {
  defaultValue: (): Hub => make()
}) {}

/**
 * @since 0.1.0
 * @category models
 */
export interface Hub {
  /** Gives a line to everyone who reads at the moment. Never waits. */
  readonly publish: (line: Line) => void
  /** The lines from when it is run on, without an end. */
  readonly lines: Stream.Stream<Line>
}

/**
 * The lines of all stdio servers from when the stream is run on, without an end.
 *
 * @example
 * ```ts
 * import { McpClient } from "@mooring/mcp"
 * import { NodeMcp, ServerStderr } from "@mooring/node"
 * import { Console, Effect, Stream } from "effect"
 *
 * const shown = Stream.runForEach(ServerStderr.lines, ({ server, text }) => Console.error(`[${server}] ${text}`))
 *
 * const program = Effect.gen(function* () {
 *   yield* Effect.forkScoped(shown)
 *   const mcp = yield* McpClient.McpClient
 *   return yield* mcp.listTools("thinking")
 * })
 *
 * const MainLive = NodeMcp.layer({
 *   servers: { thinking: { command: "npx", args: ["-y", "@modelcontextprotocol/server-sequential-thinking"] } }
 * })
 *
 * export const main = program.pipe(Effect.scoped, Effect.provide(MainLive))
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const lines: Stream.Stream<Line> = Stream.unwrap(Effect.map(ServerStderr, (hub) => hub.lines))

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (): Hub => {
  const readers = new Set<(line: Line) => void>()
  return {
    publish: (line) => {
      for (const read of readers) read(line)
    },
    lines: Stream.asyncPush<Line>(
      (emit) => {
        const read = (line: Line) => void emit.single(line)
        return Effect.acquireRelease(
          Effect.sync(() => readers.add(read)),
          () => Effect.sync(() => readers.delete(read))
        )
      },
      { bufferSize: capacity, strategy: "sliding" }
    )
  }
}

/**
 * A hub apart from the one of the process.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<ServerStderr> = Layer.sync(ServerStderr, make)
