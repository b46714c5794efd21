/**
 * What the scenes need of a subject besides its rounds: one call of the tool `echo`, whenever the scene wants it. A file in
 * `subjects/` that can do that exports its `caller`.
 */
import * as Schema from "effect/Schema"
import type { Caller, Target } from "../calls/Subject.js"

/** What a scene says of Mooring's pool; the other subjects have none. */
export const Settings = Schema.Struct({
  concurrency: Schema.optional(Schema.Number),
  max: Schema.optional(Schema.Number),
  maxWaiters: Schema.optional(Schema.Number),
  idleTimeToLive: Schema.optional(Schema.String),
  /** Whether a call that was lost and may have run is run again. */
  mayRunTwice: Schema.optional(Schema.Boolean)
})
export type Settings = typeof Settings.Type

export type OpenCaller = (target: Target, settings: Settings) => Promise<Caller>
