import { describe, it } from "@effect/vitest"
import { McpConnection, ServerKey } from "@mooring/mcp"
import { NodeConnector, StdioSettings } from "@mooring/node"
import { ConnectionContract } from "@mooring/testing"
import { Effect, Layer } from "effect"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"

const built = fileURLToPath(new URL("../dist/ContractServer.js", import.meta.url))
if (!existsSync(built)) throw new Error("The package is not built: npm run build")

const key = ServerKey.shared("contract")

describe("a connection over stdio keeps the contract", () => {
  const script = fileURLToPath(new URL("fixtures/contract.mjs", import.meta.url))
  // The server ends with its stdin; the shorter times only shorten a failing run.
  const quick = Layer.succeed(StdioSettings.StdioSettings, {
    ...StdioSettings.defaults,
    close: { afterStdinEnd: "1 second", afterSigterm: "1 second" }
  })
  const connect = McpConnection.make(key, { command: process.execPath, args: [script] }).pipe(
    Effect.provide(NodeConnector.layer.pipe(Layer.provide(quick)))
  )
  for (const { effect, title } of ConnectionContract.cases({ connect })) it.live(title, () => effect)
})
