/** B3 and the stdio half of B5: calls over stdio, 64 at once and one at a time, beside the SDK's client and the floor. */
import * as Effect from "effect/Effect"
import * as Comparison from "../calls/Comparison.js"
import * as Forked from "../calls/Forked.js"
import { atMost, type Benchmark } from "../Goal.js"

const names = { ours: "Mooring: McpClient.callTool", sdk: "SDK client, held open" }

const subjects: ReadonlyArray<Comparison.Entry> = [
  { name: names.sdk, file: "sdkHeld" },
  { name: names.ours, file: "mooring" },
  { name: "Mooring: McpConnection.callTool", file: "mooringConnection" },
  { name: "JSON-RPC by hand", file: "bareStdio" }
]

const servers = [
  { name: "SDK-built server", file: "servers/sdkStdio" },
  { name: "bare server", file: "servers/bareStdio" }
]

export const StdioCalls: Benchmark = {
  ids: ["B3", "B5"],
  title: "Calls over stdio",
  run: (options) =>
    Effect.map(
      Effect.forEach(servers, (server) =>
        Effect.scoped(
          Effect.gen(function* () {
            const target = { command: process.execPath, args: [Forked.fileOf(server.file)] }
            const opened = yield* Comparison.open(subjects, target)
            const together = yield* Comparison.compare(opened, { atOnce: 64, timed: false }, options)
            const alone = yield* Comparison.compare(opened, { atOnce: 1, timed: true }, options)
            const cpu = Comparison.scenario(`${server.name}, 64 at once`, together, Comparison.cpuPerCall)
            const p50 = Comparison.scenario(`${server.name}, one at a time`, alone, Comparison.p50)
            const how = (what: string) => `McpClient.callTool ÷ SDK client held open, ${server.name}: ${what}`
            return {
              goals: [
                atMost(
                  "B3",
                  Comparison.ratio(cpu, names.ours, names.sdk),
                  0.75,
                  "×",
                  how("client CPU per call, 64 at once")
                ),
                atMost("B5", Comparison.ratio(p50, names.ours, names.sdk), 1.05, "×", how("p50 one at a time"))
              ],
              scenarios: [
                cpu,
                Comparison.scenario(`${server.name}, 64 at once`, together, Comparison.rate),
                p50,
                Comparison.scenario(`${server.name}, one at a time`, alone, Comparison.cpuPerCall)
              ]
            }
          })
        )
      ),
      (reports) => ({
        goals: reports.flatMap(({ goals }) => goals),
        scenarios: reports.flatMap(({ scenarios }) => scenarios)
      })
    )
}
