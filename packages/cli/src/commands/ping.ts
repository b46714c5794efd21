/**
 * `mooring ping [SERVER]`: whether servers are there, and how long a round trip takes.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Option from "effect/Option"
import * as Client from "../Client.js"
import { Output } from "../Output.js"
import * as Render from "../Render.js"
import type { Asking, Command } from "./Command.js"

/** @since 0.1.0 @category commands */
export const run = (input: Asking & { readonly server: Option.Option<string> }): Command =>
  Client.ask(
    input,
    (client, server) => client.ping(server),
    (replies) =>
      Effect.gen(function* () {
        const output = yield* Output
        if (input.output === "json") {
          const pings = replies.map(({ answer, server }) =>
            Either.match(answer, {
              onLeft: ({ _tag, message }) => ({ server, error: { tag: _tag, message } }),
              onRight: (took) => ({ server, ms: Duration.toMillis(took) })
            })
          )
          return yield* output.result(Render.json(pings))
        }
        const rows = replies.flatMap(({ answer, server }) =>
          Either.isRight(answer) ? [[server, `${Duration.toMillis(answer.right).toFixed(2)} ms`]] : []
        )
        if (rows.length > 0) yield* output.result(Render.columns(rows))
      })
  )
