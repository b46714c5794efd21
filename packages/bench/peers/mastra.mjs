/** The tools of `@mastra/mcp`, run as its agents run them. */

/** @type {import("../src/calls/Subject.js").About} */
export const about = {
  package: "@mastra/mcp",
  settings: "execute of the tools of MCPClient; one connection, any number of calls"
}

/** @type {import("../src/calls/Subject.js").Subject["open"]} */
export const open = async (target) => {
  const { MCPClient } = await import("@mastra/mcp")
  const echo = "url" in target ? { url: new URL(target.url) } : { command: target.command, args: [...target.args] }
  const client = new MCPClient({ servers: { echo } })
  const { echo_echo: tool } = await client.getTools()
  if (tool === undefined) throw new Error("it found no tool")
  return { call: (text) => tool.execute({ context: { text } }), close: () => client.disconnect() }
}
