/**
 * What can go wrong between a client and a server in memory, as values: in one tool call (`Fault`), and in one
 * connection (`ConnectFault`). A server of `McpTest` meets them in the order of its script. Each says what the server
 * does, whether the tool runs, and so what a truthful client must report.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as FastCheck from "effect/FastCheck"
import * as Struct from "effect/Struct"

/**
 * What goes wrong with one tool call.
 *
 * | fault | the tool runs | the client may learn |
 * | --- | --- | --- |
 * | `None` | yes | the answer |
 * | `Refuse` | no | not sent, the connection goes on |
 * | `CrashBefore` | no | not sent, the connection is lost |
 * | `CrashUnrun` | no | unknown, the connection is lost |
 * | `CrashDuring` | begins, and is cut off `after` this | unknown, the connection is lost |
 * | `CrashAfter` | yes | unknown, the connection is lost |
 * | `CrashAnswered` | yes | the answer, then the connection is lost |
 * | `Hang` | no | nothing: its deadline passes |
 * | `NoAnswer` | yes | nothing: its deadline passes |
 * | `AnswerLate` | yes | the answer, `by` this later than it could, even after a cancellation |
 * | `AnswerTwice` | yes | the answer, and one more that must be ignored |
 * | `WrongId` | yes | an answer to nothing; then its deadline passes |
 * | `IsError` | no | a result with `isError` |
 * | `ErrorResponse` | no | a JSON-RPC error |
 *
 * @since 0.1.0
 * @category models
 */
export type Fault = Data.TaggedEnum<{
  None: {}
  Refuse: {}
  CrashBefore: {}
  CrashUnrun: {}
  CrashDuring: { readonly after: Duration.DurationInput }
  CrashAfter: {}
  CrashAnswered: {}
  Hang: {}
  NoAnswer: {}
  AnswerLate: { readonly by: Duration.DurationInput }
  AnswerTwice: {}
  WrongId: {}
  IsError: { readonly text: string }
  ErrorResponse: { readonly code: number; readonly reason: string }
}>

/**
 * Constructors and matchers: `Fault.CrashAfter()`, `Fault.AnswerLate({ by: "90 seconds" })`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const Fault = Data.taggedEnum<Fault>()

/**
 * How one tool call goes: what goes wrong (default: nothing), and how long the server takes before the tool's own
 * work (default: no time).
 *
 * @since 0.1.0
 * @category models
 */
export interface CallScript {
  readonly fault?: Fault | undefined
  readonly latency?: Duration.DurationInput | undefined
}

/**
 * What goes wrong with one connection. `Refuse`: it is not accepted. `Hang`: nothing answers the dial.
 * `HangHandshake`: it is accepted, but `initialize` is never answered. `CrashHandshake`: it ends when `initialize`
 * comes. `RejectHandshake`: `initialize` is answered with an error. `WrongVersion`: it is answered with a protocol
 * version that nobody knows.
 *
 * @since 0.1.0
 * @category models
 */
export type ConnectFault = Data.TaggedEnum<{
  None: {}
  Refuse: { readonly reason?: string | undefined; readonly retryable?: boolean | undefined }
  Hang: {}
  HangHandshake: {}
  CrashHandshake: {}
  RejectHandshake: {}
  WrongVersion: {}
}>

/**
 * Constructors and matchers: `ConnectFault.Refuse({ retryable: false })`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const ConnectFault = Data.taggedEnum<ConnectFault>()

/**
 * How one connection goes: what goes wrong (default: nothing), and how long the server takes to be dialled (default:
 * no time).
 *
 * @since 0.1.0
 * @category models
 */
export interface ConnectScript {
  readonly fault?: ConnectFault | undefined
  readonly latency?: Duration.DurationInput | undefined
}

/**
 * How a server behaves over time: its first calls and its first connections, over all connections and partitions, in
 * the order in which they reach it. After the script everything goes well.
 *
 * @since 0.1.0
 * @category models
 */
export interface Script {
  readonly calls?: ReadonlyArray<CallScript> | undefined
  readonly connects?: ReadonlyArray<ConnectScript> | undefined
}

/**
 * What a generated script may hold.
 *
 * @since 0.1.0
 * @category models
 */
export interface ScriptConstraints {
  /** Calls in the script at most. Default 20. */
  readonly maxCalls?: number | undefined
  /** Connections in the script at most. Default 5. */
  readonly maxConnects?: number | undefined
  /** The longest latency. Default 1 second. */
  readonly maxLatency?: Duration.DurationInput | undefined
  /** Which faults of calls. Default: all. */
  readonly faults?: ReadonlyArray<Fault["_tag"]> | undefined
  /** Which faults of connections. Default: all. */
  readonly connectFaults?: ReadonlyArray<ConnectFault["_tag"]> | undefined
}

