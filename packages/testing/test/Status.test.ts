import { describe, expect, it } from "@effect/vitest"
import { McpClient, McpTool, type ServerStatus } from "@mooring/mcp"
import { Fault, McpTest, VirtualTime } from "@mooring/testing"
import { Cause, Effect, Exit, FastCheck, Fiber, Schema } from "effect"

const Search = McpTool.make("search", { parameters: { query: Schema.String }, success: McpTool.text })
const search = McpTest.tool(Search, ({ query }) => Effect.succeed(`about ${query}`))

/** When each call begins, and how long its caller has patience, if it has none for ever. Milliseconds. */
const schedule = FastCheck.array(
  FastCheck.record({ at: FastCheck.nat(3000), patience: FastCheck.option(FastCheck.nat(3000), { nil: undefined }) }),
  { minLength: 1, maxLength: 12 }
)

interface Planned {
  readonly at: number
  readonly patience: number | undefined
}

/** Runs the calls of a schedule: how each ended, the server's status, and what the server has seen. */
const play = (script: Fault.Script, calls: ReadonlyArray<Planned>, concurrency: number) =>
  Effect.gen(function* () {
    const mcp = yield* McpClient.McpClient
    const test = yield* McpTest.McpTest
    const one = (n: number, at: number, patience: number | undefined) =>
      Effect.gen(function* () {
        yield* Effect.sleep(at)
        const call = yield* Effect.fork(mcp.callTool("web", "search", { query: `${n}` }, { timeout: "2 seconds" }))
        if (patience === undefined) return yield* Fiber.await(call)
        yield* Effect.sleep(patience)
        return yield* Fiber.interrupt(call)
      })
    const exits = yield* VirtualTime.run(
      Effect.forEach(calls, ({ at, patience }, n) => one(n, at, patience), { concurrency: "unbounded" })
    )
    return { exits, status: yield* mcp.status("web"), seen: yield* test.stats("web") }
  }).pipe(
    Effect.provide(
      McpTest.layer({ servers: [McpTest.server("web", { tools: [search], config: { concurrency }, ...script })] })
    )
  )

const sum = ({ cancelled, failed, succeeded, toolErrors }: ServerStatus.Calls) =>
  cancelled + failed + succeeded + toolErrors

describe("the status of a server", () => {
  it.effect.prop(
    "counts every call that the server has taken, once, whatever became of it",
    [
      // Of these, the server has taken all that was sent; connections that fail are none of its calls.
      Fault.arbitraryScript({
        maxConnects: 0,
        faults: [
          "CrashUnrun",
          "CrashDuring",
          "CrashAfter",
          "CrashAnswered",
          "Hang",
          "NoAnswer",
          "AnswerLate",
          "AnswerTwice",
          "WrongId",
          "IsError",
          "ErrorResponse"
        ]
      }),
      schedule
    ],
    ([script, calls]) =>
      Effect.gen(function* () {
        const { exits, seen, status } = yield* play(script, calls, 1)
        expect(sum(status.calls)).toBe(seen.received)
        expect(status.calls.succeeded).toBe(
          exits.filter((exit) => Exit.isSuccess(exit) && exit.value.isError !== true).length
        )
        expect(status.calls.toolErrors).toBe(
          exits.filter((exit) => Exit.isSuccess(exit) && exit.value.isError === true).length
        )
        expect(status.connections).toHaveLength(seen.open)
        expect(status).toMatchObject({ inFlight: 0, waiting: 0 })
      }),
    { fastCheck: { numRuns: 20 }, timeout: 30_000 }
  )

  it.effect.prop(
    "counts what its callers were told, whatever fails when",
    [Fault.arbitraryScript(), schedule, FastCheck.constantFrom(1, 3)],
    ([script, calls, concurrency]) =>
      Effect.gen(function* () {
        const { exits, seen, status } = yield* play(script, calls, concurrency)
        const results = exits.flatMap((exit) => (Exit.isSuccess(exit) ? [exit.value.isError === true] : []))
        expect(status.calls.succeeded).toBe(results.filter((isError) => !isError).length)
        expect(status.calls.toolErrors).toBe(results.filter((isError) => isError).length)
        expect(status.calls.cancelled).toBeLessThanOrEqual(
          exits.filter((exit) => Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)).length
        )
        expect(sum(status.calls)).toBeGreaterThanOrEqual(seen.received)
        // What is open at the server may not have done the handshake yet.
        expect(status.connections.length).toBeLessThanOrEqual(seen.open)
        expect(status.connections.length + status.connecting).toBeGreaterThanOrEqual(seen.open)
        expect(status).toMatchObject({ inFlight: 0, waiting: 0 })
      }),
    { fastCheck: { numRuns: 20 }, timeout: 30_000 }
  )
})
