import { McpTool } from "@mooring/mcp"
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { filled, type Probe, type Target, Unexpected } from "./Probe.js"

/** Fails for an answer that says of itself that it is none. */
export const answered = ({ content, isError }: CallToolResult) =>
  isError === true || content.length === 0
    ? Effect.fail(new Unexpected({ what: McpTool.textOf({ content }) }))
    : Effect.void

/** The call of a target as a typed tool whose result is its text. */
export const typed = ([tool, args]: Target["call"]) => {
  const parameters = Object.fromEntries(Object.keys(args).map((name) => [name, Schema.Unknown]))
  return McpTool.make(tool, { parameters, success: McpTool.text })
}

/** Tools, and what every server has. */
export const calls: ReadonlyArray<Probe> = [
  { method: "ping", run: (client, { name }) => client.ping(name) },
  {
    method: "listTools",
    needs: "tools",
    run: (client, { name }) => Effect.flatMap(client.listTools(name), filled)
  },
  {
    method: "callTool",
    needs: "tools",
    run: (client, { call, name }) => Effect.flatMap(client.callTool(name, ...call), answered)
  },
  {
    method: "call",
    needs: "tools",
    run: (client, { call, name }) => client.call(name, typed(call), call[1])
  },
  {
    method: "session",
    needs: "tools",
    run: (client, { call, name }) =>
      Effect.gen(function* () {
        const session = yield* client.session(name)
        yield* session.ping
        yield* Effect.flatMap(session.listTools, filled)
        yield* Effect.flatMap(session.callTool(...call), answered)
        yield* session.call(typed(call), call[1])
      }).pipe(Effect.scoped)
  }
]
