/** `McpClient.callTool` as people use it: the layer for Node, every setting at its default but stdio's concurrency. */
import { McpClient, type ServerConfig } from "@mooring/mcp"
import { NodeMcp, SocketSettings } from "@mooring/node"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { readFileSync } from "node:fs"
import * as Loop from "../calls/Loop.js"
import type { About, Client, Open, Target } from "../calls/Subject.js"
import type { OpenCaller, Settings } from "../scenes/Caller.js"

export const about: About = {
  package: "@mooring/node",
  settings:
    "every setting at its default but stdio's concurrency. stdio: 1 process, 64 calls at a time; HTTP: up to 2 " +
    "connections, 32 calls at a time and 16 sockets each"
}

/** The layer for a target; nothing connects before it is called. */
const connect = async (target: Target, { mayRunTwice, ...pool }: Settings) => {
  // What JSON has as a duration is text: an idle time that is none is refused by the layer.
  const settings = pool as Partial<ServerConfig.StdioServer & ServerConfig.HttpServer>
  const echo = "url" in target ? { ...settings, url: target.url } : { ...settings, ...target }
  const ca = "ca" in target && target.ca !== undefined ? readFileSync(target.ca, "utf8") : undefined
  const tls = ca === undefined ? undefined : { ca }
  const sockets = Layer.succeed(SocketSettings.SocketSettings, { ...SocketSettings.defaults, tls })
  const runtime = ManagedRuntime.make(NodeMcp.layer({ servers: { echo } }).pipe(Layer.provide(sockets)))
  const client = await runtime.runPromise(McpClient.McpClient)
  const options = mayRunTwice === true ? { mayRunTwice } : undefined
  return { client, runtime, call: (text: string) => client.callTool("echo", "echo", { text }, options) }
}

/** With these settings of the server. */
export const openWith = async (target: Target, settings: Settings): Promise<Client> => {
  const { call, client, runtime } = await connect(target, settings)
  await runtime.runPromise(client.ping("echo"))
  return {
    run: Loop.effects(call, (effect) => runtime.runPromise(effect)),
    close: () => runtime.dispose()
  }
}

// A process takes one call at a time unless one says that it can take more. The echo servers can.
export const open: Open = (target) => openWith(target, "url" in target ? {} : { concurrency: 64 })

export const caller: OpenCaller = async (target, settings) => {
  const { call, runtime } = await connect(target, settings)
  return {
    call: async (text) => {
      const exit = await runtime.runPromiseExit(call(text))
      if (Exit.isSuccess(exit)) return exit.value
      throw Cause.squash(exit.cause)
    },
    close: () => runtime.dispose()
  }
}
