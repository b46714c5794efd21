/** A Streamable HTTP server built with the SDK as its documentation shows, with a session for each client. */
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js"
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import { randomUUID } from "node:crypto"
import { listen } from "./listen.js"

/** `connect` gives the transport of each new session a server. */
export const serve = (
  connect: (transport: Transport) => Promise<void>,
  { enableJsonResponse }: { readonly enableJsonResponse: boolean }
): void => {
  const sessions = new Map<string, StreamableHTTPServerTransport>()

  const opened = async (): Promise<StreamableHTTPServerTransport> => {
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      enableJsonResponse,
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id)
    })
    // Its `onclose?: () => void` and the interface's are two to exactOptionalPropertyTypes.
    await connect(transport as Transport)
    return transport
  }

  listen((request, response, body) => {
    const id = request.headers["mcp-session-id"]
    const known = typeof id === "string" ? sessions.get(id) : undefined
    const failed = (error: unknown) => response.writeHead(500).end(String(error))
    const handle = async () => {
      const transport = known ?? (await opened())
      const parsed: unknown = body === "" ? undefined : JSON.parse(body)
      await transport.handleRequest(request, response, parsed)
    }
    handle().catch(failed)
  })
}
