import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpTool } from "@mooring/mcp"
import type { StandardSchemaV1 } from "@standard-schema/spec"
import { Effect, FastCheck, Schema } from "effect"
import { z } from "zod"
import { client, type Handler, MemoryServer, stdio, text } from "./MemoryServer.js"

const withClient = <A, E>(call: Handler, use: (mcp: McpClient.Service) => Effect.Effect<A, E>) =>
  Effect.flatMap(McpClient.McpClient, use).pipe(
    Effect.provide(client({ a: new MemoryServer({ on: { "tools/call": call } }) }, { a: stdio }))
  )

const echo: Handler = ({ arguments: args }) => text(JSON.stringify(args))
const structured =
  (value: unknown): Handler =>
  () => ({ content: [], structuredContent: value })

/** A schema of no library, with these words for what is wrong. */
const saying = (
  issues: (input: unknown) => ReadonlyArray<StandardSchemaV1.Issue>,
  later = false
): StandardSchemaV1<Readonly<Record<string, unknown>>> => ({
  "~standard": {
    version: 1,
    vendor: "homemade",
    validate: (input) => {
      const found = issues(input)
      // The type of what is given is not checked here.
      const result = found.length > 0 ? { issues: found } : { value: input as Readonly<Record<string, unknown>> }
      return later ? Promise.resolve(result) : result
    }
  }
})

const Search = McpTool.make("search", {
  parameters: z.object({
    query: z.string().min(3),
    limit: z.number().default(10),
    since: z
      .string()
      .transform((day) => new Date(day))
      .optional()
  }),
  success: McpTool.text
})

