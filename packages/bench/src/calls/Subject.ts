/**
 * What is compared: ways to call the tool `echo` of an MCP server. Each way is a module in `subjects/` or in `peers/` that
 * exports its `open`, and runs in a process of its own, so that neither its processor time nor its garbage counts for
 * another.
 */
import * as Schema from "effect/Schema"
import { Held } from "./Held.js"
import { Settings } from "./Settings.js"

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
  bytes: Schema.optional(Schema.Number),
  /** Whether this is its last round: then it is also looked at what its process holds. */
  last: Schema.optional(Schema.Boolean)
})
export type Load = typeof Load.Type

/** What one round took. */
export const Sample = Schema.Struct({
  wallMs: Schema.Number,
  /** Processor time of the client's process, all its threads. */
  cpuUs: Schema.Number,
  /** Median time of a call; 0 where calls are not timed. */
  p50Us: Schema.Number,
  /** Of the last round. */
  held: Schema.optional(Held)
})
export type Sample = typeof Sample.Type

/** What a subject's process is asked: to open its client, then to do rounds. */
export const Asked = Schema.Union(Schema.Struct({ open: Target, settings: Schema.optional(Settings) }), Load)

export interface Client {
  /** Does the calls, and rejects when one fails or is answered by anything but its own text. */
  readonly run: (load: Load, took: (micros: number) => void) => Promise<void>
  /** Leaves nothing behind. */
  readonly close: () => Promise<void>
}

/** A client whose calls are promises: the rounds are done for it. */
export interface Caller {
  /** Gives what the client gives: a result, its content, or the text in it. */
  readonly call: (text: string) => Promise<unknown>
  /** Leaves nothing behind. */
  readonly close: () => Promise<void>
}

/** Without settings, with those that the subject has by itself. */
export type Open = (target: Target, settings?: Settings) => Promise<Client | Caller>

/** What is said of a subject beside its figures. */
export interface About {
  /** Whose version it is. Default: Node's own, for what is written by hand. */
  readonly package?: string
  /** A folder from which the package is found. Default: that of the module. */
  readonly from?: string
  /** The settings that matter for its figures, over stdio and over HTTP. */
  readonly settings: string
}

/** A module in `subjects/` or in `peers/`. */
export interface Subject {
  readonly about?: About
  readonly open: Open
}
