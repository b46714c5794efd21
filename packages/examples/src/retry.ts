/** What happens when a server dies in a call, and how to say what may be done about it. */
import { NodeRuntime } from "@effect/platform-node"
import { McpClient } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import { FaultyServer } from "@mooring/testing/node"
import { Console, Effect, Schedule } from "effect"

const program = Effect.gen(function* () {
  const mcp = yield* McpClient.McpClient

  // The server dies after it has paid, and before it says so. Nothing is paid twice behind your back.
  const paid = yield* mcp.callTool("bank", "pay", { invoice: 7 }).pipe(
    Effect.as("paid"),
    Effect.catchTag("OutcomeUnknown", () => Effect.succeed("perhaps paid: look at the account"))
  )
  yield* Console.log(paid)

  // It dies again, but reading a balance twice does no harm: say so, and it is read again.
  yield* mcp.callTool("bank", "balance", {}, { mayRunTwice: true })
  yield* Console.log("the balance was read")

  // A deadline that passes is never tried again by itself: its time is over. You may, with a schedule of your own.
  yield* mcp
    .callTool("bank", "balance", {}, { timeout: "200 millis" })
    .pipe(Effect.retry({ schedule: Schedule.recurs(1), while: (error) => error._tag === "CallTimeout" }))
  yield* Console.log("the balance was read, the second time in time")
})

const main = Effect.gen(function* () {
  // A real process that misbehaves on command.
  const { CrashAfter, Hang } = FaultyServer.Fault
  const bank = yield* FaultyServer.make({
    tools: ["pay", "balance"],
    calls: [{ fault: CrashAfter() }, { fault: CrashAfter() }, {}, { fault: Hang() }]
  })
  yield* Effect.provide(program, NodeMcp.layer({ servers: { bank: bank.config } }))
  const payments = (yield* bank.ran).filter(({ tool }) => tool === "pay")
  yield* Console.log(`the bank has paid ${payments.length} time`)
})

main.pipe(Effect.scoped, NodeRuntime.runMain)
