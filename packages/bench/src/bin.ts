/** edge: the command `npm run bench`; it reads its arguments, writes to stdout and sets the exit code. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { benchmarks } from "./benchmarks.js"
import type { Options } from "./Goal.js"
import * as Document from "./report/Document.js"
import * as Run from "./report/Run.js"
import * as Tables from "./report/Tables.js"

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    json: { type: "string" },
    charts: { type: "string" },
    seed: { type: "string" },
    full: { type: "boolean", default: false },
    // Shows that everything runs: the figures of so few and so short rounds say little.
    quick: { type: "boolean", default: false }
  }
})
if (values.charts !== undefined) {
  // What draws takes a moment to load, and is there for those alone who have the workspace installed.
  const { write } = await import("./report/Published.js")
  write(values.charts)
  process.exit(0)
}
const wanted = values.only?.split(",").map((id) => id.trim().toUpperCase())
const ids = [...new Set(benchmarks.flatMap((benchmark) => benchmark.ids))]
const unknown = wanted?.filter((id) => !ids.includes(id)) ?? []
if (unknown.length > 0) {
  process.stderr.write(`No benchmark ${unknown.join(", ")}; there are ${ids.join(", ")}\n`)
  process.exit(2)
}
const seed = Number(values.seed ?? 1)
const size = values.full
  ? { rounds: 41, roundMs: 400 }
  : values.quick
    ? { rounds: 3, roundMs: 30 }
    : { rounds: 15, roundMs: 150 }
const options: Options = { ...size, full: values.full, seed }

const startedAt = Date.now()
const minutes = (ms: number): string =>
  `${Math.floor(ms / 60_000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, "0")}`

const progress: Run.Progress = {
  began: ({ ids, title }, place, of) => {
    process.stderr.write(`${minutes(Date.now() - startedAt)}  ${place} of ${of}  ${ids.join(", ")}: ${title}\n`)
  },
  ended: (_, { curves = [], scenarios }) => {
    for (const text of [...scenarios.map(Tables.scenario), ...curves.map(Tables.curve)]) {
      process.stdout.write(`${text}\n`)
    }
  }
}

const program = Effect.gen(function* () {
  const ran = yield* Run.run(benchmarks, wanted, options, progress)
  for (const goal of ran.goals) process.stdout.write(`${Tables.goal(goal)}\n`)
  if (values.json !== undefined) {
    const about = { ...options, only: wanted, startedAt, tookMs: Date.now() - startedAt }
    writeFileSync(values.json, Document.write(about, ran))
  }
  return ran.goals.every(({ met }) => met)
})

// On Ctrl-C what was started is ended first, then this process.
NodeRuntime.runMain(program, {
  teardown: (exit, onExit) =>
    onExit(
      Exit.match(exit, { onSuccess: (met) => (met ? 0 : 1), onFailure: () => (Exit.isInterrupted(exit) ? 130 : 1) })
    )
})
