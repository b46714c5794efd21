/**
 * From a command line to an exit code: runs the command, and turns whatever goes wrong into one message on stderr.
 *
 * @since 0.1.0
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Cli from "./Cli.js"
import * as ErrorText from "./ErrorText.js"
import * as ExitCode from "./ExitCode.js"
import * as Output from "./Output.js"

/**
 * Runs what `Argv` has put in order, and gives the exit code. Never fails; an interruption goes through.
 *
 * @since 0.1.0
 * @category constructors
 */
export const main = (argv: ReadonlyArray<string>, debug: boolean): Effect.Effect<number> =>
  Cli.run(argv).pipe(
    Effect.as(ExitCode.fine),
    Effect.catchAllCause((cause) =>
      Effect.gen(function* () {
        if (Cause.isInterruptedOnly(cause)) return yield* Effect.interrupt
        const output = yield* Output.Output
        const error = Cause.squash(cause)
        yield* output.note(ErrorText.render(error))
        if (debug) yield* output.note(Cause.pretty(cause, { renderErrorCause: true }))
        return ExitCode.of(error)
      })
    ),
    Effect.provide(Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, Output.layer, logging(debug)))
  )

/** Logs go to stderr, and only when asked for: what matters to a user is an error or a note. */
const logging = (debug: boolean): Layer.Layer<never> =>
  Layer.merge(
    Logger.replace(Logger.defaultLogger, Logger.prettyLogger({ stderr: true })),
    Logger.minimumLogLevel(debug ? LogLevel.Debug : LogLevel.None)
  )
