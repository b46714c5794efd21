// Everything that `npm test` and `npm run check` look at. All checks run, whatever the others say, so that one run
// shows all problems; each counts as one in the closing line `Tests: N passed, N failed, N skipped`.
//   node scripts/checks.mjs [--tests [arguments of vitest…]]
import { availableParallelism } from "node:os"
import { linted, run, tools } from "./processes.mjs"
import { runTests } from "./tests.mjs"

/** @typedef {{ readonly name: string, readonly args: ReadonlyArray<string> }} Check */

/** @type {ReadonlyArray<Check>} */
const ofSources = [
  { name: "types", args: tools.tsc("-b", "packages/tsconfig.json") },
  { name: "lint and circular imports", args: tools.oxlint("--deny-warnings", ...linted) },
  { name: "format", args: tools.oxfmt("--check", ...linted) },
  { name: "arrows between packages", args: ["scripts/check-arrows.mjs"] },
  { name: "style", args: ["scripts/check-style.mjs"] },
  { name: "lockfile", args: ["scripts/check-lockfile.mjs"] }
]

// These read what the type-check built, the last of them also the bundle.
/** @type {ReadonlyArray<Check>} */
const bundle = [{ name: "bundle of the command", args: ["scripts/bundle.mjs"] }]
/** @type {ReadonlyArray<Check>} */
const ofBuild = [
  { name: "packages", args: ["scripts/check-packages.mjs"] },
  { name: "documented code", args: ["scripts/check-docs.mjs"] },
  {
    name: "effect diagnostics",
    args: tools.effect("diagnostics", "--strict", "--format", "text", "--project", "scripts/tsconfig.effect.json")
  }
]

const tally = { passed: 0, failed: 0, skipped: 0 }
/** @type {Array<string>} */
const failed = []

/**
 * @param {ReadonlyArray<Check>} checks
 */
const runChecks = async (checks) => {
  const waiting = [...checks]
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const started = performance.now()
      const { code, output } = await run(process.execPath, next.args)
      const seconds = ((performance.now() - started) / 1000).toFixed(1)
      if (code === 0) {
        tally.passed++
        console.log(`ok      ${next.name} (${seconds} s)`)
      } else {
        tally.failed++
        failed.push(next.name)
        console.log(`FAILED  ${next.name} (${seconds} s, exit code ${code})\n\n${output.trimEnd()}\n`)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), 4) }, worker))
}

const [first, ...rest] = process.argv.slice(2)
await runChecks(ofSources)
await runChecks(bundle)
await runChecks(ofBuild)
if (first === "--tests") {
  const counted = await runTests(rest)
  tally.passed += counted.passed
  tally.failed += counted.failed
  tally.skipped += counted.skipped
  if (counted.failed > 0) failed.push("tests")
}
if (failed.length > 0) console.log(`\nFailed: ${failed.join(", ")}`)
console.log(`\nTests: ${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`)
process.exitCode = tally.failed === 0 ? 0 : 1
