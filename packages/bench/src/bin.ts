/** edge: the command `npm run bench`; it reads its arguments, writes to stdout and sets the exit code. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { parseArgs } from "node:util"
import Table from "cli-table3"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { benchmarks } from "./benchmarks.js"
import type { Options, Report } from "./Goal.js"

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    json: { type: "string" },
    seed: { type: "string" },
    full: { type: "boolean", default: false }
  }
})
const wanted = values.only?.split(",").map((id) => id.trim().toUpperCase())
const ids = [...new Set(benchmarks.flatMap((benchmark) => benchmark.ids))]
const unknown = wanted?.filter((id) => !ids.includes(id)) ?? []
if (unknown.length > 0) {
  process.stderr.write(`No benchmark ${unknown.join(", ")}; there are ${ids.join(", ")}\n`)
  process.exit(2)
}
const seed = Number(values.seed ?? 1)
const options: Options = values.full
  ? { rounds: 41, roundMs: 400, full: true, seed }
  : { rounds: 15, roundMs: 150, full: false, seed }

const print = (report: Report): void => {
  for (const scenario of report.scenarios) {
    const table = new Table({
      head: [scenario.name, "median", "p10", "p90", "rounds"],
      style: { head: [], border: [] }
    })
    for (const { high, low, median, name, rounds } of scenario.figures) {
      table.push([name, median.toFixed(3), low.toFixed(3), high.toFixed(3), rounds])
    }
    process.stdout.write(`${table.toString()}\n${scenario.unit}\n\n`)
  }
}

const program = Effect.gen(function* () {
  const reports: Array<Report> = []
  for (const benchmark of benchmarks) {
    if (wanted !== undefined && !benchmark.ids.some((id) => wanted.includes(id))) continue
    process.stderr.write(`${benchmark.ids.join(", ")}: ${benchmark.title}\n`)
    const report = yield* benchmark.run(options)
    print(report)
    reports.push(report)
  }
  const goals = reports.flatMap((report) => report.goals).filter(({ id }) => wanted?.includes(id) ?? true)
  for (const { atLeast, goal, how, id, measured, met, unit } of goals) {
    const limit = `${atLeast === true ? "≥" : "≤"} ${goal}`
    process.stdout.write(`${id} ${met ? "met" : "MISSED"}: ${measured.toFixed(3)} ${unit}, goal ${limit} (${how})\n`)
  }
  if (values.json !== undefined) {
    const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version, platform: process.platform }
    const document = { machine, options, goals, scenarios: reports.flatMap((report) => report.scenarios) }
    writeFileSync(values.json, `${JSON.stringify(document, null, 2)}\n`)
  }
  return goals.every(({ met }) => met)
})

// On Ctrl-C what was started is ended first, then this process.
NodeRuntime.runMain(program, {
  teardown: (exit, onExit) =>
    onExit(
      Exit.match(exit, { onSuccess: (met) => (met ? 0 : 1), onFailure: () => (Exit.isInterrupted(exit) ? 130 : 1) })
    )
})