describe("standard schemas", () => {
  it.effect("check arguments before anything is sent, and send them as they were given", () =>
    withClient(echo, (mcp) =>
      Effect.gen(function* () {
        expect(yield* mcp.call("a", Search, { query: "harbour", since: "2026-01-01" })).toBe(
          '{"query":"harbour","since":"2026-01-01"}'
        )
        const refused = yield* Effect.flip(mcp.call("a", Search, { query: "ab", limit: 5 }))
        expect(refused).toMatchObject({ _tag: "InvalidArguments", server: "a", tool: "search" })
        expect(refused.message).toContain('["query"]')
        expect(refused.message).toContain(">=3 characters")
        expect(refused.message).not.toContain('"ab"')
        expect(yield* mcp.stats).toMatchObject({ started: 1 })
      })
    )
  )

  it.effect("that are asynchronous are waited for", () => {
    const Async = McpTool.make("x", {
      parameters: z.object({ name: z.string().refine(async (name) => name !== "taken", { error: "is taken" }) }),
      success: McpTool.json(z.object({ name: z.string().transform(async (name) => name.toUpperCase()) }))
    })
    return withClient(echo, (mcp) =>
      Effect.gen(function* () {
        expect(yield* mcp.call("a", Async, { name: "free" })).toEqual({ name: "FREE" })
        const refused = yield* Effect.flip(mcp.call("a", Async, { name: "taken" }))
        expect(refused).toMatchObject({ _tag: "InvalidArguments", reason: expect.stringContaining('["name"]') })
      })
    )
  })

  it.effect("read structured content and JSON, and give what they make of it", () =>
    withClient(structured({ at: "2026-01-01T00:00:00.000Z", more: 1 }), (mcp) =>
      Effect.gen(function* () {
        const read = <A>(success: McpTool.Success<A>) =>
          mcp.call("a", McpTool.make("x", { parameters: {}, success }), {})
        const At = z.object({ at: z.iso.datetime().transform((at) => new Date(at)), zone: z.string().default("UTC") })
        expect(yield* read(McpTool.structured(At))).toEqual({ at: new Date("2026-01-01"), zone: "UTC" })
        expect(yield* Effect.flip(read(McpTool.structured(z.object({ at: z.number() }))))).toMatchObject({
          _tag: "InvalidResult",
          reason: expect.stringContaining('["at"]')
        })
        expect(yield* Effect.flip(read(McpTool.json(At)))).toMatchObject({ _tag: "InvalidResult" })
      })
    )
  )

  it.effect("of Effect check arguments as any other does", () =>
    withClient(echo, (mcp) =>
      Effect.gen(function* () {
        const parameters = Schema.standardSchemaV1(Schema.Struct({ count: Schema.NumberFromString }))
        const tool = McpTool.make("x", { parameters, success: McpTool.text })
        expect(yield* mcp.call("a", tool, { count: "5" })).toBe('{"count":"5"}')
        expect(yield* Effect.flip(mcp.call("a", tool, { count: "five" }))).toMatchObject({
          _tag: "InvalidArguments",
          reason: expect.stringContaining('["count"]')
        })
      })
    )
  )

  it.effect("of Effect read results as what they are", () =>
    withClient(structured({ count: "5" }), (mcp) =>
      Effect.gen(function* () {
        const Both = Schema.standardSchemaV1(Schema.Struct({ count: Schema.NumberFromString }))
        const tool = McpTool.make("x", { parameters: {}, success: McpTool.structured(Both) })
        expect(yield* mcp.call("a", tool, {})).toEqual({ count: 5 })
      })
    )
  )

  it.effect("that throw, or whose promise is rejected, refuse", () =>
    withClient(echo, (mcp) =>
      Effect.gen(function* () {
        const bug = (validate: StandardSchemaV1["~standard"]["validate"]) => {
          const parameters: StandardSchemaV1<{}> = {
            "~standard": { version: 1, vendor: "homemade", validate } as never
          }
          return Effect.flip(mcp.call("a", McpTool.make("x", { parameters, success: McpTool.text }), {}))
        }
        const threw = {
          _tag: "InvalidArguments",
          reason: expect.stringContaining("the schema threw an error")
        }
        const quoting = () => {
          throw new Error("hunter2")
        }
        expect(yield* bug(quoting)).toMatchObject(threw)
        expect(yield* bug(async () => quoting())).toMatchObject(threw)
      })
    )
  )

  it.effect("are heard on what is wrong, by path, where their words show nothing of the value", () =>
    withClient(echo, (mcp) =>
      Effect.gen(function* () {
        const ask = (message: string, args: Readonly<Record<string, unknown>>, later = false) =>
          Effect.map(
            Effect.flip(
              mcp.call(
                "a",
                McpTool.make("x", {
                  parameters: saying(() => [{ message, path: ["user", { key: "pin" }] }], later),
                  success: McpTool.text
                }),
                args
              )
            ),
            ({ message: said }) => said
          )
        const args = { user: { pin: 1234, name: "ada", note: 'a "quoted" word' } }
        for (const later of [false, true]) {
          const heard = yield* ask("must be a number of six digits", args, later)
          expect(heard).toContain('["user"]["pin"]')
          expect(heard).toContain("must be a number of six digits")
        }
        for (const quoting of [
          "expected six digits but received 1234",
          'no pin for "ada"',
          'not like a "quoted" word',
          'not like "a \\"quoted\\" word"',
          'not like a "quoted…'
        ]) {
          const heard = yield* ask(quoting, args)
          expect(heard).toContain('["user"]["pin"]')
          expect(heard).toContain("what the schema (homemade) allows, actual a number")
          expect(heard).not.toContain(quoting)
        }
        const huge = { user: Array.from({ length: 2000 }, (_, n) => `value ${n}`) }
        expect(yield* ask("it is wrong", huge)).not.toContain("it is wrong")
      })
    )
  )

  it.effect("name the first five places at most", () =>
    withClient(echo, (mcp) =>
      Effect.gen(function* () {
        const parameters = saying(() => Array.from({ length: 100_000 }, (_, n) => ({ message: "no", path: [`p${n}`] })))
        const tool = McpTool.make("x", { parameters, success: McpTool.text })
        const { message } = yield* Effect.flip(mcp.call("a", tool, {}))
        expect(message).toContain('["p4"]')
        expect(message).not.toContain('["p5"]')
      })
    )
  )

  it.effect("refuse arguments that are no object", () =>
    withClient(echo, (mcp) =>
      Effect.gen(function* () {
        const tool = McpTool.make("x", { parameters: z.string(), success: McpTool.text })
        expect(yield* Effect.flip(mcp.call("a", tool, "hunter2"))).toMatchObject({
          _tag: "InvalidArguments",
          reason: expect.stringContaining("must be an object")
        })
      })
    )
  )

  it.effect.prop(
    "never show a secret, whatever they say and wherever it stands",
    [
      FastCheck.string({ minLength: 4, maxLength: 30 }).filter((secret) => /^\S+$/.test(secret)),
      FastCheck.array(FastCheck.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 4 }),
      FastCheck.constantFrom<(secret: string) => string>(
        (secret) => `received "${secret}"`,
        (secret) => `received ${JSON.stringify(secret)}, which is wrong`,
        (secret) => `${secret} is no password`,
        (secret) => `received ${secret.slice(0, 8)}…`
      )
    ],
    ([secret, path, say]) =>
      withClient(echo, (mcp) =>
        Effect.gen(function* () {
          const message = say(`q7${secret}`)
          const parameters = saying(() => [{ message, path }])
          const args = [...path].reverse().reduce<unknown>((inner, key) => ({ [key]: inner }), `q7${secret}`)
          const tool = McpTool.make("x", { parameters, success: McpTool.text })
          // Built from a path of at least one name.
          const error = yield* Effect.flip(mcp.call("a", tool, args as Readonly<Record<string, unknown>>))
          expect(error.message).not.toContain(message)
          expect(error.message).not.toContain(`q7${secret}`)
        })
      ),
    { fastCheck: { numRuns: 50 } }
  )
})
