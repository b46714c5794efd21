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

/** A tool that works for four seconds, as a task: begun, looked at, waited for; another one is cancelled. */
const tasks = (config: ServerConfig.ServerConfig) =>
  withServer(config, (mcp) =>
    Effect.gen(function* () {
      const tool = "simulate-research-query"
      const first = yield* mcp.callToolTask("a", tool, { topic: "harbours" }, { ttl: "5 minutes" })
      const second = yield* mcp.callToolTask("a", tool, { topic: "buoys" })
      expect(first).toMatchObject({ server: "a", tool, created: { status: "working" } })
      expect(yield* first.status).toMatchObject({ taskId: first.id, status: "working" })
      // Other calls go on meanwhile.
      expect(yield* mcp.callTool("a", "get-sum", { a: 20, b: 22 })).toMatchObject({
        content: [{ text: "The sum of 20 and 22 is 42." }]
      })
      expect(yield* mcp.listTasks("a").pipe(Effect.map((all) => all.map(({ taskId }) => taskId)))).toEqual(
        expect.arrayContaining([first.id, second.id])
      )
      expect(yield* second.cancel).toMatchObject({ taskId: second.id, status: "cancelled" })
      expect(yield* Effect.flip(second.result())).toMatchObject({ _tag: "TaskCancelled", task: second.id })
      expect(yield* first.result()).toMatchObject({
        content: [{ type: "text", text: expect.stringContaining("# Research Report: harbours") }]
      })
      expect(yield* first.cancel).toMatchObject({ status: "completed" })
      expect(yield* Effect.flip(mcp.getTask("a", "no such task"))).toMatchObject({ _tag: "ProtocolError" })

      yield* mcp.listTools("a")
      expect(yield* Effect.flip(mcp.callTool("a", tool, { topic: "rope" }))).toMatchObject({
        _tag: "TaskMismatch",
        support: "required"
      })
    })
  )

describe("the reference server runs a tool as a task", () => {
  it.scopedLive("over stdio", () => tasks({ command: process.execPath, args: [Everything.main, "stdio"] }))

  it.scopedLive("over HTTP", () =>
    Effect.gen(function* () {
      yield* tasks({ url: yield* Everything.overHttp("streamableHttp") })
    })
  )
})
