/**
 * What a line that asks for work needs. In the bundle it is a script of its own, with more for what is loaded later, so
 * that V8 compiles each once (`CodeCache.ts`).
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
