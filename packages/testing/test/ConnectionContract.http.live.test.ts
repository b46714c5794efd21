import { describe, it } from "@effect/vitest"
import { FetchHttpClient } from "@effect/platform"
import { HttpSettings, McpConnection, McpHttp, ServerKey } from "@mooring/mcp"
import { NodeConnector } from "@mooring/node"
import { ConnectionContract } from "@mooring/testing"
import { Effect, Layer } from "effect"
import * as ContractSdk from "./fixtures/ContractSdk.js"

// The contract holds 20 calls at once, and looks at them by another.
const settings = Layer.succeed(HttpSettings.HttpSettings, { ...HttpSettings.defaults, sockets: 32 })
const connectors = {
  sockets: NodeConnector.layer.pipe(Layer.provide(settings)),
  fetch: McpHttp.layer.pipe(Layer.provide([settings, FetchHttpClient.layer]))
}

for (const [carrier, ConnectorTest] of Object.entries(connectors)) {
  for (const json of [true, false]) {
    const answers = json ? "JSON" : "events"
    describe(`a connection over HTTP on ${carrier}, with answers as ${answers}, keeps the contract`, () => {
      const connect = Effect.flatMap(ContractSdk.serve({ json }), (url) =>
        McpConnection.make(ServerKey.shared("contract"), { url, listen: true })
      ).pipe(Effect.provide(ConnectorTest))
      // Where answers are JSON, progress comes on the stream that the client opened, beside the answer.
      const cases = ConnectionContract.cases({ connect, maxBytes: 1_048_576, ordered: !json, late: false })
      for (const { effect, title } of cases) it.live(title, () => effect)
    })
  }
}
