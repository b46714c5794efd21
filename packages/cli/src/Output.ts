/**
 * Where the command writes: results to stdout, everything else to stderr. An edge file: it talks to the process's own
 * streams, so that a write is over before the process ends, and so that a reader who has seen enough
 * (`mooring tools | head -1`) is no error.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { OutputFailed } from "./CliError.js"

/**
 * @since 0.1.0
 * @category tags
 */
export class Output extends Context.Tag("mooring/Output")<
  Output,
  {
    /**
     * Writes a line, or several, to stdout. Succeeds as well when nobody reads it any more; fails when it is to be
     * kept and cannot be (a full disk).
     */
    readonly result: (text: string) => Effect.Effect<void, OutputFailed>
    /** Writes a line, or several, to stderr. */
    readonly note: (text: string) => Effect.Effect<void>
    /** Whether results are read in a terminal. */
    readonly terminal: boolean
    /** How many columns the terminal on stderr has; `undefined` where it is none. */
    readonly columns: number | undefined
  }
>() {}

// A pipe whose reader is gone reports it twice: to the write, and as an event that must have a listener.
const deaf = (stream: NodeJS.WriteStream): NodeJS.WriteStream => stream.on("error", () => {})

const write = (stream: NodeJS.WriteStream, text: string): Effect.Effect<void, OutputFailed> =>
  Effect.async<void, OutputFailed>((resume) => {
    if (stream.destroyed || !stream.writable) return resume(Effect.void)
    stream.write(`${text}\n`, (error) => {
      const failed = error !== null && error !== undefined && !isGone(error)
      resume(failed ? new OutputFailed({ cause: error }) : Effect.void)
    })
  })

// EPIPE: the reader has closed its end. ERR_STREAM_DESTROYED: it had, and an earlier write said so.
const isGone = (error: Error): boolean =>
  "code" in error && (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED")

/**
 * The streams of this process.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Output> = Layer.sync(Output, () => {
  const stdout = deaf(process.stdout)
  const stderr = deaf(process.stderr)
  return {
    result: (text) => write(stdout, text),
    // Where stderr fails there is nobody left to tell.
    note: (text) => Effect.ignore(write(stderr, text)),
    terminal: stdout.isTTY === true,
    columns: stderr.isTTY ? stderr.columns : undefined
  }
})
