/** The SDK's clients, as many as a pool may have connections, all opened at first; calls go to one after the other. */
import type { OpenCaller } from "../scenes/Caller.js"
import { connect } from "./sdkHeld.js"

export const caller: OpenCaller = async (target, { max = 1 }) => {
  const clients = await Promise.all(Array.from({ length: max }, () => connect(target)))
  let turn = 0
  return {
    call: (text) => {
      const client = clients[turn++ % clients.length]
      if (client === undefined) return Promise.reject(new Error("a pool has one connection at least"))
      return client.callTool({ name: "echo", arguments: { text } })
    },
    close: async () => {
      await Promise.all(clients.map((client) => client.close()))
    }
  }
}
