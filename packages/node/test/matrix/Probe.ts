/** What can be tried on a server of the matrix: a method of the client, as an application would use it. */
import type { McpClient } from "@mooring/mcp"
import type { ServerCapabilities } from "@modelcontextprotocol/sdk/types.js"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { Call } from "../fixtures/RealServer.js"

/** A server under a probe, and what is known of it. */
export interface Target {
  /** The name that the client knows it by. */
  readonly name: string
  /** A call that it answers. */
  readonly call: Call
  /** A call that it answers with a task. */
  readonly task: Call | undefined
  /** Calls that make it ask its client for something. */
  readonly asks: { readonly [question in "sampling" | "elicitation" | "roots"]?: Call }
  /** A folder that it knows only from our roots. */
  readonly root: string
  /** The URI of a resource that it can be asked to watch. */
  readonly resource: string | undefined
}

/** A method of the client on a server. */
export interface Probe {
  /** Its name in the client, and a word more where there are several of one method; `handlers.` for what servers ask. */
  readonly method: string
  /** The capability without which the client must refuse it (`resources.subscribe`). Default: it needs none. */
  readonly needs?: keyof ServerCapabilities | `${keyof ServerCapabilities}.${string}`
  /** Fails where the answer is not what the method promises. */
  readonly run: (client: McpClient.McpClient["Type"], target: Target) => Effect.Effect<unknown, unknown>
}

/** An answer that came and is not what it should be. */
export class Unexpected extends Data.TaggedError("Unexpected")<{ readonly what: string }> {}

/** The server offers nothing that the method could be tried with. */
export class NothingToTry extends Data.TaggedError("NothingToTry") {}

/** Fails for an empty list. */
export const filled = <A>(list: ReadonlyArray<A>) =>
  list.length > 0 ? Effect.void : Effect.fail(new Unexpected({ what: "nothing is listed" }))

/** Methods that ask no server anything, and so are not in the matrix. */
export const local: ReadonlySet<string> = new Set([
  "servers",
  "catalogue",
  "forPartition",
  "status",
  "statuses",
  "changes",
  "stats",
  "events",
  "listChanges"
])
