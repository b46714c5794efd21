/** Finding out: a tool that says how to learn what became of a call, so that a lost answer is no lost payment. */
import { NodeRuntime } from "@effect/platform-node"
import { McpClient, McpTool, Reconciled } from "@mooring/mcp"
import { McpTest } from "@mooring/testing"
import { Console, Effect, Schema } from "effect"

const Receipt = Schema.Struct({ receipt: Schema.String })

const Find = McpTool.make("find", {
  parameters: { id: Schema.String },
  success: McpTool.structured(Schema.Struct({ found: Schema.NullOr(Receipt) }))
})

// The bank knows a payment by its id: that is what makes it possible to ask.
const Pay = McpTool.make("pay", {
  parameters: { id: Schema.String, amount: Schema.Number },
  success: McpTool.structured(Receipt),
  reconcile: ({ id }, _failure, server) =>
    Effect.map(server.call(Find, { id }), ({ found }) =>
      found === null ? Reconciled.DidNotRun : Reconciled.Ran({ result: found })
    )
})

const program = Effect.gen(function* () {
  const mcp = yield* McpClient.McpClient
  for (const id of ["seven", "eight"]) {
    const { receipt } = yield* mcp.call("bank", Pay, { id, amount: 5 })
    yield* Console.log(receipt)
  }
  const bank = yield* McpTest.McpTest
  yield* Console.log(`payments made: ${(yield* bank.calls("bank", "pay")).length}`)
})

// A bank in memory. It dies after the first payment, before it answers, and before it makes the second.
const receipts = new Map<string, string>()
const pay = McpTest.tool(Pay, ({ id }) =>
  Effect.sync(() => {
    const receipt = `receipt of ${id}`
    receipts.set(id, receipt)
    return { receipt }
  })
)
const find = McpTest.tool(Find, ({ id }) =>
  Effect.sync(() => {
    const receipt = receipts.get(id)
    return { found: receipt === undefined ? null : { receipt } }
  })
)
const { CrashAfter, CrashUnrun } = McpTest.Fault
const bank = McpTest.server("bank", {
  tools: [pay, find],
  calls: [{ fault: CrashAfter() }, {}, { fault: CrashUnrun() }]
})

program.pipe(Effect.provide(McpTest.layer({ servers: [bank] })), NodeRuntime.runMain)
