/**
 * What can go wrong with one call on a server that is reached over HTTP, from its status to the last byte of its body.
 * Each says what the server does, whether the tool runs, and so what a truthful client must report.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import type { ConnectScript, Fault } from "../Fault.js"

/**
 * `None`, `Hang`, `NoAnswer`, `AnswerLate`, `AnswerTwice`, `IsError` and `ErrorResponse` as any server has them, and besides
 *
 * | fault | the tool runs | the client may learn |
 * | --- | --- | --- |
 * | `Status` | no | this status, with `Retry-After` if given |
 * | `LoseSession` | no | 404: the server no longer knows the session of this call |
 * | `Reset` | yes | the socket is reset before the headers, within them, or within the body |
 * | `CutStream` | yes | the stream of events ends without the answer; asked for the rest, the server gives it if it `resumes` |
 * | `Drip` | yes | the answer, in small pieces that take this long in all |
 * | `StopHalfway` | yes | half of the body; then its deadline passes |
 * | `Malformed` | yes | a body that is no JSON, or a stream of which no event is |
 * | `ForeignAnswers` | yes | the answer, behind made-up ones to the other calls of the session |
 * | `LongAnswer` | yes | an answer with so many `bytes` of filler |
 *
 * @since 0.1.0
 * @category models
 */
export type HttpFault =
  | Extract<
      Fault,
      {
        readonly _tag: "None" | "Hang" | "NoAnswer" | "AnswerLate" | "AnswerTwice" | "IsError" | "ErrorResponse"
      }
    >
  | Data.TaggedEnum<{
      Status: { readonly code: number; readonly retryAfter?: Duration.DurationInput | undefined }
      LoseSession: {}
      Reset: { readonly at: "start" | "headers" | "body" }
      CutStream: { readonly resumes: boolean }
      Drip: { readonly over: Duration.DurationInput }
      StopHalfway: {}
      Malformed: {}
      ForeignAnswers: {}
      LongAnswer: { readonly bytes: number }
    }>

/**
 * Constructors and matchers: `HttpFault.Reset({ at: "body" })`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const HttpFault = Data.taggedEnum<HttpFault>()

/**
 * How one call goes: what goes wrong (default: nothing), and how long the server takes before the tool's own work
 * (default: no time).
 *
 * @since 0.1.0
 * @category models
 */
export interface CallScript {
  readonly fault?: HttpFault | undefined
  readonly latency?: Duration.DurationInput | undefined
}

/**
 * How a server behaves over time: its first calls and its first handshakes, in the order in which they come, over all
 * of its processes. After the script everything goes well. Of the faults of a connection, `Refuse` is a 503.
 *
 * @since 0.1.0
 * @category models
 */
export interface Script {
  readonly calls?: ReadonlyArray<CallScript> | undefined
  readonly connects?: ReadonlyArray<ConnectScript> | undefined
}

/**
 * A script of one call or connection as JSON: durations in milliseconds, `Retry-After` in seconds.
 *
 * @since 0.1.0
 * @category combinators
 */
export const encode = ({ fault, latency }: CallScript | ConnectScript): Readonly<Record<string, unknown>> => ({
  ...(latency === undefined ? {} : { latency: Duration.toMillis(latency) }),
  ...(fault === undefined ? {} : { fault: encodeFault(fault) })
})

const encodeFault = (fault: NonNullable<(CallScript | ConnectScript)["fault"]>): Readonly<Record<string, unknown>> => {
  switch (fault._tag) {
    case "AnswerLate":
      return { ...fault, by: Duration.toMillis(fault.by) }
    case "Drip":
      return { ...fault, over: Duration.toMillis(fault.over) }
    case "Status":
      return fault.retryAfter === undefined
        ? { ...fault }
        : { ...fault, retryAfter: Math.ceil(Duration.toSeconds(fault.retryAfter)) }
    default:
      return { ...fault }
  }
}
