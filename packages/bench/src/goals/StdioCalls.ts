/** B3 and the stdio half of B5: calls over stdio, 64 at once and one at a time, beside the SDK's client and the floor. */
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import * as Comparison from "../calls/Comparison.js"
import * as Forked from "../calls/Forked.js"
import * as Peers from "../calls/Peers.js"
import { atLeast, atMost, type Benchmark } from "../Goal.js"
import type { RoundsOptions } from "../Rounds.js"
import * as Servers from "./Servers.js"

const names = { ours: "Mooring: McpClient.callTool", sdk: "SDK client, held open" }

/**
 * Mooring starts a server in a session of its own, so that it can end all that the server has started. Linux shares out
 * the processor by session (autogroup): on a machine that is busy with other things, a server in another session waits
 * longer for its turn than one in the client's. This row shows how much of a difference that is; on a quiet machine none.
 */
const apart: ReadonlyArray<Comparison.Entry> = existsSync("/usr/bin/setsid")
  ? [
      {
        name: "SDK client, server in its own session",
        file: "sdkHeld",
        sparse: true,
        via: (target) =>
          "url" in target ? target : { command: "/usr/bin/setsid", args: [target.command, ...target.args] }
      }
    ]
  : []

const entries: ReadonlyArray<Comparison.Entry> = [
  { name: names.sdk, file: "sdkHeld" },
  { name: names.ours, file: "mooring", ours: true },
  { name: "Mooring: McpConnection.callTool", file: "mooringConnection", ours: true },
  { name: "JSON-RPC by hand", file: "bareStdio" },
  ...Peers.entries,
  ...apart
]

/** What is to be slower: the floor is not. */
const rivals = [names.sdk, ...Peers.entries.map(({ name }) => name)]

const server = (name: string, file: string) => ({
  name,
  target: Effect.succeed({ command: process.execPath, args: [Forked.fileOf(file)] })
})

const servers = [server("SDK-built server", "servers/sdkStdio"), server("bare server", "servers/bareStdio")]

/** Milliseconds. In shorter ones, a call over stdio costs Mooring a sixth more than it does in the end: V8 has not made the best of it. */
const shortRoundMs = 150

/**
 * Three times as many rounds, a third as long: one at a time, a call costs two or three times as much where a core
 * falls asleep between client and server, which changes from round to round and not within one. V8 has made its best of the
 * code by then.
 */
const brief = ({ roundMs, rounds }: RoundsOptions): RoundsOptions => ({ rounds: 3 * rounds, roundMs: roundMs / 3 })

export const StdioCalls: Benchmark = {
  ids: ["B3", "B5"],
  title: "Calls over stdio",
  run: (options) =>
    Servers.onEach(entries, servers, options, shortRoundMs, (server, subjects, length) =>
      Effect.gen(function* () {
        const together = yield* Comparison.compare(subjects, { atOnce: 64, timed: false }, length)
        const alone = yield* Comparison.compare(subjects, { atOnce: 1, timed: true }, brief(length))
        const cpu = Comparison.scenario(`${server.name}, 64 at once`, together, Comparison.cpuPerCall)
        const p50 = Comparison.scenario(`${server.name}, one at a time`, alone, Comparison.p50)
        const ahead = Comparison.leastRatio(together, Comparison.rate, names.ours, rivals)
        const ratio = (results: typeof together, measure: Comparison.Measure) =>
          Comparison.ratio(results, measure, names.ours, names.sdk)
        const how = (what: string) => `McpClient.callTool ÷ SDK client held open, ${server.name}: ${what}`
        return {
          goals: [
            atMost("B3", ratio(together, Comparison.cpuPerCall), 0.75, "×", how("client CPU per call, 64 at once")),
            atLeast(
              "B3",
              ahead.ratio,
              1,
              "×",
              `McpClient.callTool ÷ the best peer, ${server.name}: calls per second, 64 at once; the best is ${ahead.to}`
            ),
            atMost("B5", ratio(alone, Comparison.p50), 1.05, "×", how("p50 one at a time"))
          ],
          scenarios: [
            cpu,
            Comparison.scenario(`${server.name}, 64 at once`, together, Comparison.rate),
            p50,
            Comparison.scenario(`${server.name}, one at a time`, alone, Comparison.cpuPerCall),
            ...Comparison.held.map((measure) => Comparison.scenario(`${server.name}, 64 at once`, together, measure))
          ]
        }
      })
    )
}
