import { describe, expect, it } from "@effect/vitest"
import { McpClient } from "@mooring/mcp"
import { FaultSuite } from "@mooring/testing/node"
import { Effect, Layer } from "effect"

type Flaw = (mcp: McpClient.Service) => McpClient.Service

const flawed = (
  flaw: Flaw,
  patience: FaultSuite.Subject<never>["patience"] = "5 seconds"
): FaultSuite.Subject<never> => ({
  client: (servers) =>
    Layer.effect(McpClient.McpClient, Effect.map(McpClient.McpClient, flaw)).pipe(
      Layer.provide(FaultSuite.mooring.client(servers)),
      Layer.orDie
    ),
  patience
})

/** What is said of a case, by a part of its title. */
const broken = (subject: FaultSuite.Subject<never>, title: string) =>
  Effect.gen(function* () {
    const found = FaultSuite.cases(subject).filter((one) => one.title.includes(title))
    expect(found).toHaveLength(1)
    return yield* Effect.match(
      Effect.forEach(found, ({ effect }) => effect),
      {
        onSuccess: () => "nothing",
        onFailure: (error) => `${error._tag} ${error.message}`
      }
    )
  })

describe("the suite finds a client that", () => {
  it.live("runs a call twice without permission", () =>
    Effect.gen(function* () {
      const again = flawed((mcp) => ({
        ...mcp,
        callTool: (server, tool, args, options) =>
          Effect.catchTag(mcp.callTool(server, tool, args, options), "OutcomeUnknown", () =>
            mcp.callTool(server, tool, args, options)
          )
      }))
      expect(yield* broken(again, "exits before it answers")).toContain('found "answered"')
      // The outcome may be so; what it did was not permitted.
      const quietly = flawed((mcp) => ({
        ...mcp,
        callTool: (server, tool, args, options) =>
          Effect.tap(mcp.callTool(server, tool, args, options), () => mcp.callTool(server, tool, args, options))
      }))
      expect(yield* broken(quietly, "a server that behaves")).toMatch(/ContractBroken the runs of "first" .* found 2/)
    })
  )

  it.live("says that nothing was sent when it has run", () =>
    Effect.gen(function* () {
      const lies = flawed((mcp) => ({
        ...mcp,
        callTool: (...call) =>
          Effect.mapError(mcp.callTool(...call), (error) =>
            error._tag === "CallTimeout" ? Object.assign(error, { delivery: "NotSent" }) : error
          )
      }))
      expect(yield* broken(lies, "run and never answered")).toContain('found "CallTimeout NotSent"')
    })
  )

  it.live("never ends", () =>
    Effect.gen(function* () {
      const hangs = flawed(
        (mcp) => ({
          ...mcp,
          callTool: (...call) => Effect.catchTag(mcp.callTool(...call), "CallTimeout", () => Effect.never)
        }),
        "1 second"
      )
      expect(yield* broken(hangs, "run and never answered")).toContain("an end by its deadline")
    })
  )

  it.live("leaves something behind", () =>
    Effect.gen(function* () {
      const timers: Array<NodeJS.Timeout> = []
      const leaves = flawed((mcp) => {
        timers.push(setTimeout(() => {}, 60_000))
        return mcp
      }, "2 seconds")
      expect(yield* broken(leaves, "a server that behaves")).toContain("timer or handle Timeout")
      for (const timer of timers) clearTimeout(timer)
    })
  )
})
