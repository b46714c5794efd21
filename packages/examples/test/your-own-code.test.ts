/** Property-testing your own code: whatever the bank's server does, no invoice is paid twice, and all is over in time. */
import { expect, it } from "@effect/vitest"
import { McpClient, McpTool } from "@mooring/mcp"
import { CallSchedule, McpTest, VirtualTime } from "@mooring/testing"
import { Effect, Exit } from "effect"
import { Schema } from "effect"

const Pay = McpTool.make("pay", { parameters: { invoice: Schema.Int }, success: McpTool.text })

// Your own code. Try what happens with `{ mayRunTwice: true }`, or without the limit of time.
const pay = (invoice: number) =>
  Effect.flatMap(McpClient.McpClient, (mcp) => mcp.call("bank", Pay, { invoice }, { timeout: "5 seconds" })).pipe(
    Effect.timeout("20 seconds")
  )

// What is generated: how the server misbehaves, and who calls when and gives up when.
it.effect.prop(
  "no invoice is paid twice, and each is settled within twenty seconds",
  { script: McpTest.arbitraryScript(), schedule: CallSchedule.arbitrary() },
  ({ schedule, script }) => {
    const paying = McpTest.tool(Pay, ({ invoice }) => Effect.succeed(`paid ${invoice}`))
    const bank = McpTest.server("bank", { tools: [McpTest.withLatency(paying, "50 millis")], ...script })

    return Effect.gen(function* () {
      const ended = yield* VirtualTime.run(CallSchedule.run(schedule, ({ id }) => pay(id)))

      const payments = yield* Effect.flatMap(McpTest.McpTest, (test) => test.calls("bank", "pay"))
      for (const { call, endedAt, exit, startedAt } of ended) {
        const times = payments.filter(({ args }) => args["invoice"] === call.id).length
        expect(times).toBeLessThanOrEqual(1)
        if (Exit.isSuccess(exit)) expect(times).toBe(1)
        expect(endedAt - startedAt).toBeLessThanOrEqual(20_000)
      }
    }).pipe(Effect.provide(McpTest.layer({ servers: [bank] })), VirtualTime.fast)
  },
  { fastCheck: { numRuns: 50 }, timeout: 120_000 }
)
