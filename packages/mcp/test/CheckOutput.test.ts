import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpTool, type ServerConfig } from "@mooring/mcp"
import { Effect, Fiber, Schema, TestClock } from "effect"
import { client, MemoryServer, nothing, text } from "./MemoryServer.js"

const hits = { type: "object", properties: { hits: { type: "array", items: { type: "string" } } }, required: ["hits"] }

/** A server with one tool, `search`, whose result and schema are given. */
const serving = (given: unknown, outputSchema: unknown = hits) =>
  new MemoryServer({
    on: {
      "tools/list": () => ({
        tools: [
          { name: "search", inputSchema: { type: "object" }, ...(outputSchema === nothing ? {} : { outputSchema }) }
        ]
      }),
      "tools/call": () => given
    }
  })

const structured = (structuredContent: unknown) => ({ content: [], structuredContent })

const using = <A, E>(
  server: MemoryServer,
  settings: Omit<ServerConfig.HttpServer, "url" | "type">,
  use: (mcp: McpClient.Service) => Effect.Effect<A, E>
) =>
  Effect.flatMap(McpClient.McpClient, use).pipe(
    Effect.provide(client({ a: server }, { a: { url: "https://example.com/mcp", ...settings } }))
  )

const search = (server: MemoryServer, settings = {}, options?: McpClient.CallOptions, tool = "search") =>
  using(server, settings, (mcp) => mcp.callTool("a", tool, {}, options))

const checking = { checkOutput: true }

describe("checkOutput", () => {
  it.effect("lets a result through that is what its server declares, and fails one that is not", () =>
    Effect.gen(function* () {
      const right = structured({ hits: ["a"] })
      expect(yield* search(serving(right), {}, checking)).toEqual(right)
      const error = yield* Effect.flip(search(serving(structured({ hits: ["a", 1] })), {}, checking))
      expect(error).toMatchObject({ _tag: "InvalidResult", server: "a", tool: "search" })
      expect(error.message).toContain('structuredContent["hits"][1]: expected string, found number')
      const missing = yield* Effect.flip(search(serving(text("hits: a")), {}, checking))
      expect(missing.message).toContain("the result has no structuredContent")
    })
  )

  it.effect("is off unless it was asked for, of the call or of the server, the call before the server", () =>
    Effect.gen(function* () {
      const wrong = structured({ hits: 5 })
      for (const [settings, options, checks] of [
        [{}, undefined, false],
        [{}, checking, true],
        [checking, undefined, true],
        [checking, { checkOutput: false }, false],
        [{ denyTools: ["other"] }, undefined, false]
      ] as const) {
        const server = serving(wrong)
        const exit = yield* Effect.either(search(server, settings, options))
        expect([exit._tag, server.count("tools/list")]).toEqual(checks ? ["Left", 1] : ["Right", 0])
      }
    })
  )

  it.effect("asks for the list once for many calls, and does not stand in the way of a typed call", () => {
    const server = serving(structured({ hits: ["a"] }))
    const Search = McpTool.make("search", {
      parameters: {},
      success: McpTool.structured(Schema.Struct({ hits: Schema.Array(Schema.String) }))
    })
    return using(server, checking, (mcp) =>
      Effect.gen(function* () {
        for (let n = 0; n < 3; n++) expect(yield* mcp.call("a", Search, {})).toEqual({ hits: ["a"] })
        expect([server.count("tools/list"), server.count("tools/call")]).toEqual([1, 3])
      })
    )
  })

  it.effect("says nothing of what has no shape: an error of the tool, a tool without a schema or without a name", () =>
    Effect.gen(function* () {
      const failed = { ...text("disk full"), isError: true }
      expect(yield* search(serving(failed), checking)).toEqual(failed)
      expect(yield* search(serving(text("plain"), nothing), checking)).toEqual(text("plain"))
      expect(yield* search(serving(text("plain")), checking, undefined, "unlisted")).toEqual(text("plain"))
    })
  )

  it.effect("calls nothing whose schema cannot be checked, and breaks no call that did not ask for it", () =>
    Effect.gen(function* () {
      const evil = { type: "object", properties: { a: { $ref: "https://example.com/evil.json" } } }
      const server = serving(structured({ a: 1 }), evil)
      const error = yield* Effect.flip(search(server, { rateLimit: { calls: 1, per: "1 hour" } }, checking))
      expect(error).toMatchObject({ _tag: "OutputSchemaRefused", server: "a", tool: "search" })
      expect(error.message).toContain("it refers ($ref) to something outside of itself")
      expect(server.count("tools/call")).toBe(0)
      expect(yield* search(serving(structured({ a: 1 }), evil))).toEqual(structured({ a: 1 }))
    })
  )

  it.effect("hides configured secrets in the names that a wrong result has", () =>
    Effect.gen(function* () {
      const closed = { type: "object", additionalProperties: false }
      const headers = { "X-Token": "hunter2-hunter2" }
      const server = serving(structured({ "hunter2-hunter2": 1 }), closed)
      const error = yield* Effect.flip(search(server, { ...checking, headers }))
      expect(error._tag).toBe("InvalidResult")
      expect(error.message).not.toContain("hunter2")
    })
  )

  it.effect("counts a call that was denied as denied, whatever its schema is", () =>
    Effect.gen(function* () {
      const server = serving(structured({ hits: [] }), { type: "no such" })
      const error = yield* Effect.flip(search(server, { ...checking, denyTools: ["search"] }))
      expect([error._tag, server.clients.length]).toEqual(["ToolDenied", 0])
    })
  )

  it.effect("can be said of a typed tool, and a call may say otherwise", () => {
    const Search = McpTool.make("search", { parameters: {}, success: McpTool.text, checkOutput: true })
    return using(serving(structured({ hits: 5 })), {}, (mcp) =>
      Effect.gen(function* () {
        expect(yield* Effect.flip(mcp.call("a", Search, {}))).toMatchObject({ _tag: "InvalidResult" })
        expect(yield* mcp.call("a", Search, {}, { checkOutput: false })).toBe("")
      })
    )
  })

  it.effect("fails a call that was run again by what its last run gave, which is known to have run", () => {
    let lost = false
    const server = new MemoryServer({
      on: {
        "tools/list": () => ({ tools: [{ name: "search", inputSchema: { type: "object" }, outputSchema: hits }] }),
        "tools/call": (_, connection) => {
          if (lost) return structured({ hits: 5 })
          lost = true
          connection.close("it crashed")
          return nothing
        }
      }
    })
    return using(server, checking, (mcp) =>
      Effect.gen(function* () {
        const again = yield* Effect.fork(Effect.flip(mcp.callTool("a", "search", {}, { mayRunTwice: true })))
        yield* TestClock.adjust("1 second")
        expect(yield* Fiber.join(again)).toMatchObject({ _tag: "InvalidResult", tool: "search" })
        expect(server.count("tools/call")).toBe(2)
      })
    )
  })
})