const whole = (max: Duration.DurationInput): FastCheck.Arbitrary<Duration.DurationInput> =>
  FastCheck.nat(Math.floor(Duration.toMillis(max)))

/**
 * Faults of calls. Half of them are `None`, and they shrink towards it.
 *
 * @since 0.1.0
 * @category arbitraries
 */
export const arbitraryFault = (constraints: ScriptConstraints = {}): FastCheck.Arbitrary<Fault> => {
  const time = whole(constraints.maxLatency ?? "1 second")
  const kinds: Readonly<Record<Exclude<Fault["_tag"], "None">, FastCheck.Arbitrary<Fault>>> = {
    Refuse: FastCheck.constant(Fault.Refuse()),
    CrashBefore: FastCheck.constant(Fault.CrashBefore()),
    CrashUnrun: FastCheck.constant(Fault.CrashUnrun()),
    CrashDuring: time.map((after) => Fault.CrashDuring({ after })),
    CrashAfter: FastCheck.constant(Fault.CrashAfter()),
    CrashAnswered: FastCheck.constant(Fault.CrashAnswered()),
    Hang: FastCheck.constant(Fault.Hang()),
    NoAnswer: FastCheck.constant(Fault.NoAnswer()),
    AnswerLate: time.map((by) => Fault.AnswerLate({ by })),
    AnswerTwice: FastCheck.constant(Fault.AnswerTwice()),
    WrongId: FastCheck.constant(Fault.WrongId()),
    IsError: FastCheck.constant(Fault.IsError({ text: "the tool failed" })),
    ErrorResponse: FastCheck.constant(Fault.ErrorResponse({ code: -32000, reason: "the server failed" }))
  }
  return weighted(FastCheck.constant(Fault.None()), kinds, constraints.faults)
}

/**
 * Faults of connections. Half of them are `None`, and they shrink towards it.
 *
 * @since 0.1.0
 * @category arbitraries
 */
export const arbitraryConnectFault = (constraints: ScriptConstraints = {}): FastCheck.Arbitrary<ConnectFault> => {
  const kinds: Readonly<Record<Exclude<ConnectFault["_tag"], "None">, FastCheck.Arbitrary<ConnectFault>>> = {
    Refuse: FastCheck.boolean().map((retryable) => ConnectFault.Refuse({ retryable })),
    Hang: FastCheck.constant(ConnectFault.Hang()),
    HangHandshake: FastCheck.constant(ConnectFault.HangHandshake()),
    CrashHandshake: FastCheck.constant(ConnectFault.CrashHandshake()),
    RejectHandshake: FastCheck.constant(ConnectFault.RejectHandshake()),
    WrongVersion: FastCheck.constant(ConnectFault.WrongVersion())
  }
  return weighted(FastCheck.constant(ConnectFault.None()), kinds, constraints.connectFaults)
}

/**
 * Scripts: servers that behave badly for a while and then well.
 *
 * @since 0.1.0
 * @category arbitraries
 */
export const arbitraryScript = (constraints: ScriptConstraints = {}): FastCheck.Arbitrary<Script> => {
  const latency = whole(constraints.maxLatency ?? "1 second")
  return FastCheck.record({
    calls: FastCheck.array(FastCheck.record({ fault: arbitraryFault(constraints), latency }), {
      maxLength: constraints.maxCalls ?? 20
    }),
    connects: FastCheck.array(FastCheck.record({ fault: arbitraryConnectFault(constraints), latency }), {
      maxLength: constraints.maxConnects ?? 5
    })
  })
}

const weighted = <Tag extends string, A>(
  none: FastCheck.Arbitrary<A>,
  kinds: Readonly<Record<Tag, FastCheck.Arbitrary<A>>>,
  only: ReadonlyArray<Tag | "None"> | undefined
): FastCheck.Arbitrary<A> => {
  const faults = Struct.keys(kinds).filter((tag) => only === undefined || only.includes(tag))
  const arms: Array<FastCheck.WeightedArbitrary<A>> = faults.map((tag) => ({ arbitrary: kinds[tag], weight: 1 }))
  return FastCheck.oneof({ withCrossShrink: true }, { arbitrary: none, weight: Math.max(1, faults.length) }, ...arms)
}
