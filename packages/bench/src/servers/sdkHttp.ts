/**
 * The tool `echo` over Streamable HTTP, built with the SDK as its documentation shows, a session for each client.
 * Argument: `sse` for answers as streams of events, which is what it does by itself, or `json`.
 */
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js"
import { randomUUID } from "node:crypto"
import { echoServer } from "./echoServer.js"
import { listen } from "./listen.js"

const enableJsonResponse = process.argv[2] === "json"
const sessions = new Map<string, StreamableHTTPServerTransport>()

const opened = async (): Promise<StreamableHTTPServerTransport> => {
  const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    enableJsonResponse,
    onsessioninitialized: (id) => void sessions.set(id, transport),
    onsessionclosed: (id) => void sessions.delete(id)
  })
  // Its `onclose?: () => void` and the interface's are two to exactOptionalPropertyTypes.
  await echoServer().connect(transport as Parameters<ReturnType<typeof echoServer>["connect"]>[0])
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
