/** What a benchmark says of a pool, where that is not the subject's own default. Those by hand take `max` and `concurrency`. */
import * as Schema from "effect/Schema"

/**
 * What is done with spans and metrics: tracing switched off for good; a trace from outside and no tracer; a tracer that
 * records, one that records nothing, one that records and is switched off; metrics that are read.
 */
export const Watched = Schema.Literal("off", "outside", "recorded", "unsampled", "recorded, off", "metrics")
export type Watched = typeof Watched.Type

export const Settings = Schema.Struct({
  concurrency: Schema.optional(Schema.Number),
  max: Schema.optional(Schema.Number),
  maxWaiters: Schema.optional(Schema.Number),
  idleTimeToLive: Schema.optional(Schema.String),
  /** Whether a call that was lost and may have run is run again. */
  mayRunTwice: Schema.optional(Schema.Boolean),
  /** Default: nobody traces, and nobody reads metrics. */
  watched: Schema.optional(Watched)
})
export type Settings = typeof Settings.Type
