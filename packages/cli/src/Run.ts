/**
 * What a line that asks for work needs: all commands but the demo, with all that they load. One part of the bundle of
 * its own, so that V8 compiles it once (`Kept.ts`).
 *
 * @since 0.1.0
 */
import { runMain } from "@effect/platform-node/NodeRuntime"
import * as Exit from "effect/Exit"
import * as ExitCode from "./ExitCode.js"
import { main } from "./Main.js"

/**
 * Runs what `Argv` has put in order. The process ends with it, by its exit code, and by that of an interruption after a
 * signal.
 *
 * @since 0.1.0
 * @category constructors
 */
export const run = (argv: ReadonlyArray<string>, debug: boolean): void =>
  runMain(main(argv, debug), {
    disableErrorReporting: true,
    disablePrettyLogger: true,
    teardown: (exit, onExit) => onExit(Exit.match(exit, { onSuccess: Number, onFailure: () => ExitCode.interrupted }))
  })
