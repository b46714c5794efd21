/**
 * `mooring call SERVER TOOL ...`: one tool call. The arguments are checked against the tool's schema beforehand.
 *
 * @since 0.1.0
 */
import { type McpClient, McpError, Redaction } from "@mooring/mcp"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as ArgumentCheck from "../ArgumentCheck.js"
import * as Arguments from "../Arguments.js"
import { UnknownTool } from "../CliError.js"
import * as Client from "../Client.js"
import * as Configured from "../Configured.js"
import { Output } from "../Output.js"
import * as Render from "../Render.js"
import * as Stdin from "../Stdin.js"
import type { Asking, Command } from "./Command.js"

/** @since 0.1.0 @category models */
export interface Input extends Asking {
  readonly server: string
  readonly tool: string
  readonly pairs: ReadonlyArray<string>
  readonly json: Option.Option<string>
}

/** @since 0.1.0 @category commands */
export const run = (input: Input): Command =>
  Effect.gen(function* () {
    const configured = yield* Configured.locate(input.config)
    const servers = yield* Configured.runnable(configured, Option.some(input.server))
    const json = Option.contains(input.json, "-") ? yield* Stdin.read : Option.getOrUndefined(input.json)
    // What is no argument whatever the tool's schema says is told before anything is started.
    yield* Arguments.parse({ pairs: input.pairs, json, inputSchema: undefined })
    yield* Effect.scoped(Effect.flatMap(Client.open(servers, input.partition), (client) => call(client, input, json)))
  })

const call = (client: McpClient.Service, input: Input, json: string | undefined) =>
  Effect.gen(function* () {
    const { server } = input
    const output = yield* Output
    const tools = yield* client.listTools(server)
    const tool = tools.find(({ name }) => name === input.tool)
    if (tool === undefined) {
      return yield* new UnknownTool({ server, tool: input.tool, known: tools.map(({ name }) => name) })
    }
    const args = yield* Arguments.parse({ pairs: input.pairs, json, inputSchema: tool.inputSchema })
    const refused = yield* ArgumentCheck.check(tool.inputSchema, args)
    if (Option.isSome(refused)) {
      return yield* new McpError.InvalidArguments({
        server,
        method: "tools/call",
        tool: tool.name,
        reason: refused.value
      })
    }
    const result = yield* client.callTool(server, tool.name, args)
    const text = Render.answer(result)
    if (input.output === "json") yield* output.result(Render.json(result))
    if (result.isError === true) {
      return yield* new McpError.ToolFailed({ server, tool: tool.name, content: text })
    }
    // Programs get the answer to the letter; a terminal must not obey it.
    if (input.output === "text") yield* output.result(output.terminal ? Redaction.plain(text) : text)
  })
