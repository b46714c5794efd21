/** The server whose work is known, over stdio. Ends with its stdin, or when it is told to. */
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js"
import { setTimeout } from "node:timers/promises"
import { counted, work, workServer } from "./work.js"

await setTimeout(work.startsMs ?? 0)
process.stdin.once("end", () => process.exit(0))
// So that it says what it has used when its client ends it like that.
process.once("SIGTERM", () => process.exit(0))
const transport = new StdioServerTransport()
await workServer().connect(transport)
counted(transport)
