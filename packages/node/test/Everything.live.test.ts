import { describe, expect, it } from "@effect/vitest"
import { McpConnector, type ServerConfig, ServerKey } from "@mooring/mcp"
import { NodeConnector } from "@mooring/node"
import * as Effect from "effect/Effect"
import process from "node:process"
import { Recorder } from "./fixtures/Recorder.js"
import * as Everything from "./fixtures/Everything.js"

/** The handshake and 64 calls side by side, with nothing between the transport and the test. */
const exchange = (config: ServerConfig.ServerConfig) =>
  Effect.gen(function* () {
    const connector = yield* McpConnector.McpConnector
    const transport = yield* connector.open(ServerKey.shared("everything"), config)
    const recorder = new Recorder()
    yield* transport.start(recorder)
    const protocolVersion = "2025-11-25"
    const clientInfo = { name: "test", version: "0" }
    transport.send(recorder.request(0, { protocolVersion, capabilities: {}, clientInfo }, "initialize"))
    expect(yield* recorder.untilAnswered(0)).toMatchObject({ protocolVersion })
    transport.setProtocolVersion?.(protocolVersion)
    transport.send(recorder.outgoing({ jsonrpc: "2.0", method: "notifications/initialized" }))
    const ids = Array.from({ length: 64 }, (_, i) => i + 1)
    for (const id of ids) {
      transport.send(recorder.request(id, { name: "echo", arguments: { message: `n${id}` } }, "tools/call"))
    }
    for (const id of ids) {
      const { content } = yield* recorder.untilAnswered(id)
      expect(content).toEqual([{ type: "text", text: `Echo: n${id}` }])
    }
    expect(recorder.told.filter(({ kind }) => kind !== "message")).toEqual([])
  }).pipe(Effect.provide(NodeConnector.layer))

describe("the reference server", () => {
  it.scopedLive("is spoken to over stdio", () =>
    exchange({ command: process.execPath, args: [Everything.main, "stdio"] })
  )

  it.scopedLive("is spoken to over HTTP, bound to this machine", () =>
    Effect.gen(function* () {
      const url = yield* Everything.overHttp("streamableHttp")
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/mcp$/)
      yield* exchange({ url })
    })
  )

  it.scopedLive("is spoken to over HTTP as old servers are", () =>
    Effect.gen(function* () {
      yield* exchange({ url: yield* Everything.overHttp("sse") })
    })
  )
})
