/** A pipeline over three servers: notes are read from a folder, measured, and remembered as a graph. */
import { FileSystem, Path } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { McpClient, McpTool } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import { Console, Effect, Schema, Stream } from "effect"

const Read = McpTool.make("read_text_file", { parameters: { path: Schema.String }, success: McpTool.text })
const Sum = McpTool.make("get-sum", { parameters: { a: Schema.Number, b: Schema.Number }, success: McpTool.text })
const Entity = Schema.Struct({
  name: Schema.String,
  entityType: Schema.String,
  observations: Schema.Array(Schema.String)
})
const Remember = McpTool.make("create_entities", {
  parameters: { entities: Schema.Array(Entity) },
  success: McpTool.structured(Schema.Struct({ entities: Schema.Array(Entity) }))
})

/** Side by side where that is safe; each server's own limits hold besides, whoever else uses it. */
const remember = (files: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const mcp = yield* McpClient.McpClient
    return yield* Stream.fromIterable(files).pipe(
      Stream.mapEffect((path) => mcp.call("files", Read, { path }), { concurrency: 4 }),
      Stream.mapEffect((text) => mcp.call("maths", Sum, { a: text.length, b: 0 }).pipe(Effect.as(text))),
      Stream.map((text) => ({ name: text.slice(0, 3), entityType: "note", observations: [text] })),
      Stream.grouped(2),
      Stream.mapEffect((entities) => mcp.call("memory", Remember, { entities: [...entities] })),
      Stream.runFold(0, (count, { entities }) => count + entities.length)
    )
  })

const program = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = yield* Effect.flatMap(files.makeTempDirectoryScoped(), files.realPath)
  const notes = ["one", "two", "six"].map((name) => path.join(folder, `${name}.txt`))
  for (const note of notes) yield* files.writeFileString(note, `${path.basename(note, ".txt")} is a number`)

  const npx = (name: string, ...args: ReadonlyArray<string>) => ({
    command: "npx",
    args: ["-y", `@modelcontextprotocol/server-${name}`, ...args]
  })
  const ServersLive = NodeMcp.layer({
    servers: {
      files: { ...npx("filesystem", folder), concurrency: 4 },
      maths: npx("everything"),
      memory: { ...npx("memory"), env: { MEMORY_FILE_PATH: path.join(folder, "memory.json") } }
    }
  })
  const count = yield* Effect.provide(remember(notes), ServersLive)
  yield* Console.log(`${count} notes are remembered`)
})

program.pipe(Effect.scoped, Effect.provide(NodeContext.layer), NodeRuntime.runMain)
