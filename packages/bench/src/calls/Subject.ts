/**
 * What is compared: ways to call the tool `echo` of an MCP server. Each way is a file in `subjects/` that exports its
 * `open`, and runs in a process of its own, so that neither its processor time nor its garbage counts for another.
 */
import * as Schema from "effect/Schema"

/** The server to call: a program to be started by the client, or the address of one that runs. */
export const Target = Schema.Union(
  Schema.Struct({ command: Schema.String, args: Schema.Array(Schema.String) }),
  Schema.Struct({
    url: Schema.String,
    /** The file of an authority to be trusted, besides those that Node trusts. */
    ca: Schema.optional(Schema.String)
  })
)
export type Target = typeof Target.Type

/** What a client is to do in one round. */
export const Load = Schema.Struct({
  calls: Schema.Number,
  /** How many of them are under way at a time. */
  atOnce: Schema.Number,
  /** Whether each call is timed. That costs, too, so it is not done where processor time is measured. */
  timed: Schema.Boolean,
  /** How long the text of a call is at least. Default: as short as it can be. */
  bytes: Schema.optional(Schema.Number)
})
export type Load = typeof Load.Type

/** What one round took. */
export const Sample = Schema.Struct({
  wallMs: Schema.Number,
  /** Processor time of the client's process, all its threads. */
  cpuUs: Schema.Number,
  /** Median time of a call; 0 where calls are not timed. */
  p50Us: Schema.Number
})
export type Sample = typeof Sample.Type

export interface Client {
  /** Does the calls, and rejects when one fails or is answered by anything but its own text. */
  readonly run: (load: Load, took: (micros: number) => void) => Promise<void>
  /** Leaves nothing behind. */
  readonly close: () => Promise<void>
}

export type Open = (target: Target) => Promise<Client>
