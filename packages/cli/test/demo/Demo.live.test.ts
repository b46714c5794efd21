import * as NodeContext from "@effect/platform-node/NodeContext"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Demo from "../../src/demo/Demo.js"
import type { Progress } from "../../src/demo/Progress.js"

const plan = { fresh: 2, pooled: 10, calls: 150, fibers: 16 }

describe("the demo", () => {
  it.live(
    "measures the five servers, kills one in full run, and finds everything right",
    () =>
      Effect.gen(function* () {
        const said: Array<string> = []
        let steps = 0
        const progress: Progress = {
          begin: (title) => Effect.sync(() => void said.push(title)),
          step: Effect.sync(() => void steps++),
          end: (outcome) => Effect.sync(() => void said.push(outcome))
        }
        const report = yield* Demo.run(plan, progress)
        expect(report.problems).toEqual([])
        expect(report.ok).toBe(true)
        expect(report.servers.map(({ name, transport }) => [name, transport])).toEqual([
          ["everything", "stdio"],
          ["everything-http", "http"],
          ["memory", "stdio"],
          ["filesystem", "stdio"],
          ["sequential-thinking", "stdio"]
        ])
        for (const server of report.servers) {
          // One to connect, the measured ones, and a fifth of the load.
          expect(server.calls).toBe(1 + plan.pooled + plan.calls / 5)
          expect(server.freshP50Ms).toBeGreaterThan(server.pooledP50Ms)
          expect(server.ratio).toBeGreaterThan(1)
        }
        const opened = new Map(report.servers.map((server) => [server.name, server.connectionsOpened]))
        expect(opened.get("filesystem")).toBe(2)
        expect(opened.get("memory")).toBe(1)
        expect(report.kill.server).toBe("filesystem")
        expect(report.kill.callsAffected).toBeGreaterThanOrEqual(1)
        expect(report.kill.recoveredMs).toBeGreaterThan(0)
        expect(steps).toBe(5 * plan.fresh + plan.calls)
        expect(said).toHaveLength(12)
      }).pipe(Effect.provide(NodeContext.layer)),
    90_000
  )
})
