/** B9: what a connection that idles holds of the client's memory, and what a call that waits holds. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Forked from "../calls/Forked.js"
import { atMost, type Benchmark } from "../Goal.js"
import { figure } from "../Rounds.js"

const Bytes = Schema.Array(Schema.Number)
const Held = Schema.Struct({ held: Bytes, fiber: Schema.optionalWith(Bytes, { default: () => [] }) })

/** What a process finds that measures its own memory so often. */
export const measured = (rounds: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      const ready = Schema.Struct({ ready: Schema.Literal(true) })
      const [, memory] = yield* Forked.start("memory/main", [String(rounds)], ready)
      const partitions = yield* memory.ask("partitions", Held)
      const servers = yield* memory.ask("servers", Held)
      const waiting = yield* memory.ask("waiting", Held)
      const underWay = yield* memory.ask("underWay", Held)
      return {
        partitions: partitions.held,
        servers: servers.held,
        waiting: waiting.held,
        underWay: underWay.held,
        fiber: waiting.fiber
      }
    })
  )

export const B9: Benchmark = {
  ids: ["B9"],
  title: "Memory of connections that idle and of calls that wait",
  run: ({ full }) =>
    Effect.map(measured(full ? 5 : 3), (held) => {
      const of = (name: string, bytes: ReadonlyArray<number>) =>
        figure(
          name,
          bytes.map((each) => each / 1000)
        )
      const partitions = of("Mooring: a connection", held.partitions)
      const waiting = of("Mooring: a call that waits for a connection", held.waiting)
      const underWay = of("Mooring: a call that waits for its answer", held.underWay)
      const beyond = "beyond what a fiber holds that waits for a Deferred"
      return {
        goals: [
          atMost("B9", partitions.median, 30, "KB", "of each of 1,000 idle connections, of as many partitions"),
          atMost("B9", waiting.median, 2, "KB", `of each of 10,000 calls that wait for a connection, ${beyond}`),
          atMost("B9", underWay.median, 2, "KB", `of each of 10,000 calls that wait for an answer, ${beyond}`)
        ],
        scenarios: [
          {
            name: "Memory of an idle connection",
            unit: "KB (1,000 bytes)",
            figures: [partitions, of("a connection and a server's settings, metrics and status", held.servers)]
          },
          {
            name: "Memory of a call that waits",
            unit: "KB (1,000 bytes)",
            figures: [waiting, underWay, of("a fiber that waits for a Deferred, for comparison", held.fiber)]
          }
        ]
      }
    })
}
