// What must not compile is what the diagnostics would have mended, and nothing here is run.
// @effect-diagnostics missingEffectError:off missingEffectContext:off floatingEffect:off
import { describe, expectTypeOf, it } from "@effect/vitest"
import type { PoolError } from "@mooring/pool"
import {
  McpClient,
  McpCompletion,
  type McpConnector,
  type McpError,
  McpHandlers,
  McpPool,
  type McpSession,
  type McpTask,
  McpTool,
  Reconciled,
  RetryPolicy,
  type ServerConfig,
  type ServerInfo,
  type TaskError
} from "@mooring/mcp"
import type { GetPromptResult, Prompt, ReadResourceResult, Resource } from "@modelcontextprotocol/sdk/types.js"
import { Context, Effect, Layer, Schedule, Schema, type Scope } from "effect"
import { z } from "zod"

const servers = {
  library: { command: "library" },
  web: { url: "https://example.com/mcp" }
} satisfies Record<string, ServerConfig.ServerConfig>

const Search = McpTool.make("search", {
  parameters: { query: Schema.String, limit: Schema.optional(Schema.NumberFromString) },
  success: McpTool.structured(Schema.Struct({ hits: Schema.Array(Schema.String), at: Schema.Date }))
})
interface Hits {
  readonly hits: ReadonlyArray<string>
  readonly at: Date
}
const Reindex = McpTool.make("reindex", { parameters: {}, success: McpTool.text })

type CallError =
  | Exclude<PoolError.PoolError, PoolError.UnknownKey>
  | McpError.McpConnectError
  | McpError.UnknownServer
  | McpError.PartitionMissing
  | McpError.RequestError
  | McpError.OutcomeUnknown
  | McpError.UnsupportedCapability
  | McpError.HandlersRefused
  | McpError.ToolDenied
  | McpError.RateLimited
  | McpError.OutputSchemaRefused
  | McpError.InvalidResult
  | TaskError.TaskMismatch
type TypedError = CallError | McpError.ToolFailed

declare const mcp: McpClient.Service

/** Compiled, never run: what stands in it is said of the types alone. */
const compiled = (_program: () => unknown) => {}

describe("the types of McpClient", () => {
  it("a server that is not configured does not compile", () => {
    compiled(() =>
      Effect.gen(function* () {
        const mcp = yield* McpClient.for<typeof servers>()
        expectTypeOf(mcp).toEqualTypeOf<McpClient.Service<"library" | "web">>()
        expectTypeOf(mcp.servers).toEqualTypeOf<ReadonlyArray<"library" | "web">>()
        yield* mcp.listTools("library")
        yield* mcp.forPartition("ada").ping("web")
        // @ts-expect-error: no such server
        yield* mcp.listTools("libary")
        // @ts-expect-error: no such server
        yield* mcp.callTool("libary", "search", {})
        // @ts-expect-error: no such server
        yield* mcp.call("libary", Search, { query: "" })
        // @ts-expect-error: no such server
        yield* mcp.ping("libary")
        yield* mcp.readResource("web", "file:///a", { timeout: "3 seconds" })
        // @ts-expect-error: no such server
        yield* mcp.listResources("libary")
        // @ts-expect-error: no such server
        yield* mcp.listResourceTemplates("libary")
        // @ts-expect-error: no such server
        yield* mcp.readResource("libary", "file:///a")
        // @ts-expect-error: no such server
        yield* mcp.listPrompts("libary")
        // @ts-expect-error: no such server
        yield* mcp.getPrompt("libary", "greet")
        // @ts-expect-error: no such server
        yield* mcp.complete("libary", McpCompletion.prompt("greet"), { name: "who", value: "" })
        // @ts-expect-error: no such server
        yield* mcp.info("libary")
        // @ts-expect-error: no such server
        yield* mcp.session("libary")
        // @ts-expect-error: no such server
        yield* mcp.forPartition("ada").ping("libary")
      })
    )
    expectTypeOf(McpClient.for<typeof servers>()).toEqualTypeOf<
      Effect.Effect<McpClient.Service<"library" | "web">, never, McpClient.McpClient>
    >()
    expectTypeOf<Effect.Effect.Success<typeof McpClient.McpClient>>().toEqualTypeOf<McpClient.Service<string>>()
  })

  it("arguments must be those of the tool, and the result is what it declares", () => {
    compiled(() => {
      expectTypeOf(mcp.call("library", Search, { query: "a", limit: 3 })).toEqualTypeOf<
        Effect.Effect<Hits, TypedError>
      >()
      // @ts-expect-error: `query` is missing
      mcp.call("library", Search, {})
      // @ts-expect-error: `query` is no number
      mcp.call("library", Search, { query: 5 })
      // @ts-expect-error: arguments are given as they are decoded, and `limit` is a number there
      mcp.call("library", Search, { query: "a", limit: "3" })
      // @ts-expect-error: there is no `page`
      mcp.call("library", Search, { query: "a", page: 2 })
      // @ts-expect-error: there is no such option
      mcp.call("library", Search, { query: "a" }, { timeOut: 5 })
    })
  })

  it("an error that is not handled stays in the type", () => {
    compiled(() => {
      const call = mcp.call("library", Search, { query: "a" })
      expectTypeOf<Effect.Effect.Error<typeof call>>().toEqualTypeOf<TypedError>()
      const some = Effect.catchTags(call, {
        ToolFailed: () => Effect.void,
        OutcomeUnknown: () => Effect.void
      })
      // @ts-expect-error: the other tags are not handled
      const handled: Effect.Effect<Hits | void> = some
      const all: Effect.Effect<Hits | void> = Effect.orElseSucceed(some, () => undefined)
      // @ts-expect-error: a call has no such error
      Effect.catchTag(call, "ToolMissing", () => Effect.void)
      // @ts-expect-error: a call without a session cannot lose one
      Effect.catchTag(call, "SessionLost", () => Effect.void)
      return [handled, all]
    })
  })

  it("a program needs its layers", () => {
    const program = Effect.flatMap(McpClient.McpClient, (mcp) => mcp.listTools("library"))
    expectTypeOf<Effect.Effect.Context<typeof program>>().toEqualTypeOf<McpClient.McpClient>()
    compiled(() => {
      // @ts-expect-error: the layer of the client is missing
      Effect.runPromise(program)
      // @ts-expect-error: the pool under the client is missing
      Effect.runPromise(Effect.provide(program, McpClient.layer))
      const withPool = Layer.provide(McpClient.layer, McpPool.layer({ servers }))
      // @ts-expect-error: what opens connections is missing
      Effect.runPromise(Effect.provide(program, withPool))
      expectTypeOf(withPool).toEqualTypeOf<
        Layer.Layer<McpClient.McpClient, McpError.ConfigError | McpError.ServersUnavailable, McpConnector.McpConnector>
      >()
    })
  })

  it("a session belongs to a scope, and its calls can lose it", () => {
    compiled(() => {
      const session = mcp.session("web", { affinity: "conversation-7" })
      expectTypeOf(session).toEqualTypeOf<
        Effect.Effect<
          McpSession.McpSession,
          McpClient.BorrowError | McpError.SessionLost | McpError.HandlersRefused,
          Scope.Scope
        >
      >()
      // @ts-expect-error: the scope is missing
      Effect.runPromise(session)
      const call = Effect.flatMap(session, (one) => one.call(Search, { query: "a" }))
      expectTypeOf(Effect.scoped(call)).toEqualTypeOf<Effect.Effect<Hits, TypedError | McpError.SessionLost>>()
    })
  })
})

