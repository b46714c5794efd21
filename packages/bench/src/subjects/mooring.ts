/** `McpClient.callTool` as people use it: the layer for Node, every setting at its default but stdio's concurrency. */
import { McpClient, type ServerConfig } from "@mooring/mcp"
import { NodeMcp, SocketSettings } from "@mooring/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { readFileSync } from "node:fs"
import * as Loop from "../calls/Loop.js"
import type { Open } from "../calls/Subject.js"

/** With settings of the server that a user would choose for it. */
export const opens =
  (settings: Pick<ServerConfig.StdioServer, "concurrency" | "maxWaiters">): Open =>
  async (target) => {
    const echo = "url" in target ? { url: target.url } : { ...target, ...settings }
    const ca = "ca" in target && target.ca !== undefined ? readFileSync(target.ca, "utf8") : undefined
    const tls = ca === undefined ? undefined : { ca }
    const sockets = Layer.succeed(SocketSettings.SocketSettings, { ...SocketSettings.defaults, tls })
    const runtime = ManagedRuntime.make(NodeMcp.layer({ servers: { echo } }).pipe(Layer.provide(sockets)))
    const client = await runtime.runPromise(Effect.tap(McpClient.McpClient, (client) => client.ping("echo")))
    return {
      run: Loop.effects(
        (text) => client.callTool("echo", "echo", { text }),
        (effect) => runtime.runPromise(effect)
      ),
      close: () => runtime.dispose()
    }
  }

// A process takes one call at a time unless one says that it can take more. The echo servers can.
export const open: Open = opens({ concurrency: 64 })
