/** A server over Streamable HTTP whose one tool says which token the request carried. For `tenants.ts`. */
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js"
import { Effect, type Scope } from "effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"

/** Listens on this machine until the scope closes. Gives its address. */
export const whoami: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.async<ReturnType<typeof createServer>>((resume) => {
    const http = createServer((request, response) => void serve(request, response))
    http.listen(0, "127.0.0.1", () => resume(Effect.succeed(http)))
  }),
  (http) => Effect.sync(() => http.close().closeAllConnections())
).pipe(
  Effect.map((http) => {
    const address = http.address()
    return `http://127.0.0.1:${typeof address === "object" ? address?.port : address}/mcp`
  })
)

/** Without sessions: a server for each request. */
const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const server = new McpServer({ name: "whoami", version: "1.0.0" })
  server.registerTool("whoami", {}, () => ({
    content: [{ type: "text", text: request.headers.authorization ?? "nobody" }]
  }))
  const transport = new StreamableHTTPServerTransport({})
  // Its `onclose?: () => void` and the interface's are two to exactOptionalPropertyTypes.
  await server.connect(transport as Parameters<McpServer["connect"]>[0])
  await transport.handleRequest(request, response)
}
