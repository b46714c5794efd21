/** `McpClient.callTool` as people use it: the layer for Node, every setting at its default but stdio's concurrency. */
import { McpClient, type ServerConfig } from "@mooring/mcp"
import { NodeMcp, SocketSettings } from "@mooring/node"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { readFileSync } from "node:fs"
import * as Loop from "../calls/Loop.js"
import type { Settings } from "../calls/Settings.js"
import type { About, Client, Open, Target } from "../calls/Subject.js"
import type { OpenCallers } from "../scenes/Caller.js"

export const about: About = {
  package: "@mooring/node",
  settings:
    "every setting at its default but stdio's concurrency. stdio: 1 process, 64 calls at a time; HTTP: up to 2 " +
    "connections, 32 calls at a time and 16 sockets each"
}

/** The layer for some servers; nothing connects before it is called. */
const connect = async (
  targets: ReadonlyArray<Target>,
  { mayRunTwice, ...pool }: Settings,
  around: Layer.Layer<never> = Layer.empty
) => {
  // What JSON has as a duration is text: an idle time that is none is refused by the layer.
  const settings = pool as Partial<ServerConfig.StdioServer & ServerConfig.HttpServer>
  const servers = targets.map((target, n) => {
    const server = "url" in target ? { ...settings, url: target.url } : { ...settings, ...target }
    return [nameOf(n), server] as const
  })
  const authorities = targets.flatMap((target) => ("ca" in target && target.ca !== undefined ? [target.ca] : []))
  const tls = authorities.length === 0 ? undefined : { ca: authorities.map((file) => readFileSync(file, "utf8")) }
  const sockets = Layer.succeed(SocketSettings.SocketSettings, { ...SocketSettings.defaults, tls })
  const runtime = ManagedRuntime.make(
    NodeMcp.layer({ servers: Object.fromEntries(servers) }).pipe(Layer.provide(sockets), Layer.provideMerge(around))
  )
  const client = await runtime.runPromise(McpClient.McpClient)
  const options = mayRunTwice === true ? { mayRunTwice } : undefined
  const call = (server: string, text: string) => client.callTool(server, "echo", { text }, options)
  return { call, client, runtime }
}

const nameOf = (server: number): string => `echo-${server}`

/** With these settings of the server, and a layer around the client that tracers and the like come from. */
export const openWith = async (target: Target, settings: Settings, around?: Layer.Layer<never>): Promise<Client> => {
  const { call, client, runtime } = await connect([target], settings, around)
  const name = nameOf(0)
  await runtime.runPromise(client.ping(name))
  return {
    run: Loop.effects(
      (text) => call(name, text),
      (effect) => runtime.runPromise(effect)
    ),
    close: () => runtime.dispose()
  }
}

// A process takes one call at a time unless one says that it can take more. The echo servers can.
export const open: Open = (target, settings = "url" in target ? {} : { concurrency: 64 }) => openWith(target, settings)

/** One client for all servers. */
export const callers: OpenCallers = async (targets, settings) => {
  const { call, runtime } = await connect(targets, settings)
  return {
    call: async (server, text) => {
      const exit = await runtime.runPromiseExit(call(nameOf(server), text))
      if (Exit.isSuccess(exit)) return exit.value
      throw Cause.squash(exit.cause)
    },
    close: () => runtime.dispose()
  }
}
