import { expect, it } from "@effect/vitest"
import { McpClient, McpTool } from "@mooring/mcp"
import { McpTest, VirtualTime } from "@mooring/testing"
import { Effect, Schema } from "effect"

// Your own code: charges each customer, and says of each whether that is done, must be looked into, or was not done.
const Charge = McpTool.make("charge", { parameters: { customer: Schema.String }, success: McpTool.text })

const chargeAll = (customers: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const mcp = yield* McpClient.McpClient
    return yield* Effect.forEach(
      customers,
      (customer) =>
        mcp.call("billing", Charge, { customer }, { timeout: "10 seconds" }).pipe(
          Effect.as("charged" as const),
          Effect.catchTag("CallTimeout", "OutcomeUnknown", () => Effect.succeed("look into it" as const)),
          Effect.orElseSucceed(() => "not charged" as const)
        ),
      { concurrency: "unbounded" }
    )
  })

// Its test: a server that takes 20 ms for a charge, and at first behaves as badly as the script says.
it.effect.prop(
  "nobody is charged twice, whatever the server does",
  { script: McpTest.arbitraryScript() },
  ({ script }) => {
    const charge = McpTest.tool(Charge, ({ customer }) => Effect.succeed(`charged ${customer}`))
    const billing = McpTest.server("billing", {
      tools: [McpTest.withLatency(charge, "20 millis")],
      config: { concurrency: 2, max: 2 },
      ...script
    })
    return Effect.gen(function* () {
      const customers = ["ada", "bob", "cyd", "dan", "eve", "fay"]
      const results = yield* VirtualTime.run(chargeAll(customers), { limit: "10 minutes" })

      const server = yield* McpTest.McpTest
      const calls = yield* server.calls("billing", "charge")
      customers.forEach((customer, i) => {
        const times = calls.filter((call) => call.args["customer"] === customer).length
        if (results[i] === "charged") expect(times).toBe(1)
        if (results[i] === "look into it") expect(times).toBeLessThanOrEqual(1)
        if (results[i] === "not charged") expect(times).toBe(0)
      })
      expect((yield* server.stats("billing")).maxInFlight).toBeLessThanOrEqual(4)
    }).pipe(Effect.provide(McpTest.layer({ servers: [billing] })))
  },
  { fastCheck: { numRuns: 25 }, timeout: 60_000 }
)
