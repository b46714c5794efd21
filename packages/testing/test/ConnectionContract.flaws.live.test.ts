import { describe, expect, it } from "@effect/vitest"
import { McpConnection, McpConnector, type McpError, McpMemory, ServerKey } from "@mooring/mcp"
import { ConnectionContract, ContractServer } from "@mooring/testing"
import { Effect, Fiber } from "effect"

const connector = McpMemory.make({ contract: (client) => Effect.succeed(ContractServer.make(client)) })
const connect = McpConnection.make(ServerKey.shared("contract"), { command: "in-memory" }).pipe(
  Effect.provideService(McpConnector.McpConnector, connector)
)

type Flaw = (connection: McpConnection.McpConnection) => Partial<McpConnection.McpConnection>

/** What is said of the case with this in its title, for a connection with this flaw. */
const broken = (title: string, flaw: Flaw) =>
  Effect.gen(function* () {
    const flawed = Effect.map(connect, (good): McpConnection.McpConnection =>
      Object.assign(Object.create(good), flaw(good))
    )
    const [found, ...more] = ConnectionContract.cases({ connect: flawed, maxBytes: 65_536 }).filter((one) =>
      one.title.includes(title)
    )
    expect([found === undefined, more.length]).toEqual([false, 0])
    return yield* Effect.match(found?.effect ?? Effect.void, {
      onSuccess: () => "nothing",
      onFailure: (error) => error.message
    })
  })

describe("the contract finds a connection that", () => {
  it.live("gives a call the answer of another", () =>
    Effect.gen(function* () {
      let others = 0
      const said = yield* broken("256 calls at once", (good) => ({
        callTool: (tool) => good.callTool(tool, { value: others++ === 7 ? 8 : others - 1 })
      }))
      expect(said).toMatch(/^the answers: expected/)
    })
  )

  it.live("loses progress that comes with the answer", () =>
    Effect.gen(function* () {
      const said = yield* broken("progress is heard", (good) => ({
        request: (method, params, answer) => good.request(method, params, answer)
      }))
      expect(said).toBe("the progress: expected [1,2,3,4,5], found []")
    })
  )

  it.live("keeps the place of a call that was interrupted", () =>
    Effect.gen(function* () {
      const said = yield* broken("interrupting a call cancels it", (good) => ({
        callTool: (...call) => Effect.flatMap(Effect.forkDaemon(good.callTool(...call)), Fiber.join)
      }))
      expect(said).toBe("what is pending: expected 0, found 1")
    })
  )

  it.live("says that nothing was sent when it was", () =>
    Effect.gen(function* () {
      const lie = (error: McpError.CallTimeout) => Object.assign(error, { delivery: "NotSent" })
      const said = yield* broken("ends at its deadline", (good) => ({
        callTool: (...call) =>
          Effect.catchTag(good.callTool(...call), "CallTimeout", (error) => Effect.fail(lie(error)))
      }))
      expect(said).toBe('the outcome: expected "CallTimeout Unknown", found "CallTimeout NotSent"')
    })
  )

  it.live("tells its end twice", () =>
    Effect.gen(function* () {
      const said = yield* broken("closing an idle connection", (good) => ({
        onClosed: (hook) => {
          good.onClosed(hook)
          good.onClosed(hook)
        }
      }))
      expect(said).toBe("how often the end was told: expected 1, found 2")
    })
  )
})
