// The client that the conformance suite tests: the public API of `@mooring/node`, and nothing else.
//
//   MCP_CONFORMANCE_SCENARIO=<scenario> node scripts/conformance/client.mjs <url>
//
// Each scenario is what an application does there. The suite looks at what reaches its server; what comes back is
// looked at here. Ends with 0 if all was as it should be, else says why.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { McpClient, McpHandlers } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import process from "node:process"

/**
 * @typedef {(mcp: McpClient.McpClient["Type"]) => Effect.Effect<void, unknown>} Run
 * @typedef {{
 *   readonly run: Run
 *   readonly server?: Partial<import("@mooring/mcp").ServerConfig.FixedHttpServer>
 *   readonly handlers?: McpHandlers.Handlers
 * }} Scenario
 */

const subject = "subject"

/**
 * @param {boolean} condition
 * @param {string} what
 */
const expect = (condition, what) => (condition ? Effect.void : Effect.fail(new Error(`expected ${what}`)))

/**
 * Calls a tool that the server lists, and looks at the text that it answers.
 *
 * @param {string} tool
 * @param {Readonly<Record<string, unknown>>} args
 * @param {string} begin How the text begins.
 * @returns {Run}
 */
const call = (tool, args, begin) => (mcp) =>
  Effect.gen(function* () {
    const tools = yield* mcp.listTools(subject)
    yield* expect(
      tools.some(({ name }) => name === tool),
      `the tool ${tool} in the list`
    )
    const { content, isError } = yield* mcp.callTool(subject, tool, args)
    const text = content.map((part) => (part.type === "text" ? part.text : part.type)).join("\n")
    yield* expect(isError !== true && text.startsWith(begin), `"${begin}", and got "${text}"`)
  })

/** @type {Run} */
const echoSchema = (mcp) =>
  Effect.gen(function* () {
    const tools = yield* mcp.listTools(subject)
    const schema = tools.find(({ name }) => name === "json_schema_2020_12_tool")?.inputSchema
    yield* call("json_schema_echo", { schema }, "echoed")(mcp)
  })

/** @type {Readonly<Record<string, Scenario>>} */
const scenarios = {
  initialize: { run: (mcp) => Effect.asVoid(mcp.ping(subject)) },
  tools_call: { run: call("add_numbers", { a: 5, b: 3 }, "The sum of 5 and 3 is 8") },
  // The stream of the answer ends without it: the rest has to be asked for, not before the server wants that.
  "sse-retry": { run: call("test_reconnection", {}, "Reconnection test completed") },
  // The user says no more than yes; what has defaults is filled in. The server asks outside of the call.
  "elicitation-sep1034-client-defaults": {
    run: call("test_client_elicitation_defaults", {}, "Elicitation completed"),
    server: { listen: true },
    handlers: { elicitation: { form: () => Effect.succeed(McpHandlers.accept()) } }
  },
  "json-schema-2020-12-preservation": { run: echoSchema }
}

const [url = ""] = process.argv.slice(2)
const name = process.env["MCP_CONFORMANCE_SCENARIO"] ?? ""

const scenario = Object.hasOwn(scenarios, name) ? scenarios[name] : undefined

const program = Effect.gen(function* () {
  if (scenario === undefined) return yield* Effect.fail(new Error(`client.mjs has no scenario "${name}"`))
  yield* scenario.run(yield* McpClient.McpClient)
})

// Whoever started us is gone when this pipe ends, and so are we then.
process.stdin
  .resume()
  .once("close", () => process.exit(1))
  .unref()

program.pipe(
  Effect.provide(
    NodeMcp.layer({ servers: { [subject]: { url, ...scenario?.server } } }).pipe(
      Layer.provide(McpHandlers.layer(scenario?.handlers ?? {}))
    )
  ),
  Effect.timeout("50 seconds"),
  NodeRuntime.runMain
)
