/**
 * The tag that opens transports. `@mooring/node` offers one for stdio and HTTP, `@mooring/testing` one in memory;
 * an application may write its own. The transport belongs to the scope of the effect that opened it.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { McpConnectError } from "./McpError.js"
import type { McpTransport } from "./McpTransport.js"
import type { ServerConfig } from "./ServerConfig.js"
import type { ServerKey } from "./ServerKey.js"

/**
 * @since 0.1.0
 * @category tags
 */
export class McpConnector extends Context.Tag("@mooring/mcp/McpConnector")<
  McpConnector,
  {
    /**
     * Opens a transport to a server; no handshake yet. It is closed, whole and awaited, when the scope closes, and
     * interrupting this effect leaves nothing behind.
     */
    readonly open: (key: ServerKey, config: ServerConfig) => Effect.Effect<McpTransport, McpConnectError, Scope.Scope>
  }
>() {}
