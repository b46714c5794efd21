/**
 * A call that tells how far it is: as many `Progress` as its server sends and its reader follows, then one `Result`. The
 * call belongs to its stream: it begins when that is run, and is cancelled when that ends early.
 *
 * @since 0.1.0
 */
import type { Progress as McpProgress } from "@modelcontextprotocol/sdk/types.js"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Mailbox } from "./Mailbox.js"

/**
 * How far a call is, as its server says.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallProgress {
  /** Grows with each, in a unit of the server's own. As the server says it: one that breaks the rule goes back. */
  readonly progress: number
  /** What `progress` will be in the end, where the server knows. */
  readonly total?: number | undefined
  /** What the server is at, made fit to be shown. */
  readonly message?: string | undefined
  /**
   * Which run of the call this is of, counted from 1: a call that was lost and is run again (see `RetryPolicy`) begins
   * anew at the server, and so does its progress. Tries that never reached a server count, too.
   */
  readonly attempt: number
}

/**
 * Hears of progress, as it comes. It is called in the middle of the connection's work, so it should be quick; where it
 * throws, that is logged and nothing else.
 *
 * @since 0.1.0
 * @category models
 */
export type OnProgress = (progress: CallProgress) => void

/**
 * What the stream of a call tells: any number of `Progress`, then the `Result`, which is always the last.
 *
 * @since 0.1.0
 * @category models
 */
export type CallUpdate<A> = Data.TaggedEnum<{
  Progress: CallProgress
  Result: { readonly result: A }
}>

interface Definition extends Data.TaggedEnum.WithGenerics<1> {
  readonly taggedEnum: CallUpdate<this["A"]>
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const { $is, $match, Progress, Result } = Data.taggedEnum<Definition>()

/**
 * How many `Progress` may wait for a reader who is slower than the server: the oldest of more are left out.
 *
 * @since 0.1.0
 * @category constants
 */
export const waiting = 64

/**
 * The stream of a call. `run` makes the call, with what is to hear of its progress; it runs on a fiber of the stream,
 * with the context of whoever runs that.
 *
 * @since 0.1.0
 * @category constructors
 */
export const stream = <A, E, R>(
  run: (onProgress: OnProgress) => Effect.Effect<A, E, R>
): Stream.Stream<CallUpdate<A>, E, R> =>
  Stream.unwrapScoped(
    Effect.suspend(() => {
      const mailbox = new Mailbox<CallUpdate<A>, E>({ capacity: waiting })
      const called = Effect.matchCause(
        run((progress) => mailbox.offer(Progress(progress))),
        {
          onFailure: (cause) => mailbox.fail(cause),
          onSuccess: (result) => {
            mailbox.offer(Result({ result }), theResult)
            mailbox.complete()
          }
        }
      )
      return Effect.as(Effect.forkScoped(called), mailbox.stream)
    })
  )

/** What must not be left out. */
const theResult = Symbol("result")

/**
 * Progress as MCP has it, of the run of a call.
 *
 * @since 0.1.0
 * @category constructors
 */
export const progressOf = ({ message, progress, total }: McpProgress, attempt: number): CallProgress => ({
  progress,
  ...(total === undefined ? {} : { total }),
  ...(message === undefined ? {} : { message }),
  attempt
})
