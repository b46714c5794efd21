/** A session of `mcp-use`, as its page shows. */

/** @type {import("../src/calls/Subject.js").About} */
export const about = {
  package: "mcp-use",
  settings: "callTool of a session of MCPClient, telemetry off; one connection, any number of calls"
}

/** @type {import("../src/calls/Subject.js").Subject["open"]} */
export const open = async (target) => {
  // It would send what it is used for to a place outside of this machine.
  process.env["MCP_USE_ANONYMIZED_TELEMETRY"] = "false"
  const { MCPClient } = await import("mcp-use")
  const echo = "url" in target ? { url: target.url } : { command: target.command, args: [...target.args] }
  const client = new MCPClient({ mcpServers: { echo } })
  await client.createAllSessions()
  const session = client.getSession("echo")
  if (session === null) throw new Error("it has no session")
  await session.listTools()
  return { call: (text) => session.callTool("echo", { text }), close: () => client.closeAllSessions() }
}
