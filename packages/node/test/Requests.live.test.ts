import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpCompletion, type ServerConfig } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import * as Effect from "effect/Effect"
import process from "node:process"
import { fileURLToPath } from "node:url"
import * as Everything from "./fixtures/Everything.js"

const helloWorld = fileURLToPath(new URL("../node_modules/mcp-hello-world/build/stdio.js", import.meta.url))

const withServer = <A, E, R>(
  config: ServerConfig.ServerConfig,
  use: (mcp: McpClient.Service) => Effect.Effect<A, E, R>
) => Effect.flatMap(McpClient.McpClient, use).pipe(Effect.provide(NodeMcp.layer({ servers: { a: config } })))

/** What the reference server has, asked of it by the client that people use. */
const exercise = (config: ServerConfig.ServerConfig) =>
  withServer(config, (mcp) =>
    Effect.gen(function* () {
      const info = yield* mcp.info("a")
      expect(info).toMatchObject({
        serverInfo: { title: "Everything Reference Server" },
        protocolVersion: "2025-11-25",
        instructions: expect.stringContaining("Everything Server")
      })
      expect(Object.keys(info.capabilities)).toEqual(expect.arrayContaining(["resources", "prompts", "completions"]))

      const resources = yield* mcp.listResources("a")
      expect(resources.map(({ name }) => name)).toContain("features.md")
      const features = resources.find(({ name }) => name === "features.md")?.uri ?? ""
      expect(yield* mcp.readResource("a", features)).toMatchObject({
        contents: [{ uri: features, mimeType: "text/markdown", text: expect.stringContaining("# Everything Server") }]
      })
      const templates = yield* mcp.listResourceTemplates("a")
      const blob = templates.find(({ uriTemplate }) => uriTemplate.includes("blob"))?.uriTemplate ?? ""
      expect(yield* mcp.readResource("a", blob.replace(/\{\w+\}/, "7"))).toMatchObject({
        contents: [{ blob: expect.stringMatching(/^[\w+/=]+$/) }]
      })
      expect(yield* Effect.flip(mcp.readResource("a", "demo://nowhere"))).toMatchObject({
        _tag: "ProtocolError",
        method: "resources/read"
      })

      const prompts = yield* mcp.listPrompts("a")
      expect(prompts.map(({ name }) => name).sort()).toEqual([
        "args-prompt",
        "completable-prompt",
        "resource-prompt",
        "simple-prompt"
      ])
      expect(yield* mcp.getPrompt("a", "args-prompt", { city: "Turin", state: "Piedmont" })).toMatchObject({
        messages: [{ role: "user", content: { type: "text", text: "What's weather in Turin, Piedmont?" } }]
      })
      expect(yield* mcp.getPrompt("a", "resource-prompt", { resourceType: "Blob", resourceId: "3" })).toMatchObject({
        messages: [{ role: "user" }, { role: "user", content: { type: "resource" } }]
      })
      expect(yield* Effect.flip(mcp.getPrompt("a", "args-prompt", {}))).toMatchObject({
        _tag: "ProtocolError",
        code: -32602
      })

      const team = McpCompletion.prompt("completable-prompt")
      expect(yield* mcp.complete("a", team, { name: "department", value: "S" })).toMatchObject({
        values: ["Sales", "Support"]
      })
      expect(yield* mcp.complete("a", team, { name: "name", value: "" }, { department: "Sales" })).toMatchObject({
        values: ["David", "Eve", "Frank"]
      })
    })
  )

describe("the reference server is asked for resources, prompts and completions", () => {
  it.scopedLive("over stdio", () => exercise({ command: process.execPath, args: [Everything.main, "stdio"] }))

  it.scopedLive("over HTTP", () =>
    Effect.gen(function* () {
      yield* exercise({ url: yield* Everything.overHttp("streamableHttp") })
    })
  )
})

describe("a server that people begin with", () => {
  it.scopedLive("is asked for what it has, and for nothing else", () =>
    withServer({ command: process.execPath, args: [helloWorld] }, (mcp) =>
      Effect.gen(function* () {
        expect(yield* mcp.listResources("a")).toEqual([{ uri: "hello://world", name: "hello" }])
        expect(yield* mcp.listResourceTemplates("a")).toEqual([{ uriTemplate: "greeting://{name}", name: "greeting" }])
        expect(yield* mcp.readResource("a", "greeting://Ada")).toEqual({
          contents: [{ uri: "greeting://Ada", text: "Hello, Ada from the resource!" }]
        })
        expect(yield* mcp.listPrompts("a")).toEqual([
          { name: "helpful-assistant", description: "A helpful assistant prompt" }
        ])
        expect(yield* mcp.getPrompt("a", "helpful-assistant")).toEqual({
          messages: [{ role: "assistant", content: { type: "text", text: "You are a helpful assistant." } }]
        })
        const greet = McpCompletion.resource("greeting://{name}")
        expect(yield* Effect.flip(mcp.complete("a", greet, { name: "name", value: "" }))).toMatchObject({
          _tag: "UnsupportedCapability",
          capability: "completions"
        })
      })
    )
  )
})
