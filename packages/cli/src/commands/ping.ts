/**
 * `mooring ping [SERVER]`: whether servers are there, and how long a round trip takes.
 *
 * @since 0.1.0
 */
import { McpClient } from "@mooring/mcp"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Client from "../Client.js"
import * as Configured from "../Configured.js"
import { Output } from "../Output.js"
import * as Render from "../Render.js"
import type { Command, Common } from "./Command.js"

/** @since 0.1.0 @category commands */
export const run = (input: Common & { readonly server: Option.Option<string> }): Command =>
  Effect.gen(function* () {
    const configured = yield* Configured.locate(input.config)
    const servers = yield* Configured.runnable(configured, input.server)
    const show = Effect.gen(function* () {
      const output = yield* Output
      const client = yield* McpClient.McpClient
      const asked = yield* Client.each([...servers.keys()], (server) => client.ping(server))
      const pings = asked.answers.map(({ server, answer }) => ({ server, ms: Duration.toMillis(answer) }))
      if (input.output === "json") yield* output.result(Render.json(pings))
      else if (pings.length > 0) {
        yield* output.result(Render.columns(pings.map(({ server, ms }) => [server, `${ms.toFixed(2)} ms`])))
      }
      yield* asked.rest
    })
    yield* Effect.provide(show, Client.layer(servers))
  })
