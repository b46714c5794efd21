/**
 * The tool `echo` over Streamable HTTP, built with the SDK as its documentation shows, a session for each client.
 * Argument: `sse` for answers as streams of events, which is what it does by itself, or `json`.
 */
import { echoServer } from "./echoServer.js"
import { serve } from "./sessions.js"

serve((transport) => echoServer().connect(transport), { enableJsonResponse: process.argv[2] === "json" })
