import { describe, expect, it } from "@effect/vitest"
import { FetchHttpClient } from "@effect/platform"
import { HttpSettings, McpClient, type McpConnector, McpHttp, McpPool } from "@mooring/mcp"
import { NodeConnector } from "@mooring/node"
import { Resources } from "@mooring/testing/node"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as FaultyHttp from "./fixtures/FaultyHttp.js"

const settings = Layer.succeed(HttpSettings.HttpSettings, { ...HttpSettings.defaults, sockets: 65 })
const connectors: Readonly<Record<string, Layer.Layer<McpConnector.McpConnector>>> = {
  undici: NodeConnector.layer.pipe(Layer.provide(settings)),
  fetch: McpHttp.layer.pipe(Layer.provide([settings, FetchHttpClient.layer]))
}

const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (condition() ? Effect.void : Effect.zipRight(Effect.sleep("2 millis"), until(condition))))

for (const [carrier, layer] of Object.entries(connectors)) {
  describe(`a session that a server loses, on ${carrier}`, () => {
    it.live("ends every call in it, none is run again unasked, and the next call opens another without its id", () =>
      Effect.gen(function* () {
        let lost = false
        const server = yield* FaultyHttp.serve((request, socket) => {
          if (request.params["name"] === "lost") {
            lost = true
            socket.write(FaultyHttp.status(404))
          } else if (lost) FaultyHttp.answer(request, socket)
        })
        yield* Effect.gen(function* () {
          const mcp = yield* McpClient.McpClient
          const calls = yield* Effect.forEach(Array.from({ length: 63 }), () =>
            Effect.fork(Effect.flip(mcp.callTool("web", "held")))
          )
          yield* until(() => server.ran() === 63)
          const last = yield* Effect.flip(mcp.callTool("web", "lost"))
          for (const error of [last, ...(yield* Fiber.join(Fiber.all(calls)))]) {
            expect(error).toMatchObject({
              _tag: "OutcomeUnknown",
              cause: { _tag: "ConnectionLost", delivery: "Unknown" }
            })
            expect(error.message).toContain("no longer knows the session")
          }
          expect(server.ran()).toBe(64)
          expect((yield* mcp.callTool("web", "next")).content).toEqual([{ type: "text", text: "next" }])
          expect(server.ran()).toBe(65)
          const handshakes = server.requests.filter(({ method }) => method === "initialize")
          expect(handshakes.map(({ headers }) => headers.get("mcp-session-id"))).toEqual([undefined, undefined])
        }).pipe(
          Effect.provide(
            McpClient.layer.pipe(
              Layer.provide(McpPool.layer({ servers: { web: { url: server.url, concurrency: 64, max: 1 } } })),
              Layer.provide(layer)
            )
          )
        )
      }).pipe(Effect.scoped, Resources.givenBack())
    )
  })
}
