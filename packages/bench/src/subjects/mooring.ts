/** `McpClient.callTool` as people use it: the layer for Node, every setting at its default but stdio's concurrency. */
import { McpClient } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Loop from "../calls/Loop.js"
import type { Open } from "../calls/Subject.js"

export const open: Open = async (target) => {
  // A process takes one call at a time unless one says that it can take more. The echo servers can.
  const echo = "url" in target ? target : { ...target, concurrency: 64 }
  const runtime = ManagedRuntime.make(NodeMcp.layer({ servers: { echo } }))
  const client = await runtime.runPromise(Effect.tap(McpClient.McpClient, (client) => client.ping("echo")))
  return {
    run: Loop.effects(
      (text) => client.callTool("echo", "echo", { text }),
      (effect) => runtime.runPromise(effect)
    ),
    close: () => runtime.dispose()
  }
}
