import { describe, it } from "@effect/vitest"
import { McpConnector, ServerKey } from "@mooring/mcp"
import { NodeConnector, StdioSettings } from "@mooring/node"
import { TransportContract } from "@mooring/testing"
import { Effect, Layer } from "effect"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll } from "vitest"

const folder = mkdtempSync(join(tmpdir(), "mooring-contract-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const file = join(folder, "read")
writeFileSync(file, "")

const script = fileURLToPath(new URL("fixtures/echo.mjs", import.meta.url))
// The echo server ends with its stdin; the shorter times only shorten a failing run.
const quick = Layer.succeed(StdioSettings.StdioSettings, {
  ...StdioSettings.defaults,
  close: { afterStdinEnd: "1 second", afterSigterm: "1 second" }
})

describe("the stdio transport keeps the contract", () => {
  const cases = TransportContract.cases({
    open: Effect.flatMap(McpConnector.McpConnector, (connector) =>
      connector.open(ServerKey.shared("echo"), { command: process.execPath, args: [script, file] })
    ).pipe(Effect.provide(NodeConnector.layer.pipe(Layer.provide(quick)))),
    read: Effect.sync(() =>
      readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line): unknown => JSON.parse(line))
    )
  })
  for (const { effect, title } of cases) it.live(title, () => effect)
})
