/** The tool `echo` over stdio, built with the SDK as its documentation shows. Ends with its stdin. */
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js"
import { echoServer } from "./echoServer.js"

process.stdin.once("end", () => process.exit(0))
await echoServer().connect(new StdioServerTransport())
