/** The SDK's `Client` on its own transport, opened once and held. */
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import type { About, Open, Target } from "../calls/Subject.js"
import type { OpenCaller } from "../scenes/Caller.js"

export const about: About = {
  package: "@modelcontextprotocol/sdk",
  settings: "callTool of Client, every setting at its default; one connection, any number of calls"
}

export const connect = async (target: Target): Promise<Client> => {
  const transport =
    "url" in target
      ? new StreamableHTTPClientTransport(new URL(target.url))
      : new StdioClientTransport({ command: target.command, args: [...target.args] })
  const client = new Client({ name: "bench", version: "1.0.0" })
  // Its `sessionId?: string` and the interface's `sessionId?: string | undefined` are two to exactOptionalPropertyTypes.
  await client.connect(transport as Parameters<Client["connect"]>[0])
  return client
}

export const caller: OpenCaller = async (target) => {
  const client = await connect(target)
  return {
    call: (text) => client.callTool({ name: "echo", arguments: { text } }),
    close: () => client.close()
  }
}

export const open: Open = (target) => caller(target, {})
