/** The tools of `@langchain/mcp-adapters`, as its page shows. */

/** @type {import("../src/calls/Subject.js").About} */
export const about = {
  package: "@langchain/mcp-adapters",
  settings:
    "tools of MultiServerMCPClient, useStandardContentBlocks as its page recommends; one connection, any number of calls"
}

/** @type {import("../src/calls/Subject.js").Subject["open"]} */
export const open = async (target) => {
  const { MultiServerMCPClient } = await import("@langchain/mcp-adapters")
  const echo =
    "url" in target
      ? { url: target.url }
      : { transport: /** @type {const} */ ("stdio"), command: target.command, args: [...target.args] }
  const client = new MultiServerMCPClient({ useStandardContentBlocks: true, mcpServers: { echo } })
  const tool = (await client.getTools()).find(({ name }) => name === "echo")
  if (tool === undefined) throw new Error("it found no tool")
  return { call: (text) => tool.invoke({ text }), close: () => client.close() }
}
