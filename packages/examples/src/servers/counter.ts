/** A server over stdio that remembers a sum for as long as its process lives. For `session.ts`. */
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js"
import { z } from "zod"

let sum = 0
const server = new McpServer({ name: "counter", version: "1.0.0" })
server.registerTool("add", { inputSchema: { amount: z.number() } }, ({ amount }) => {
  sum += amount
  return { content: [{ type: "text", text: String(sum) }], structuredContent: { sum } }
})
await server.connect(new StdioServerTransport())
