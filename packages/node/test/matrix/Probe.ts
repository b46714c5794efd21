/** What is tried on each server of the matrix: every method of the client, each as an application would use it. */
import { type McpClient, McpTool } from "@mooring/mcp"
import type { CallToolResult, ServerCapabilities } from "@modelcontextprotocol/sdk/types.js"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** A server under a probe, and what is known of it. */
export interface Target {
  /** The name that the client knows it by. */
  readonly name: string
  /** A call that it answers. */
  readonly call: readonly [tool: string, args: Readonly<Record<string, unknown>>]
}

/** A method of the client on a server. */
export interface Probe {
  /** Its name in the client, and a word more where there are several of one method. */
  readonly method: string
  /** The capability without which the client must refuse it (`resources.subscribe`). Default: it needs none. */
  readonly needs?: keyof ServerCapabilities | `${keyof ServerCapabilities}.${string}`
  /** Fails, or ends with what is not worth an `ok`, where the answer is not what the method promises. */
  readonly run: (client: McpClient.McpClient["Type"], target: Target) => Effect.Effect<unknown, unknown>
}

/** An answer that came and is not what it should be. */
export class Unexpected extends Data.TaggedError("Unexpected")<{ readonly what: string }> {}

const filled = <A>(list: ReadonlyArray<A>) =>
  list.length > 0 ? Effect.void : Effect.fail(new Unexpected({ what: "nothing is listed" }))

const answered = ({ content, isError }: CallToolResult) =>
  isError === true || content.length === 0
    ? Effect.fail(new Unexpected({ what: McpTool.textOf({ content }) }))
    : Effect.void

/** The call of a target as a typed tool whose result is its text. */
const typed = ([tool, args]: Target["call"]) => {
  const parameters = Object.fromEntries(Object.keys(args).map((name) => [name, Schema.Unknown]))
  return McpTool.make(tool, { parameters, success: McpTool.text })
}

export const probes: ReadonlyArray<Probe> = [
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

/** Methods that ask no server anything, and so are not in the matrix. */
export const local: ReadonlySet<string> = new Set([
  "servers",
  "catalogue",
  "forPartition",
  "status",
  "statuses",
  "changes",
  "stats",
  "events"
])
