import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpCompletion } from "@mooring/mcp"
import { McpTest } from "@mooring/testing"
import { Context, Effect, FastCheck, Fiber, Layer, TestClock } from "effect"

class Notes extends Context.Tag("Notes")<Notes, ReadonlyMap<string, string>>() {}

const rules = McpTest.resource("file:///rules.md", "Be kind.", { name: "rules", mimeType: "text/markdown" })
const logo = McpTest.resource("file:///logo.png", new Uint8Array([1, 2, 250]), { mimeType: "image/png" })
const whose = McpTest.resource("info://whose", ({ connection, partition, server }) =>
  Effect.succeed(`${server} ${partition} ${connection}`)
)
const note = McpTest.resourceTemplate(
  "note://{owner}/{id}",
  ({ id, owner }) =>
    Effect.flatMap(Notes, (notes) => {
      const found = notes.get(`${owner}/${id}`)
      return found === undefined ? Effect.fail(`there is no note ${id}`) : Effect.succeed(found)
    }),
  { name: "note", complete: { owner: ["ada", "alan", "grace"] } }
)
const greet = McpTest.prompt(
  "greet",
  { who: { required: true, complete: (value, { tone }) => [`${value}!`, tone ?? "no tone"] }, tone: {} },
  ({ tone, who }) => Effect.succeed(`Greet ${who}, ${tone ?? "plainly"}.`),
  { description: "A greeting" }
)

const library = McpTest.server("library", { resources: [rules, logo, whose, note], prompts: [greet] })
const layer = McpTest.layer({ servers: [library] }).pipe(
  Layer.provide(Layer.succeed(Notes, new Map([["ada/1", "engines"]])))
)

const withLibrary = <A, E>(use: (mcp: McpClient.Service) => Effect.Effect<A, E>) =>
  Effect.flatMap(McpClient.McpClient, use).pipe(Effect.provide(layer))

