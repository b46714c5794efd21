/** What a scene asks of a subject, and what it hears. */
import * as Schema from "effect/Schema"

/** All at once, at a moment. */
const Burst = Schema.Struct({
  act: Schema.Literal("burst"),
  calls: Schema.Number,
  /** Calls under way at a time, where they cannot all be. */
  atOnce: Schema.Number,
  /** Whether the client is opened then, and not before. */
  cold: Schema.Boolean
})

/** Calls that begin when their time has come, whether those before them are answered or not. */
const Paced = Schema.Struct({
  act: Schema.Literal("paced"),
  calls: Schema.Number,
  perSecond: Schema.Number,
  seed: Schema.Number
})

/** Callers that call again and again, whatever becomes of a call. */
const Steady = Schema.Struct({
  act: Schema.Literal("steady"),
  callers: Schema.Number,
  /** It ends after so many calls … */
  calls: Schema.Number,
  /** … or when so much time has passed. Milliseconds. */
  forMs: Schema.Number,
  /**
   * When the process that answers is killed: so many milliseconds after the first answer. The act ends when calls have been
   * answered again for as long. Default: never.
   */
  killAfterMs: Schema.optional(Schema.Number)
})

/**
 * All at once at the first server, to which the client is not connected, while calls to its other servers, to which it is,
 * begin when their time has come; and then such calls alone.
 */
export const Beside = Schema.Struct({
  act: Schema.Literal("beside"),
  calls: Schema.Number,
  /** Calls under way at a time at the first server, where they cannot all be. */
  atOnce: Schema.Number,
  /** To each of the others in turn. */
  perSecond: Schema.Number,
  /** How long that goes on from the beginning, and again once the first server has answered every call. Milliseconds. */
  forMs: Schema.Number,
  seed: Schema.Number
})

export const Act = Schema.Union(Burst, Paced, Steady, Beside)
export type Act = typeof Act.Type

const account = {
  wallMs: Schema.Number,
  answered: Schema.Number,
  /** How many calls failed, by what they failed with. */
  failed: Schema.Record({ key: Schema.String, value: Schema.Number }),
  /**
   * Times of the calls that were answered, in order of size: from the beginning of a burst, from when a call was due in a
   * paced act, from when it was made in a steady one.
   */
  latenciesUs: Schema.Array(Schema.Number),
  /** From the kill to the first answer of another process; `null` if there was none, or no kill. */
  recoveryMs: Schema.NullOr(Schema.Number)
}

/** What became of the calls of an act. */
export const Outcome = Schema.Struct({
  ...account,
  /** Where other servers were called beside the first one: calls to them at first, and once the first had answered. */
  others: Schema.optional(Schema.Struct({ meanwhile: Schema.Struct(account), afterwards: Schema.Struct(account) }))
})
export type Outcome = typeof Outcome.Type
