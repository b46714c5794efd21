/** A server that needs a language model asks for it, and the application decides: what is asked, by which model, at what cost. */
import { NodeRuntime } from "@effect/platform-node"
import { McpClient, McpHandlers, McpTool } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import { Console, Context, Effect, Layer, Schema } from "effect"
import { createRequire } from "node:module"

// A tool that asks its client for a message of a model, and answers with it.
const Ask = McpTool.make("trigger-sampling-request", { parameters: { prompt: Schema.String }, success: McpTool.text })

/** What gives a model's answer. Yours may well be the `LanguageModel` of `@effect/ai`. */
class Model extends Context.Tag("Model")<Model, (prompt: string, tokens: number) => Effect.Effect<string>>() {}
const ModelLive = Layer.succeed(Model, (prompt, tokens) =>
  Effect.succeed(`a haiku on ${prompt.split(" ").at(-1)}, in ${tokens} tokens`)
)

// What the handler needs, its layer needs: never the callers.
const Handlers = McpHandlers.layer({
  sampling: {
    createMessage: ({ maxTokens, messages }, { origin, server }) =>
      Effect.gen(function* () {
        yield* Console.log(`${server} asks for a model`, origin === undefined ? "" : `in ${origin.tool}`)
        const content = messages.at(-1)?.content
        if (content === undefined || Array.isArray(content) || content.type !== "text") return yield* noText
        // Here a person would look at it, as the specification wants it. This one does not like limericks.
        if (content.text.includes("limerick")) return yield* McpHandlers.rejected
        const model = yield* Model
        return McpHandlers.message("house-model", yield* model(content.text, Math.min(maxTokens, 50)))
      }),
    tools: false
  },
  timeout: "1 minute"
}).pipe(Layer.provide(ModelLive))

const noText = new McpHandlers.Refused({ code: -32602, reason: "this client knows text alone" })

const program = Effect.gen(function* () {
  const mcp = yield* McpClient.McpClient
  const answer = yield* mcp.call("everything", Ask, { prompt: "a haiku on tides" })
  yield* Console.log(/"text": "(.*)"/.exec(answer)?.[1])
  const refused = yield* Effect.flip(mcp.call("everything", Ask, { prompt: "a limerick" }))
  yield* Console.log(refused._tag === "ToolFailed" ? refused.content : refused)
})

const everything = createRequire(import.meta.url).resolve("@modelcontextprotocol/server-everything/dist/index.js")
const MainLive = NodeMcp.layer({
  servers: { everything: { command: process.execPath, args: [everything, "stdio"] } }
}).pipe(Layer.provide(Handlers))

program.pipe(Effect.provide(MainLive), NodeRuntime.runMain)
