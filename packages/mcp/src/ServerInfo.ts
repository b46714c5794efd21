/**
 * What a server said of itself in the handshake. Taken from a connection, so no request; a value that outlives it.
 *
 * @since 0.1.0
 */
import type { Implementation, ServerCapabilities } from "@modelcontextprotocol/sdk/types.js"
import type { McpConnection } from "./McpConnection.js"

/**
 * All as the server wrote it: to be shown to a person, its texts want `McpConnection.clean`, and to a model, to be taken
 * as what a stranger says.
 *
 * @since 0.1.0
 * @category models
 */
export interface ServerInfo {
  readonly serverInfo: Implementation
  /** What it offers; a request that needs anything else fails with `UnsupportedCapability`. */
  readonly capabilities: ServerCapabilities
  /** How it is to be used, for a language model. Absent where it did not say. */
  readonly instructions: string | undefined
  /** The revision of MCP that was settled, as `2025-11-25`. */
  readonly protocolVersion: string
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const of = ({ capabilities, instructions, protocolVersion, serverInfo }: McpConnection): ServerInfo => ({
  serverInfo,
  capabilities,
  instructions,
  protocolVersion
})
