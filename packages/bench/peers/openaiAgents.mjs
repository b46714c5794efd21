/** An MCP server of `@openai/agents`, called as its agents call it. */

/** @type {import("../src/calls/Subject.js").About} */
export const about = {
  package: "@openai/agents",
  settings: "callTool of MCPServerStdio or MCPServerStreamableHttp; one connection, any number of calls"
}

/** @type {import("../src/calls/Subject.js").Subject["open"]} */
export const open = async (target) => {
  const { MCPServerStdio, MCPServerStreamableHttp } = await import("@openai/agents")
  const server =
    "url" in target
      ? new MCPServerStreamableHttp({ url: target.url })
      : new MCPServerStdio({ command: target.command, args: [...target.args] })
  await server.connect()
  await server.listTools()
  return { call: (text) => server.callTool("echo", { text }), close: () => server.close() }
}