describe("a server in memory", () => {
  it.effect("lists and reads its resources: text, bytes, and what a handler gives", () =>
    withLibrary((mcp) =>
      Effect.gen(function* () {
        expect(yield* mcp.listResources("library")).toEqual([
          { uri: "file:///rules.md", name: "rules", mimeType: "text/markdown" },
          { uri: "file:///logo.png", name: "file:///logo.png", mimeType: "image/png" },
          { uri: "info://whose", name: "info://whose" }
        ])
        expect(yield* mcp.readResource("library", "file:///rules.md")).toEqual({
          contents: [{ uri: "file:///rules.md", mimeType: "text/markdown", text: "Be kind." }]
        })
        expect(yield* mcp.readResource("library", "file:///logo.png")).toEqual({
          contents: [{ uri: "file:///logo.png", mimeType: "image/png", blob: "AQL6" }]
        })
        expect(yield* mcp.readResource("library", "info://whose")).toMatchObject({
          contents: [{ text: "library shared 1" }]
        })
      })
    )
  )

  it.effect("reads what its templates name, with services of the layer, and refuses what is not there", () =>
    withLibrary((mcp) =>
      Effect.gen(function* () {
        expect(yield* mcp.listResourceTemplates("library")).toEqual([
          { uriTemplate: "note://{owner}/{id}", name: "note" }
        ])
        expect(yield* mcp.readResource("library", "note://ada/1")).toEqual({
          contents: [{ uri: "note://ada/1", text: "engines" }]
        })
        const refused = { _tag: "ProtocolError", code: -32002 }
        expect(yield* Effect.flip(mcp.readResource("library", "note://ada/2"))).toMatchObject({
          ...refused,
          reason: "there is no note 2"
        })
        expect(yield* Effect.flip(mcp.readResource("library", "file:///none"))).toMatchObject({
          ...refused,
          reason: "Resource not found: file:///none"
        })
      })
    )
  )

  it.effect("gives its prompts, and refuses one without an argument that it needs", () =>
    withLibrary((mcp) =>
      Effect.gen(function* () {
        expect(yield* mcp.listPrompts("library")).toEqual([
          { name: "greet", description: "A greeting", arguments: [{ name: "who", required: true }, { name: "tone" }] }
        ])
        const message = (text: string) => ({ messages: [{ role: "user", content: { type: "text", text } }] })
        expect(yield* mcp.getPrompt("library", "greet", { who: "Ada" })).toEqual(message("Greet Ada, plainly."))
        expect(yield* mcp.getPrompt("library", "greet", { who: "Ada", tone: "warmly" })).toEqual(
          message("Greet Ada, warmly.")
        )
        for (const [prompt, reason] of [
          ["greet", "Missing argument: who"],
          ["insult", "Unknown prompt: insult"]
        ] as const) {
          expect(yield* Effect.flip(mcp.getPrompt("library", prompt, {}))).toMatchObject({
            _tag: "ProtocolError",
            code: -32602,
            reason
          })
        }
      })
    )
  )

  it.effect("completes arguments of its prompts and variables of its templates", () =>
    withLibrary((mcp) =>
      Effect.gen(function* () {
        const note = McpCompletion.resource("note://{owner}/{id}")
        expect(yield* mcp.complete("library", note, { name: "owner", value: "a" })).toEqual({
          values: ["ada", "alan"],
          total: 2,
          hasMore: false
        })
        expect(yield* mcp.complete("library", note, { name: "id", value: "" })).toMatchObject({ values: [] })
        const greet = McpCompletion.prompt("greet")
        expect(yield* mcp.complete("library", greet, { name: "who", value: "A" }, { tone: "warm" })).toMatchObject({
          values: ["A!", "warm"]
        })
        expect(
          yield* Effect.flip(mcp.complete("library", McpCompletion.prompt("none"), { name: "who", value: "" }))
        ).toMatchObject({ _tag: "ProtocolError", code: -32602 })
      })
    )
  )

  it.effect("declares only what it offers", () =>
    Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const declared = (name: string) =>
        Effect.map(mcp.info(name), ({ capabilities }) => Object.keys(capabilities).sort())
      expect(yield* declared("nothing")).toEqual(["tools"])
      expect(yield* declared("resources")).toEqual(["resources", "tools"])
      expect(yield* declared("all")).toEqual(["completions", "prompts", "resources", "tools"])
      expect(yield* Effect.flip(mcp.listPrompts("resources"))).toMatchObject({
        _tag: "UnsupportedCapability",
        capability: "prompts"
      })
    }).pipe(
      Effect.provide(
        McpTest.layer({
          servers: [
            McpTest.server("nothing"),
            McpTest.server("resources", { resources: [rules] }),
            McpTest.server("all", { resources: [rules], prompts: [greet] })
          ]
        })
      )
    )
  )

  it.effect("interrupts what is read when it is cancelled, and takes its time on the clock of the test", () => {
    const ended: Array<string> = []
    const slow = McpTest.resource("slow://", () =>
      Effect.as(Effect.sleep("2 seconds"), "at last").pipe(
        Effect.onExit(({ _tag }) => Effect.sync(() => ended.push(_tag)))
      )
    )
    return Effect.gen(function* () {
      const mcp = yield* McpClient.McpClient
      const fiber = yield* Effect.fork(mcp.readResource("slow", "slow://"))
      yield* TestClock.adjust("1 seconds")
      yield* Fiber.interrupt(fiber)
      const again = yield* Effect.fork(mcp.readResource("slow", "slow://"))
      yield* TestClock.adjust(0)
      expect(ended).toEqual(["Failure"])
      yield* TestClock.adjust("2 seconds")
      expect(yield* Fiber.join(again)).toMatchObject({ contents: [{ text: "at last" }] })
      expect(ended).toEqual(["Failure", "Success"])
    }).pipe(Effect.provide(McpTest.layer({ servers: [McpTest.server("slow", { resources: [slow] })] })))
  })

  it.effect.prop(
    "lists everything once, in order, whatever the size of its pages",
    { count: FastCheck.integer({ min: 0, max: 30 }), pageSize: FastCheck.integer({ min: 1, max: 7 }) },
    ({ count, pageSize }) => {
      const uris = Array.from({ length: count }, (_, n) => `file:///${n}`)
      const many = McpTest.server("many", {
        resources: [rules, ...uris.map((uri) => McpTest.resource(uri, uri))],
        prompts: uris.map((name) => McpTest.prompt(name, {}, () => Effect.succeed(name))),
        pageSize
      })
      return Effect.gen(function* () {
        const mcp = yield* McpClient.McpClient
        const resources = yield* mcp.listResources("many")
        expect(resources.map(({ uri }) => uri)).toEqual(["file:///rules.md", ...uris])
        if (count > 0) expect((yield* mcp.listPrompts("many")).map(({ name }) => name)).toEqual(uris)
      }).pipe(Effect.provide(McpTest.layer({ servers: [many] })))
    },
    { fastCheck: { numRuns: 25 } }
  )
})
