import { describe, it } from "@effect/vitest"
import { FetchHttpClient } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { HttpSettings, McpConnector, McpHttp, ServerKey } from "@mooring/mcp"
import { NodeConnector } from "@mooring/node"
import { TransportContract } from "@mooring/testing"
import { Effect, Exit, Layer, Scope } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as EchoHttp from "./fixtures/EchoHttp.js"
import { shakingHands } from "./fixtures/HttpSubject.js"

const settings = Layer.succeed(HttpSettings.HttpSettings, {
  ...HttpSettings.defaults,
  reopen: { ...HttpSettings.defaults.reopen, first: "100 millis" }
})
const connectors = {
  "on undici": NodeConnector.layer.pipe(Layer.provide(settings)),
  "on fetch": McpHttp.layer.pipe(Layer.provide([settings, FetchHttpClient.layer])),
  "on node:http": McpHttp.layer.pipe(Layer.provide([settings, NodeHttpClient.layer]))
}

const servers: ReadonlyArray<EchoHttp.Options & { readonly title: string }> = [
  { title: "JSON without a session", sse: false, sessions: false },
  { title: "JSON with a session", sse: false, sessions: true },
  { title: "events without a session", sse: true, sessions: false },
  { title: "events with a session", sse: true, sessions: true },
  { title: "an old server's one stream", sse: true, sessions: true, old: true }
]

for (const [carrier, ConnectorTest] of Object.entries(connectors)) {
  for (const { title, ...options } of servers) {
    describe(`HTTP ${carrier}, ${title}, keeps the contract`, () => {
      const { old, sessions, sse } = options
      const scope = Effect.runSync(Scope.make())
      let server: EchoHttp.EchoHttp | undefined
      beforeAll(async () => {
        server = await Effect.runPromise(Scope.extend(EchoHttp.serve(options), scope))
      })
      afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))
      const open = Effect.gen(function* () {
        const connector = yield* McpConnector.McpConnector
        const url = server?.url ?? ""
        const transport = yield* connector.open(ServerKey.shared("echo"), { url, listen: sessions && old !== true })
        return sessions ? shakingHands(transport) : transport
      }).pipe(Effect.provide(ConnectorTest))
      const read = Effect.sync(() => server?.read ?? [])
      // A JSON text of which a part is no message is no JSON at all.
      const cases = TransportContract.cases({ open, read, ordered: false, ends: sessions, junk: sse })
      for (const { effect, title } of cases) it.live(title, () => effect)
    })
  }
}
