import { describe, expectTypeOf, it } from "@effect/vitest"
import { type McpClient, type McpConnector, type McpError, type McpPool, McpTool } from "@mooring/mcp"
import { McpTest, type TestResource, type TestTool } from "@mooring/testing"
import { Context, Effect, type Layer, Schema } from "effect"

class Database extends Context.Tag("Database")<Database, { readonly find: string }>() {}
class Mailer extends Context.Tag("Mailer")<Mailer, { readonly send: string }>() {}

const Search = McpTool.make("search", {
  parameters: { query: Schema.String },
  success: McpTool.structured(Schema.Struct({ hits: Schema.Array(Schema.String) }))
})
const search = McpTest.tool(Search, ({ query }) => Effect.map(Database, ({ find }) => ({ hits: [query, find] })))
const mail = McpTest.tool(Search, () => Effect.map(Mailer, ({ send }) => ({ hits: [send] })))

describe("the types of McpTest", () => {
  it("a handler must give what its tool declares", () => {
    // @ts-expect-error: a string is no `{ hits }`
    McpTest.tool(Search, () => Effect.succeed("hit"))
    // @ts-expect-error: the tool has no parameter `question`
    McpTest.tool(Search, ({ question }) => Effect.succeed({ hits: [question] }))
  })

  it("a tool needs what its handler needs", () => {
    expectTypeOf(search).toEqualTypeOf<TestTool.TestTool<Database>>()
    expectTypeOf(search.pipe(McpTest.withLatency("1 second"))).toEqualTypeOf<TestTool.TestTool<Database>>()
  })

  it("a resource and a prompt need what their handlers need, and give what they must", () => {
    const row = McpTest.resourceTemplate("db://{row}", ({ row }) => Effect.map(Database, ({ find }) => find + row))
    const letter = McpTest.prompt("letter", { to: { required: true }, cc: {} }, ({ cc, to }) => {
      expectTypeOf(to).toEqualTypeOf<string>()
      expectTypeOf(cc).toEqualTypeOf<string | undefined>()
      return Effect.map(Mailer, ({ send }) => send)
    })
    expectTypeOf(McpTest.layerConnector([McpTest.server("a", { resources: [row], prompts: [letter] })])).toEqualTypeOf<
      Layer.Layer<McpConnector.McpConnector | McpTest.McpTest, never, Database | Mailer>
    >()
    expectTypeOf(McpTest.resource("file:///a", "a")).toEqualTypeOf<TestResource.TestResource>()
    // @ts-expect-error: a number is no content
    McpTest.resource("file:///a", () => Effect.succeed(1))
    // @ts-expect-error: the prompt has no argument `from`
    McpTest.prompt("letter", { to: {} }, ({ from }) => Effect.succeed(from))
  })

  it("a layer needs what the tools of all its servers need, and nothing more", () => {
    const one = McpTest.server("one", { tools: [search, mail] })
    const two = McpTest.server("two", { tools: [search] })
    const none = McpTest.server("none")
    expectTypeOf(McpTest.layer({ servers: [one, two, none] })).toEqualTypeOf<
      Layer.Layer<
        McpClient.McpClient | McpPool.McpPool | McpConnector.McpConnector | McpTest.McpTest,
        McpError.ConfigError | McpError.ServersUnavailable,
        Database | Mailer
      >
    >()
    expectTypeOf(McpTest.layerConnector([two, none])).toEqualTypeOf<
      Layer.Layer<McpConnector.McpConnector | McpTest.McpTest, never, Database>
    >()
    expectTypeOf(McpTest.layerConnector([none])).toEqualTypeOf<
      Layer.Layer<McpConnector.McpConnector | McpTest.McpTest>
    >()
  })
})
