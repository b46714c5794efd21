/** The tools of `@ai-sdk/mcp`, run as the AI SDK runs them. */

/** @type {import("../src/calls/Subject.js").About} */
export const about = {
  package: "@ai-sdk/mcp",
  settings: "execute of the tools of createMCPClient; one connection, any number of calls"
}

/** @type {import("../src/calls/Subject.js").Subject["open"]} */
export const open = async (target) => {
  const { createMCPClient } = await import("@ai-sdk/mcp")
  const { Experimental_StdioMCPTransport } = await import("@ai-sdk/mcp/mcp-stdio")
  const transport =
    "url" in target
      ? { type: /** @type {const} */ ("http"), url: target.url }
      : new Experimental_StdioMCPTransport({ command: target.command, args: [...target.args] })
  const client = await createMCPClient({ transport })
  const { echo } = await client.tools()
  if (echo === undefined) throw new Error("it found no tool")
  let calls = 0
  return {
    call: async (text) => echo.execute({ text }, { toolCallId: `call ${calls++}`, messages: [] }),
    close: () => client.close()
  }
}
