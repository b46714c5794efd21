/** The `McpClient` of Effect 4, which its own documentation calls experimental. */

/** @type {import("../src/calls/Subject.js").About} */
export const about = {
  package: "effect",
  settings: "callTool of McpClient, revision 2025-11-25, HTTP by fetch; one connection, any number of calls"
}

/** @type {import("../src/calls/Subject.js").Subject["open"]} */
export const open = async (target) => {
  const { Layer, ManagedRuntime } = await import("effect")
  const { McpClient, McpProtocol } = await import("effect/ai")
  const options = { name: "bench", version: "1.0.0", protocol: McpProtocol.v2025_11_25 }
  const layer = async () => {
    if ("url" in target) {
      const { FetchHttpClient } = await import("effect/http")
      return Layer.provide(McpClient.layerHttp({ ...options, url: target.url }), FetchHttpClient.layer)
    }
    const { ChildProcess } = await import("effect/process")
    const NodeServices = await import("@effect/platform-node/NodeServices")
    const command = ChildProcess.make(target.command, target.args)
    return Layer.provide(McpClient.layerStdio({ ...options, command }), NodeServices.layer)
  }
  const runtime = ManagedRuntime.make(await layer())
  const client = await runtime.runPromise(McpClient.McpClient)
  const tool = (await runtime.runPromise(client.listTools())).find(({ name }) => name === "echo")
  if (tool === undefined) throw new Error("it found no tool")
  return {
    call: (text) => runtime.runPromise(client.callTool({ tool, arguments: { text } })),
    close: () => runtime.dispose()
  }
}
