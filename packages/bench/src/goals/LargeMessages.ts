/** Messages from 1 KiB to 8 MiB: what a call costs as its text grows, which the server gives back. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Comparison from "../calls/Comparison.js"
import * as Forked from "../calls/Forked.js"
import type { Target } from "../calls/Subject.js"
import type { Benchmark, Curve, Report } from "../Goal.js"
import * as Tables from "../scenes/Tables.js"
import * as Versions from "../scenes/Versions.js"

const kib = 1024
const mib = 1024 * kib

/** Bytes of a text. The longest leaves room for the rest of its message: Mooring takes messages of 8 MiB at most by default. */
const sizes = [
  { bytes: kib, name: "1 KiB" },
  { bytes: 64 * kib, name: "64 KiB" },
  { bytes: mib, name: "1 MiB" },
  { bytes: 8 * mib - kib, name: "8 MiB" }
]

interface Transport {
  readonly name: string
  readonly subjects: ReadonlyArray<Comparison.Entry>
  readonly target: Effect.Effect<Target, never, Scope.Scope>
}

const transports: ReadonlyArray<Transport> = [
  {
    name: "stdio",
    subjects: [
      { name: "SDK client, held open", file: "sdkHeld" },
      { name: "Mooring: McpClient.callTool", file: "mooring", settings: { concurrency: 64 } },
      { name: "JSON-RPC by hand", file: "bareStdio" }
    ],
    target: Effect.succeed({ command: process.execPath, args: [Forked.fileOf("servers/sdkStdio")] })
  },
  {
    name: "HTTP",
    subjects: [
      { name: "SDK client, held open", file: "sdkHeld", env: { NODE_NO_WARNINGS: "1" } },
      { name: "Mooring: McpClient.callTool", file: "mooring" },
      { name: "undici, by hand", file: "undici" }
    ],
    target: Effect.map(
      Forked.start("servers/sdkHttp", ["sse"], Schema.Struct({ url: Schema.String })),
      ([address]) => address
    )
  }
]

const scene = ({ name, subjects, target }: Transport, full: boolean): Effect.Effect<Report> =>
  Effect.gen(function* () {
    const opened = yield* Comparison.open(subjects, yield* target)
    const results = yield* Effect.forEach(sizes, ({ bytes }, n) => {
      // The first one has code to compile for all of them.
      const length = full ? { rounds: 11, roundMs: 200 } : { rounds: 3, roundMs: n === 0 ? 40 : 20 }
      return Comparison.compare(opened, { atOnce: 1, timed: true, bytes }, length)
    })
    const title = `${name}, SDK-built server, one at a time`
    const tables = (measure: Comparison.Measure) =>
      results.map((result, n) => Comparison.scenario(`${title}, ${sizes[n]?.name}`, result, measure))
    const curve = (measure: Comparison.Measure): Curve =>
      Comparison.curve(
        `${title}: ${measure.name} as messages grow`,
        { name: "message size (bytes)", values: sizes.map(({ bytes }) => bytes) },
        results,
        measure
      )
    return {
      goals: [],
      scenarios: [...tables(Comparison.cpuPerCall), ...tables(Comparison.p50)],
      curves: [curve(Comparison.cpuPerCall), curve(Comparison.p50)],
      subjects: Versions.of(subjects)
    }
  }).pipe(Effect.scoped)

export const LargeMessages: Benchmark = {
  ids: ["LARGE"],
  title: "Large messages",
  run: ({ full }) =>
    Effect.map(
      Effect.forEach(transports, (transport) => scene(transport, full)),
      Tables.joined
    )
}
