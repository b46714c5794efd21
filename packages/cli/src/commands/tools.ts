/**
 * `mooring tools [SERVER]`: the tools of one server with their arguments, or those of all.
 *
 * @since 0.1.0
 */
import { McpClient } from "@mooring/mcp"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
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
      const asked = yield* Client.each([...servers.keys()], (server) => client.listTools(server))
      const tools = asked.answers.flatMap(({ server, answer }) => answer.map((tool) => ({ server, ...tool })))
      if (input.output === "json") yield* output.result(Render.json(tools))
      else if (tools.length === 0) yield* output.note("No tools.")
      else yield* output.result(Option.isSome(input.server) ? Render.toolDetails(tools) : Render.toolList(tools))
      yield* asked.rest
    })
    yield* Effect.provide(show, Client.layer(servers))
  })
