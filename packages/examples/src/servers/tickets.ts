/** A server over stdio that asks whoever calls for what it still needs to know. For `elicitation.ts`. */
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js"
import { z } from "zod"

const server = new McpServer({ name: "tickets", version: "1.0.0" })
server.registerTool("book", { inputSchema: { ferry: z.string() } }, async ({ ferry }) => {
  const { action, content } = await server.server.elicitInput(
    {
      message: `Who travels on the ${ferry} ferry?`,
      requestedSchema: {
        type: "object",
        properties: {
          name: { type: "string", title: "Name", minLength: 1 },
          seats: { type: "integer", title: "Seats", minimum: 1, maximum: 8, default: 2 }
        },
        required: ["name"]
      }
    },
    // A person takes longer than the minute that is the default.
    { timeout: 600_000 }
  )
  const text = action === "accept" ? `${content?.["seats"]} seats for ${content?.["name"]}` : `not booked (${action})`
  return { content: [{ type: "text", text }] }
})
await server.connect(new StdioServerTransport())
