#!/usr/bin/env node
/**
 * The edge: the process's arguments, signals and exit code. `--help`, `--version` and a mistyped line are answered
 * without loading the rest.
 *
 * @since 0.1.0
 */
import * as Argv from "./Argv.js"
import * as ExitCode from "./ExitCode.js"
import * as Help from "./Help.js"
import * as Package from "./Package.js"

const say = (stream: NodeJS.WriteStream, text: string, code: number): void => {
  process.exitCode = code
  stream.on("error", (error: NodeJS.ErrnoException) => {
    // A reader who has seen enough is no error. Where stderr fails there is nobody left to tell.
    if (error.code === "EPIPE" || stream === process.stderr) return
    process.exitCode = ExitCode.failed
    process.stderr.write(`mooring: The result could not be written to stdout: ${error.message}\n`)
  })
  stream.write(`${text}\n`)
}

const run = async (argv: ReadonlyArray<string>, debug: boolean): Promise<void> => {
  // From the first signal on everything is being closed; a second one must not leave processes behind.
  let signalled = false
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => (signalled = true))
  // A terminal that was closed ends the command like Ctrl-C.
  process.on("SIGHUP", () => process.emit("SIGTERM", "SIGTERM"))
  const { run } = await import("./Run.js")
  if (signalled) process.exit(ExitCode.interrupted)
  run(argv, debug)
}

const line = Argv.parse(process.argv.slice(2))
switch (line._tag) {
  case "Help":
    say(
      process.stdout,
      line.command === undefined ? Help.overview(Package.version) : Help.of(line.command),
      ExitCode.fine
    )
    break
  case "Version":
    say(process.stdout, Package.version, ExitCode.fine)
    break
  case "Wrong":
    say(process.stderr, `mooring: ${line.reason}\n${line.hint}`, ExitCode.usage)
    break
  case "Run":
    // A script of CommonJS, as the bundle has it, cannot wait at its top. A rejection ends the process as it would there.
    void run(line.argv, line.debug)
    break
}
