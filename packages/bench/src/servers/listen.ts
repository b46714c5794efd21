/** An HTTP server of the benchmarks' own: on this machine only, on a free port, which it tells; it ends with its parent. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"

export const listen = (handle: (request: IncomingMessage, response: ServerResponse, body: string) => void): void => {
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    let body = ""
    request.setEncoding("utf8")
    request.on("data", (chunk: string) => (body += chunk))
    request.on("end", () => handle(request, response, body))
  })
  const end = () => process.exit(0)
  process.once("disconnect", end)
  // Ctrl-C reaches the whole group: the clients that are still closing need it.
  process.on("SIGINT", () => {})
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    if (address === null || typeof address === "string" || !process.connected) return end()
    return process.send?.({ url: `http://127.0.0.1:${address.port}/mcp` })
  })
}
