/** Which failures to open an item are the pool's own: those are always worth another attempt, and nobody is asked. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { describe, expect, it } from "@effect/vitest"
import { PoolError } from "@mooring/pool"
import { onBench } from "./lab/Bench.js"

/** A failure that looks like one of the pool's, but is not an `Error`. */
const alike = { _tag: "ConnectTimeout" }

class Refused extends Error {
  readonly _tag = "Refused"
}

/** The first attempt fails as told, the second succeeds; says what `isRetryable` and `retryAfter` were asked about. */
const failing = (
  attempt: (retire: (reason: string) => void) => Effect.Effect<number, unknown>,
  options: { readonly retryable: boolean }
) => {
  const asked: Array<unknown> = []
  const pauses: Array<unknown> = []
  let begun = 0
  let exit: Exit.Exit<number, unknown> | null = null
  onBench<number, unknown>(
    () => ({
      acquire: (_, handle) => Effect.suspend(() => (++begun === 1 ? attempt(handle.retire) : Effect.succeed(begun))),
      config: { connectTimeout: 100, acquireTimeout: 60_000 },
      isRetryable: (error) => {
        asked.push(error)
        return options.retryable
      },
      retryAfter: (error) => {
        pauses.push(error)
        return undefined
      }
    }),
    ({ pool, stage }) => {
      const caller = stage.call(pool.use("k", Effect.succeed))
      stage.advance(59_999)
      exit = caller.unsafePoll()
    }
  )
  return { asked, exit, pauses }
}

describe("a failure to open an item", () => {
  it("that is the pool's own is tried again though nothing is retryable, and nobody is asked about it", () => {
    const retires = failing(
      (retire) =>
        Effect.as(
          Effect.sync(() => retire("it has seen enough")),
          0
        ),
      { retryable: false }
    )
    expect(retires).toEqual({ asked: [], exit: Exit.succeed(2), pauses: [] })
    const hangs = failing(() => Effect.never, { retryable: false })
    expect(hangs).toEqual({ asked: [], exit: Exit.succeed(2), pauses: [] })
  })

  const others: ReadonlyArray<readonly [name: string, error: unknown]> = [
    ["a value with the tag of one of the pool's", alike],
    ["an error with a tag of its own", new Refused("no")],
    ["an error without a tag", new Error("no")],
    ["a text", "no"],
    ["nothing at all", undefined]
  ]
  for (const [name, error] of others) {
    it(`that is ${name} is the resource's: who opens it is asked, and has the last word`, () => {
      const final = failing(() => Effect.fail(error), { retryable: false })
      expect(final).toEqual({ asked: [error], exit: Exit.fail(error), pauses: [error] })
      const passing = failing(() => Effect.fail(error), { retryable: true })
      expect(passing).toEqual({ asked: [error], exit: Exit.succeed(2), pauses: [error] })
    })
  }

  it("that is one of the pool's errors of another kind is the resource's, too", () => {
    const error = new PoolError.PoolClosed({ key: "another pool's" })
    expect(failing(() => Effect.fail(error), { retryable: false })).toMatchObject({ asked: [error] })
  })
})
