/** B4 and the HTTP half of B5: calls over Streamable HTTP, 64 at once and one at a time. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Comparison from "../calls/Comparison.js"
import * as Forked from "../calls/Forked.js"
import * as Peers from "../calls/Peers.js"
import { atLeast, atMost, type Benchmark } from "../Goal.js"
import * as Servers from "./Servers.js"

const names = { ours: "Mooring: McpClient.callTool", sdk: "SDK client, held open" }

const subjects: ReadonlyArray<Comparison.Entry> = [
  { name: names.sdk, file: "sdkHeld" },
  { name: names.ours, file: "mooring", ours: true },
  { name: "undici, by hand", file: "undici" },
  ...Peers.entries
]

/** What is to be slower: the floor is not. */
const rivals = [names.sdk, ...Peers.entries.map(({ name }) => name)]

const servers = [
  { name: "SDK-built server, SSE", file: "servers/sdkHttp", args: ["sse"], faster: 2.5 },
  { name: "SDK-built server, JSON", file: "servers/sdkHttp", args: ["json"], faster: 2.5 },
  { name: "bare server", file: "servers/bareHttp", args: [], faster: 8 }
]

export const HttpCalls: Benchmark = {
  ids: ["B4", "B5"],
  title: "Calls over Streamable HTTP",
  run: (options) =>
    Servers.onEach(servers, options, (server, length) =>
      Effect.gen(function* () {
        const [target] = yield* Forked.start(server.file, server.args, Schema.Struct({ url: Schema.String }))
        const opened = yield* Comparison.open(subjects, target)
        const together = yield* Comparison.compare(opened, { atOnce: 64, timed: false }, length)
        const alone = yield* Comparison.compare(opened, { atOnce: 1, timed: true }, length)
        const title = (load: string) => `HTTP, ${server.name}, ${load}`
        const cpu = Comparison.scenario(title("64 at once"), together, Comparison.cpuPerCall)
        const rate = Comparison.scenario(title("64 at once"), together, Comparison.rate)
        const p50 = Comparison.scenario(title("one at a time"), alone, Comparison.p50)
        const ahead = Comparison.leastRatio(together, Comparison.rate, names.ours, rivals)
        const ratio = (results: typeof together, measure: Comparison.Measure) =>
          Comparison.ratio(results, measure, names.ours, names.sdk)
        const how = (what: string) => `McpClient.callTool ÷ SDK client held open, HTTP, ${server.name}: ${what}`
        return {
          goals: [
            atMost("B4", ratio(together, Comparison.cpuPerCall), 0.12, "×", how("client CPU per call, 64 at once")),
            atLeast(
              "B4",
              ahead.ratio,
              server.faster,
              "×",
              `McpClient.callTool ÷ the best peer, HTTP, ${server.name}: calls per second, 64 at once; the best is ${ahead.to}`
            ),
            atMost("B5", ratio(alone, Comparison.p50), 0.4, "×", how("p50 one at a time"))
          ],
          scenarios: [
            cpu,
            rate,
            p50,
            ...Comparison.held.map((measure) => Comparison.scenario(title("64 at once"), together, measure))
          ],
          subjects: Comparison.measured(opened)
        }
      })
    )
}
