import { it } from "@effect/vitest"
import { McpConnection, McpConnector, McpMemory, ServerKey } from "@mooring/mcp"
import { ConnectionContract, ContractServer } from "@mooring/testing"
import { Effect } from "effect"

const connector = McpMemory.make({ contract: (client) => Effect.succeed(ContractServer.make(client)) })
const connect = McpConnection.make(ServerKey.shared("contract"), { command: "in-memory" }).pipe(
  Effect.provideService(McpConnector.McpConnector, connector)
)

for (const { effect, title } of ConnectionContract.cases({ connect })) it.live(title, () => effect)
