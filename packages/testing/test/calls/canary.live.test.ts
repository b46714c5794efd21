/** No secret of a real process's environment is seen in an error, a log or a span, wherever the process writes it. */
import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpTool } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import { Effect, Redacted } from "effect"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { showing, traces, watching, type Watched } from "./Canary.js"

const Look = McpTool.make("look", { parameters: {}, success: McpTool.text })
const program = fileURLToPath(new URL("../fixtures/telling.mjs", import.meta.url))

/** Where the process tells it, and how a call ends then. */
const places = {
  start: "McpConnectError",
  greeting: "McpConnectError",
  call: "ProtocolError",
  stderr: "ToolFailed",
  crash: "OutcomeUnknown",
  stdout: "McpConnectError"
} as const

describe("a secret in the environment of a server is never seen in an error, a log or a span", () => {
  for (const [where, tag] of Object.entries(places)) {
    it.live(`though it is told at "${where}"`, () =>
      Effect.gen(function* () {
        const watched: Watched = { logs: [], spans: [] }
        const telling = {
          command: process.execPath,
          args: [program, where],
          env: { PLAIN: 'cnry"cnry/cnry+cnry', SEALED: Redacted.make("cnrycnry\\cnry cnrycnry") }
        }
        const error = yield* Effect.flatMap(McpClient.McpClient, (mcp) => mcp.call("telling", Look, {})).pipe(
          Effect.flip,
          Effect.withSpan("caller"),
          Effect.provide(NodeMcp.layer({ servers: { telling }, retryConnects: false })),
          (call) => watching(watched, call)
        )
        expect(error._tag).toBe(tag)
        expect(showing(traces(error)), "the error").toEqual([])
        expect(showing(watched.logs), "the logs").toEqual([])
        expect(showing(watched.spans), "the spans").toEqual([])
        // What was hidden was there. Of a process that ends, junk on stdout is not quoted.
        const told = [...traces(error), ...watched.logs].some((text) => text.includes("«redacted»"))
        expect(told).toBe(where !== "stdout")
      })
    )
  }
})
