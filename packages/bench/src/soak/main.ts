/**
 * edge: the command `npm run soak [-- --transport stdio --minutes 10 --callers 64 --seed TEXT]`. Soaks, and fails when
 * anything grew or was untrue: see `Soak.ts`.
 */
import { parseArgs } from "node:util"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import Table from "cli-table3"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Accounts } from "./Accounts.js"
import * as Samples from "./Samples.js"
import * as Soak from "./Soak.js"

const { values } = parseArgs({
  options: {
    transport: { type: "string", default: "stdio" },
    minutes: { type: "string", default: "10" },
    callers: { type: "string", default: "64" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) }
  }
})
const minutes = Number(values.minutes)
const callers = Number(values.callers)
const { transport } = values
if (transport !== "stdio" && transport !== "http") {
  process.stderr.write("--transport is stdio or http\n")
  process.exit(2)
}
if (!(minutes >= 0.5) || !(Number.isInteger(callers) && callers > 0)) {
  process.stderr.write("--minutes is a number from 0.5 on, --callers a whole one above 0\n")
  process.exit(2)
}

const outcomes = ({ outcomes }: Accounts): string => {
  const table = new Table({ head: ["outcome", "calls"], style: { head: [], border: [] }, colAligns: ["left", "right"] })
  for (const [outcome, calls] of [...outcomes].toSorted(([, a], [, b]) => b - a)) table.push([outcome, calls])
  return table.toString()
}

/** As a shell has it for what was ended by SIGINT. */
const interrupted = (cause: Cause.Cause<unknown>) => (Cause.isInterruptedOnly(cause) ? 130 : 1)

const program = Effect.map(
  Soak.run({ transport, minutes, callers, seed: values.seed }),
  ({ accounts, samples, wrong: untrue }) => {
    const rests = Samples.restsOf(samples)
    const wrong = [...Samples.grown(rests), ...untrue]
    const { kills = 0 } = samples.at(-1) ?? {}
    const { mebibytes, mebibytesPerMinute } = Samples.heapBound
    const slope = Samples.trend(rests)
    const trend = slope === undefined ? "not told of so few rests" : `${slope.toFixed(2)} MiB a minute`
    process.stdout.write(`${Samples.table(samples)}\n${outcomes(accounts)}\n`)
    for (const what of wrong) process.stdout.write(`WRONG: ${what}\n`)
    process.stdout.write(
      `Soak over ${transport} (seed ${values.seed}): ${accounts.calls} calls of faulty servers in ${minutes} minutes, ${accounts.runs} runs, ` +
        `${kills} processes killed: ${wrong.length === 0 ? "nothing grew, nothing was untrue" : `${wrong.length} WRONG`}; ` +
        `heap at rest ${rests[0]?.heap.toFixed(1)} → ${rests.at(-1)?.heap.toFixed(1)} MiB (allowed ${mebibytes} more), ` +
        `trend ${trend} (allowed ${mebibytesPerMinute})\n`
    )
    return wrong.length === 0
  }
)

// A soak that was ended early has shown nothing.
NodeRuntime.runMain(program, {
  teardown: (exit, end) => end(Exit.match(exit, { onSuccess: (good) => (good ? 0 : 1), onFailure: interrupted }))
})
