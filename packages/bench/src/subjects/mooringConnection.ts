/** One connection of Mooring's without the pool and the client around it: shows what those two cost. */
import { McpConnection, ServerKey } from "@mooring/mcp"
import { NodeConnector } from "@mooring/node"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Loop from "../calls/Loop.js"
import type { About, Open } from "../calls/Subject.js"

export const about: About = {
  package: "@mooring/node",
  settings: "one connection without pool and client, any number of calls; over HTTP 16 sockets"
}

export const open: Open = async (target) => {
  const runtime = ManagedRuntime.make(Layer.merge(NodeConnector.layer, Layer.scope))
  const connection = await runtime.runPromise(McpConnection.make(ServerKey.shared("echo"), target))
  return {
    run: Loop.effects(
      (text) => connection.callTool("echo", { text }),
      (effect) => runtime.runPromise(effect)
    ),
    close: () => runtime.dispose()
  }
}
