/** B4 and the HTTP half of B5: calls over Streamable HTTP, 64 at once and one at a time. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Comparison from "../calls/Comparison.js"
import * as Forked from "../calls/Forked.js"
import * as Peers from "../calls/Peers.js"
import { atLeast, atMost, type Benchmark } from "../Goal.js"
import * as Servers from "./Servers.js"

const names = { ours: "Mooring: McpClient.callTool", sdk: "SDK client, held open" }

const entries: ReadonlyArray<Comparison.Entry> = [
  { name: names.sdk, file: "sdkHeld" },
  { name: names.ours, file: "mooring", ours: true },
  { name: "undici, by hand", file: "undici" },
  ...Peers.entries
]

/** What is to be slower: the floor is not. */
const rivals = [names.sdk, ...Peers.entries.map(({ name }) => name)]

const server = (name: string, faster: number, file: string, ...args: ReadonlyArray<string>) => ({
  name,
  faster,
  target: Effect.map(Forked.start(file, args, Schema.Struct({ url: Schema.String })), ([address]) => address)
})

const servers = [
  server("SDK-built server, SSE", 2.5, "servers/sdkHttp", "sse"),
  server("SDK-built server, JSON", 2.5, "servers/sdkHttp", "json"),
  server("bare server", 8, "servers/bareHttp")
]

/** Milliseconds. */
const shortRoundMs = 70

export const HttpCalls: Benchmark = {
  ids: ["B4", "B5"],
  title: "Calls over Streamable HTTP",
  run: (options) =>
    Servers.onEach(entries, servers, options, shortRoundMs, (server, subjects, length) =>
      Effect.gen(function* () {
        const together = yield* Comparison.compare(subjects, { atOnce: 64, timed: false }, length)
        const alone = yield* Comparison.compare(subjects, { atOnce: 1, timed: true }, length)
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
          ]
        }
      })
    )
}
