/** A POST for each call by `undici.request`, by hand: what no client can do for much less. */
import { Agent } from "undici"
import type { About, Open } from "../calls/Subject.js"
import type { OpenCaller } from "../scenes/Caller.js"

const revision = "2025-11-25"

export const about: About = {
  package: "undici",
  settings: "a POST for each call, 16 sockets; one session, any number of calls"
}

export const caller: OpenCaller = async (target) => {
  if (!("url" in target)) throw new Error("it speaks HTTP only")
  const { origin, pathname: path } = new URL(target.url)
  // As many sockets as Mooring has.
  const agent = new Agent({ connections: 16 })
  let session: Readonly<Record<string, string>> = {}
  let lastId = 0
  const post = async (message: object): Promise<unknown> => {
    const { body, headers, statusCode } = await agent.request({
      origin,
      path,
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": revision,
        ...session
      },
      body: JSON.stringify({ jsonrpc: "2.0", ...message })
    })
    const text = await body.text()
    if (statusCode >= 300) throw new Error(`${statusCode} ${text}`)
    const id = headers["mcp-session-id"]
    if (typeof id === "string") session = { "mcp-session-id": id }
    const data = /^data: (.+)$/m.exec(text)?.[1] ?? text
    // What comes is from the servers of these benchmarks.
    return data === "" ? undefined : (JSON.parse(data) as { readonly result: unknown }).result
  }
  const request = (method: string, params: object) => post({ id: ++lastId, method, params })
  const clientInfo = { name: "undici", version: "1.0.0" }
  await request("initialize", { protocolVersion: revision, capabilities: {}, clientInfo })
  await post({ method: "notifications/initialized" })
  return {
    call: (text) => request("tools/call", { name: "echo", arguments: { text } }),
    close: () => agent.close()
  }
}

export const open: Open = (target) => caller(target, {})
