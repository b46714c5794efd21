import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { answered, typed } from "./CallProbes.js"
import { type Probe, Unexpected } from "./Probe.js"

/** The first that a stream tells; nobody waits for more. */
const first = <A, E>(stream: Stream.Stream<A, E>) => some(Stream.runHead(stream))

const some = <A, E>(told: Effect.Effect<Option.Option<A>, E>): Effect.Effect<A, E | Unexpected> =>
  Effect.flatMap(
    told,
    Option.match({
      onNone: () => new Unexpected({ what: "the stream told nothing" }),
      onSome: Effect.succeed
    })
  )

/** What servers tell by themselves, and calls that tell how far they are. */
export const notices: ReadonlyArray<Probe> = [
  {
    method: "callToolStream",
    needs: "tools",
    run: (client, { call, name }) =>
      Effect.flatMap(some(Stream.runLast(client.callToolStream(name, ...call))), (last) =>
        last._tag === "Result" ? answered(last.result) : new Unexpected({ what: last._tag })
      )
  },
  {
    method: "callStream",
    needs: "tools",
    run: (client, { call, name }) => some(Stream.runLast(client.callStream(name, typed(call), call[1])))
  },
  {
    method: "resourceUpdates",
    needs: "resources.subscribe",
    run: (client, { name, resource = "none://listed" }) => first(client.resourceUpdates(name, resource))
  },
  {
    method: "logs",
    needs: "logging",
    run: (client, { name, resource = "none://listed" }) =>
      Effect.raceFirst(
        first(client.logs(name, { level: "info" })),
        // Something to log: subscribers that come and go.
        Effect.repeat(Effect.ignore(first(client.resourceUpdates(name, resource))), Schedule.spaced("100 millis"))
      )
  }
]
