import { expect, it } from "@effect/vitest"
import { McpClient, McpTool } from "@mooring/mcp"
import { CallSchedule, McpTest, VirtualTime } from "@mooring/testing"
import { Effect, Exit, FastCheck, Schedule, Schema } from "effect"

// Your own code: looks words up, three at a time whoever asks, and gives a word half a minute in all.
const Define = McpTool.make("define", { parameters: { word: Schema.String }, success: McpTool.text })

const makeDictionary = Effect.gen(function* () {
  const mcp = yield* McpClient.McpClient
  const three = yield* Effect.makeSemaphore(3)
  return (word: string) =>
    mcp
      .call("dictionary", Define, { word }, { timeout: "2 seconds", mayRunTwice: true })
      .pipe(three.withPermits(1), Effect.retry(Schedule.spaced("500 millis")), Effect.timeout("30 seconds"))
})

// The server of its tests: it takes a quarter of a second for a word, and could do eight at once.
const define = McpTest.tool(Define, ({ word }) => Effect.succeed(`what ${word} means`))
const dictionary = McpTest.server("dictionary", {
  tools: [McpTest.withLatency(define, "250 millis")],
  config: { concurrency: 4, max: 2 }
})

it.effect.prop(
  "at most three words are looked up at once, however many ask, and however many give up",
  { schedule: CallSchedule.arbitrary({ maxCalls: 40 }) },
  ({ schedule }) =>
    Effect.gen(function* () {
      const look = yield* makeDictionary
      yield* VirtualTime.run(CallSchedule.run(schedule, ({ id }) => look(`word ${id}`)))

      const server = yield* McpTest.McpTest
      expect((yield* server.stats("dictionary")).maxInFlight).toBeLessThanOrEqual(3)
    }).pipe(Effect.provide(McpTest.layer({ servers: [dictionary] })), VirtualTime.fast),
  { fastCheck: { numRuns: 25 }, timeout: 120_000 }
)

it.effect.prop(
  "every word is found within half a minute while the server flaps",
  {
    schedule: CallSchedule.arbitrary({ maxCalls: 20, maxPatience: 0 }),
    kills: FastCheck.array(FastCheck.nat(8000), { maxLength: 10 })
  },
  ({ kills, schedule }) =>
    Effect.gen(function* () {
      const look = yield* makeDictionary
      const server = yield* McpTest.McpTest
      for (const at of kills) yield* Effect.fork(Effect.delay(server.kill("dictionary"), at))

      const ended = yield* VirtualTime.run(CallSchedule.run(schedule, ({ id }) => look(`word ${id}`)))
      for (const { endedAt, exit, startedAt } of ended) {
        expect(Exit.isSuccess(exit)).toBe(true)
        expect(endedAt - startedAt).toBeLessThan(30_000)
      }
    }).pipe(Effect.provide(McpTest.layer({ servers: [dictionary] })), VirtualTime.fast),
  { fastCheck: { numRuns: 25 }, timeout: 120_000 }
)
