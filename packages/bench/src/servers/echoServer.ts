/** A server with the tool `echo`, built with the SDK as its documentation shows, for any transport. */
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as z from "zod"

export const echoServer = (): McpServer => {
  const server = new McpServer({ name: "echo", version: "1.0.0" })
  server.registerTool(
    "echo",
    { description: "Gives its text back", inputSchema: { text: z.string() } },
    ({ text }) => ({
      content: [{ type: "text", text }]
    })
  )
  return server
}
