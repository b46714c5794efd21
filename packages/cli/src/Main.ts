/**
 * From a command line to an exit code: runs the command, and turns whatever goes wrong into one message on stderr.
 *
 * @since 0.1.0
 */
import * as ValidationError from "@effect/cli/ValidationError"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Cli from "./Cli.js"
import { UsageError } from "./CliError.js"
import { find } from "./CommandLine.js"
import * as ErrorText from "./ErrorText.js"
import * as ExitCode from "./ExitCode.js"
import * as Help from "./Help.js"
import * as Output from "./Output.js"

/**
 * `@effect/cli` prints its mistakes by itself, an unknown command even twice: here they are errors like the others. What
 * else it prints (a completion script) is a result.
 */
const printing = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Output.Output> =>
  Effect.flatMap(Output.Output, (output) =>
    Console.consoleWith((console) =>
      Effect.withConsole(effect, {
        ...console,
        error: () => Effect.void,
        // A console cannot fail; the error is told as any other.
        log: (...args) => Effect.orDie(output.result(args.map(String).join(" ")))
      })
    )
  )

const usageError = (argv: ReadonlyArray<string>, error: ValidationError.ValidationError): UsageError => {
  const command = find(argv[0] ?? "")
  return new UsageError({
    reason: HelpDoc.toAnsiText(error.error).trim(),
    hint: command === undefined ? "See: mooring --help" : `Usage: ${Help.usage(command)}`
  })
}

/**
 * Runs what `Argv` has put in order, and gives the exit code. Never fails; an interruption goes through.
 *
 * @since 0.1.0
 * @category constructors
 */
export const main = (argv: ReadonlyArray<string>, debug: boolean): Effect.Effect<number> =>
  printing(Cli.run(argv)).pipe(
    Effect.catchIf(ValidationError.isValidationError, (error) => Effect.fail(usageError(argv, error))),
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
