import { expect, it } from "@effect/vitest"
import { McpClient } from "@mooring/mcp"
import { NodeMcp } from "@mooring/node"
import { FaultyServer, Resources } from "@mooring/testing/node"
import { Effect } from "effect"

it.live("a payment whose server dies is made once, and the caller is told that this is not sure", () =>
  Effect.gen(function* () {
    const bank = yield* FaultyServer.make({ tools: ["pay"], calls: [{ fault: FaultyServer.Fault.CrashAfter() }] })

    const error = yield* McpClient.McpClient.pipe(
      Effect.flatMap((mcp) => mcp.callTool("bank", "pay", { amount: 5 })),
      Effect.flip,
      Effect.provide(NodeMcp.layer({ servers: { bank: bank.config } }))
    )

    expect(error._tag).toBe("OutcomeUnknown")
    expect(yield* bank.ran).toMatchObject([{ tool: "pay", args: { amount: 5 } }])
    expect(yield* bank.processes).toEqual([])
  }).pipe(Effect.scoped, Resources.givenBack())
)
