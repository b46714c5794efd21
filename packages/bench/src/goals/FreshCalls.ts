/** B12: what a pooled connection saves beside one that is opened for each call, over stdio, HTTP, and HTTP from afar. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { fileURLToPath } from "node:url"
import * as Comparison from "../calls/Comparison.js"
import * as Forked from "../calls/Forked.js"
import * as Peers from "../calls/Peers.js"
import type { Target } from "../calls/Subject.js"
import { atLeast, type Benchmark } from "../Goal.js"
import * as Servers from "./Servers.js"

const names = { ours: "Mooring: McpClient.callTool", fresh: "SDK client, a connection for each call" }

const authority = fileURLToPath(new URL("../../../testing/test/fixtures/tls/ca.pem", import.meta.url))

/** Starts a server of the benchmarks' own that is called at an address. */
const listening = (server: string, arg: string): Effect.Effect<{ readonly url: string }, never, Scope.Scope> =>
  Effect.map(Forked.start(server, [arg], Schema.Struct({ url: Schema.String })), ([address]) => address)

const servers: ReadonlyArray<{
  readonly name: string
  readonly faster: number
  readonly target: Effect.Effect<Target, never, Scope.Scope>
  /** How many of the sparse warm up at a time, where that is not as by itself. */
  readonly warming?: number
}> = [
  {
    name: "stdio",
    faster: 1_000,
    target: Effect.succeed({ command: process.execPath, args: [Forked.fileOf("servers/sdkStdio")] })
  },
  { name: "HTTP", faster: 15, target: listening("servers/sdkHttp", "sse") },
  {
    name: "HTTP behind TLS and 25 ms of round trip",
    faster: 3,
    // They wait.
    warming: Number.POSITIVE_INFINITY,
    target: Effect.flatMap(listening("servers/sdkHttp", "sse"), ({ url }) =>
      Effect.map(listening("servers/far", url), (address) => ({ ...address, ca: authority }))
    )
  }
]

const entries: ReadonlyArray<Comparison.Entry> = [
  { name: names.ours, file: "mooring", ours: true },
  // Mooring is told by its settings whom to trust, the others by the variable that Node has for it.
  ...[{ name: names.fresh, file: "sdkFresh" }, ...Peers.entries].map((entry) => ({
    ...entry,
    env: { NODE_EXTRA_CA_CERTS: authority }
  }))
]

/** Milliseconds. */
const shortRoundMs = 40

export const FreshCalls: Benchmark = {
  ids: ["B12"],
  title: "A connection for each call beside a pooled one",
  run: (options) =>
    Servers.onEach(entries, servers, options, shortRoundMs, ({ faster, name, warming }, subjects, length) =>
      Effect.gen(function* () {
        const results = yield* Comparison.compare(subjects, { atOnce: 1, timed: true }, length, warming)
        const p50 = Comparison.scenario(`${name}, SDK-built server, one at a time`, results, Comparison.p50)
        const ratio = Comparison.ratio(results, Comparison.p50, names.fresh, names.ours)
        return {
          goals: [atLeast("B12", ratio, faster, "×", `${name}: p50 fresh ÷ pooled`)],
          scenarios: [p50]
        }
      })
    )
}
