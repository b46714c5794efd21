/**
 * What servers say of their own tools, for those whose hints are trusted (`trustHints`): whether running one twice
 * does no harm. Asked only when a call was lost, and read once for each connection.
 *
 * @since 0.1.0
 */
import type { Tool } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import type { CallError, Source } from "./CallPath.js"
import type { McpConnection } from "./McpConnection.js"
import type { ServerKey } from "./ServerKey.js"

/**
 * Whether the server calls the tool read-only or idempotent; a tool that it does not list, it does not.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <E>(
  source: Source<E>
): ((key: ServerKey, tool: string) => Effect.Effect<boolean, CallError<E>>) => {
  const read = new WeakMap<McpConnection, ReadonlySet<string>>()
  return (key, tool) =>
    Effect.uninterruptibleMask((restore) =>
      source.useMasked(restore, key, (connection) => {
        const known = read.get(connection)
        if (known !== undefined) return Effect.succeed(known.has(tool))
        return Effect.map(restore(connection.listTools), (tools) => {
          const harmless = new Set(tools.filter(isHarmless).map(({ name }) => name))
          read.set(connection, harmless)
          return harmless.has(tool)
        })
      })
    )
}

/** https://modelcontextprotocol.io/specification/2025-11-25/schema#toolannotations */
const isHarmless = ({ annotations }: Tool): boolean =>
  annotations?.readOnlyHint === true || annotations?.idempotentHint === true
