import { expect, it } from "@effect/vitest"
import { McpClient } from "@mooring/mcp"
import { McpTest } from "@mooring/testing"
import { Effect } from "effect"

const library = McpTest.server("library", {
  resources: [
    McpTest.resource("file:///rules.md", "Be kind.", { mimeType: "text/markdown" }),
    McpTest.resourceTemplate("note://{id}", ({ id }) => Effect.succeed(`note ${id}`), { complete: { id: ["1", "2"] } })
  ],
  prompts: [McpTest.prompt("greet", { who: { required: true } }, ({ who }) => Effect.succeed(`Greet ${who}.`))],
  pageSize: 10
})

it.effect("a server has resources, templates and prompts", () =>
  Effect.gen(function* () {
    const mcp = yield* McpClient.McpClient
    expect((yield* mcp.listResources("library")).map(({ uri }) => uri)).toEqual(["file:///rules.md"])
    expect((yield* mcp.readResource("library", "note://2")).contents).toMatchObject([{ text: "note 2" }])
    const { messages } = yield* mcp.getPrompt("library", "greet", { who: "Ada" })
    expect(messages).toMatchObject([{ content: { text: "Greet Ada." } }])
  }).pipe(Effect.provide(McpTest.layer({ servers: [library] })))
)
