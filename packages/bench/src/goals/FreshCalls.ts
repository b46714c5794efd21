/** B12, over stdio: what a pooled connection saves beside one that is opened for each call. */
import * as Effect from "effect/Effect"
import * as Comparison from "../calls/Comparison.js"
import * as Forked from "../calls/Forked.js"
import { atLeast, type Benchmark } from "../Goal.js"

const names = { ours: "Mooring: McpClient.callTool", fresh: "SDK client, a connection for each call" }

export const FreshCalls: Benchmark = {
  ids: ["B12"],
  title: "A connection for each call beside a pooled one",
  run: (options) =>
    Effect.scoped(
      Effect.gen(function* () {
        const opened = yield* Comparison.open(
          [
            { name: names.ours, file: "mooring" },
            { name: names.fresh, file: "sdkFresh" }
          ],
          { command: process.execPath, args: [Forked.fileOf("servers/sdkStdio")] }
        )
        const results = yield* Comparison.compare(opened, { atOnce: 1, timed: true }, options)
        const p50 = Comparison.scenario("stdio, SDK-built server, one at a time", results, Comparison.p50)
        return {
          goals: [
            atLeast("B12", Comparison.ratio(p50, names.fresh, names.ours), 1_000, "×", "stdio: p50 fresh ÷ pooled")
          ],
          scenarios: [p50]
        }
      })
    )
}
