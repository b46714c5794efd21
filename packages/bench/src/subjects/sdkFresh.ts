/** A connection of its own for each call, by the SDK: what is done where connections are not pooled. */
import type { Open } from "../calls/Subject.js"
import * as Loop from "../calls/Loop.js"
import type { OpenCaller } from "../scenes/Caller.js"
import { connect } from "./sdkHeld.js"

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

export const open: Open = async (target) => {
  const { call, close } = await caller(target, {})
  return { run: Loop.promises(call), close }
}
