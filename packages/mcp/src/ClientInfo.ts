/**
 * How a client introduces itself to servers in the handshake. Provide your own application's name and version to the
 * layer of the pool; servers show it in their logs, and some decide by it.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"

/**
 * The default is this library's own name and version.
 *
 * @since 0.1.0
 * @category references
 */
export class ClientInfo extends Context.Reference<ClientInfo>()("@mooring/mcp/ClientInfo", {
  defaultValue: (): { readonly name: string; readonly version: string } => ({ name: "mooring", version: "0.1.0" })
}) {}
