// Runs vitest, and counts what it says. Run by `checks.mjs`, which adds the count to its own.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { run, tools } from "./processes.mjs"

/** @typedef {{ readonly passed: number, readonly failed: number, readonly skipped: number }} Tally */

/**
 * All tests in two runs: those that only compute on every core, then the live ones with a core left for their processes.
 * What `args` of vitest choose runs as one.
 *
 * @param {ReadonlyArray<string>} args
 * @returns {Promise<Tally>}
 */
export const runTests = async (args) => {
  if (args.length > 0) return vitest(args)
  // Loading Effect and the sources for each of 140 files costs as much as all that they compute: once a worker will do.
  const computed = await vitest([
    ...["--exclude", "**/*.live.test.ts"],
    ...["--maxWorkers", String(availableParallelism()), "--no-isolate"]
  ])
  const live = await vitest([".live.test."])
  return {
    passed: computed.passed + live.passed,
    failed: computed.failed + live.failed,
    skipped: computed.skipped + live.skipped
  }
}

/**
 * @param {ReadonlyArray<string>} args
 * @returns {Promise<Tally>}
 */
const vitest = async (args) => {
  const folder = mkdtempSync(join(tmpdir(), "mooring-tally-"))
  // A signal ends this process while it waits for the tests: a "finally" would not be run.
  process.once("exit", () => rmSync(folder, { force: true, recursive: true }))
  const file = join(folder, "tally.json")
  const { code } = await run(process.execPath, tools.vitest("run", ...args), {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, TALLY_FILE: file }
  })
  const counted = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { passed: 0, failed: 0, skipped: 0 }
  // An exit that the count does not explain (a crash, no test found) is a failure too.
  return { ...counted, failed: code === 0 ? counted.failed : Math.max(counted.failed, 1) }
}
