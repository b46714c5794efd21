import { type McpClient, McpHandlers, McpTool } from "@mooring/mcp"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { pathToFileURL } from "node:url"
import { NothingToTry, type Probe, type Target, Unexpected } from "./Probe.js"

const said = "said by the model of the matrix"

/** What answers the servers: a model, a person who agrees, folders. */
export const handlers = (roots: ReadonlyArray<string>): Layer.Layer<never> =>
  McpHandlers.layer({
    sampling: { createMessage: () => Effect.succeed(McpHandlers.message("matrix", said)) },
    elicitation: { form: () => Effect.succeed(McpHandlers.accept({ name: said })) },
    roots: { list: () => Effect.succeed(roots.map((path) => ({ uri: pathToFileURL(path).href }))) }
  })

/** Calls the tool that makes a server ask, once the server has it; what was answered is in what it gives. */
const asks = (
  client: McpClient.McpClient["Type"],
  { name }: Target,
  call: Target["call"] | undefined,
  answer: string
) =>
  Effect.gen(function* () {
    if (call === undefined) return yield* new NothingToTry()
    // Some servers look first at what a client can be asked.
    yield* Effect.repeat(client.listTools(name, { fresh: true }), {
      until: (tools) => tools.some((tool) => tool.name === call[0]),
      schedule: Schedule.spaced("50 millis")
    })
    const text = McpTool.textOf(yield* client.callTool(name, ...call))
    if (!text.includes(answer)) yield* new Unexpected({ what: text })
  })

/** What servers ask, each by a tool that makes it. */
export const questions: ReadonlyArray<Probe> = [
  {
    method: "handlers.sampling",
    run: (client, target) => asks(client, target, target.asks.sampling, said)
  },
  {
    method: "handlers.elicitation",
    run: (client, target) => asks(client, target, target.asks.elicitation, said)
  },
  {
    method: "handlers.roots",
    run: (client, target) => asks(client, target, target.asks.roots, target.root)
  }
]
