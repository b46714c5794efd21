/**
 * The SDK's `Client`, held open by somebody careful: when the connection is lost, the next call opens another, and those
 * that come meanwhile wait for it. Nothing is called again.
 */
import type { Client } from "@modelcontextprotocol/sdk/client/index.js"
import type { Open } from "../calls/Subject.js"
import type { OpenCaller } from "../scenes/Caller.js"
import { connect } from "./sdkHeld.js"

export const caller: OpenCaller = (target) => {
  let held: Promise<Client> | undefined
  const opened = (): Promise<Client> => {
    const opening = connect(target).then((client) => {
      client.onclose = () => {
        if (held === opening) held = undefined
      }
      return client
    })
    opening.catch(() => {
      if (held === opening) held = undefined
    })
    return opening
  }
  return Promise.resolve({
    call: async (text) => {
      const client = await (held ??= opened())
      return client.callTool({ name: "echo", arguments: { text } })
    },
    close: async () => {
      await (await held)?.close()
    }
  })
}

export const open: Open = (target) => caller(target, {})
