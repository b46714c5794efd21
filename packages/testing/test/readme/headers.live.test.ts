import { expect, it } from "@effect/vitest"
import { McpClient, ServerConfig } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import { FaultyHttpServer } from "@mooring/testing/node"
import { Effect } from "effect"

it.scopedLive("a tenant's calls carry its own token", () =>
  Effect.gen(function* () {
    const notes = yield* FaultyHttpServer.make({
      tools: ["list"],
      config: {
        isolation: "perPartition",
        headers: ({ partition }) => Effect.succeed({ Authorization: ServerConfig.bearer(`token of ${partition}`) })
      }
    })

    yield* McpClient.McpClient.pipe(
      Effect.flatMap((mcp) => mcp.forPartition("ada").callTool("notes", "list")),
      Effect.provide(NodeMcp.layer({ servers: { notes: notes.config } }))
    )

    expect((yield* notes.ran).map(({ headers }) => headers)).toEqual([{ authorization: "Bearer token of ada" }])
  })
)
