#!/usr/bin/env node
// Shows that the properties of the pool's laws can fail: for each law small changes to a copy of the engine, each of
// which breaks it, under which a property of that law (its title begins with the law's number) must fail.
//   node scripts/bootstrap.mjs sabotage [L7 L11 …]
import { spawn } from "node:child_process"
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { sabotages } from "./sabotages.mjs"

// So that what is to be done at the exit is done when a signal ends this, too.
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]))
  process.once(signal, () => process.exit(130))

const root = fileURLToPath(new URL("..", import.meta.url))
const cache = join(root, "node_modules/.cache/sabotage")
const wanted = process.argv.slice(2)
const chosen = sabotages.filter(({ law }) => wanted.length === 0 || wanted.includes(law))

/**
 * A copy of the engine with the change in it. Each has a place of its own, so that runs do not meet.
 *
 * @param {import("./sabotages.mjs").Sabotage} sabotage
 */
const plant = (sabotage) => {
  const { changes, law } = sabotage
  const copy = join(cache, String(sabotages.indexOf(sabotage)))
  rmSync(copy, { force: true, recursive: true })
  mkdirSync(copy, { recursive: true })
  cpSync(join(root, "packages/pool/src"), join(copy, "src"), { recursive: true })
  for (const [file, before, after] of changes) {
    const path = join(copy, "src", file)
    const source = readFileSync(path, "utf8")
    if (source.split(before).length !== 2) throw new Error(`${law}: ${file} must have this once: ${before}`)
    writeFileSync(
      path,
      source.replace(before, () => after)
    )
  }
  return join(copy, "src")
}

/** @typedef {{ readonly failed: ReadonlyArray<string>, readonly passed: number, readonly hung: boolean }} Tally */

/**
 * Runs the properties of one law over one engine.
 *
 * @param {string} law
 * @param {string} source
 * @returns {Promise<Tally>}
 */
const runLaw = (law, source) =>
  new Promise((resolve) => {
    // The properties alone: tests of single cases carry the law's number, too.
    const args = ["run", "--config", "vitest.workspace.ts", "--project", "pool", "--reporter=json", "test/laws."]
    args.push("-t", `\\b${law}: `)
    // That a property fails is enough; the smallest list under which it does would take as long again.
    const env = { ...process.env, MOORING_POOL_SRC: source, FC_SEED: process.env["FC_SEED"] ?? "42", FC_SHRINK: "no" }
    const child = spawn(process.execPath, [join(root, "node_modules/vitest/vitest.mjs"), ...args], {
      cwd: root,
      env,
      detached: true
    })
    // A sabotaged engine may spin: the run has to be ended with all its workers.
    const end = () => child.pid !== undefined && process.kill(-child.pid, "SIGKILL")
    const timer = setTimeout(end, 300_000)
    process.once("exit", end)
    let out = ""
    child.stdout.on("data", (chunk) => (out += chunk))
    child.stderr.resume()
    child.on("close", () => {
      clearTimeout(timer)
      process.removeListener("exit", end)
      resolve(tally(out))
    })
  })

/**
 * @param {string} out
 * @returns {Tally}
 */
const tally = (out) => {
  const start = out.indexOf("{")
  const end = out.lastIndexOf("}")
  if (start < 0 || end < start) return { failed: [], passed: 0, hung: true }
  /** @type {{ testResults: ReadonlyArray<{ assertionResults: ReadonlyArray<{ status: string, title: string }> }> }} */
  const report = JSON.parse(out.slice(start, end + 1))
  const tests = report.testResults.flatMap((file) => file.assertionResults)
  return {
    failed: tests.filter((test) => test.status === "failed").map((test) => test.title),
    passed: tests.filter((test) => test.status === "passed").length,
    hung: false
  }
}

/** @type {Array<boolean>} */
const results = []
const queue = [...chosen]
const worker = async () => {
  for (let sabotage = queue.shift(); sabotage !== undefined; sabotage = queue.shift()) {
    const { failed, hung, passed } = await runLaw(sabotage.law, plant(sabotage))
    const caught = failed.length > 0
    results.push(caught)
    const verdict = caught
      ? `caught by "${failed[0]}"`
      : hung
        ? "NOT SHOWN: the run ended without a result"
        : `NOT CAUGHT (${passed} passed)`
    console.log(`${sabotage.law.padEnd(4)} ${sabotage.what}: ${verdict}`)
  }
}
await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, worker))
rmSync(cache, { force: true, recursive: true })
const caught = results.filter(Boolean).length
console.log(`\n${caught} of ${chosen.length} sabotages caught by their own law's property`)
process.exitCode = caught === chosen.length && chosen.length > 0 ? 0 : 1
