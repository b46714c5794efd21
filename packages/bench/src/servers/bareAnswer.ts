/** What the tool `echo` answers, by hand: the least that a server can do, so that the client is what counts. */

/** The answer to a message as JSON; `undefined` where none is wanted. */
export const answer = (line: string): string | undefined => {
  // What comes is from the clients of these benchmarks.
  const { id, method, params } = JSON.parse(line) as {
    readonly id?: number
    readonly method: string
    readonly params?: { readonly protocolVersion?: string; readonly arguments?: { readonly text?: string } }
  }
  if (id === undefined) return undefined
  switch (method) {
    case "initialize": {
      const { protocolVersion } = params ?? {}
      return result(id, {
        protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: "bare echo", version: "1.0.0" }
      })
    }
    case "tools/list": {
      const inputSchema = { type: "object", properties: { text: { type: "string" } }, required: ["text"] }
      return result(id, { tools: [{ name: "echo", description: "Gives its text back", inputSchema }] })
    }
    case "tools/call":
      return result(id, { content: [{ type: "text", text: params?.arguments?.text }] })
    case "ping":
      return result(id, {})
    default:
      return JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32601, message: "Method not found" } })
  }
}

const result = (id: number, value: object): string => JSON.stringify({ jsonrpc: "2.0", id, result: value })
