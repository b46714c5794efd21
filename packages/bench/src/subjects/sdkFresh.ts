/** A connection of its own for each call, by the SDK: what is done where connections are not pooled. */
import type { About, Open } from "../calls/Subject.js"
import type { OpenCaller } from "../scenes/Caller.js"
import { connect } from "./sdkHeld.js"

export const about: About = {
  package: "@modelcontextprotocol/sdk",
  settings: "callTool of Client, every setting at its default; a connection for each call, closed after it"
}

export const caller: OpenCaller = (target) =>
  Promise.resolve({
    call: async (text) => {
      const client = await connect(target)
      try {
        return await client.callTool({ name: "echo", arguments: { text } })
      } finally {
        await client.close()
      }
    },
    close: () => Promise.resolve()
  })

export const open: Open = (target) => caller(target, {})
