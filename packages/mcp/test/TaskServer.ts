import { McpClient, type ServerConfig } from "@mooring/mcp"
import { Effect } from "effect"
import { client, MemoryServer, type Options, stdio, text } from "./MemoryServer.js"

const capabilities = { tools: {}, tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } }

/** A server whose tasks pass through these states, one for each time that they are asked about. */
export const tasking = (states: ReadonlyArray<object>, on: Options["on"] = {}, declared: object = capabilities) => {
  let asked = 0
  const times = { ttl: 60_000, createdAt: "2026-01-01T00:00:00Z", lastUpdatedAt: "2026-01-01T00:00:00Z" }
  const task = (state: object | undefined) => ({ taskId: "t1", status: "working", ...times, ...state })
  return new MemoryServer({
    capabilities: { ...declared },
    on: {
      "tools/call": () => ({ task: task(states[0]) }),
      "tasks/get": () => task(states[Math.min(++asked, states.length - 1)]),
      "tasks/result": () => text("done"),
      "tasks/cancel": () => task({ status: "cancelled" }),
      "tasks/list": () => ({ tasks: [task({}), task({ taskId: "t2" })] }),
      "tools/list": () => ({
        tools: [
          ["slow", "required"],
          ["quick", "forbidden"],
          ["either", "optional"],
          ["plain", undefined]
        ].map(([name, taskSupport]) => ({
          name,
          inputSchema: { type: "object" },
          ...(taskSupport === undefined ? {} : { execution: { taskSupport } })
        }))
      }),
      ...on
    }
  })
}

export const withClient = <A, E>(
  server: MemoryServer,
  use: (mcp: McpClient.Service) => Effect.Effect<A, E>,
  config: ServerConfig.ServerConfig = stdio
) => Effect.flatMap(McpClient.McpClient, use).pipe(Effect.provide(client({ a: server }, { a: config })))

export const working = { status: "working", pollInterval: 2000 }
export const completed = { status: "completed" }
