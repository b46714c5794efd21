/**
 * `mooring tools [SERVER]`: the tools of one server with their arguments, or those of all.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Client from "../Client.js"
import { Output } from "../Output.js"
import * as Render from "../Render.js"
import type { Asking, Command } from "./Command.js"

/** @since 0.1.0 @category commands */
export const run = (input: Asking & { readonly server: Option.Option<string> }): Command =>
  Client.ask(
    input,
    (client, server) => client.listTools(server),
    (replies) =>
      Effect.gen(function* () {
        const output = yield* Output
        const tools = replies.flatMap(({ answer, server }) =>
          Either.getOrElse(answer, () => []).map((tool) => ({ server, ...tool }))
        )
        const answered = replies.some(({ answer }) => Either.isRight(answer))
        if (input.output === "json") yield* output.result(Render.json(tools))
        else if (!answered) return
        else if (tools.length === 0) yield* output.note("No tools.")
        else yield* output.result(Option.isSome(input.server) ? Render.toolDetails(tools) : Render.toolList(tools))
      })
  )
