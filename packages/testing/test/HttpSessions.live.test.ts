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
  sockets: NodeConnector.layer.pipe(Layer.provide(settings)),
  fetch: McpHttp.layer.pipe(Layer.provide([settings, FetchHttpClient.layer]))
}

const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (condition() ? Effect.void : Effect.zipRight(Effect.sleep("2 millis"), until(condition))))

for (const [carrier, layer] of Object.entries(connectors)) {
  describe(`a session that a server loses, on ${carrier}`, () => {
    it.live("is opened anew for each call that is turned away, and every other has its own answer", () =>
      Effect.gen(function* () {
        let lost = false
        const held: Array<() => void> = []
        const server = yield* FaultyHttp.serve((request, socket) => {
          if (!lost) held.push(() => socket.write(FaultyHttp.status(404)))
          else FaultyHttp.answer(request, socket)
        })
        yield* Effect.gen(function* () {
          const mcp = yield* McpClient.McpClient
          const calls = yield* Effect.forEach(Array.from({ length: 64 }), (_, n) =>
            Effect.fork(mcp.callTool("web", `call-${n}`))
          )
          yield* until(() => server.ran() === 64)
          // The server starts anew, and knows nobody.
          lost = true
          for (const refuse of held) refuse()
          // None has run, so that none is unknown: each runs once, in the session after.
          for (const [n, { content }] of (yield* Fiber.join(Fiber.all(calls))).entries()) {
            expect(content).toEqual([{ type: "text", text: `call-${n}` }])
          }
          expect(server.ran()).toBe(128)
          expect((yield* mcp.callTool("web", "next")).content).toEqual([{ type: "text", text: "next" }])
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
