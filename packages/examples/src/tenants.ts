/** Many tenants: each has connections of its own, and its own credential in the headers of every request. */
import { NodeRuntime } from "@effect/platform-node"
import { McpClient, McpTool, ServerConfig } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import { Console, Context, Effect, Layer, Redacted } from "effect"
import { whoami } from "./servers/whoami.js"

/** Where your application has its tokens from. They may change at any time. */
class Tokens extends Context.Tag("Tokens")<
  Tokens,
  { readonly of: (tenant: string) => Effect.Effect<Redacted.Redacted<string>> }
>() {}

const WhoAmI = McpTool.make("whoami", { parameters: {}, success: McpTool.text })

const handle = Effect.gen(function* () {
  const mcp = yield* McpClient.McpClient
  yield* Console.log(yield* mcp.call("notes", WhoAmI, {}))
})

// At the boundary of a request is said for whom it is; nothing below has to know.
const program = Effect.forEach(["ada", "bob"], (tenant) => handle.pipe(McpClient.withPartition(tenant)))

const ServersLive = Layer.unwrapScoped(
  Effect.gen(function* () {
    const tokens = yield* Tokens
    const url = yield* whoami
    return NodeMcp.layer({
      servers: {
        notes: {
          url,
          isolation: "perPartition",
          // For each request anew, so a token that was renewed is used at once. Never shown in an error or a log.
          headers: ({ partition }) =>
            Effect.map(tokens.of(partition), (token) => ({ authorization: ServerConfig.bearer(token) }))
        }
      }
    })
  })
)

const TokensLive = Layer.succeed(Tokens, { of: (tenant) => Effect.succeed(Redacted.make(`token-of-${tenant}`)) })

program.pipe(Effect.provide(Layer.provide(ServersLive, TokensLive)), NodeRuntime.runMain)
