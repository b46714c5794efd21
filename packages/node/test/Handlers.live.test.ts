import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpHandlers, McpTool, type ServerConfig } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as SubscriptionRef from "effect/SubscriptionRef"
import process from "node:process"
import * as Everything from "./fixtures/Everything.js"

const Sample = McpTool.make("trigger-sampling-request", {
  parameters: { prompt: Schema.String, maxTokens: Schema.optional(Schema.Int) },
  success: McpTool.text
})
const Elicit = McpTool.make("trigger-elicitation-request", { parameters: {}, success: McpTool.text })
const Visit = McpTool.make("trigger-url-elicitation", {
  parameters: { url: Schema.String, elicitationId: Schema.String, errorPath: Schema.optional(Schema.Boolean) },
  success: McpTool.text
})
const Roots = McpTool.make("get-roots-list", { parameters: {}, success: McpTool.text })

/** The server, its tools there: it registers those that ask the client only when it has been greeted. */
const withServer = (config: ServerConfig.ServerConfig, handlers: Layer.Layer<never> = Layer.empty) =>
  Effect.provide(
    Layer.tap(NodeMcp.layer({ servers: { everything: config } }).pipe(Layer.provide(handlers)), (context) =>
      Effect.flatMap(McpClient.McpClient, (mcp) => mcp.listTools("everything", { fresh: true })).pipe(
        Effect.repeat({
          until: (tools) => tools.some(({ name }) => name.startsWith("trigger-") && name.endsWith("-request")),
          schedule: Schedule.spaced("20 millis")
        }),
        Effect.provide(context)
      )
    )
  )

const stdio: ServerConfig.StdioServer = { command: process.execPath, args: [Everything.main, "stdio"] }

const transports = {
  stdio: Effect.succeed(stdio),
  HTTP: Effect.map(Everything.overHttp("streamableHttp"), (url): ServerConfig.HttpServer => ({ url, listen: true }))
}

const says = (model: string): McpHandlers.Handlers => ({
  sampling: {
    createMessage: ({ messages: [message], maxTokens }) =>
      Effect.succeed(McpHandlers.message(model, `${JSON.stringify(message?.content)} in ${maxTokens}`))
  }
})

const done: Array<string> = []
const elicitation: McpHandlers.Elicitation = {
  form: ({ requestedSchema }) =>
    Effect.succeed(
      McpHandlers.accept({
        name: "Ada Lovelace",
        birthdate: "1815-12-10",
        check: "check" in requestedSchema.properties
      })
    ),
  url: ({ url }) => Effect.sync(() => void done.push(url)).pipe(Effect.as(McpHandlers.accept()))
}

