// Runs vitest, and counts what it says. Run by `checks.mjs`, which adds the count to its own.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { run, tools } from "./processes.mjs"

/** @typedef {{ readonly passed: number, readonly failed: number, readonly skipped: number }} Tally */

/**
 * All tests in two runs, each of all packages as one project: those that only compute, then the live ones. What `args`
 * of vitest choose runs as one.
 *
 * @param {ReadonlyArray<string>} args
 * @returns {Promise<Tally>}
 */
export const runTests = async (args) => {
  if (args.length > 0) return counted(tools.vitest("run", ...args))
  const cores = availableParallelism()
  // Loading Effect and the sources for each of 150 files costs as much as all that they compute: once a worker will do.
  const computed = await counted(
    tools.vitestAsOne("run", "--exclude", "**/*.live.test.ts", "--maxWorkers", String(cores), "--no-isolate")
  )
  // They also wait for processes, sockets and deadlines: one more at a time than there are cores keeps these busy.
  const live = await counted(tools.vitestAsOne("run", ".live.test.", "--maxWorkers", String(cores + 1)))
  return {
    passed: computed.passed + live.passed,
    failed: computed.failed + live.failed,
    skipped: computed.skipped + live.skipped
  }
}

/**
 * Runs vitest, and reads what it leaves in the file that it was named.
 *
 * @param {ReadonlyArray<string>} args
 * @returns {Promise<Tally>}
 */
const counted = async (args) => {
  const folder = mkdtempSync(join(tmpdir(), "mooring-tally-"))
  // A signal ends this process while it waits for the tests: a "finally" would not be run.
  process.once("exit", () => rmSync(folder, { force: true, recursive: true }))
  const file = join(folder, "tally.json")
  const { code } = await run(process.execPath, args, {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, TALLY_FILE: file }
  })
  const tally = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { passed: 0, failed: 0, skipped: 0 }
  // An exit that the count does not explain (a crash, no test found) is a failure too.
  return { ...tally, failed: code === 0 ? tally.failed : Math.max(tally.failed, 1) }
}