describe("the types of McpHandlers", () => {
  class Model extends Context.Tag("types/Model")<Model, string>() {}
  class Person extends Context.Tag("types/Person")<Person, string>() {}

  it("a layer needs what its handlers need, and those of a call or a session need nothing", () => {
    const handlers = {
      sampling: { createMessage: () => Effect.map(Model, (model) => McpHandlers.message(model, "")) },
      elicitation: { form: () => Effect.as(Person, McpHandlers.decline) }
    }
    expectTypeOf(McpHandlers.layer(handlers)).toEqualTypeOf<Layer.Layer<never, never, Model | Person>>()
    expectTypeOf(McpHandlers.layer({})).toEqualTypeOf<Layer.Layer<never>>()
    compiled(() => {
      // @ts-expect-error: nobody has a model for it
      mcp.callTool("web", "a", {}, { handlers })
      // @ts-expect-error: nobody has a model for it
      mcp.session("web", { handlers })
      // @ts-expect-error: a failure that the server would not understand
      McpHandlers.layer({ roots: { list: () => Effect.fail("no") } })
      McpHandlers.layer({ roots: { list: () => Effect.fail(McpHandlers.rejected) } })
    })
  })
})

describe("the types of McpTool", () => {
  it("a record of tools is a record of functions", () => {
    compiled(() =>
      Effect.gen(function* () {
        const library = yield* McpTool.client("library", { search: Search, reindex: Reindex })
        expectTypeOf(library.search({ query: "a" })).toEqualTypeOf<Effect.Effect<Hits, TypedError>>()
        expectTypeOf(library.reindex()).toEqualTypeOf<Effect.Effect<string, TypedError>>()
        yield* library.reindex({}, { timeout: "5 seconds" })
        // @ts-expect-error: `query` is missing
        yield* library.search({})
        // @ts-expect-error: its arguments are missing
        yield* library.search()
        // @ts-expect-error: there is no such tool
        yield* library.find({ query: "a" })
      })
    )
    expectTypeOf(McpTool.client("library", { reindex: Reindex })).toEqualTypeOf<
      Effect.Effect<McpTool.Client<{ readonly reindex: typeof Reindex }>, never, McpClient.McpClient>
    >()
    // @ts-expect-error: not a tool
    compiled(() => McpTool.client("library", { search: "search" }))
  })

  it("reconcile knows the tool's arguments, and must give its result", () => {
    McpTool.make("pay", {
      parameters: { id: Schema.String },
      success: McpTool.structured(Schema.Struct({ receipt: Schema.String })),
      reconcile: (args, failure, server) => {
        expectTypeOf(args).toEqualTypeOf<{ readonly id: string }>()
        expectTypeOf(failure).toEqualTypeOf<McpError.OutcomeUnknown>()
        return Effect.map(server.call(Reindex, {}), (receipt) =>
          receipt === "" ? Reconciled.DidNotRun : Reconciled.Ran({ result: { receipt } })
        )
      }
    })
    McpTool.make("pay", {
      parameters: { id: Schema.String },
      success: McpTool.structured(Schema.Struct({ receipt: Schema.String })),
      // @ts-expect-error: the result has no receipt
      reconcile: () => Effect.succeed(Reconciled.Ran({ result: {} }))
    })
    McpTool.make("pay", {
      parameters: { id: Schema.String },
      success: McpTool.text,
      // @ts-expect-error: nothing provides what it needs
      reconcile: () => Effect.as(McpClient.McpClient, Reconciled.Unresolved)
    })
  })

  it("what is asked of a server is what MCP has for it", () => {
    compiled(() => {
      expectTypeOf(mcp.listResources("a")).toEqualTypeOf<Effect.Effect<ReadonlyArray<Resource>, CallError>>()
      expectTypeOf(mcp.readResource("a", "file:///a")).toEqualTypeOf<Effect.Effect<ReadResourceResult, CallError>>()
      expectTypeOf(mcp.getPrompt("a", "greet", { who: "Ada" })).toEqualTypeOf<
        Effect.Effect<GetPromptResult, CallError>
      >()
      expectTypeOf(mcp.info("a")).toEqualTypeOf<Effect.Effect<ServerInfo.ServerInfo, McpClient.BorrowError>>()
      expectTypeOf<McpSession.McpSession["info"]>().toEqualTypeOf<ServerInfo.ServerInfo>()
      expectTypeOf<ReturnType<McpSession.McpSession["listPrompts"]>>().toEqualTypeOf<
        Effect.Effect<ReadonlyArray<Prompt>, Exclude<CallError, McpClient.BorrowError> | McpError.SessionLost>
      >()
      // @ts-expect-error: arguments of prompts are texts
      mcp.getPrompt("a", "greet", { age: 36 })
      // @ts-expect-error: neither a prompt nor a resource
      mcp.complete("a", { type: "ref/tool", name: "add" }, { name: "a", value: "" })
      // @ts-expect-error: what is asked may always be asked twice
      mcp.readResource("a", "file:///a", { mayRunTwice: true })
    })
  })

  it("a task says how its result can be missing", () => {
    compiled(() => {
      expectTypeOf(mcp.callToolTask("a", "slow", {}, { ttl: "1 hour" })).toEqualTypeOf<
        Effect.Effect<McpTask.McpTask<McpClient.BorrowError>, CallError>
      >()
      type Result = ReturnType<McpTask.McpTask<McpClient.BorrowError>["result"]>
      expectTypeOf<Effect.Effect.Error<Result>>().toEqualTypeOf<
        CallError | TaskError.TaskLost | TaskError.TaskTimeout | TaskError.TaskCancelled
      >()
      expectTypeOf<Effect.Effect.Context<Result>>().toEqualTypeOf<never>()
      // @ts-expect-error: a plain call has no time to live
      mcp.callTool("a", "slow", {}, { ttl: "1 hour" })
    })
  })

  it("a standard schema says what is given and what comes back", () => {
    const Zod = McpTool.make("search", {
      parameters: z.object({ query: z.string(), limit: z.number().default(10) }),
      success: McpTool.structured(z.object({ at: z.string().transform((text) => new Date(text)) }))
    })
    expectTypeOf(Zod).toEqualTypeOf<McpTool.McpTool<{ query: string; limit?: number | undefined }, { at: Date }>>()
    expectTypeOf(McpTool.json(z.array(z.number()))).toEqualTypeOf<McpTool.Success<Array<number>>>()
    expectTypeOf(McpTool.json(Schema.standardSchemaV1(Schema.NumberFromString))).toEqualTypeOf<
      McpTool.Success<number>
    >()
    compiled(() => {
      mcp.call("library", Zod, { query: "a" })
      // @ts-expect-error: `query` is no number
      mcp.call("library", Zod, { query: 5 })
      // @ts-expect-error: not a schema
      McpTool.structured({ receipt: "string" })
    })
  })

  it("a policy of retries hears of what was lost", () => {
    compiled(() => {
      RetryPolicy.layer({
        notSent: Schedule.recurWhile((lost: McpError.ConnectionLost) => lost.status !== 503)
      })
      // @ts-expect-error: nothing provides what the schedule needs
      RetryPolicy.layer({ notSent: Schedule.mapEffect(Schedule.once, () => McpClient.McpClient) })
    })
  })
})
