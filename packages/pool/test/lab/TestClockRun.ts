/** Drives a generated run on Effect's own `TestClock` and scheduler, where simultaneous sleeps end in another order. */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Random from "effect/Random"
import * as Runtime from "effect/Runtime"
import * as TestClock from "effect/TestClock"
import * as TestContext from "effect/TestContext"
import type { Command } from "./Command.js"
import { Run, type Wait } from "./Run.js"
import type { Setup } from "./Setup.js"
import { asCaller, type Place } from "./Stage.js"
import type { Violation } from "./Violation.js"

export const runOnTestClock = (
  setup: Setup,
  commands: ReadonlyArray<Command>
): Effect.Effect<ReadonlyArray<Violation>> =>
  Effect.gen(function* () {
    const owner = yield* Effect.runtime<never>()
    const caller = asCaller(owner)
    const clock = yield* Effect.clock
    const start = clock.unsafeCurrentTimeMillis()
    const place: Place = {
      now: () => clock.unsafeCurrentTimeMillis() - start,
      fork: (effect) => Runtime.runFork(owner)(effect),
      call: (effect) => Runtime.runFork(caller)(effect),
      // The stock clock knows one time only.
      jumpWall: () => {}
    }
    const run = new Run(place, setup)
    const drive = (waits: Generator<Wait, void, void>): Effect.Effect<void> =>
      Effect.suspend(() => {
        const next = waits.next()
        if (next.done === true) return Effect.void
        const wait = next.value
        const step = wait === "rest" ? settled : Effect.zipRight(TestClock.adjust(wait.millis), settled)
        return Effect.zipRight(
          Effect.tap(step, () => run.rest(true)),
          drive(waits)
        )
      })
    yield* drive(run.play(commands))
    yield* drive(run.finish())
    return run.model.verdict.violations
  }).pipe(
    Effect.withRandom(Random.make(setup.seed)),
    Logger.withMinimumLogLevel(LogLevel.None),
    Effect.provide(TestContext.TestContext)
  )

/** Fibers run in microtasks, so a turn of the event loop leaves them all at rest; no time passes that matters. */
const settled: Effect.Effect<void> = Effect.async((resume) => {
  setImmediate(() => resume(Effect.void))
})
