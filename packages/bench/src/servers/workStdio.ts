/** The server whose work is known, over stdio. Ends with its stdin. */
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js"
import { counted, workServer } from "./work.js"

process.stdin.once("end", () => process.exit(0))
const transport = new StdioServerTransport()
await workServer().connect(transport)
counted(transport)
