import { describe, it } from "@effect/vitest"
import { FetchHttpClient } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { HttpSettings, McpConnector, McpHttp, ServerKey } from "@mooring/mcp"
import { NodeConnector } from "@mooring/node"
import { TransportContract } from "@mooring/testing"
import { Effect, Exit, Layer, Scope } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as EchoHttp from "./fixtures/EchoHttp.js"
import * as EchoSdk from "./fixtures/EchoSdk.js"
import { shakingHands } from "./fixtures/HttpSubject.js"

const settings = Layer.succeed(HttpSettings.HttpSettings, {
  ...HttpSettings.defaults,
  reopen: { ...HttpSettings.defaults.reopen, first: "100 millis" }
})
const connectors = {
  "on our own sockets": NodeConnector.layer.pipe(Layer.provide(settings)),
  "on fetch": McpHttp.layer.pipe(Layer.provide([settings, FetchHttpClient.layer])),
  "on node:http": McpHttp.layer.pipe(Layer.provide([settings, NodeHttpClient.layer]))
}

interface Served {
  readonly title: string
  readonly serve: Effect.Effect<EchoHttp.EchoHttp, never, Scope.Scope>
  readonly sessions: boolean
  /** Whether it can say what is no message. */
  readonly junk: boolean
  readonly old?: boolean
}

const bare = (title: string, options: EchoHttp.Options): Served => ({
  title,
  serve: EchoHttp.serve(options),
  sessions: options.sessions,
  // A JSON text of which a part is no message is no JSON at all.
  junk: options.sse,
  old: options.old ?? false
})

const servers: ReadonlyArray<Served> = [
  bare("JSON without a session", { sse: false, sessions: false }),
  bare("JSON with a session", { sse: false, sessions: true }),
  bare("events without a session", { sse: true, sessions: false }),
  bare("events with a session", { sse: true, sessions: true }),
  bare("an old server's one stream", { sse: true, sessions: true, old: true }),
  { title: "the SDK's server", serve: EchoSdk.serve({ sessions: true }), sessions: true, junk: false },
  {
    title: "the SDK's server for each request",
    serve: EchoSdk.serve({ sessions: false }),
    sessions: false,
    junk: false
  }
]

for (const [carrier, ConnectorTest] of Object.entries(connectors)) {
  for (const { junk, old, serve, sessions, title } of servers) {
    describe(`HTTP ${carrier}, ${title}, keeps the contract`, () => {
      const scope = Effect.runSync(Scope.make())
      let server: EchoHttp.EchoHttp | undefined
      beforeAll(async () => {
        server = await Effect.runPromise(Scope.extend(serve, scope))
      })
      afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))
      const open = Effect.gen(function* () {
        const connector = yield* McpConnector.McpConnector
        const url = server?.url ?? ""
        const transport = yield* connector.open(ServerKey.shared("echo"), { url, listen: sessions && old !== true })
        return sessions ? shakingHands(transport) : transport
      }).pipe(Effect.provide(ConnectorTest))
      const read = Effect.sync(() => server?.read ?? [])
      const cases = TransportContract.cases({ open, read, ordered: false, ends: sessions, junk })
      for (const { effect, title } of cases) it.live(title, () => effect)
    })
  }
}