describe("the reference server asks", () => {
  for (const [name, transport] of Object.entries(transports)) {
    it.scopedLive(`for what the application's handlers have: ${name}`, () =>
      Effect.gen(function* () {
        const config = yield* transport
        const roots = yield* SubscriptionRef.make<ReadonlyArray<{ uri: string; name: string }>>([
          { uri: "file:///harbour", name: "Harbour" }
        ])
        const handlers = McpHandlers.layer({ ...says("parrot"), elicitation, roots: McpHandlers.roots(roots) })
        yield* Effect.gen(function* () {
          const mcp = yield* McpClient.McpClient
          const sampled = yield* mcp.call("everything", Sample, { prompt: "Sing", maxTokens: 7 })
          expect(sampled).toContain('"model": "parrot"')
          expect(sampled).toMatch(/context: Sing.* in 7/)

          const elicited = yield* mcp.call("everything", Elicit, {})
          expect(elicited).toContain("- Name: Ada Lovelace")
          // Not given by the handler: the form's own defaults.
          expect(elicited).toContain("- Favorite Integer: 42")
          expect(elicited).toContain('"firstLine": "It was a dark and stormy night."')

          const visit = { url: "https://example.org/consent", elicitationId: `e-${name}` }
          expect(yield* mcp.call("everything", Visit, visit)).toContain("accept")
          expect(done).toContain("https://example.org/consent")
          const required = yield* Effect.flip(mcp.call("everything", Visit, { ...visit, errorPath: true }))
          expect(required).toMatchObject({
            _tag: "UrlElicitationRequired",
            elicitations: [
              { url: "https://modelcontextprotocol.io/", message: expect.stringContaining("prerequisite") }
            ]
          })

          expect(yield* mcp.call("everything", Roots, {})).toContain("Harbour\n   URI: file:///harbour")
          yield* SubscriptionRef.set(roots, [{ uri: "file:///quay", name: "Quay" }])
          yield* mcp
            .call("everything", Roots, {})
            .pipe(
              Effect.repeat({ until: (text) => text.includes("file:///quay"), schedule: Schedule.spaced("20 millis") })
            )
        }).pipe(withServer(config, handlers))
      })
    )

    it.scopedLive(`for a session alone what it brought: ${name}`, () =>
      Effect.gen(function* () {
        const config = { ...(yield* transport), mayAsk: ["sampling", "elicitation.form"] as const }
        yield* Effect.gen(function* () {
          const mcp = yield* McpClient.McpClient
          const own = Effect.flatMap(mcp.session("everything", { handlers: says("ada") }), (session) =>
            session.call(Sample, { prompt: "x" })
          )
          expect(yield* Effect.scoped(own)).toContain('"model": "ada"')
          const refused = yield* Effect.flip(mcp.call("everything", Sample, { prompt: "x" }))
          expect(refused).toMatchObject({ _tag: "ToolFailed", content: expect.stringContaining("nobody is there") })
        }).pipe(withServer(config))
      })
    )
  }

  it.scopedLive("for a session, and for no single call, over HTTP as old servers have it", () =>
    Effect.gen(function* () {
      const config = { url: yield* Everything.overHttp("sse"), mayAsk: ["sampling"] as const }
      yield* Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        const call = mcp.call("everything", Sample, { prompt: "x" }, { handlers: says("ada") })
        expect(yield* Effect.flip(call)).toMatchObject({ _tag: "HandlersRefused" })
        const own = Effect.flatMap(mcp.session("everything", { handlers: says("ada") }), (session) =>
          session.call(Sample, { prompt: "x" })
        )
        expect(yield* Effect.scoped(own)).toContain('"model": "ada"')
      }).pipe(withServer(config))
    })
  )

  it.scopedLive("two callers on one connection over HTTP, each for its own call, while both wait", () =>
    Effect.gen(function* () {
      const { url } = yield* transports.HTTP
      yield* Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        const names = ["ada", "bob"] as const
        const begun = yield* Effect.all({ ada: Deferred.make<void>(), bob: Deferred.make<void>() })
        const handlers = (name: (typeof names)[number], other: (typeof names)[number]): McpHandlers.Handlers => ({
          sampling: {
            createMessage: ({ messages }) =>
              Deferred.succeed(begun[name], undefined).pipe(
                // Neither answers before both were asked.
                Effect.zipRight(Deferred.await(begun[other])),
                Effect.as(McpHandlers.message(`model of ${name}`, JSON.stringify(messages)))
              )
          }
        })
        const call = (name: (typeof names)[number], other: (typeof names)[number]) =>
          mcp.call("everything", Sample, { prompt: `secret of ${name}` }, { handlers: handlers(name, other) })
        const [ada, bob] = yield* Effect.all([call("ada", "bob"), call("bob", "ada")], { concurrency: "unbounded" })
        for (const what of ["model", "secret"]) {
          expect(ada).toContain(`${what} of ada`)
          expect(bob).toContain(`${what} of bob`)
        }
        expect(ada).not.toContain("of bob")
        expect(bob).not.toContain("of ada")
        expect(yield* mcp.stats).toMatchObject({ open: 1 })
      }).pipe(withServer({ url, max: 1, mayAsk: ["sampling"] }))
    })
  )

  it.scopedLive(
    "nobody who has gone: an interrupted call over HTTP interrupts its handler, and the connection goes on",
    () =>
      Effect.gen(function* () {
        const { url } = yield* transports.HTTP
        yield* Effect.gen(function* () {
          const mcp = yield* McpClient.McpClient
          const begun = yield* Deferred.make<void>()
          const ended = yield* Deferred.make<void>()
          const handlers: McpHandlers.Handlers = {
            sampling: {
              createMessage: () =>
                Effect.zipRight(Deferred.succeed(begun, undefined), Effect.never).pipe(
                  Effect.onInterrupt(() => Deferred.succeed(ended, undefined))
                )
            }
          }
          const call = yield* Effect.fork(mcp.call("everything", Sample, { prompt: "x" }, { handlers }))
          yield* Deferred.await(begun)
          yield* Fiber.interrupt(call)
          expect(yield* Deferred.isDone(ended)).toBe(true)
          expect(yield* mcp.call("everything", Sample, { prompt: "x" }, { handlers: says("next") })).toContain("next")
          expect(yield* mcp.stats).toMatchObject({ open: 1, leases: 0 })
        }).pipe(withServer({ url, max: 1, mayAsk: ["sampling"] }))
      })
  )
})
