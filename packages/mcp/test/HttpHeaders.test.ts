import { describe, expect, it } from "@effect/vitest"
import type { ServerConfig } from "@mooring/mcp"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as TestClock from "effect/TestClock"
import { inspect } from "node:util"
import type { Flown } from "./FakeCarrier.js"
import { opened } from "./OpenedHttp.js"

class Refused extends Data.TaggedError("TokenRefused")<{ readonly secret: string }> {
  override get message(): string {
    return `the client secret ${this.secret} was refused`
  }
}

describe("headers", () => {
  it.scoped("whose names differ in nothing but their letters' case are one, the last", () =>
    Effect.gen(function* () {
      const { ask, carrier } = yield* opened(() => {}, { headers: { "X-Key": "first", "x-key": "second" } })
      ask(1)
      expect(carrier.flown[0]?.request.headers.filter((_, at, all) => all[at - 1] === "x-key")).toEqual(["second"])
    })
  )
})

describe("headers that cannot be computed", () => {
  it.scoped("fail the request at once, unsent, and neither the failure nor the log says what may be secret", () =>
    Effect.gen(function* () {
      const logged: Array<unknown> = []
      const log = Logger.make((entry) => logged.push(entry))
      const ways: ReadonlyArray<readonly [Effect.Effect<never, unknown>, string]> = [
        [Effect.fail(new Refused({ secret: "hunter22" })), "(TokenRefused)"],
        [Effect.fail("hunter22 is refused"), "(string)"],
        [Effect.fail({ _tag: "hunter22 is refused" }), "(error)"],
        [Effect.die(new TypeError("hunter22")), "(TypeError)"]
      ]
      for (const [way, kind] of ways) {
        const { ask, carrier, heard } = yield* opened(() => {}, { headers: () => way }).pipe(
          Effect.provide(Logger.replace(Logger.defaultLogger, log)),
          Effect.provide(Logger.minimumLogLevel(LogLevel.All))
        )
        ask(1)
        yield* TestClock.adjust(0)
        expect(heard.failures).toMatchObject([{ delivery: "NotSent", fatal: false }])
        expect(heard.failures[0]?.reason).toBe(`its headers could not be computed ${kind}`)
        expect(inspect(heard.failures, { depth: 20 })).not.toContain("hunter22")
        expect(carrier.flown).toHaveLength(0)
      }
      expect(inspect(logged, { depth: 20 })).not.toContain("hunter22")
    })
  )

  it.scoped("since what came is none fail the request at once, too", () =>
    Effect.gen(function* () {
      const none: ReadonlyArray<unknown> = [undefined, null, { "x-token": undefined }, { "x-token": 1 }, { "x y": "1" }]
      for (const values of none) {
        // What a program in JavaScript may give.
        const headers = () => Effect.succeed(values as ServerConfig.HeaderValues)
        const { ask, carrier, heard } = yield* opened(() => {}, { headers })
        ask(1)
        yield* TestClock.adjust(0)
        expect(heard.failures).toMatchObject([{ delivery: "NotSent", fatal: false }])
        expect(carrier.flown).toHaveLength(0)
      }
    })
  )

  it.scoped("are no reason to show those of other requests that are under way", () =>
    Effect.gen(function* () {
      let minted = 0
      const held: Array<Flown> = []
      const headers = () => Effect.sync(() => ({ authorization: `Bearer minted-${++minted}-token` }))
      const { ask, heard } = yield* opened((flown) => held.push(flown), { headers })
      for (let id = 1; id <= 16; id++) ask(id)
      yield* TestClock.adjust(0)
      for (const flown of held) flown.respond(403, {}, `I do not know ${flown.header("authorization")}`).end()
      expect(heard.failures).toHaveLength(16)
      for (const { reason } of heard.failures) expect(reason).toContain("I do not know «redacted»")
    })
  )
})
