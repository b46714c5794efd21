/** B4 and the HTTP half of B5: calls over Streamable HTTP, 64 at once and one at a time. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Comparison from "../calls/Comparison.js"
import * as Forked from "../calls/Forked.js"
import { atLeast, atMost, type Benchmark } from "../Goal.js"

const names = { ours: "Mooring: McpClient.callTool", sdk: "SDK client, held open" }

const subjects: ReadonlyArray<Comparison.Entry> = [
  // It would write a warning for each abort listener too many, thousands of them, and pay for that.
  { name: names.sdk, file: "sdkHeld", env: { NODE_NO_WARNINGS: "1" } },
  { name: names.ours, file: "mooring" },
  { name: "undici, by hand", file: "undici" }
]

const servers = [
  { name: "SDK-built server, SSE", file: "servers/sdkHttp", args: ["sse"], faster: 2.5 },
  { name: "SDK-built server, JSON", file: "servers/sdkHttp", args: ["json"], faster: 2.5 },
  { name: "bare server", file: "servers/bareHttp", args: [], faster: 8 }
]

export const HttpCalls: Benchmark = {
  ids: ["B4", "B5"],
  title: "Calls over Streamable HTTP",
  run: (options) =>
    Effect.map(
      Effect.forEach(servers, (server) =>
        Effect.scoped(
          Effect.gen(function* () {
            const [target] = yield* Forked.start(server.file, server.args, Schema.Struct({ url: Schema.String }))
            const opened = yield* Comparison.open(subjects, target)
            const together = yield* Comparison.compare(opened, { atOnce: 64, timed: false }, options)
            const alone = yield* Comparison.compare(opened, { atOnce: 1, timed: true }, options)
            const title = (load: string) => `HTTP, ${server.name}, ${load}`
            const cpu = Comparison.scenario(title("64 at once"), together, Comparison.cpuPerCall)
            const rate = Comparison.scenario(title("64 at once"), together, Comparison.rate)
            const p50 = Comparison.scenario(title("one at a time"), alone, Comparison.p50)
            const ratio = (results: typeof together, measure: Comparison.Measure) =>
              Comparison.ratio(results, measure, names.ours, names.sdk)
            const how = (what: string) => `McpClient.callTool ÷ SDK client held open, HTTP, ${server.name}: ${what}`
            return {
              goals: [
                atMost("B4", ratio(together, Comparison.cpuPerCall), 0.12, "×", how("client CPU per call, 64 at once")),
                // The only peer that is measured here is the SDK's client.
                atLeast(
                  "B4",
                  ratio(together, Comparison.rate),
                  server.faster,
                  "×",
                  how("calls per second, 64 at once; no other peer is measured")
                ),
                atMost("B5", ratio(alone, Comparison.p50), 0.4, "×", how("p50 one at a time"))
              ],
              scenarios: [cpu, rate, p50]
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
