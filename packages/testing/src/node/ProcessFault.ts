/**
 * What can go wrong with one call on a server that is a real process: the faults of a server in memory, and what only
 * a process can do. Each says what the server does, whether the tool runs, and so what a truthful client must report.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import type { ConnectScript, Fault } from "../Fault.js"

/**
 * All that `Fault` has but `Refuse` and `CrashBefore`, which need a hand in the transport, and besides
 *
 * | fault | the tool runs | the client may learn |
 * | --- | --- | --- |
 * | `HalfLine` | yes | half an answer; then its deadline passes, or the connection is lost if the server `exits` |
 * | `Junk` | yes | lines that are no messages, so many `times`, and then the answer |
 * | `LongLine` | yes | an answer with so many `bytes` of filler; beyond the limit the connection is lost |
 * | `Deep` | yes | an answer that holds arrays in arrays, so many `levels` deep; an error, or a lost connection |
 * | `FloodStderr` | yes | the answer, after so many `bytes` on stderr |
 * | `FloodNotifications` | yes | the answer, after so many notifications; never, if `count` is `Infinity` |
 * | `StopReading` | yes | the answer; what is sent from then on stays in the pipe or does not get there |
 * | `Stop` | no | nothing: the process is stopped (SIGSTOP) as by a debugger, and its deadline passes |
 * | `LeaveGrandchild` | yes | the answer; then the server exits, while a child of its own holds its stdout open |
 *
 * @since 0.1.0
 * @category models
 */
export type ProcessFault =
  | Exclude<Fault, { readonly _tag: "Refuse" | "CrashBefore" }>
  | Data.TaggedEnum<{
      HalfLine: { readonly exits: boolean }
      Junk: { readonly times: number }
      LongLine: { readonly bytes: number }
      Deep: { readonly levels: number }
      FloodStderr: { readonly bytes: number }
      FloodNotifications: { readonly count: number }
      StopReading: {}
      Stop: {}
      LeaveGrandchild: {}
    }>

/**
 * Constructors and matchers: `ProcessFault.Deep({ levels: 1_000_000 })`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const ProcessFault = Data.taggedEnum<ProcessFault>()

/**
 * How one call goes: what goes wrong (default: nothing), and how long the server takes before the tool's own work
 * (default: no time).
 *
 * @since 0.1.0
 * @category models
 */
export interface CallScript {
  readonly fault?: ProcessFault | undefined
  readonly latency?: Duration.DurationInput | undefined
}

/**
 * How a server behaves over time: its first calls and its first processes, in the order in which they come, over all
 * processes. After the script everything goes well. Of the faults of a connection, `Refuse` is a process that says why
 * on stderr and exits at once, and `Hang` one that neither reads nor writes.
 *
 * @since 0.1.0
 * @category models
 */
export interface Script {
  readonly calls?: ReadonlyArray<CallScript> | undefined
  readonly connects?: ReadonlyArray<ConnectScript> | undefined
}

/**
 * A script of one call or connection as JSON: durations in milliseconds.
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
    case "CrashDuring":
      return { ...fault, after: Duration.toMillis(fault.after) }
    default:
      return { ...fault }
  }
}
